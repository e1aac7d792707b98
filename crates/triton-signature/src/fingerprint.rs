//! A key's fingerprint, as users write it to say which key they mean.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use md5::Md5;
use sha2::{Digest as _, Sha256};

/// The hash of a public key's SSH wire form (RFC 4253, section 6.6).
///
/// CloudAPI itself knows keys by their MD5 fingerprint; SHA-256 serves only to choose a local key.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fingerprint {
    /// Written `aa:bb:…`; `MD5:aa:bb:…` is read too.
    Md5([u8; 16]),
    /// Written `SHA256:…`, base64 without padding.
    Sha256([u8; 32]),
}

/// A text that is no fingerprint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a key's fingerprint: want 16 hex pairs with colons, or SHA256: and 43 base64 characters, \
     as `ssh-keygen -l -E md5 -f KEY` prints them"
)]
pub struct FingerprintError(pub String);

// === impl Fingerprint ===

impl Fingerprint {
    /// MD5 over the SSH wire form.
    #[must_use]
    pub fn md5(wire: &[u8]) -> Self {
        Self::Md5(Md5::digest(wire).into())
    }

    /// SHA-256 over the SSH wire form.
    #[must_use]
    pub fn sha256(wire: &[u8]) -> Self {
        Self::Sha256(Sha256::digest(wire).into())
    }

    /// Whether this is the fingerprint of the key with that SSH wire form.
    #[must_use]
    pub fn is_of(&self, wire: &[u8]) -> bool {
        match self {
            Self::Md5(_) => *self == Self::md5(wire),
            Self::Sha256(_) => *self == Self::sha256(wire),
        }
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Md5(bytes) => {
                for (index, byte) in bytes.iter().enumerate() {
                    let colon = if index == 0 { "" } else { ":" };
                    write!(f, "{colon}{byte:02x}")?;
                }
                Ok(())
            }
            Self::Sha256(bytes) => write!(f, "SHA256:{}", STANDARD_NO_PAD.encode(bytes)),
        }
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Fingerprint {
    type Err = FingerprintError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let parsed = match text.strip_prefix("SHA256:") {
            Some(base64) => parse_sha256(base64).map(Self::Sha256),
            None => parse_md5(text.strip_prefix("MD5:").unwrap_or(text)).map(Self::Md5),
        };
        parsed.ok_or_else(|| FingerprintError(text.to_owned()))
    }
}

fn parse_sha256(text: &str) -> Option<[u8; 32]> {
    STANDARD_NO_PAD.decode(text.trim_end_matches('=')).ok()?.try_into().ok()
}

fn parse_md5(text: &str) -> Option<[u8; 16]> {
    let bytes = text.split(':').map(parse_pair).collect::<Option<Vec<u8>>>()?;
    bytes.try_into().ok()
}

fn parse_pair(pair: &str) -> Option<u8> {
    let is_hex = pair.len() == 2 && pair.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_hex { u8::from_str_radix(pair, 16).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MD5: &str = "d4:1d:8c:d9:8f:00:b2:04:e9:80:09:98:ec:f8:42:7e";
    const SHA256: &str = "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU";

    #[track_caller]
    fn check(text: &str, expected: Option<Fingerprint>) {
        assert_eq!(text.parse().ok(), expected, "{text}");
    }

    #[test]
    fn every_spelling_of_users_is_read() {
        let md5 = Some(Fingerprint::md5(b""));
        let sha256 = Some(Fingerprint::sha256(b""));
        check(MD5, md5);
        check(&format!("MD5:{MD5}"), md5);
        check(&format!(" {} \n", MD5.to_uppercase()), md5);
        check(SHA256, sha256);
        check(&format!("{SHA256}="), sha256);
    }

    #[test]
    fn anything_else_is_refused() {
        check("", None);
        check("my-key-name", None);
        check(&MD5[3..], None);
        check(&format!("{MD5}:00"), None);
        check(&MD5.replace("d4", "+4"), None);
        check("SHA256:short", None);
        check(&SHA256.replace("SHA256:", ""), None);
    }

    #[test]
    fn the_written_form_is_the_one_cloudapi_keeps() {
        assert_eq!(Fingerprint::md5(b"").to_string(), MD5);
        assert_eq!(Fingerprint::sha256(b"").to_string(), SHA256);
    }
}

//! The signature algorithms that CloudAPI knows.

use std::fmt;
use std::str::FromStr;

use crate::public_key::KeyKind;

/// A signature algorithm by its name on the wire.
///
/// The server's list also has DSA and `*-sha384`; the first is dead and the second is refused by the library behind
/// the server (node-http-signature knows SHA-1, SHA-256 and SHA-512 only), so neither is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// RSA PKCS#1 v1.5 with SHA-1. Checked, and passed on when an old agent makes it; never asked for.
    RsaSha1,
    /// RSA PKCS#1 v1.5 with SHA-256.
    RsaSha256,
    /// RSA PKCS#1 v1.5 with SHA-512.
    RsaSha512,
    /// ECDSA with SHA-256; the signature is DER.
    EcdsaSha256,
    /// ECDSA with SHA-512; the signature is DER.
    EcdsaSha512,
    /// Ed25519; the signature is its 64 bytes.
    Ed25519Sha512,
}

/// An algorithm's name that CloudAPI or this crate does not know.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown signature algorithm {0:?}")]
pub struct UnknownAlgorithm(pub String);

// === impl Algorithm ===

impl Algorithm {
    /// Every algorithm.
    pub const ALL: [Self; 6] = [
        Self::RsaSha1,
        Self::RsaSha256,
        Self::RsaSha512,
        Self::EcdsaSha256,
        Self::EcdsaSha512,
        Self::Ed25519Sha512,
    ];

    /// The name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RsaSha1 => "rsa-sha1",
            Self::RsaSha256 => "rsa-sha256",
            Self::RsaSha512 => "rsa-sha512",
            Self::EcdsaSha256 => "ecdsa-sha256",
            Self::EcdsaSha512 => "ecdsa-sha512",
            Self::Ed25519Sha512 => "ed25519-sha512",
        }
    }

    /// Whether a key of this kind can have made such a signature.
    #[must_use]
    pub fn fits(self, kind: KeyKind) -> bool {
        match self {
            Self::RsaSha1 | Self::RsaSha256 | Self::RsaSha512 => kind == KeyKind::Rsa,
            Self::EcdsaSha256 | Self::EcdsaSha512 => {
                matches!(kind, KeyKind::EcdsaP256 | KeyKind::EcdsaP384 | KeyKind::EcdsaP521)
            }
            Self::Ed25519Sha512 => kind == KeyKind::Ed25519,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    /// Letter case does not matter, as on the server.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.as_str().eq_ignore_ascii_case(text))
            .ok_or_else(|| UnknownAlgorithm(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back_in_any_letter_case() {
        for algorithm in Algorithm::ALL {
            assert_eq!(algorithm.to_string().parse(), Ok(algorithm));
            assert_eq!(algorithm.to_string().to_uppercase().parse(), Ok(algorithm));
        }
    }

    #[test]
    fn names_that_the_server_refuses_are_unknown() {
        for name in ["ecdsa-sha384", "rsa-sha384", "ed25519", "hs2019", "dsa-sha1", ""] {
            assert_eq!(name.parse::<Algorithm>(), Err(UnknownAlgorithm(name.to_owned())));
        }
    }
}

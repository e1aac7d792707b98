//! Public keys: reading, naming and checking signatures with them.

use std::fmt;
use std::path::PathBuf;

use p256::ecdsa::signature::hazmat::PrehashVerifier as _;
use rsa::pkcs1v15::Pkcs1v15Sign;
use rsa::{BigUint, RsaPublicKey};
use sha2::{Digest as _, Sha256, Sha512};
use ssh_key::public::KeyData;

use crate::algorithm::Algorithm;
use crate::fingerprint::Fingerprint;

/// Largest RSA modulus read, in bits: OpenSSH's own limit.
const RSA_BITS_MAX: usize = 16_384;

/// A public key of a kind that CloudAPI can know.
#[derive(Clone)]
pub struct PublicKey {
    ssh: ssh_key::PublicKey,
    /// The SSH wire form, over which fingerprints are made.
    wire: Vec<u8>,
    verifier: Verifier,
}

#[derive(Clone)]
enum Verifier {
    Rsa(Box<RsaPublicKey>),
    P256(Box<p256::ecdsa::VerifyingKey>),
    P384(Box<p384::ecdsa::VerifyingKey>),
    P521(Box<p521::ecdsa::VerifyingKey>),
    Ed25519(Box<ed25519_dalek::VerifyingKey>),
}

/// The kind of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyKind {
    /// RSA of any size.
    Rsa,
    /// ECDSA on NIST P-256.
    EcdsaP256,
    /// ECDSA on NIST P-384.
    EcdsaP384,
    /// ECDSA on NIST P-521.
    EcdsaP521,
    /// Ed25519.
    Ed25519,
}

/// Why a key could not be loaded. No variant holds any part of the key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The file could not be read.
    #[error("reading key file {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The file was read, but not understood.
    #[error("loading key file {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with its content.
        #[source]
        source: Box<KeyError>,
    },
    /// Larger than any key.
    #[error("{bytes} bytes are more than a key can have")]
    TooLarge {
        /// Size found.
        bytes: u64,
    },
    /// The key is encrypted, and there was no passphrase.
    #[error(
        "the key is encrypted and no passphrase was given: give one, load the key into ssh-agent, \
         or take the passphrase off with `ssh-keygen -p -f FILE`"
    )]
    Encrypted,
    /// Encrypted with a cipher that is not read here, so that a passphrase would not help.
    #[error(
        "the key is encrypted with {cipher}, which cannot be read: `ssh-keygen -p -f FILE` rewrites it in \
         OpenSSH's form, with or without a passphrase"
    )]
    Cipher {
        /// The cipher, as the key names it.
        cipher: String,
    },
    /// The passphrase does not open the key.
    #[error("decrypting the key: wrong passphrase")]
    Passphrase,
    /// A public key where a private one is wanted.
    #[error("this is a public key; its private half is wanted")]
    NotPrivate,
    /// No key in any known form.
    #[error(
        "no private key found: want PKCS#1, PKCS#8, SEC1 or OpenSSH text that begins with `-----BEGIN`"
    )]
    NotAKey,
    /// A kind of key that CloudAPI or this crate cannot use.
    #[error(
        "{kind} keys cannot be used here: use RSA, ECDSA P-256, ECDSA (P-256, P-384, P-521) or Ed25519"
    )]
    Unsupported {
        /// The kind, as the key names it.
        kind: String,
    },
    /// The text has the form of a key but does not decode.
    #[error("decoding the {form} key")]
    Decode {
        /// `PKCS#1`, `OpenSSH`, …
        form: &'static str,
        /// What the decoder said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Why a signature was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The algorithm is for another kind of key.
    #[error("a {kind} key cannot have made a signature of type {algorithm}")]
    Mismatch {
        /// The key's kind.
        kind: KeyKind,
        /// The algorithm claimed.
        algorithm: Algorithm,
    },
    /// The bytes are not this key's signature over this message.
    #[error("the signature does not match")]
    Signature,
}

// === impl PublicKey ===

impl PublicKey {
    /// Reads the one-line OpenSSH form, `ssh-ed25519 AAAA… comment`.
    ///
    /// # Errors
    ///
    /// [`KeyError::Decode`] for anything else, [`KeyError::Unsupported`] for DSA, certificates and hardware keys.
    pub fn from_openssh(text: &str) -> Result<Self, KeyError> {
        let ssh =
            ssh_key::PublicKey::from_openssh(text.trim()).map_err(decode("OpenSSH public"))?;
        Self::from_ssh(ssh)
    }

    /// Reads the SSH wire form (RFC 4253, section 6.6), which agents send.
    ///
    /// # Errors
    ///
    /// As [`PublicKey::from_openssh`].
    pub fn from_wire(wire: &[u8]) -> Result<Self, KeyError> {
        let ssh =
            ssh_key::PublicKey::from_bytes(wire).map_err(decode("SSH wire form of the public"))?;
        Self::from_ssh(ssh)
    }

    pub(crate) fn from_ssh(ssh: ssh_key::PublicKey) -> Result<Self, KeyError> {
        let verifier = verifier(ssh.key_data())?;
        let wire = ssh.to_bytes().map_err(decode("OpenSSH public"))?;
        Ok(Self { ssh, wire, verifier })
    }

    /// The one-line OpenSSH form, as uploaded to CloudAPI.
    #[must_use]
    pub fn to_openssh(&self) -> String {
        use base64::Engine as _;
        let blob = base64::engine::general_purpose::STANDARD.encode(&self.wire);
        let line = format!("{} {blob} {}", self.ssh.algorithm(), self.ssh.comment());
        line.trim_end().to_owned()
    }

    /// The SSH wire form.
    #[must_use]
    pub fn wire(&self) -> &[u8] {
        &self.wire
    }

    /// `aa:bb:…`, the name CloudAPI knows the key by (`keyId` ends in it).
    #[must_use]
    pub fn md5_fingerprint(&self) -> String {
        Fingerprint::md5(&self.wire).to_string()
    }

    /// `SHA256:…`, as `ssh-keygen -l` prints it.
    #[must_use]
    pub fn sha256_fingerprint(&self) -> String {
        Fingerprint::sha256(&self.wire).to_string()
    }

    /// Whether the key has that fingerprint.
    #[must_use]
    pub fn has_fingerprint(&self, fingerprint: &Fingerprint) -> bool {
        fingerprint.is_of(&self.wire)
    }

    /// The kind of the key.
    #[must_use]
    pub fn kind(&self) -> KeyKind {
        match self.verifier {
            Verifier::Rsa(_) => KeyKind::Rsa,
            Verifier::P256(_) => KeyKind::EcdsaP256,
            Verifier::P384(_) => KeyKind::EcdsaP384,
            Verifier::P521(_) => KeyKind::EcdsaP521,
            Verifier::Ed25519(_) => KeyKind::Ed25519,
        }
    }

    /// Checks a signature in the form CloudAPI gets it (ECDSA: DER).
    ///
    /// # Errors
    ///
    /// [`VerifyError::Mismatch`] if the algorithm is not one for this kind of key, else [`VerifyError::Signature`].
    pub fn verify(
        &self,
        algorithm: Algorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), VerifyError> {
        if !algorithm.fits(self.kind()) {
            return Err(VerifyError::Mismatch { kind: self.kind(), algorithm });
        }
        let hash = digest(algorithm, message);
        let matches = match &self.verifier {
            Verifier::Rsa(key) => key.verify(padding(algorithm), &hash, signature).is_ok(),
            Verifier::P256(key) => p256::ecdsa::Signature::from_der(signature)
                .is_ok_and(|signature| key.verify_prehash(&hash, &signature).is_ok()),
            Verifier::P384(key) => p384::ecdsa::Signature::from_der(signature)
                .is_ok_and(|signature| key.verify_prehash(&hash, &signature).is_ok()),
            Verifier::P521(key) => p521::ecdsa::Signature::from_der(signature)
                .is_ok_and(|signature| verifies_p521(key, &hash, &signature)),
            Verifier::Ed25519(key) => ed25519_dalek::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify_strict(message, &signature).is_ok()),
        };
        if matches { Ok(()) } else { Err(VerifyError::Signature) }
    }
}

impl PartialEq for PublicKey {
    /// The same key, whatever its comment.
    fn eq(&self, other: &Self) -> bool {
        self.wire == other.wire
    }
}

impl Eq for PublicKey {}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({} {})", self.kind(), self.md5_fingerprint())
    }
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rsa => "RSA",
            Self::EcdsaP256 => "ECDSA P-256",
            Self::EcdsaP384 => "ECDSA P-384",
            Self::EcdsaP521 => "ECDSA P-521",
            Self::Ed25519 => "Ed25519",
        })
    }
}

fn verifier(data: &KeyData) -> Result<Verifier, KeyError> {
    use ssh_key::public::EcdsaPublicKey;
    Ok(match data {
        KeyData::Rsa(key) => {
            let n = key.n.as_positive_bytes().ok_or_else(|| negative("RSA public"))?;
            let e = key.e.as_positive_bytes().ok_or_else(|| negative("RSA public"))?;
            let (n, e) = (BigUint::from_bytes_be(n), BigUint::from_bytes_be(e));
            let key = RsaPublicKey::new_with_max_size(n, e, RSA_BITS_MAX)
                .map_err(decode("RSA public"))?;
            Verifier::Rsa(Box::new(key))
        }
        KeyData::Ecdsa(EcdsaPublicKey::NistP256(point)) => {
            let key = p256::ecdsa::VerifyingKey::from_encoded_point(point)
                .map_err(decode("P-256 public"))?;
            Verifier::P256(Box::new(key))
        }
        KeyData::Ecdsa(EcdsaPublicKey::NistP384(point)) => {
            let key = p384::ecdsa::VerifyingKey::from_encoded_point(point)
                .map_err(decode("P-384 public"))?;
            Verifier::P384(Box::new(key))
        }
        KeyData::Ecdsa(EcdsaPublicKey::NistP521(point)) => {
            let key = p521::ecdsa::VerifyingKey::from_encoded_point(point)
                .map_err(decode("P-521 public"))?;
            Verifier::P521(Box::new(key))
        }
        KeyData::Ed25519(key) => {
            let key = ed25519_dalek::VerifyingKey::from_bytes(&key.0)
                .map_err(decode("Ed25519 public"))?;
            Verifier::Ed25519(Box::new(key))
        }
        other => return Err(KeyError::Unsupported { kind: other.algorithm().to_string() }),
    })
}

/// P-521 takes hashes of half its 66 bytes at least, and CloudAPI takes SHA-256 by any ECDSA key: SEC 1, section 4.1.4,
/// reads a shorter hash as the number it is.
fn verifies_p521(
    key: &p521::ecdsa::VerifyingKey,
    hash: &[u8],
    signature: &p521::ecdsa::Signature,
) -> bool {
    const FIELD_BYTES: usize = 66;
    let mut padded = [0; FIELD_BYTES];
    let start = FIELD_BYTES.saturating_sub(hash.len());
    padded[start..].copy_from_slice(&hash[..FIELD_BYTES - start]);
    key.verify_prehash(&padded, signature).is_ok()
}

fn padding(algorithm: Algorithm) -> Pkcs1v15Sign {
    match algorithm {
        Algorithm::RsaSha1 => Pkcs1v15Sign::new::<sha1::Sha1>(),
        Algorithm::RsaSha512 => Pkcs1v15Sign::new::<Sha512>(),
        _ => Pkcs1v15Sign::new::<Sha256>(),
    }
}

/// The hash that the algorithm signs.
pub(crate) fn digest(algorithm: Algorithm, message: &[u8]) -> Vec<u8> {
    match algorithm {
        Algorithm::RsaSha1 => sha1::Sha1::digest(message).to_vec(),
        Algorithm::RsaSha256 | Algorithm::EcdsaSha256 => Sha256::digest(message).to_vec(),
        Algorithm::RsaSha512 | Algorithm::EcdsaSha512 | Algorithm::Ed25519Sha512 => {
            Sha512::digest(message).to_vec()
        }
    }
}

/// Wraps a decoder's error with the form that was being read.
pub(crate) fn decode<E>(form: &'static str) -> impl FnOnce(E) -> KeyError
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    move |source| KeyError::Decode { form, source: source.into() }
}

pub(crate) fn negative(form: &'static str) -> KeyError {
    decode(form)("a number in the key is negative")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ED25519: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti me@laptop";

    #[test]
    fn the_openssh_line_is_written_as_it_was_read() {
        let key = PublicKey::from_openssh(ED25519).unwrap();
        assert_eq!(key.kind(), KeyKind::Ed25519);
        assert_eq!(key.to_openssh(), ED25519);
    }

    #[test]
    fn the_comment_does_not_make_another_key() {
        let bare = ED25519.trim_end_matches(" me@laptop");
        assert_eq!(
            PublicKey::from_openssh(bare).unwrap(),
            PublicKey::from_openssh(ED25519).unwrap()
        );
        assert_eq!(PublicKey::from_openssh(bare).unwrap().to_openssh(), bare);
    }

    #[test]
    fn an_algorithm_for_another_kind_of_key_is_refused_before_any_arithmetic() {
        let key = PublicKey::from_openssh(ED25519).unwrap();
        let refused = key.verify(Algorithm::RsaSha256, b"x", b"y");
        assert_eq!(
            refused,
            Err(VerifyError::Mismatch { kind: KeyKind::Ed25519, algorithm: Algorithm::RsaSha256 })
        );
        assert_eq!(key.verify(Algorithm::Ed25519Sha512, b"x", b"y"), Err(VerifyError::Signature));
    }

    #[test]
    fn text_that_is_no_key_is_an_error() {
        for text in ["", "ssh-ed25519", "ssh-ed25519 AAAA", "-----BEGIN PUBLIC KEY-----"] {
            assert!(
                matches!(PublicKey::from_openssh(text), Err(KeyError::Decode { .. })),
                "{text}"
            );
        }
    }
}

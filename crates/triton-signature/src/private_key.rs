//! Private keys: reading every form that users have, and signing.

mod der;
mod openssh;
mod pem;

use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use p256::ecdsa::signature::hazmat::{PrehashSigner as _, RandomizedPrehashSigner as _};
use rsa::signature::{RandomizedSigner as _, SignatureEncoding as _};
use rsa::traits::PublicKeyParts as _;
use rsa::{BigUint, RsaPrivateKey};
use secrecy::SecretString;
use secrecy::zeroize::Zeroizing;
use sha2::Sha256;
use ssh_key::public::{EcdsaPublicKey, Ed25519PublicKey, KeyData, RsaPublicKey};
use ssh_key::{Mpint, PublicKey as SshPublicKey};

use crate::algorithm::Algorithm;
use crate::public_key::{KeyError, PublicKey, decode, digest};
use crate::signer::{SignError, Signature};

/// Largest private key file read, in bytes (the official clients' limit).
const FILE_BYTES_MAX: u64 = 131_072;

/// A private key, ready to sign. Its memory is wiped when it is dropped; `Debug` shows the public half only.
pub struct PrivateKey {
    secret: Secret,
    public: PublicKey,
}

enum Secret {
    Rsa(Box<rsa::pkcs1v15::SigningKey<Sha256>>),
    P256(Box<p256::ecdsa::SigningKey>),
    P384(Box<p384::ecdsa::SigningKey>),
    P521(Box<p521::ecdsa::SigningKey>),
    Ed25519(Box<ed25519_dalek::SigningKey>),
}

// === impl PrivateKey ===

impl PrivateKey {
    /// Reads PKCS#1, PKCS#8, SEC1 or OpenSSH text, each in the clear or encrypted with a passphrase.
    ///
    /// A passphrase for a key that needs none is not an error. Nothing is ever asked for: without a passphrase an
    /// encrypted key is [`KeyError::Encrypted`].
    ///
    /// # Errors
    ///
    /// [`KeyError`] says which form was seen and what would help.
    pub fn from_text(text: &str, passphrase: Option<&SecretString>) -> Result<Self, KeyError> {
        let Some(label) = pem::private_label(text) else {
            let is_public =
                text.contains("PUBLIC KEY-----") || SshPublicKey::from_openssh(text.trim()).is_ok();
            return Err(if is_public { KeyError::NotPrivate } else { KeyError::NotAKey });
        };
        // A file may hold more than the key: `openssl ecparam` writes the curve in a block of its own before it.
        let block = pem::Block::find(text, label).ok_or(KeyError::NotAKey)?;
        let secret = match label {
            "OPENSSH PRIVATE KEY" => openssh::read(&block, passphrase)?,
            "RSA PRIVATE KEY" => der::read_pkcs1(&block.der(passphrase)?)?,
            "EC PRIVATE KEY" => der::read_sec1(&block.der(passphrase)?)?,
            "PRIVATE KEY" => der::read_pkcs8(&block.der(passphrase)?)?,
            "ENCRYPTED PRIVATE KEY" => {
                let passphrase = passphrase.ok_or(KeyError::Encrypted)?;
                der::read_encrypted_pkcs8(&block.der(None)?, passphrase)?
            }
            other => {
                return Err(KeyError::Unsupported {
                    kind: other.trim_end_matches(" PRIVATE KEY").to_owned(),
                });
            }
        };
        let public = secret.public_key()?;
        Ok(Self { secret, public })
    }

    /// Reads a key file; see [`PrivateKey::from_text`].
    ///
    /// # Errors
    ///
    /// [`KeyError::Read`] or [`KeyError::File`], both with the path.
    pub fn from_file(
        path: impl AsRef<Path>,
        passphrase: Option<&SecretString>,
    ) -> Result<Self, KeyError> {
        let path = path.as_ref();
        let text = read_limited(path)
            .map_err(|source| KeyError::Read { path: path.to_owned(), source })?;
        let bytes = text.len() as u64;
        let key = if bytes > FILE_BYTES_MAX {
            Err(KeyError::TooLarge { bytes })
        } else {
            let text = std::str::from_utf8(&text).map_err(|_| KeyError::NotAKey);
            text.and_then(|text| Self::from_text(text, passphrase))
        };
        key.map_err(|source| KeyError::File { path: path.to_owned(), source: Box::new(source) })
    }

    /// The public half.
    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        &self.public
    }

    /// The algorithm this key signs with.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        match self.secret {
            Secret::Rsa(_) => Algorithm::RsaSha256,
            Secret::P256(_) => Algorithm::EcdsaSha256,
            // SHA-384 would be natural for P-384, but CloudAPI refuses `ecdsa-sha384`.
            Secret::P384(_) | Secret::P521(_) => Algorithm::EcdsaSha512,
            Secret::Ed25519(_) => Algorithm::Ed25519Sha512,
        }
    }

    /// Signs, in the form CloudAPI wants. Takes milliseconds for RSA, less for the others.
    ///
    /// # Errors
    ///
    /// [`SignError::Key`] if the arithmetic fails, which a key that could be loaded does not do.
    pub fn sign(&self, message: &[u8]) -> Result<Signature, SignError> {
        let algorithm = self.algorithm();
        let hash = digest(algorithm, message);
        let bytes = match &self.secret {
            Secret::Rsa(key) => key
                .try_sign_with_rng(&mut rsa::rand_core::OsRng, message)
                .map_err(SignError::Key)?
                .to_vec(),
            Secret::P256(key) => {
                let signature: p256::ecdsa::Signature =
                    key.sign_prehash(&hash).map_err(SignError::Key)?;
                signature.to_der().as_bytes().to_vec()
            }
            Secret::P384(key) => {
                let signature: p384::ecdsa::Signature =
                    key.sign_prehash(&hash).map_err(SignError::Key)?;
                signature.to_der().as_bytes().to_vec()
            }
            Secret::P521(key) => {
                let signature: p521::ecdsa::Signature = key
                    .sign_prehash_with_rng(&mut rsa::rand_core::OsRng, &hash)
                    .map_err(SignError::Key)?;
                signature.to_der().as_bytes().to_vec()
            }
            Secret::Ed25519(key) => {
                #[expect(
                    clippy::disallowed_methods,
                    reason = "the ban is for RSA, where this would be unblinded; Ed25519 takes no random numbers"
                )]
                let signature = rsa::signature::Signer::try_sign(key.as_ref(), message)
                    .map_err(SignError::Key)?;
                ed25519_dalek::Signature::to_bytes(&signature).to_vec()
            }
        };
        Ok(Signature { algorithm, bytes })
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrivateKey").field("public", &self.public).finish_non_exhaustive()
    }
}

// === impl Secret ===

impl Secret {
    fn public_key(&self) -> Result<PublicKey, KeyError> {
        let data = match self {
            Self::Rsa(key) => {
                let key: &RsaPrivateKey = key.as_ref().as_ref();
                KeyData::Rsa(RsaPublicKey { e: mpint(key.e())?, n: mpint(key.n())? })
            }
            Self::P256(key) => ecdsa(key.verifying_key().to_encoded_point(false).as_bytes())?,
            Self::P384(key) => ecdsa(key.verifying_key().to_encoded_point(false).as_bytes())?,
            Self::P521(key) => {
                let public = p521::ecdsa::VerifyingKey::from(key.as_ref());
                ecdsa(public.to_encoded_point(false).as_bytes())?
            }
            Self::Ed25519(key) => {
                KeyData::Ed25519(Ed25519PublicKey(key.verifying_key().to_bytes()))
            }
        };
        PublicKey::from_ssh(SshPublicKey::new(data, ""))
    }
}

/// Reads one byte more than is allowed, so that too large a file is seen and never held.
fn read_limited(path: &Path) -> std::io::Result<Zeroizing<Vec<u8>>> {
    // Reserved at once: growing would leave copies of the key behind in freed memory.
    let mut text = Zeroizing::new(Vec::with_capacity(FILE_BYTES_MAX as usize + 1));
    File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut text)?;
    Ok(text)
}

fn rsa(key: RsaPrivateKey) -> Secret {
    Secret::Rsa(Box::new(rsa::pkcs1v15::SigningKey::new(key)))
}

fn mpint(number: &BigUint) -> Result<Mpint, KeyError> {
    Mpint::from_positive_bytes(&number.to_bytes_be()).map_err(decode("RSA"))
}

fn ecdsa(point: &[u8]) -> Result<KeyData, KeyError> {
    EcdsaPublicKey::from_sec1_bytes(point).map(KeyData::Ecdsa).map_err(decode("ECDSA"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let error = PrivateKey::from_text(text, None).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }

    #[test]
    fn text_without_a_usable_private_key_says_what_it_is_instead() {
        check("", "no private key found");
        check("hello", "no private key found");
        check(
            "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nMA==\n\
             -----END RSA PRIVATE KEY-----",
            "no passphrase was given",
        );
        check(
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMA==\n-----END ENCRYPTED PRIVATE KEY-----",
            "no passphrase was given",
        );
        check(
            "-----BEGIN DSA PRIVATE KEY-----\nMA==\n-----END DSA PRIVATE KEY-----",
            "DSA keys cannot be used",
        );
        check(
            "-----BEGIN PRIVATE KEY-----\nMA==\n-----END PRIVATE KEY-----",
            "decoding the PKCS#8 key",
        );
        check("-----BEGIN PRIVATE KEY-----\nMA==", "no private key found");
        check("-----BEGIN PUBLIC KEY-----\nMA==\n-----END PUBLIC KEY-----", "public key");
        check(
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti",
            "its private half is wanted",
        );
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = PrivateKey::from_file("/nonexistent/id_rsa", None).unwrap_err();
        assert_eq!(error.to_string(), "reading key file /nonexistent/id_rsa");
    }
}

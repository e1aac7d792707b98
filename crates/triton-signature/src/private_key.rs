//! Private keys: reading every form that users have, and signing.

use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use p256::ecdsa::signature::hazmat::PrehashSigner as _;
use rsa::pkcs1::DecodeRsaPrivateKey as _;
use rsa::pkcs8::{ObjectIdentifier, PrivateKeyInfo, SecretDocument};
use rsa::signature::{RandomizedSigner as _, SignatureEncoding as _};
use rsa::traits::PublicKeyParts as _;
use rsa::{BigUint, RsaPrivateKey};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;
use ssh_key::private::{EcdsaKeypair, KeypairData, RsaKeypair};
use ssh_key::public::{EcdsaPublicKey, Ed25519PublicKey, KeyData, RsaPublicKey};
use ssh_key::{Mpint, PublicKey as SshPublicKey};

use crate::algorithm::Algorithm;
use crate::public_key::{KeyError, PublicKey, decode, digest, negative};
use crate::signer::{SignError, Signature};

/// Largest private key file read, in bytes (the official clients' limit).
const FILE_BYTES_MAX: u64 = 131_072;

/// rsaEncryption (RFC 8017, appendix C).
const OID_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
/// id-ecPublicKey (RFC 5480, section 2.1.1).
const OID_EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
/// secp256r1 (RFC 5480, section 2.1.1.1).
const OID_P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
/// secp384r1 (RFC 5480, section 2.1.1.1).
const OID_P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
/// id-Ed25519 (RFC 8410, section 3).
const OID_ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

/// A private key, ready to sign. Its memory is wiped when it is dropped; `Debug` shows the public half only.
pub struct PrivateKey {
    secret: Secret,
    public: PublicKey,
}

enum Secret {
    Rsa(Box<rsa::pkcs1v15::SigningKey<Sha256>>),
    P256(Box<p256::ecdsa::SigningKey>),
    P384(Box<p384::ecdsa::SigningKey>),
    Ed25519(Box<ed25519_dalek::SigningKey>),
}

// === impl PrivateKey ===

impl PrivateKey {
    /// Reads PKCS#1, PKCS#8, SEC1 or OpenSSH text. Only OpenSSH's form may be encrypted.
    ///
    /// # Errors
    ///
    /// [`KeyError`] says which form was seen and what would help.
    pub fn from_text(text: &str, passphrase: Option<&SecretString>) -> Result<Self, KeyError> {
        if text.contains("Proc-Type: 4,ENCRYPTED") {
            return Err(KeyError::EncryptedPem { form: "PEM (Proc-Type: 4,ENCRYPTED)" });
        }
        let Some(label) = private_label(text) else {
            let is_public =
                text.contains("PUBLIC KEY-----") || SshPublicKey::from_openssh(text.trim()).is_ok();
            return Err(if is_public { KeyError::NotPrivate } else { KeyError::NotAKey });
        };
        // A file may hold more than the key: `openssl ecparam` writes the curve in a block of its own before it.
        let block = pem_block(text, label).ok_or(KeyError::NotAKey)?;
        let secret = match label {
            "OPENSSH PRIVATE KEY" => from_openssh(&block, passphrase)?,
            "RSA PRIVATE KEY" => {
                rsa(RsaPrivateKey::from_pkcs1_pem(&block).map_err(decode("PKCS#1"))?)
            }
            "EC PRIVATE KEY" => from_sec1(&block)?,
            "PRIVATE KEY" => from_pkcs8(&block)?,
            "ENCRYPTED PRIVATE KEY" => return Err(KeyError::EncryptedPem { form: "PKCS#8" }),
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
            // SHA-384 would be natural, but CloudAPI refuses `ecdsa-sha384`.
            Secret::P384(_) => Algorithm::EcdsaSha512,
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

/// The label of the first private key block: `RSA PRIVATE KEY` and the like.
fn private_label(text: &str) -> Option<&str> {
    text.lines().find_map(|line| {
        let label = line.trim().strip_prefix("-----BEGIN ")?.strip_suffix("-----")?;
        label.ends_with("PRIVATE KEY").then_some(label)
    })
}

/// The block with that label alone, with the line ends and indents that YAML and Windows add taken off.
fn pem_block(text: &str, label: &str) -> Option<Zeroizing<String>> {
    let (begin, end) = (format!("-----BEGIN {label}-----"), format!("-----END {label}-----"));
    let start = text.find(&begin)?;
    let stop = start + text[start..].find(&end)? + end.len();
    let mut block = Zeroizing::new(String::with_capacity(stop - start + 1));
    for line in text[start..stop].lines() {
        block.push_str(line.trim());
        block.push('\n');
    }
    Some(block)
}

fn rsa(key: RsaPrivateKey) -> Secret {
    Secret::Rsa(Box::new(rsa::pkcs1v15::SigningKey::new(key)))
}

fn from_openssh(block: &str, passphrase: Option<&SecretString>) -> Result<Secret, KeyError> {
    let mut key =
        ssh_key::PrivateKey::from_openssh(block).map_err(|error| openssh_error(block, error))?;
    if key.is_encrypted() {
        let passphrase = passphrase.ok_or(KeyError::Encrypted)?;
        key = key.decrypt(passphrase.expose_secret()).map_err(|_| KeyError::Passphrase)?;
    }
    Ok(match key.key_data() {
        KeypairData::Rsa(pair) => rsa(rsa_from_openssh(pair)?),
        KeypairData::Ecdsa(EcdsaKeypair::NistP256 { private, .. }) => {
            let key = p256::ecdsa::SigningKey::from_slice(private.as_slice())
                .map_err(decode("OpenSSH"))?;
            Secret::P256(Box::new(key))
        }
        KeypairData::Ecdsa(EcdsaKeypair::NistP384 { private, .. }) => {
            let key = p384::ecdsa::SigningKey::from_slice(private.as_slice())
                .map_err(decode("OpenSSH"))?;
            Secret::P384(Box::new(key))
        }
        KeypairData::Ed25519(pair) => {
            let seed = Zeroizing::new(pair.private.to_bytes());
            Secret::Ed25519(Box::new(ed25519_dalek::SigningKey::from_bytes(&seed)))
        }
        _ => return Err(KeyError::Unsupported { kind: key.algorithm().to_string() }),
    })
}

/// Says which key it was where ssh-key only says it is wrong: it trips over some P-521 keys, which are no use anyway.
fn openssh_error(block: &str, error: ssh_key::Error) -> KeyError {
    const P521: &[u8] = b"ecdsa-sha2-nistp521";
    let body: Zeroizing<String> =
        Zeroizing::new(block.lines().filter(|line| !line.starts_with('-')).collect());
    let body = Zeroizing::new(STANDARD.decode(body.as_bytes()).unwrap_or_default());
    match body.windows(P521.len()).any(|window| window == P521) {
        true => KeyError::Unsupported { kind: String::from_utf8_lossy(P521).into_owned() },
        false => decode("OpenSSH")(error),
    }
}

/// Takes the numbers over one by one: the conversion in ssh-key 0.6 passes one prime twice, which rsa refuses.
fn rsa_from_openssh(pair: &RsaKeypair) -> Result<RsaPrivateKey, KeyError> {
    let number = |mpint: &Mpint| {
        mpint.as_positive_bytes().map(BigUint::from_bytes_be).ok_or_else(|| negative("OpenSSH RSA"))
    };
    RsaPrivateKey::from_components(
        number(&pair.public.n)?,
        number(&pair.public.e)?,
        number(&pair.private.d)?,
        vec![number(&pair.private.p)?, number(&pair.private.q)?],
    )
    .map_err(decode("OpenSSH RSA"))
}

/// SEC1 (RFC 5915) names the curve inside; the wrong curve's decoder refuses it.
fn from_sec1(block: &str) -> Result<Secret, KeyError> {
    if let Ok(key) = p256::SecretKey::from_sec1_pem(block) {
        return Ok(Secret::P256(Box::new(key.into())));
    }
    match p384::SecretKey::from_sec1_pem(block) {
        Ok(key) => Ok(Secret::P384(Box::new(key.into()))),
        Err(error) => Err(decode("SEC1 (P-256 or P-384)")(error.to_string())),
    }
}

fn from_pkcs8(block: &str) -> Result<Secret, KeyError> {
    let (_, document) = SecretDocument::from_pem(block).map_err(decode("PKCS#8"))?;
    let info: PrivateKeyInfo<'_> = document.decode_msg().map_err(decode("PKCS#8"))?;
    let curve = info.algorithm.parameters_oid().ok();
    Ok(match (info.algorithm.oid, curve) {
        (OID_RSA, _) => rsa(RsaPrivateKey::try_from(info).map_err(decode("PKCS#8 RSA"))?),
        (OID_EC, Some(OID_P256)) => {
            let key = p256::SecretKey::try_from(info).map_err(decode("PKCS#8 P-256"))?;
            Secret::P256(Box::new(key.into()))
        }
        (OID_EC, Some(OID_P384)) => {
            let key = p384::SecretKey::try_from(info).map_err(decode("PKCS#8 P-384"))?;
            Secret::P384(Box::new(key.into()))
        }
        (OID_ED25519, _) => {
            let key =
                ed25519_dalek::SigningKey::try_from(info).map_err(decode("PKCS#8 Ed25519"))?;
            Secret::Ed25519(Box::new(key))
        }
        (oid, curve) => {
            return Err(KeyError::Unsupported { kind: format!("PKCS#8 {}", curve.unwrap_or(oid)) });
        }
    })
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
        check("-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n", "ssh-keygen -p");
        check(
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMA==\n-----END ENCRYPTED PRIVATE KEY-----",
            "PKCS#8",
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

//! Private keys in DER: PKCS#1 (RFC 8017), SEC1 (RFC 5915), PKCS#8 (RFC 5208) and its encrypted form (RFC 8018).

use pkcs8::{EncryptedPrivateKeyInfo, ObjectIdentifier, PrivateKeyInfo};
use rsa::RsaPrivateKey;
use rsa::pkcs1::DecodeRsaPrivateKey as _;
use secrecy::{ExposeSecret as _, SecretString};

use super::{Secret, rsa};
use crate::public_key::{KeyError, decode};

/// rsaEncryption (RFC 8017, appendix C).
const OID_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
/// id-ecPublicKey (RFC 5480, section 2.1.1).
const OID_EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
/// secp256r1 (RFC 5480, section 2.1.1.1).
const OID_P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
/// secp384r1 (RFC 5480, section 2.1.1.1).
const OID_P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
/// secp521r1 (RFC 5480, section 2.1.1.1).
const OID_P521: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");
/// id-Ed25519 (RFC 8410, section 3).
const OID_ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

pub(super) fn read_pkcs1(der: &[u8]) -> Result<Secret, KeyError> {
    Ok(rsa(RsaPrivateKey::from_pkcs1_der(der).map_err(decode("PKCS#1"))?))
}

/// SEC1 names the curve inside; the wrong curve's decoder refuses it.
pub(super) fn read_sec1(der: &[u8]) -> Result<Secret, KeyError> {
    if let Ok(key) = p256::SecretKey::from_sec1_der(der) {
        return Ok(Secret::P256(Box::new(key.into())));
    }
    if let Ok(key) = p384::SecretKey::from_sec1_der(der) {
        return Ok(Secret::P384(Box::new(key.into())));
    }
    match p521::SecretKey::from_sec1_der(der) {
        Ok(key) => Ok(p521(&key)?),
        Err(error) => Err(decode("SEC1 (P-256, P-384 or P-521)")(error.to_string())),
    }
}

pub(super) fn read_encrypted_pkcs8(
    der: &[u8],
    passphrase: &SecretString,
) -> Result<Secret, KeyError> {
    let info = EncryptedPrivateKeyInfo::try_from(der).map_err(decode("encrypted PKCS#8"))?;
    let document = info.decrypt(passphrase.expose_secret()).map_err(|error| match error {
        // Padding or structure that does not come out right is how a wrong passphrase shows.
        pkcs8::Error::EncryptedPrivateKey(pkcs8::pkcs5::Error::UnsupportedAlgorithm { oid }) => {
            KeyError::Cipher { cipher: format!("PKCS#5 {oid}") }
        }
        _ => KeyError::Passphrase,
    })?;
    read_pkcs8(document.as_bytes())
}

pub(super) fn read_pkcs8(der: &[u8]) -> Result<Secret, KeyError> {
    let info = PrivateKeyInfo::try_from(der).map_err(decode("PKCS#8"))?;
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
        (OID_EC, Some(OID_P521)) => {
            p521(&p521::SecretKey::try_from(info).map_err(decode("PKCS#8 P-521"))?)?
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

fn p521(key: &p521::SecretKey) -> Result<Secret, KeyError> {
    let mut bytes = key.to_bytes();
    let signing = p521::ecdsa::SigningKey::from_bytes(&bytes).map_err(decode("P-521"));
    secrecy::zeroize::Zeroize::zeroize(bytes.as_mut_slice());
    Ok(Secret::P521(Box::new(signing?)))
}

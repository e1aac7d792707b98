//! OpenSSH's own form (its PROTOCOL.key), in the clear or encrypted.
//!
//! ssh-key reads it, with two exceptions: RSA's numbers are taken over one by one, because its conversion passes one
//! prime twice; and ECDSA's are read here, because it wants the private number at full length, and OpenSSH leaves
//! leading zeros out (one P-256 key in 256, half of all P-521 keys).

use rsa::{BigUint, RsaPrivateKey};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret as _, SecretString};
use ssh_key::Mpint;
use ssh_key::private::{KeypairData, RsaKeypair};

use super::pem::Block;
use super::{Secret, rsa};
use crate::public_key::{KeyError, decode, negative};

const MAGIC: &[u8] = b"openssh-key-v1\0";

const FORM: &str = "OpenSSH";

pub(super) fn read(block: &Block, passphrase: Option<&SecretString>) -> Result<Secret, KeyError> {
    let bytes = block.der(None)?;
    let envelope = Envelope::read(&bytes).ok_or_else(|| decode(FORM)("it is cut off"))?;
    if envelope.is_encrypted() && passphrase.is_none() {
        return Err(KeyError::Encrypted);
    }
    if envelope.kind.starts_with(b"ecdsa-sha2-nistp") {
        return read_ecdsa(block, &envelope, passphrase);
    }
    let mut key = ssh_key::PrivateKey::from_openssh(block.text.as_str()).map_err(decode(FORM))?;
    if let (true, Some(passphrase)) = (key.is_encrypted(), passphrase) {
        key = key.decrypt(passphrase.expose_secret()).map_err(|_| KeyError::Passphrase)?;
    }
    Ok(match key.key_data() {
        KeypairData::Rsa(pair) => rsa(rsa_key(pair)?),
        KeypairData::Ed25519(pair) => {
            let seed = Zeroizing::new(pair.private.to_bytes());
            Secret::Ed25519(Box::new(ed25519_dalek::SigningKey::from_bytes(&seed)))
        }
        _ => return Err(KeyError::Unsupported { kind: key.algorithm().to_string() }),
    })
}

fn rsa_key(pair: &RsaKeypair) -> Result<RsaPrivateKey, KeyError> {
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

fn read_ecdsa(
    block: &Block,
    envelope: &Envelope<'_>,
    passphrase: Option<&SecretString>,
) -> Result<Secret, KeyError> {
    let section = match passphrase {
        Some(passphrase) if envelope.is_encrypted() => decrypt(block, passphrase)?,
        _ => Zeroizing::new(envelope.private.to_vec()),
    };
    let scalar = scalar(&section, envelope.kind).ok_or(if envelope.is_encrypted() {
        KeyError::Passphrase
    } else {
        decode(FORM)("its private half makes no sense")
    })?;
    match envelope.kind {
        b"ecdsa-sha2-nistp256" => {
            let key = p256::ecdsa::SigningKey::from_slice(&padded::<32>(scalar)?[..]);
            Ok(Secret::P256(Box::new(key.map_err(decode(FORM))?)))
        }
        b"ecdsa-sha2-nistp384" => {
            let key = p384::ecdsa::SigningKey::from_slice(&padded::<48>(scalar)?[..]);
            Ok(Secret::P384(Box::new(key.map_err(decode(FORM))?)))
        }
        b"ecdsa-sha2-nistp521" => {
            let key = p521::ecdsa::SigningKey::from_slice(&padded::<66>(scalar)?[..]);
            Ok(Secret::P521(Box::new(key.map_err(decode(FORM))?)))
        }
        other => Err(KeyError::Unsupported { kind: String::from_utf8_lossy(other).into_owned() }),
    }
}

/// The private section in the clear. ssh-key derives the key and knows the ciphers.
fn decrypt(block: &Block, passphrase: &SecretString) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let key = ssh_key::PrivateKey::from_openssh(block.text.as_str()).map_err(decode(FORM))?;
    let encrypted = key.key_data().encrypted().ok_or(KeyError::Passphrase)?;
    let mut section = Zeroizing::new(encrypted.to_vec());
    let (secret, iv) = key
        .kdf()
        .derive_key_and_iv(key.cipher(), passphrase.expose_secret())
        .map_err(|_| KeyError::Passphrase)?;
    key.cipher()
        .decrypt(&secret, &iv, &mut section, None)
        .map_err(|_| KeyError::Cipher { cipher: key.cipher().to_string() })?;
    Ok(section)
}

/// The private number in a section: check twice the same, kind, curve, public point, number.
fn scalar<'a>(section: &'a [u8], kind: &[u8]) -> Option<&'a [u8]> {
    let mut reader = Reader(section);
    let (check, again) = (reader.take(4)?, reader.take(4)?);
    if check != again || reader.string()? != kind {
        return None;
    }
    let (_curve, _point) = (reader.string()?, reader.string()?);
    reader.string()
}

/// A number at full length: without the zero that keeps it positive, with those that OpenSSH left out.
fn padded<const N: usize>(number: &[u8]) -> Result<Zeroizing<[u8; N]>, KeyError> {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let number = &number[zeros..];
    let mut padded = Zeroizing::new([0; N]);
    let start = N.checked_sub(number.len()).ok_or_else(|| decode(FORM)("a number is too long"))?;
    padded[start..].copy_from_slice(number);
    Ok(padded)
}

/// What is around the private section.
struct Envelope<'a> {
    cipher: &'a [u8],
    /// `ssh-ed25519` and the like.
    kind: &'a [u8],
    private: &'a [u8],
}

/// What is left of the bytes.
struct Reader<'a>(&'a [u8]);

// === impl Envelope ===

impl<'a> Envelope<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut reader = Reader(bytes.strip_prefix(MAGIC)?);
        let cipher = reader.string()?;
        let (_kdf, _options, _count) = (reader.string()?, reader.string()?, reader.take(4)?);
        let kind = Reader(reader.string()?).string()?;
        Some(Self { cipher, kind, private: reader.string()? })
    }

    fn is_encrypted(&self) -> bool {
        self.cipher != b"none"
    }
}

// === impl Reader ===

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn string(&mut self) -> Option<&'a [u8]> {
        let length = u32::from_be_bytes(self.take(4)?.try_into().ok()?);
        self.take(usize::try_from(length).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_padded_to_full_length() {
        assert_eq!(*padded::<4>(&[0, 0x80, 1]).unwrap(), [0, 0, 0x80, 1]);
        assert_eq!(*padded::<2>(&[0, 1, 2]).unwrap(), [1, 2]);
        assert!(padded::<2>(&[1, 2, 3]).is_err());
    }

    #[test]
    fn bytes_cut_anywhere_are_no_key() {
        let mut bytes = MAGIC.to_vec();
        for part in [&b"none"[..], b"none", b""] {
            bytes.extend(u32::try_from(part.len()).unwrap().to_be_bytes());
            bytes.extend(part);
        }
        bytes.extend([0, 0, 0, 1, 0, 0, 0, 5, 0, 0, 0, 1, b'k', 0, 0, 0, 1, b'p']);
        let envelope = Envelope::read(&bytes).unwrap();
        assert_eq!((envelope.kind, envelope.private), (&b"k"[..], &b"p"[..]));
        for end in 0..bytes.len() {
            assert!(Envelope::read(&bytes[..end]).is_none(), "{end}");
        }
    }
}

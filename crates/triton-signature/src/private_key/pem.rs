//! A PEM block: found in whatever text is around it, and decrypted where it is encrypted the traditional way.
//!
//! The traditional way (RFC 1421's headers with OpenSSL's key derivation, `EVP_BytesToKey` with MD5 and one round) is
//! weak, and what `ssh-keygen -m PEM` and `openssl rsa -aes128` have written for decades.

use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockDecryptMut, KeyIvInit};
use aes::{Aes128, Aes192, Aes256};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use des::TdesEde3;
use md5::{Digest as _, Md5};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret as _, SecretString};

use crate::public_key::{KeyError, decode};

/// One block: its headers and what is between them and the end.
pub(super) struct Block {
    /// `DEK-Info`'s value: cipher, comma, initialisation vector in hex.
    dek_info: Option<String>,
    is_encrypted: bool,
    base64: Zeroizing<String>,
    /// The whole block, without the indents and line ends that YAML and Windows add.
    pub(super) text: Zeroizing<String>,
}

/// The label of the first private key block: `RSA PRIVATE KEY` and the like.
pub(super) fn private_label(text: &str) -> Option<&str> {
    text.lines().find_map(|line| {
        let label = line.trim().strip_prefix("-----BEGIN ")?.strip_suffix("-----")?;
        label.ends_with("PRIVATE KEY").then_some(label)
    })
}

// === impl Block ===

impl Block {
    /// The first block with that label.
    pub(super) fn find(text: &str, label: &str) -> Option<Self> {
        let (begin, end) = (format!("-----BEGIN {label}-----"), format!("-----END {label}-----"));
        let start = text.find(&begin)?;
        let body = start + begin.len();
        let stop = body + text[body..].find(&end)?;
        // Reserved at once: growing would leave copies of the key behind in freed memory.
        let capacity = stop + end.len() - start + 1;
        let mut block = Self {
            dek_info: None,
            is_encrypted: false,
            base64: Zeroizing::new(String::with_capacity(capacity)),
            text: Zeroizing::new(String::with_capacity(capacity)),
        };
        for line in text[start..stop + end.len()].lines().map(str::trim) {
            block.text.push_str(line);
            block.text.push('\n');
        }
        for line in text[body..stop].lines().map(str::trim) {
            match line.split_once(':') {
                Some(("Proc-Type", value)) => block.is_encrypted = value.contains("ENCRYPTED"),
                Some(("DEK-Info", value)) => block.dek_info = Some(value.trim().to_owned()),
                Some(_) => {}
                None => block.base64.push_str(line),
            }
        }
        Some(block)
    }

    /// What the block holds, decrypted if its headers say that it is encrypted.
    pub(super) fn der(
        &self,
        passphrase: Option<&SecretString>,
    ) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let bytes = STANDARD.decode(self.base64.as_bytes()).map_err(decode("PEM"))?;
        let bytes = Zeroizing::new(bytes);
        if !self.is_encrypted {
            return Ok(bytes);
        }
        let passphrase = passphrase.ok_or(KeyError::Encrypted)?;
        let info = self.dek_info.as_deref().unwrap_or_default();
        let (cipher, iv) = info.split_once(',').ok_or_else(|| unreadable(info))?;
        let iv = hex(iv.trim()).ok_or_else(|| unreadable(info))?;
        decrypt(cipher.trim(), &iv, passphrase, &bytes)
    }
}

fn decrypt(
    cipher: &str,
    iv: &[u8],
    passphrase: &SecretString,
    bytes: &[u8],
) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    match cipher {
        "AES-128-CBC" => cbc::<cbc::Decryptor<Aes128>>(16, iv, passphrase, bytes),
        "AES-192-CBC" => cbc::<cbc::Decryptor<Aes192>>(24, iv, passphrase, bytes),
        "AES-256-CBC" => cbc::<cbc::Decryptor<Aes256>>(32, iv, passphrase, bytes),
        "DES-EDE3-CBC" => cbc::<cbc::Decryptor<TdesEde3>>(24, iv, passphrase, bytes),
        other => Err(unreadable(other)),
    }
}

fn cbc<D: BlockDecryptMut + KeyIvInit>(
    key_bytes: usize,
    iv: &[u8],
    passphrase: &SecretString,
    bytes: &[u8],
) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let salt = iv.get(..8).ok_or_else(|| unreadable("a salt that is too short"))?;
    let key = derive(key_bytes, salt, passphrase);
    let decryptor =
        D::new_from_slices(&key, iv).map_err(|_| unreadable("a salt of another length"))?;
    // Padding that does not come out right is how a wrong passphrase shows, most of the time.
    let plain = decryptor.decrypt_padded_vec_mut::<Pkcs7>(bytes);
    let plain = Zeroizing::new(plain.map_err(|_| KeyError::Passphrase)?);
    // And the rest of the time it shows here: what was encrypted is a DER SEQUENCE of that length.
    if is_sequence(&plain) { Ok(plain) } else { Err(KeyError::Passphrase) }
}

/// OpenSSL's `EVP_BytesToKey` with MD5 and one round.
fn derive(key_bytes: usize, salt: &[u8], passphrase: &SecretString) -> Zeroizing<Vec<u8>> {
    let mut key = Zeroizing::new(Vec::with_capacity(key_bytes + 16));
    let mut last: Zeroizing<Vec<u8>> = Zeroizing::default();
    while key.len() < key_bytes {
        let mut hash = Md5::new();
        hash.update(last.as_slice());
        hash.update(passphrase.expose_secret().as_bytes());
        hash.update(salt);
        last = Zeroizing::new(hash.finalize().to_vec());
        key.extend_from_slice(&last);
    }
    key.truncate(key_bytes);
    key
}

fn is_sequence(der: &[u8]) -> bool {
    let length =
        |bytes: &[u8]| bytes.iter().fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte));
    match der {
        [0x30, short @ 0..=0x7f, rest @ ..] => rest.len() == usize::from(*short),
        [0x30, 0x81, one, rest @ ..] => rest.len() == usize::from(*one),
        [0x30, 0x82, high, low, rest @ ..] => rest.len() == length(&[*high, *low]),
        _ => false,
    }
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    digits.chunks(2).map(pair).collect()
}

fn unreadable(cipher: &str) -> KeyError {
    KeyError::Cipher { cipher: if cipher.is_empty() { "nothing named" } else { cipher }.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_told_from_the_content() {
        let text = "-----BEGIN X-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0A\n\nQUI=\r\n  Qw==\n-----END X-----";
        let block = Block::find(text, "X").unwrap();
        assert!(block.is_encrypted);
        assert_eq!(block.dek_info.as_deref(), Some("AES-128-CBC,0A"));
        assert_eq!(block.base64.as_str(), "QUI=Qw==");
    }

    #[test]
    fn other_ciphers_are_named() {
        let error = decrypt("RC2-40-CBC", &[0; 8], &"x".into(), b"").unwrap_err();
        assert!(error.to_string().contains("RC2-40-CBC"), "{error}");
        assert!(decrypt("AES-128-CBC", &[0; 3], &"x".into(), b"").is_err());
        assert!(decrypt("AES-128-CBC", &[0; 8], &"x".into(), b"").is_err());
    }

    #[test]
    fn a_sequence_has_the_length_it_says() {
        assert!(is_sequence(&[0x30, 1, 0]) && is_sequence(&[0x30, 0x81, 1, 0]));
        assert!(is_sequence(&[0x30, 0x82, 0, 1, 7]));
        assert!(!is_sequence(&[0x30, 2, 0]) && !is_sequence(&[0x31, 1, 0]) && !is_sequence(&[]));
    }
}

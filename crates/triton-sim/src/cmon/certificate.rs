//! Whose certificate it is: either a key's own, signed by itself, or one that a key of the account has signed.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use jiff::Timestamp;
use md5::{Digest as _, Md5};
use triton_signature::Algorithm;
use uuid::Uuid;
use x509_parser::certificate::X509Certificate;
use x509_parser::oid_registry::Oid;
use x509_parser::prelude::FromDer as _;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::{SubjectPublicKeyInfo, X509Name};

use crate::world::World;

/// The purpose `joyentCmon`.
const PURPOSE: &str = "1.3.6.1.4.1.38678.1.4.2";

/// With padding or without, as sshpk reads it.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The account that a client's certificate (DER) proves; `None` is 401.
pub(super) fn account_of(world: &World, der: &[u8], now: Timestamp) -> Option<Uuid> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let fingerprint = signer_of(&certificate, now)?;
    let account = world.find_account(common_name(certificate.subject())?)?;
    let key = account.keys.find(&fingerprint)?;
    let algorithm = algorithm(&certificate.signature_algorithm.algorithm)?;
    let signed = certificate.tbs_certificate.as_ref();
    key.public.verify(algorithm, signed, &certificate.signature_value.data).ok()?;
    Some(account.id)
}

/// The MD5 fingerprint of the SSH key that must have signed it.
///
/// Only certificates for the purpose expire, and only they may be signed by another key than their own.
fn signer_of(certificate: &X509Certificate<'_>, now: Timestamp) -> Option<String> {
    let own = || {
        let wire = wire_of(certificate.public_key())?;
        Some(hex(&Md5::digest(wire)))
    };
    if !has_purpose(certificate) {
        return own();
    }
    let validity = certificate.validity();
    let seconds = now.as_second();
    if !(validity.not_before.timestamp()..=validity.not_after.timestamp()).contains(&seconds) {
        return None;
    }
    if certificate.subject() == certificate.issuer() {
        return own();
    }
    read_fingerprint(common_name(certificate.issuer())?)
}

fn has_purpose(certificate: &X509Certificate<'_>) -> bool {
    let usage = certificate.extended_key_usage().ok().flatten();
    usage.is_some_and(|usage| usage.value.other.iter().any(|oid| oid.to_id_string() == PURPOSE))
}

fn common_name<'a>(name: &'a X509Name<'_>) -> Option<&'a str> {
    name.iter_common_name().next()?.as_str().ok()
}

/// `MD5:` and base64, or hexadecimal with colons and with or without that prefix; of other hashes CMON knows none.
fn read_fingerprint(text: &str) -> Option<String> {
    if let Some((hash, bytes)) = text.split_once(':').filter(|(_, rest)| !rest.contains(':')) {
        let bytes = BASE64.decode(bytes).ok().filter(|bytes| bytes.len() == 16)?;
        return hash.eq_ignore_ascii_case("md5").then(|| hex(&bytes));
    }
    let text = text.to_ascii_lowercase();
    let text = text.strip_prefix("md5:").unwrap_or(&text);
    let is_byte = |part: &str| part.len() == 2 && part.chars().all(|c| c.is_ascii_hexdigit());
    (text.split(':').count() == 16 && text.split(':').all(is_byte)).then(|| text.to_owned())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":")
}

/// What sshpk can check; SHA-384 is not among what CloudAPI's keys sign with here.
fn algorithm(oid: &Oid<'_>) -> Option<Algorithm> {
    match oid.to_id_string().as_str() {
        "1.2.840.113549.1.1.5" => Some(Algorithm::RsaSha1),
        "1.2.840.113549.1.1.11" => Some(Algorithm::RsaSha256),
        "1.2.840.113549.1.1.13" => Some(Algorithm::RsaSha512),
        "1.2.840.10045.4.3.2" => Some(Algorithm::EcdsaSha256),
        "1.2.840.10045.4.3.4" => Some(Algorithm::EcdsaSha512),
        _ => None,
    }
}

/// The key in SSH's wire form, RFC 4253 section 6.6 and RFC 5656 section 3.1.
fn wire_of(key: &SubjectPublicKeyInfo<'_>) -> Option<Vec<u8>> {
    match &key.parsed().ok()? {
        PublicKey::RSA(rsa) => Some(rsa_wire(rsa.exponent, rsa.modulus)),
        PublicKey::EC(point) => {
            let curve = match point.key_size() {
                256 => "nistp256",
                384 => "nistp384",
                521 | 528 => "nistp521",
                _ => return None,
            };
            let name = format!("ecdsa-sha2-{curve}");
            Some(strings(&[name.as_bytes(), curve.as_bytes(), point.data()]))
        }
        _ => None,
    }
}

fn rsa_wire(exponent: &[u8], modulus: &[u8]) -> Vec<u8> {
    strings(&[b"ssh-rsa", &positive(exponent), &positive(modulus)])
}

fn strings(fields: &[&[u8]]) -> Vec<u8> {
    let string = |field: &&[u8]| {
        let length = u32::try_from(field.len()).unwrap_or(u32::MAX);
        [&length.to_be_bytes(), *field].concat()
    };
    fields.iter().flat_map(string).collect()
}

/// A number without superfluous zeros, and with one where it would look negative.
fn positive(bytes: &[u8]) -> Vec<u8> {
    let start = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len());
    let digits = &bytes[start..];
    let sign: &[u8] = if digits.first().is_some_and(|byte| byte & 0x80 != 0) { &[0] } else { &[] };
    [sign, digits].concat()
}

#[cfg(test)]
mod tests;

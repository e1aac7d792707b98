//! Certificates of every make, before an account with one ECDSA key.

use rcgen::{
    CertificateParams, DnType, ExtendedKeyUsagePurpose, Issuer, KeyPair, PKCS_ECDSA_P256_SHA256,
    date_time_ymd,
};

use super::*;
use crate::delays::Delays;
use crate::world::AccountKey;

const NOW: &str = "2026-01-02T03:04:05Z";
const CMON: [u64; 10] = [1, 3, 6, 1, 4, 1, 38678, 1, 4, 2];
const DOCKER: [u64; 10] = [1, 3, 6, 1, 4, 1, 38678, 1, 4, 1];

/// How a certificate is made; the default is the one that the official client makes.
struct Recipe {
    subject: &'static str,
    /// `None` is the account's key, in the form the official client writes.
    issuer: Option<String>,
    purpose: [u64; 10],
    years: (i32, i32),
    is_own: bool,
}

impl Default for Recipe {
    fn default() -> Self {
        Self { subject: "jill", issuer: None, purpose: CMON, years: (2025, 2035), is_own: false }
    }
}

struct Stage {
    world: World,
    account: Uuid,
    key: KeyPair,
    md5: String,
}

fn stage() -> Stage {
    let now: Timestamp = NOW.parse().unwrap();
    let mut world = World::new(Delays::none(), 1, 0, 1);
    let account = world.add_account("jill", now);
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let wire = strings(&[b"ecdsa-sha2-nistp256", b"nistp256", key.public_key_raw()]);
    let text = format!("ecdsa-sha2-nistp256 {}", BASE64.encode(&wire));
    let ssh = AccountKey::from_openssh(&text, Some("laptop")).unwrap();
    let md5 = ssh.fingerprint.clone();
    world.account_mut(account).unwrap().keys.add(ssh).unwrap();
    Stage { world, account, key, md5 }
}

impl Stage {
    fn make(&self, recipe: &Recipe) -> Vec<u8> {
        let bytes: Vec<u8> =
            self.md5.split(':').map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect();
        let usual = format!("MD5:{}", BASE64.encode(bytes).trim_end_matches('='));
        let params = |name: &str| {
            let mut params = CertificateParams::default();
            params.distinguished_name.push(DnType::CommonName, name);
            params.not_before = date_time_ymd(recipe.years.0, 1, 1);
            params.not_after = date_time_ymd(recipe.years.1, 1, 1);
            params.extended_key_usages =
                vec![ExtendedKeyUsagePurpose::Other(recipe.purpose.to_vec())];
            params
        };
        if recipe.is_own {
            return params(recipe.subject).self_signed(&self.key).unwrap().der().to_vec();
        }
        let issuer = params(recipe.issuer.as_deref().unwrap_or(&usual));
        let issuer = Issuer::from_params(&issuer, &self.key);
        let fresh = KeyPair::generate().unwrap();
        params(recipe.subject).signed_by(&fresh, &issuer).unwrap().der().to_vec()
    }
}

#[track_caller]
fn check(recipe: &Recipe, expected: bool) {
    let stage = stage();
    let proven = account_of(&stage.world, &stage.make(recipe), NOW.parse().unwrap());
    assert_eq!(proven, expected.then_some(stage.account));
}

#[test]
fn a_certificate_that_the_accounts_key_signed_is_the_accounts() {
    check(&Recipe::default(), true);
    check(&Recipe { subject: "bob", ..Recipe::default() }, false);
    check(&Recipe { years: (2020, 2025), ..Recipe::default() }, false);
    check(&Recipe { years: (2027, 2035), ..Recipe::default() }, false);
    check(&Recipe { purpose: DOCKER, ..Recipe::default() }, false);
}

#[test]
fn the_issuer_is_the_keys_md5_fingerprint() {
    let issuer = |issuer: &str| Recipe { issuer: Some(issuer.to_owned()), ..Recipe::default() };
    check(&issuer("SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"), false);
    check(&issuer("MD5:AAAAAAAAAAAAAAAAAAAAAA"), false);
    check(&issuer("jill's laptop"), false);
    let stage = stage();
    for text in [stage.md5.clone(), format!("MD5:{}", stage.md5)] {
        let der = stage.make(&issuer(&text));
        let proven = account_of(&stage.world, &der, NOW.parse().unwrap());
        assert_eq!(proven, Some(stage.account), "{text}");
    }
}

#[test]
fn a_keys_own_certificate_does_not_expire_without_the_purpose() {
    let own = Recipe { is_own: true, ..Recipe::default() };
    check(&own, true);
    check(&Recipe { years: (2020, 2025), is_own: true, ..Recipe::default() }, false);
    let old = Recipe { years: (2020, 2025), is_own: true, purpose: DOCKER, ..Recipe::default() };
    check(&old, true);
}

#[test]
fn a_forged_certificate_proves_nothing() {
    let [stage, other] = [stage(), stage()];
    let md5 = stage.md5.clone();
    let forged = other.make(&Recipe { issuer: Some(md5), ..Recipe::default() });
    assert_eq!(account_of(&stage.world, &forged, NOW.parse().unwrap()), None);
    assert_eq!(account_of(&stage.world, b"nonsense", NOW.parse().unwrap()), None);
}

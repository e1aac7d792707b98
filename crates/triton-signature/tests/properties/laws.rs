//! What holds for any text that is said to be a signature or a key. Fuzzing checks the same laws.

use triton_signature::http::{Authorization, KeyId};
use triton_signature::{Fingerprint, PrivateKey, PublicKey};

/// A header that is understood means the same when it is written again.
pub(crate) fn authorization(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let Ok(read) = text.parse::<Authorization>() else { return };
    let Ok(again) = read.to_string().parse::<Authorization>() else {
        panic!("{read:?} cannot be read again");
    };
    assert_eq!(again, read);
    if let Ok(key_id) = read.key_id.parse::<KeyId>() {
        let again: Result<KeyId, _> = key_id.to_string().parse();
        assert_eq!(again.ok(), Some(key_id));
    }
}

/// A public key that is understood is the same key when it is written again, and a private one shows nothing.
pub(crate) fn key(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    if let Ok(key) = PublicKey::from_openssh(text) {
        let again = PublicKey::from_openssh(&key.to_openssh());
        assert_eq!(again.ok().map(|key| key.to_openssh()), Some(key.to_openssh()));
        let by_wire = PublicKey::from_wire(key.wire());
        assert_eq!(by_wire.ok().map(|key| key.md5_fingerprint()), Some(key.md5_fingerprint()));
        for fingerprint in [key.md5_fingerprint(), key.sha256_fingerprint()] {
            let fingerprint: Result<Fingerprint, _> = fingerprint.parse();
            assert!(fingerprint.is_ok_and(|fingerprint| key.has_fingerprint(&fingerprint)));
        }
    }
    match PrivateKey::from_text(text, None) {
        Ok(key) => {
            let shown = format!("{key:?}");
            // A line of the key's body.
            let secret = text.lines().find(|line| line.len() >= 60 && !line.starts_with('-'));
            assert!(secret.is_none_or(|secret| !shown.contains(secret)));
        }
        Err(error) => drop(error.to_string()),
    }
    drop(text.parse::<Fingerprint>());
}

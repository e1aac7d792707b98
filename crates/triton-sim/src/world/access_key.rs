//! Access keys: pairs of id and secret for services that speak S3.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::fmt;

use super::iso;

/// An access key of an account or a sub-user.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct AccessKey {
    pub(crate) id: String,
    secret: String,
    created: Timestamp,
}

/// What secrets begin with.
const SECRET_PREFIX: &str = "tdc_";

// === impl AccessKey ===

impl AccessKey {
    /// A key out of random bytes: 16 for the id, 36 for the secret.
    pub(crate) fn new(id: [u8; 16], secret: [u8; 36], now: Timestamp) -> Self {
        let id = id.iter().map(|byte| format!("{byte:02x}")).collect();
        let secret = format!("{SECRET_PREFIX}{}", URL_SAFE_NO_PAD.encode(secret));
        Self { id, secret, created: now }
    }

    /// CloudAPI's access key object; the secret shows at every reading.
    pub(crate) fn to_json(&self) -> Value {
        json!({
            "accesskeyid": self.id,
            "accesskeysecret": self.secret,
            "created": iso(self.created),
            "updated": iso(self.created),
            "status": "Active",
        })
    }
}

impl fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessKey").field("id", &self.id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secret_shows_in_answers_and_nowhere_else() {
        let key = AccessKey::new([1; 16], [7; 36], Timestamp::UNIX_EPOCH);
        let body = key.to_json();
        let secret = body["accesskeysecret"].as_str().unwrap();
        assert!(secret.starts_with("tdc_") && secret.len() == 52, "{secret}");
        assert_eq!(body["accesskeyid"], "01".repeat(16));
        assert!(!format!("{key:?}").contains(secret));
    }
}

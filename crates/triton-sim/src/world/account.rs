//! Accounts and their SSH keys.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use triton_signature::PublicKey;
use uuid::Uuid;

use crate::refusal::Refusal;

/// The contact fields UpdateAccount takes, as they are spelled on the wire.
pub(crate) const CONTACT_FIELDS: [&str; 10] = [
    "email",
    "companyName",
    "firstName",
    "lastName",
    "address",
    "postalCode",
    "city",
    "state",
    "country",
    "phone",
];

/// An SSH key of an account.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(into = "KeyText", try_from = "KeyText")]
pub(crate) struct AccountKey {
    pub(crate) name: String,
    pub(crate) text: String,
    pub(crate) fingerprint: String,
    pub(crate) public: PublicKey,
}

/// How a state file holds a key: what it says, from which the rest follows.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct KeyText {
    #[serde(default)]
    name: Option<String>,
    key: String,
}

/// A CloudAPI account.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Account {
    pub(crate) id: Uuid,
    pub(crate) login: String,
    pub(crate) contact: BTreeMap<String, String>,
    pub(crate) cns_enabled: bool,
    pub(crate) keys: Vec<AccountKey>,
    pub(crate) disabled: bool,
    pub(crate) operator: bool,
    pub(crate) default_network: Option<Uuid>,
    pub(crate) created: Timestamp,
    pub(crate) updated: Timestamp,
}

// === impl AccountKey ===

impl AccountKey {
    /// Reads one line of OpenSSH public key text; the name defaults to the fingerprint.
    pub(crate) fn from_openssh(
        text: &str,
        name: Option<&str>,
    ) -> Result<Self, triton_signature::KeyError> {
        let public = PublicKey::from_openssh(text)?;
        let fingerprint = public.md5_fingerprint();
        let name = name.map_or_else(|| fingerprint.clone(), str::to_owned);
        Ok(Self { name, text: text.trim().to_owned(), fingerprint, public })
    }

    /// CloudAPI's key object.
    pub(crate) fn to_json(&self) -> Value {
        json!({ "name": self.name, "fingerprint": self.fingerprint, "key": self.text, "attested": false })
    }
}

impl From<AccountKey> for KeyText {
    fn from(key: AccountKey) -> Self {
        Self { name: Some(key.name), key: key.text }
    }
}

impl TryFrom<KeyText> for AccountKey {
    type Error = triton_signature::KeyError;

    fn try_from(text: KeyText) -> Result<Self, Self::Error> {
        Self::from_openssh(&text.key, text.name.as_deref())
    }
}

// === impl Account ===

impl Account {
    /// A new account without keys.
    pub(crate) fn new(id: Uuid, login: &str, now: Timestamp) -> Self {
        let contact = [("email", format!("{login}@example.com")), ("firstName", login.to_owned())];
        Self {
            id,
            login: login.to_owned(),
            contact: contact.into_iter().map(|(k, v)| (k.to_owned(), v)).collect(),
            cns_enabled: false,
            keys: Vec::new(),
            disabled: false,
            operator: false,
            default_network: None,
            created: now,
            updated: now,
        }
    }

    /// The key with this name or MD5 fingerprint.
    pub(crate) fn find_key(&self, name_or_fingerprint: &str) -> Option<&AccountKey> {
        self.keys
            .iter()
            .find(|key| key.fingerprint == name_or_fingerprint || key.name == name_or_fingerprint)
    }

    /// Adds a key whose name and fingerprint are both new.
    pub(crate) fn add_key(&mut self, key: AccountKey) -> Result<(), Refusal> {
        let taken =
            |held: &AccountKey| held.name == key.name || held.fingerprint == key.fingerprint;
        if self.keys.iter().any(taken) {
            return Err(Refusal::invalid_argument(format!("{} already exists", key.name)));
        }
        self.keys.push(key);
        Ok(())
    }

    /// Removes the key with this name or fingerprint; says whether there was one.
    pub(crate) fn remove_key(&mut self, name_or_fingerprint: &str) -> bool {
        let before = self.keys.len();
        self.keys.retain(|key| {
            key.fingerprint != name_or_fingerprint && key.name != name_or_fingerprint
        });
        self.keys.len() < before
    }

    /// What every new instance gets as metadata `root_authorized_keys`.
    pub(crate) fn root_authorized_keys(&self) -> String {
        self.keys.iter().map(|key| format!("{}\n", key.text)).collect()
    }

    /// CloudAPI's account object.
    pub(crate) fn to_json(&self) -> Value {
        let mut body = json!({
            "id": self.id,
            "login": self.login,
            "created": super::iso(self.created),
            "updated": super::iso(self.updated),
            "triton_cns_enabled": self.cns_enabled,
        });
        for (field, value) in &self.contact {
            body[field] = json!(value);
        }
        body
    }
}

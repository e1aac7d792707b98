//! SSH keys, of accounts and of sub-users.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use triton_signature::{KeyError, PublicKey};

use crate::refusal::Refusal;

/// An SSH key.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(into = "KeyText", try_from = "KeyText")]
pub(crate) struct AccountKey {
    pub(crate) name: String,
    pub(crate) text: String,
    pub(crate) fingerprint: String,
    pub(crate) public: PublicKey,
    /// It came with an attestation that the key is kept in hardware.
    pub(crate) attested: bool,
}

/// How a state file holds a key: what it says, from which the rest follows.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct KeyText {
    #[serde(default)]
    name: Option<String>,
    key: String,
    #[serde(default)]
    attested: bool,
}

/// The keys of somebody; names and fingerprints are unique.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct KeyRing(Vec<AccountKey>);

// === impl AccountKey ===

impl AccountKey {
    /// Reads one line of OpenSSH public key text; the name defaults to the fingerprint.
    pub(crate) fn from_openssh(text: &str, name: Option<&str>) -> Result<Self, KeyError> {
        let text: String = text.trim().chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
        let public = PublicKey::from_openssh(&text)?;
        let fingerprint = public.md5_fingerprint();
        let name = name.map(str::trim).filter(|name| !name.is_empty());
        let name = name.map_or_else(|| fingerprint.clone(), str::to_owned);
        Ok(Self { name, text, fingerprint, public, attested: false })
    }

    /// The comment at the end of the text: the name of a key that was given none.
    pub(crate) fn comment(text: &str) -> Option<&str> {
        text.trim().splitn(3, ' ').nth(2).map(str::trim).filter(|comment| !comment.is_empty())
    }

    /// CloudAPI's key object.
    pub(crate) fn to_json(&self) -> Value {
        let mut body =
            json!({ "name": self.name, "fingerprint": self.fingerprint, "key": self.text });
        if self.attested {
            body["attested"] = json!(true);
            body["multifactor"] = json!(["pin", "touch"]);
        }
        body
    }
}

impl From<AccountKey> for KeyText {
    fn from(key: AccountKey) -> Self {
        Self { name: Some(key.name), key: key.text, attested: key.attested }
    }
}

impl TryFrom<KeyText> for AccountKey {
    type Error = KeyError;

    fn try_from(text: KeyText) -> Result<Self, KeyError> {
        let key = Self::from_openssh(&text.key, text.name.as_deref())?;
        Ok(Self { attested: text.attested, ..key })
    }
}

// === impl KeyRing ===

impl KeyRing {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &AccountKey> {
        self.0.iter()
    }

    /// The key with this name or MD5 fingerprint.
    pub(crate) fn find(&self, name_or_fingerprint: &str) -> Option<&AccountKey> {
        let fits = |key: &&AccountKey| {
            key.fingerprint == name_or_fingerprint || key.name == name_or_fingerprint
        };
        self.0.iter().find(fits)
    }

    /// Adds a key whose name and fingerprint are both new.
    ///
    /// # Errors
    /// 409 InvalidArgument.
    pub(crate) fn add(&mut self, key: AccountKey) -> Result<(), Refusal> {
        if self.find(&key.name).or_else(|| self.find(&key.fingerprint)).is_some() {
            return Err(Refusal::invalid_argument("key already exists or is invalid"));
        }
        self.0.push(key);
        Ok(())
    }

    /// Removes the key with this name or fingerprint and returns it.
    pub(crate) fn remove(&mut self, name_or_fingerprint: &str) -> Option<AccountKey> {
        let fingerprint = self.find(name_or_fingerprint)?.fingerprint.clone();
        let index = self.0.iter().position(|key| key.fingerprint == fingerprint)?;
        Some(self.0.remove(index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti me@laptop";

    #[test]
    fn a_key_is_found_by_name_and_by_fingerprint() {
        let mut ring = KeyRing::default();
        ring.add(AccountKey::from_openssh(KEY, Some("laptop")).unwrap()).unwrap();
        let fingerprint = ring.find("laptop").unwrap().fingerprint.clone();
        assert!(ring.find(&fingerprint).is_some());
        assert!(ring.add(AccountKey::from_openssh(KEY, Some("other")).unwrap()).is_err());
        assert!(ring.remove("laptop").is_some() && ring.iter().next().is_none());
    }

    #[test]
    fn the_comment_is_what_follows_the_key() {
        assert_eq!(AccountKey::comment(KEY), Some("me@laptop"));
        assert_eq!(AccountKey::comment("ssh-ed25519 AAAA"), None);
        assert_eq!(AccountKey::comment("ssh-ed25519 AAAA my old laptop\n"), Some("my old laptop"));
    }

    #[test]
    fn a_state_file_holds_the_text() {
        let key = AccountKey::from_openssh(KEY, None).unwrap();
        let text = serde_json::to_string(&key).unwrap();
        let back: AccountKey = serde_json::from_str(&text).unwrap();
        assert_eq!((back.name, back.fingerprint), (key.name, key.fingerprint));
        assert!(serde_json::from_str::<AccountKey>(r#"{"key":"nonsense"}"#).is_err());
    }
}

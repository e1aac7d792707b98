//! The path that names a key: `/account/keys/fingerprint`.

use std::fmt;
use std::str::FromStr;

/// Which key of which account, or of which sub-user, has signed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KeyId {
    /// The account's login. `my` does not work here.
    pub account: String,
    /// The sub-user's login, if it is a sub-user's key.
    pub user: Option<String>,
    /// The key's MD5 fingerprint with colons, or its name. SHA-256 is never found by the server.
    pub fingerprint: String,
}

/// A `keyId` of another shape. The server answers 401.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is neither /ACCOUNT/keys/FINGERPRINT nor /ACCOUNT/users/USER/keys/FINGERPRINT")]
pub struct KeyIdError(pub String);

// === impl KeyId ===

impl KeyId {
    /// A key of the account itself.
    pub fn new(account: impl Into<String>, fingerprint: impl Into<String>) -> Self {
        Self { account: account.into(), user: None, fingerprint: fingerprint.into() }
    }

    /// The same key id for a sub-user of the account.
    #[must_use]
    pub fn with_user(mut self, user: impl Into<String>) -> Self {
        self.user = Some(user.into());
        self
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}", self.account)?;
        if let Some(user) = &self.user {
            write!(f, "/users/{user}")?;
        }
        write!(f, "/keys/{}", self.fingerprint)
    }
}

impl FromStr for KeyId {
    type Err = KeyIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let key_id = match text.split('/').collect::<Vec<_>>()[..] {
            ["", account, "keys", fingerprint] => Self::new(account, fingerprint),
            ["", account, "users", user, "keys", fingerprint] => {
                Self::new(account, fingerprint).with_user(user)
            }
            _ => return Err(KeyIdError(text.to_owned())),
        };
        let is_empty = key_id.account.is_empty()
            || key_id.fingerprint.is_empty()
            || key_id.user.as_deref() == Some("");
        if is_empty { Err(KeyIdError(text.to_owned())) } else { Ok(key_id) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_shapes_are_written_as_they_are_read() {
        let account = KeyId::new("acme", "aa:bb");
        assert_eq!(account.to_string(), "/acme/keys/aa:bb");
        assert_eq!("/acme/keys/aa:bb".parse(), Ok(account.clone()));
        let user = account.with_user("bob");
        assert_eq!(user.to_string(), "/acme/users/bob/keys/aa:bb");
        assert_eq!("/acme/users/bob/keys/aa:bb".parse(), Ok(user));
    }

    #[test]
    fn other_shapes_are_refused() {
        for text in [
            "",
            "/",
            "acme",
            "acme/keys/aa",
            "/acme/keys",
            "/acme/keys/",
            "//keys/aa",
            "/acme/bob/keys/aa",
            "/acme/keys/SHA256:a/b",
            "/acme/users//keys/aa",
            "/acme/keys/aa/",
        ] {
            assert_eq!(text.parse::<KeyId>(), Err(KeyIdError(text.to_owned())));
        }
    }
}

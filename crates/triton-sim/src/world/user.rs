//! Sub-users: people who sign with keys of their own and may do what the account's roles let them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::access_key::AccessKey;
use super::{AccountKey, KeyRing, iso};
use crate::refusal::Refusal;

/// A sub-user of an account.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SubUser {
    pub(crate) id: Uuid,
    pub(crate) login: String,
    pub(crate) contact: BTreeMap<String, String>,
    pub(crate) keys: KeyRing,
    pub(crate) access_keys: Vec<AccessKey>,
    /// Digests of the last passwords, the one in force last. CloudAPI never asks for one; it only refuses repetitions.
    passwords: Vec<String>,
    pub(crate) created: Timestamp,
    pub(crate) updated: Timestamp,
}

const LOGIN_LENGTH: std::ops::RangeInclusive<usize> = 3..=32;
const RESERVED_LOGIN: &str = "local";
const PASSWORD_LENGTH_MIN: usize = 7;
/// This many passwords are remembered.
const PASSWORDS_MAX: usize = 4;

// === impl SubUser ===

impl SubUser {
    /// A sub-user without a key and, until [`SubUser::set_password`], without a password.
    ///
    /// # Errors
    /// 409 InvalidArgument for a login the directory does not take.
    pub(crate) fn new(
        id: Uuid,
        login: &str,
        contact: BTreeMap<String, String>,
        now: Timestamp,
    ) -> Result<Self, Refusal> {
        check_login(login)?;
        Ok(Self {
            id,
            login: login.to_owned(),
            contact,
            keys: KeyRing::default(),
            access_keys: Vec::new(),
            passwords: Vec::new(),
            created: now,
            updated: now,
        })
    }

    /// Sets a password by the directory's rules: at least 7 characters, a letter and a digit, none of the last four.
    ///
    /// # Errors
    /// 409 InvalidArgument in the directory's words.
    pub(crate) fn set_password(&mut self, password: &str) -> Result<(), Refusal> {
        let has = |kind: fn(&char) -> bool| password.chars().any(|c| kind(&c));
        let digest = self.digest(password);
        let refusal = if password.len() < PASSWORD_LENGTH_MIN {
            Some("passwordTooShort")
        } else if !has(char::is_ascii_alphabetic) || !has(char::is_ascii_digit) {
            Some("insufficientPasswordQuality")
        } else if self.passwords.contains(&digest) {
            Some("passwordInHistory")
        } else {
            None
        };
        if let Some(reason) = refusal {
            return Err(Refusal::invalid_argument(reason));
        }
        self.passwords.push(digest);
        if self.passwords.len() > PASSWORDS_MAX {
            self.passwords.remove(0);
        }
        Ok(())
    }

    fn digest(&self, password: &str) -> String {
        let digest = Sha256::new().chain_update(self.id).chain_update(password).finalize();
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The key with this name or MD5 fingerprint.
    pub(crate) fn find_key(&self, name_or_fingerprint: &str) -> Option<&AccountKey> {
        self.keys.find(name_or_fingerprint)
    }

    /// CloudAPI's user object.
    pub(crate) fn to_json(&self) -> Value {
        let mut body = json!({
            "id": self.id,
            "login": self.login,
            "updated": iso(self.updated),
            "created": iso(self.created),
        });
        for (field, value) in &self.contact {
            body[field] = json!(value);
        }
        body
    }
}

/// `/^[a-zA-Z][a-zA-Z0-9_\.@]+$/`, 3 to 32 characters, not `local`.
///
/// # Errors
/// 409 InvalidArgument.
pub(crate) fn check_login(login: &str) -> Result<(), Refusal> {
    let is_good = LOGIN_LENGTH.contains(&login.len())
        && login.starts_with(|c: char| c.is_ascii_alphabetic())
        && login.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '@'))
        && login != RESERVED_LOGIN;
    if is_good {
        return Ok(());
    }
    Err(Refusal::invalid_argument(format!("login: {login} is invalid")))
}

/// An address CloudAPI takes: one `@`, a host of letters, digits, dots and hyphens.
///
/// # Errors
/// 409 InvalidArgument.
pub(crate) fn check_email(email: &str) -> Result<(), Refusal> {
    let is_label = |label: &str| {
        !label.is_empty() && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    let is_local = |c: char| c.is_ascii_alphanumeric() || ".!#$%&;'*+-/=?^_`{|}~".contains(c);
    let is_good = email.split_once('@').is_some_and(|(local, host)| {
        !local.is_empty() && local.chars().all(is_local) && host.split('.').all(is_label)
    });
    if is_good {
        return Ok(());
    }
    Err(Refusal::invalid_argument(format!("email: {email} is invalid")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bob() -> SubUser {
        SubUser::new(Uuid::nil(), "bob", BTreeMap::new(), Timestamp::UNIX_EPOCH).unwrap()
    }

    #[track_caller]
    fn check(user: &mut SubUser, password: &str, expected: Result<(), &str>) {
        let set = user.set_password(password).map_err(|refusal| refusal.message);
        assert_eq!(set, expected.map_err(str::to_owned), "{password}");
    }

    #[test]
    fn passwords_follow_the_directorys_rules() {
        let mut bob = bob();
        check(&mut bob, "s3cret", Err("passwordTooShort"));
        check(&mut bob, "secretive", Err("insufficientPasswordQuality"));
        check(&mut bob, "12345678", Err("insufficientPasswordQuality"));
        for number in 0..4 {
            check(&mut bob, &format!("secret{number}"), Ok(()));
        }
        check(&mut bob, "secret0", Err("passwordInHistory"));
        check(&mut bob, "secret4", Ok(()));
        check(&mut bob, "secret0", Ok(()));
    }

    #[test]
    fn no_password_is_kept_or_shown() {
        let mut bob = bob();
        bob.set_password("canary-77").unwrap();
        assert!(!format!("{bob:?}").contains("canary-77"));
        assert!(!serde_json::to_string(&bob).unwrap().contains("canary-77"));
        assert!(bob.to_json().get("password").is_none());
    }

    #[test]
    fn logins_begin_with_a_letter_and_have_no_hyphen() {
        for (login, good) in
            [("bob", true), ("b.o_b@x", true), ("bo", false), ("1bob", false), ("bob-x", false)]
        {
            assert_eq!(check_login(login).is_ok(), good, "{login}");
        }
        assert!(check_login("local").is_err());
        assert!(check_login(&"b".repeat(33)).is_err());
    }

    #[test]
    fn an_email_has_a_host() {
        for (email, good) in [
            ("a@b.c", true),
            ("a+b@localhost", true),
            ("a", false),
            ("@b", false),
            ("a@b..c", false),
        ] {
            assert_eq!(check_email(email).is_ok(), good, "{email}");
        }
    }
}

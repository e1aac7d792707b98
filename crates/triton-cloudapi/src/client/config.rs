//! Where CloudAPI is and who is asking: what Triton's own tools read, from the same places.

mod env;
mod error;
mod key;
mod profile;

use std::path::{Path, PathBuf};

use http::Uri;
use secrecy::SecretString;
use triton_signature::Fingerprint;

pub use error::ConfigError;

/// Looks a variable of the environment up; `None` if it is not set.
pub type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// How to reach one CloudAPI as one account. Holds no key, only where it is, unless the key came as text.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// `https://cloudapi.example.com`, or `http` in front of a simulator.
    pub url: Uri,
    /// The account's login.
    pub account: String,
    /// A sub-user of it whose key signs.
    pub user: Option<String>,
    /// Roles to take on, beside the sub-user's default ones.
    pub roles: Vec<String>,
    /// Operators only: another account, whose things are asked for.
    pub act_as: Option<String>,
    /// Where the key is.
    pub key: KeySource,
    /// The key's passphrase, if it is encrypted and not in an agent.
    pub passphrase: Option<SecretString>,
    /// CA certificates in PEM that the server's certificate is checked with, instead of this machine's.
    pub ca_file: Option<PathBuf>,
    /// Takes any certificate of the server.
    pub insecure: bool,
}

/// Where the key is.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum KeySource {
    /// In the ssh-agent or in `~/.ssh`, whichever has a key with this fingerprint.
    Fingerprint(Fingerprint),
    /// In this file. If there is a fingerprint too, it must be the key's.
    File(PathBuf, Option<Fingerprint>),
    /// In this text. If there is a fingerprint too, it must be the key's.
    Text(SecretString, Option<Fingerprint>),
}

// === impl Config ===

impl Config {
    /// The least there is to say.
    pub fn new(url: Uri, account: impl Into<String>, key: KeySource) -> Self {
        Self {
            url,
            account: account.into(),
            user: None,
            roles: Vec::new(),
            act_as: None,
            key,
            passphrase: None,
            ca_file: None,
            insecure: false,
        }
    }

    /// What a user's tools would use: the profile that `TRITON_PROFILE` names; else the environment, if it has
    /// `TRITON_URL` or `SDC_URL`; else the current profile of `~/.triton`.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] names the variable or field, what it holds and what would be right.
    pub fn load(env: Env<'_>, home: Option<&Path>) -> Result<Self, ConfigError> {
        let set = |name: &str| env(name).filter(|value| !value.is_empty());
        let directory = profile::directory(env, home);
        let name = match set("TRITON_PROFILE") {
            Some(name) => name,
            None if set("TRITON_URL").is_some() || set("SDC_URL").is_some() => {
                return Self::from_env(env, home);
            }
            None => match &directory {
                Some(directory) => profile::current(directory)?,
                None => profile::ENV.to_owned(),
            },
        };
        match directory {
            Some(directory) if name != profile::ENV => {
                Ok(profile::load(&directory, &name)?.with_extras(env, home))
            }
            _ => Self::from_env(env, home),
        }
    }

    /// What is not in a profile: the passphrase of its key, and the CA of its server.
    fn with_extras(mut self, env: Env<'_>, home: Option<&Path>) -> Self {
        env::extras(&mut self, env, home);
        self
    }

    /// The profile of that name, from `~/.triton/profiles.d`.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] names the file and field.
    pub fn from_profile(directory: &Path, name: &str) -> Result<Self, ConfigError> {
        profile::load(directory, name)
    }

    /// The environment alone: `TRITON_X`, or else `SDC_X`.
    ///
    /// | X | |
    /// |---|---|
    /// | `URL` | needed |
    /// | `ACCOUNT` | needed |
    /// | `KEY_ID` | fingerprint; needed unless there is key material |
    /// | `KEY_MATERIAL` | path of the private key, or its text; empty: the agent or `~/.ssh` |
    /// | `KEY_PASSPHRASE` | what opens an encrypted key; never asked for |
    /// | `CA_FILE` | CA certificates in PEM, for a server with one of its own |
    /// | `USER`, `ROLE`, `ACT_AS` | sub-user, roles with commas between them, another account |
    /// | `INSECURE`, `TLS_INSECURE` | true or false |
    /// | `SKIP_TLS_VERIFY`, `TESTING` | set to anything: true |
    ///
    /// # Errors
    ///
    /// [`ConfigError`] names the variable, what it holds and what would be right.
    pub fn from_env(env: Env<'_>, home: Option<&Path>) -> Result<Self, ConfigError> {
        env::load(env, home)
    }

    /// The account in paths: the one acted for, or the one whose key it is.
    #[must_use]
    pub fn acting_account(&self) -> &str {
        self.act_as.as_deref().unwrap_or(&self.account)
    }
}

/// Reads CloudAPI's URL; `name` is where it came from.
pub(super) fn parse_url(name: &str, text: &str) -> Result<Uri, ConfigError> {
    let invalid = || ConfigError::invalid(name, text, "a URL such as https://cloudapi.example.com");
    let url: Uri = text.trim().parse().map_err(|_| invalid())?;
    let is_web = matches!(url.scheme_str(), Some("http" | "https"));
    // User and password in a URL would be sent nowhere and shown in logs.
    let has_user = url.authority().is_some_and(|authority| authority.as_str().contains('@'));
    if !is_web || url.host().is_none_or(str::is_empty) || url.query().is_some() || has_user {
        return Err(ConfigError::invalid(
            name,
            if has_user { "a URL with a user in it" } else { text },
            "a URL such as https://cloudapi.example.com",
        ));
    }
    Ok(url)
}

/// Reads a login, which becomes part of paths and key ids.
pub(super) fn parse_login(name: &str, text: &str) -> Result<String, ConfigError> {
    let text = text.trim();
    if text.is_empty()
        || text == "my"
        || text.contains(['/', '"'])
        || text.chars().any(char::is_control)
    {
        return Err(ConfigError::invalid(
            name,
            text,
            "a login (`my` does not do: signatures need the real one)",
        ));
    }
    Ok(text.to_owned())
}

/// Reads a key's fingerprint.
pub(super) fn parse_fingerprint(name: &str, text: &str) -> Result<Fingerprint, ConfigError> {
    text.parse().map_err(|source| ConfigError::Fingerprint { name: name.to_owned(), source })
}

#[cfg(test)]
mod tests;

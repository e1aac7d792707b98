//! What is wrong with a configuration.

use std::path::PathBuf;

use triton_signature::agent::AgentError;
use triton_signature::{Fingerprint, FingerprintError, KeyError};

use crate::client::error::BoxError;

/// What is wrong with a configuration: where, what is there, and what would be right. Never holds a key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Something needed is not set.
    #[error("{name} is not set: want {wants}")]
    Missing {
        /// The variables or the field.
        name: String,
        /// What would be right.
        wants: &'static str,
    },
    /// Something is set to what makes no sense.
    #[error("{name} is {found:?}: want {wants}")]
    Invalid {
        /// The variable or the field.
        name: String,
        /// What it holds.
        found: String,
        /// What would be right.
        wants: &'static str,
    },
    /// The key id is not a fingerprint.
    #[error("reading {name}")]
    Fingerprint {
        /// The variable or the field.
        name: String,
        /// What is wrong with it.
        #[source]
        source: FingerprintError,
    },
    /// A file of `~/.triton` cannot be read.
    #[error("reading {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A file of `~/.triton` is not what it should be.
    #[error("reading {} as JSON", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// What is wrong, with line and column.
        #[source]
        source: serde_json::Error,
    },
    /// There is no such profile.
    #[error("there is no profile {name:?} in {}; there {}", directory.display(), Names(present))]
    NoProfile {
        /// The profile looked for.
        name: String,
        /// Where profiles are.
        directory: PathBuf,
        /// Those that are there.
        present: Vec<String>,
    },
    /// The key cannot be loaded.
    #[error("loading the key that {name} names")]
    Key {
        /// The variable or the field.
        name: String,
        /// Why not.
        #[source]
        source: KeyError,
    },
    /// The key is encrypted, and its passphrase is missing or wrong.
    #[error(
        "opening the encrypted key that {name} names: set TRITON_KEY_PASSPHRASE, or load the key into ssh-agent"
    )]
    Passphrase {
        /// The variable or the field.
        name: String,
        /// Whether it is missing or wrong, and where the key is.
        #[source]
        source: KeyError,
    },
    /// The key is another one than the fingerprint says.
    #[error("the key has the fingerprint {found}, but {wanted} is wanted: one of the two is wrong")]
    KeyMismatch {
        /// The fingerprint configured.
        wanted: Fingerprint,
        /// The key's, by the same hash.
        found: Fingerprint,
    },
    /// Nobody has the key.
    #[error("no key with the fingerprint {wanted} in {searched}, nor in the ssh-agent")]
    KeyNotFound {
        /// The fingerprint configured.
        wanted: Fingerprint,
        /// Where it was looked for.
        searched: String,
        /// Why the agent does not have it.
        #[source]
        source: Box<AgentError>,
    },
    /// The URL does not do.
    #[error("reading the URL")]
    Url(#[source] BoxError),
    /// TLS cannot be set up.
    #[error("setting up TLS")]
    Tls(#[source] BoxError),
}

// === impl ConfigError ===

impl ConfigError {
    pub(super) fn invalid(name: &str, found: &str, wants: &'static str) -> Self {
        Self::Invalid { name: name.to_owned(), found: found.to_owned(), wants }
    }
}

impl ConfigError {
    pub(super) fn key(name: &str, source: KeyError) -> Self {
        let name = name.to_owned();
        let inner = match &source {
            KeyError::File { source, .. } => source.as_ref(),
            other => other,
        };
        if matches!(inner, KeyError::Encrypted | KeyError::Passphrase) {
            Self::Passphrase { name, source }
        } else {
            Self::Key { name, source }
        }
    }
}

/// Names in a sentence.
struct Names<'a>(&'a [String]);

impl std::fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            [] => f.write_str("is none at all"),
            [one] => write!(f, "is {one}"),
            many => write!(f, "are {}", many.join(", ")),
        }
    }
}

//! From where a key is said to be to something that signs.
//!
//! The order is that of Triton's own tools: a key file without a passphrase, then the agent, then a file that needs a
//! passphrase.

use std::fs;
use std::future::Future;
use std::path::{Path, PathBuf};

use secrecy::ExposeSecret as _;
use triton_signature::agent::{Agent, AgentError};
use triton_signature::{Fingerprint, KeyError, PrivateKey, PublicKey, Signer};

use super::{Config, ConfigError, Env, KeySource};

/// Largest public key file that is looked into, in bytes.
const PUBLIC_BYTES_MAX: u64 = 65_536;

// === impl Config ===

impl Config {
    /// The key, ready to sign. `home` is where `.ssh` is, and `env` names the agent's socket.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Key`], [`ConfigError::Passphrase`], [`ConfigError::KeyMismatch`], and [`ConfigError::KeyNotFound`], which names all the
    /// places that were searched.
    pub fn signer<'a>(
        &'a self,
        env: Env<'_>,
        home: Option<&'a Path>,
    ) -> impl Future<Output = Result<Signer, ConfigError>> + Send + use<'a> {
        // The environment is read now and not held while waiting, so that the future can go to another thread.
        let agent = Agent::from_env(env);
        async move {
            match &self.key {
                KeySource::Text(text, id) => {
                    let key = PrivateKey::from_text(text.expose_secret(), self.passphrase.as_ref());
                    expect(key.map_err(material)?, id.as_ref())
                }
                KeySource::File(path, id) => {
                    let key = PrivateKey::from_file(path, self.passphrase.as_ref());
                    expect(key.map_err(material)?, id.as_ref())
                }
                KeySource::Fingerprint(id) => self.search(id, home, agent).await,
            }
        }
    }

    async fn search(
        &self,
        id: &Fingerprint,
        home: Option<&Path>,
        agent: Result<Agent, AgentError>,
    ) -> Result<Signer, ConfigError> {
        let file = home.and_then(|home| find_file(&home.join(".ssh"), id));
        let from_file = file.map(|path| PrivateKey::from_file(path, self.passphrase.as_ref()));
        let file_error = match from_file {
            Some(Ok(key)) => return expect(key, Some(id)),
            Some(Err(error)) => Some(error),
            None => None,
        };
        let from_agent = match agent {
            Ok(agent) => agent.signer(id).await,
            Err(error) => Err(error),
        };
        match (from_agent, file_error) {
            (Ok(signer), _) => Ok(signer.into()),
            // The file is the right one: what keeps it shut is more to the point than who else does not have it.
            (Err(_), Some(source)) => Err(ConfigError::key("KEY_ID", source)),
            (Err(source), None) => {
                let searched = home.map_or_else(
                    || "~/.ssh".to_owned(),
                    |home| home.join(".ssh").display().to_string(),
                );
                Err(ConfigError::KeyNotFound { wanted: *id, searched, source: Box::new(source) })
            }
        }
    }
}

fn material(source: KeyError) -> ConfigError {
    ConfigError::key("KEY_MATERIAL", source)
}

fn expect(key: PrivateKey, wanted: Option<&Fingerprint>) -> Result<Signer, ConfigError> {
    let wire = key.public_key().wire();
    match wanted {
        Some(wanted) if !wanted.is_of(wire) => {
            let found = match wanted {
                Fingerprint::Md5(_) => Fingerprint::md5(wire),
                Fingerprint::Sha256(_) => Fingerprint::sha256(wire),
            };
            Err(ConfigError::KeyMismatch { wanted: *wanted, found })
        }
        _ => Ok(key.into()),
    }
}

/// The private key in that directory whose public half has the fingerprint.
///
/// Files that are not keys, or cannot be read, are somebody else's.
fn find_file(directory: &Path, id: &Fingerprint) -> Option<PathBuf> {
    let files = fs::read_dir(directory).ok()?.flatten().map(|file| file.path());
    let mut files: Vec<PathBuf> = files.filter(|path| path.is_file()).collect();
    files.sort();
    let by_public_half = files
        .iter()
        .filter(|path| path.extension().is_some_and(|ext| ext == "pub"))
        .find_map(|path| {
            let private = path.with_extension("");
            let is_it = private.is_file() && read_public(path)?.has_fingerprint(id);
            is_it.then_some(private)
        });
    by_public_half.or_else(|| {
        let is_lone = |path: &&PathBuf| {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            name.starts_with("id_") && !name.ends_with(".pub")
        };
        let is_it = |path: &&PathBuf| {
            PrivateKey::from_file(path, None).is_ok_and(|key| key.public_key().has_fingerprint(id))
        };
        files.iter().filter(is_lone).find(is_it).cloned()
    })
}

fn read_public(path: &Path) -> Option<PublicKey> {
    let is_small = fs::metadata(path).is_ok_and(|file| file.len() <= PUBLIC_BYTES_MAX);
    let text = if is_small { fs::read_to_string(path).ok()? } else { return None };
    PublicKey::from_openssh(&text).ok()
}

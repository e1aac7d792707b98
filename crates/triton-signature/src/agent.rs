//! Signing through a running ssh-agent, so that no private key is ever in this process.
//!
//! The protocol is draft-ietf-sshm-ssh-agent, sections 3.5 (list) and 3.6 (sign); nothing else of it is used. Each
//! call opens its own connection, so an agent may be restarted at any time.

mod wire;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use crate::algorithm::Algorithm;
use crate::fingerprint::Fingerprint;
use crate::public_key::{KeyError, KeyKind, PublicKey};
use crate::signer::Signature;
use wire::{Answer, Identity};

/// Longest wait for one answer. An agent may be asking its user to confirm (`ssh-add -c`).
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// Largest answer read, in bytes (OpenSSH's own limit).
const ANSWER_BYTES_MAX: usize = 256 * 1024;

/// A running agent, by its socket.
#[derive(Clone, Debug)]
pub struct Agent {
    socket: PathBuf,
}

/// One key of an agent.
#[derive(Debug)]
pub struct AgentSigner {
    agent: Agent,
    public: PublicKey,
}

/// Why the agent was of no use.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AgentError {
    /// There is no agent to ask.
    #[error(
        "no ssh-agent: SSH_AUTH_SOCK is not set (start one with `eval $(ssh-agent)` and add the key with `ssh-add`)"
    )]
    NoSocket,
    /// Nobody listens at the socket.
    #[error("connecting to the ssh-agent at {} (from SSH_AUTH_SOCK)", socket.display())]
    Connect {
        /// The socket.
        socket: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The connection broke in the middle.
    #[error("talking to the ssh-agent at {}", socket.display())]
    Talk {
        /// The socket.
        socket: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The agent did not answer in time.
    #[error("the ssh-agent at {} did not answer within {} s", socket.display(), ANSWER_TIMEOUT.as_secs())]
    Timeout {
        /// The socket.
        socket: PathBuf,
    },
    /// The agent answered something that is not its protocol.
    #[error("the ssh-agent's answer makes no sense: {what}")]
    Garbled {
        /// What was wrong.
        what: &'static str,
    },
    /// The agent has other keys.
    #[error("the ssh-agent does not hold the key {wanted}; it holds {}", Listing(present))]
    KeyNotFound {
        /// The fingerprint looked for.
        wanted: Fingerprint,
        /// What is there instead: fingerprint of the same hash, then comment.
        present: Vec<(Fingerprint, String)>,
    },
    /// The agent has the key and refused to sign: its user said no.
    #[error("the ssh-agent refused to sign with {fingerprint}: was a confirmation declined?")]
    Refused {
        /// The key's MD5 fingerprint.
        fingerprint: String,
    },
    /// The agent had the key once and has it no more: it was taken out, has expired, or another agent has taken the
    /// place of the first. It heals by itself once the key is there again.
    #[error(
        "the ssh-agent at {} has lost the key {wanted}: it holds {}; add it again with `ssh-add`",
        socket.display(),
        Listing(present)
    )]
    KeyLost {
        /// The socket.
        socket: PathBuf,
        /// The key's fingerprint.
        wanted: Fingerprint,
        /// What is there instead. A locked agent shows nothing.
        present: Vec<(Fingerprint, String)>,
    },
    /// An agent signs P-384 keys with SHA-384 only, which CloudAPI refuses.
    #[error(
        "an agent signs ECDSA P-384 keys with SHA-384, which CloudAPI refuses; use the key's file, or another key"
    )]
    P384,
    /// The key is of a kind that CloudAPI cannot know (hardware key, certificate, DSA).
    #[error("the ssh-agent's key {wanted} cannot be used")]
    Key {
        /// The fingerprint looked for.
        wanted: Fingerprint,
        /// Why not.
        #[source]
        source: KeyError,
    },
}

// === impl Agent ===

impl Agent {
    /// The agent that listens at this path.
    pub fn new(socket: impl Into<PathBuf>) -> Self {
        Self { socket: socket.into() }
    }

    /// The agent that `SSH_AUTH_SOCK` names, from an environment given as a look-up.
    ///
    /// # Errors
    ///
    /// [`AgentError::NoSocket`] if the variable is unset or empty.
    pub fn from_env(env: &dyn Fn(&str) -> Option<String>) -> Result<Self, AgentError> {
        match env("SSH_AUTH_SOCK") {
            Some(socket) if !socket.is_empty() => Ok(Self::new(socket)),
            _ => Err(AgentError::NoSocket),
        }
    }

    /// The socket's path.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// The key with that fingerprint, ready to sign.
    ///
    /// # Errors
    ///
    /// [`AgentError::KeyNotFound`] lists what the agent holds instead.
    pub async fn signer(&self, wanted: &Fingerprint) -> Result<AgentSigner, AgentError> {
        let identities = self.identities().await?;
        let Some(identity) = identities.iter().find(|identity| wanted.is_of(&identity.blob)) else {
            let present =
                identities.into_iter().map(|identity| present(identity, wanted)).collect();
            return Err(AgentError::KeyNotFound { wanted: *wanted, present });
        };
        let public = PublicKey::from_wire(&identity.blob)
            .map_err(|source| AgentError::Key { wanted: *wanted, source })?;
        if public.kind() == KeyKind::EcdsaP384 {
            return Err(AgentError::P384);
        }
        Ok(AgentSigner { agent: self.clone(), public })
    }

    async fn identities(&self) -> Result<Vec<Identity>, AgentError> {
        match self.ask(&wire::list_request()).await? {
            Answer::Identities(identities) => Ok(identities),
            // An agent that is locked lists nothing; one that fails here has nothing to say.
            Answer::Failure => Ok(Vec::new()),
            Answer::Signature { .. } => {
                Err(AgentError::Garbled { what: "a signature where a list was asked for" })
            }
        }
    }

    async fn ask(&self, request: &[u8]) -> Result<Answer, AgentError> {
        let answer = tokio::time::timeout(ANSWER_TIMEOUT, self.exchange(request)).await;
        let answer = answer.map_err(|_| AgentError::Timeout { socket: self.socket.clone() })??;
        Answer::parse(&answer)
    }

    async fn exchange(&self, request: &[u8]) -> Result<Vec<u8>, AgentError> {
        let talk = |source| AgentError::Talk { socket: self.socket.clone(), source };
        let mut stream = UnixStream::connect(&self.socket)
            .await
            .map_err(|source| AgentError::Connect { socket: self.socket.clone(), source })?;
        stream.write_all(request).await.map_err(talk)?;
        let length = stream.read_u32().await.map_err(talk)? as usize;
        if length == 0 || length > ANSWER_BYTES_MAX {
            return Err(AgentError::Garbled { what: "its length is out of bounds" });
        }
        let mut answer = vec![0; length];
        stream.read_exact(&mut answer).await.map_err(talk)?;
        Ok(answer)
    }
}

// === impl AgentSigner ===

impl AgentSigner {
    /// The public half of the key.
    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        &self.public
    }

    /// Signs, in the form CloudAPI wants.
    ///
    /// RSA is asked for with SHA-256; an agent too old to know that answers SHA-1, and the signature is labelled so.
    ///
    /// # Errors
    ///
    /// [`AgentError`], when the agent is gone, refuses, or answers with something else than it was asked for.
    pub async fn sign(&self, message: &[u8]) -> Result<Signature, AgentError> {
        let flags = if self.public.kind() == KeyKind::Rsa { wire::RSA_SHA2_256 } else { 0 };
        match self.agent.ask(&wire::sign_request(self.public.wire(), message, flags)).await? {
            Answer::Signature { name, bytes } => signature(self.public.kind(), &name, bytes),
            Answer::Failure => Err(self.why_not().await),
            Answer::Identities(_) => {
                Err(AgentError::Garbled { what: "a list where a signature was asked for" })
            }
        }
    }
}

impl AgentSigner {
    /// A refusal has no reason in the protocol; whether the key is still there tells most of it.
    async fn why_not(&self) -> AgentError {
        let wanted = Fingerprint::md5(self.public.wire());
        let identities = match self.agent.identities().await {
            Ok(identities) => identities,
            Err(error) => return error,
        };
        if identities.iter().any(|identity| wanted.is_of(&identity.blob)) {
            return AgentError::Refused { fingerprint: wanted.to_string() };
        }
        let present = identities.into_iter().map(|identity| present(identity, &wanted)).collect();
        AgentError::KeyLost { socket: self.agent.socket.clone(), wanted, present }
    }
}

/// Turns SSH's signature into CloudAPI's, trusting the name in the answer and not what was asked for.
fn signature(kind: KeyKind, name: &str, bytes: Vec<u8>) -> Result<Signature, AgentError> {
    let (algorithm, is_ecdsa) = match name {
        "ssh-rsa" => (Algorithm::RsaSha1, false),
        "rsa-sha2-256" => (Algorithm::RsaSha256, false),
        "rsa-sha2-512" => (Algorithm::RsaSha512, false),
        "ecdsa-sha2-nistp256" => (Algorithm::EcdsaSha256, true),
        "ecdsa-sha2-nistp521" => (Algorithm::EcdsaSha512, true),
        "ssh-ed25519" => (Algorithm::Ed25519Sha512, false),
        _ => return Err(AgentError::Garbled { what: "a signature of an unknown type" }),
    };
    if !algorithm.fits(kind) {
        return Err(AgentError::Garbled { what: "a signature by another kind of key" });
    }
    let bytes = if is_ecdsa { wire::der_from_mpints(&bytes)? } else { bytes };
    Ok(Signature { algorithm, bytes })
}

fn present(identity: Identity, wanted: &Fingerprint) -> (Fingerprint, String) {
    let fingerprint = match wanted {
        Fingerprint::Md5(_) => Fingerprint::md5(&identity.blob),
        Fingerprint::Sha256(_) => Fingerprint::sha256(&identity.blob),
    };
    (fingerprint, identity.comment)
}

/// The keys of an agent in a sentence.
struct Listing<'a>(&'a [(Fingerprint, String)]);

impl fmt::Display for Listing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("no key (locked, or new: `ssh-add -l` tells)");
        }
        for (index, (fingerprint, comment)) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{fingerprint} ({comment})")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unset_socket_is_named() {
        for value in [None, Some(String::new())] {
            let error = Agent::from_env(&|_| value.clone()).unwrap_err();
            assert!(error.to_string().contains("SSH_AUTH_SOCK"), "{error}");
        }
    }

    #[tokio::test]
    async fn a_dead_socket_is_named() {
        let agent = Agent::new("/nonexistent/agent.sock");
        let error = agent.signer(&Fingerprint::md5(b"")).await.unwrap_err();
        assert!(error.to_string().contains("/nonexistent/agent.sock"), "{error}");
    }

    #[test]
    fn the_label_is_what_the_agent_did_and_not_what_it_was_asked_for() {
        let label =
            |kind, name| signature(kind, name, vec![1]).map(|signature| signature.algorithm);
        assert_eq!(label(KeyKind::Rsa, "ssh-rsa").unwrap(), Algorithm::RsaSha1);
        assert_eq!(label(KeyKind::Rsa, "rsa-sha2-512").unwrap(), Algorithm::RsaSha512);
        assert!(label(KeyKind::Ed25519, "ssh-rsa").is_err());
        assert!(label(KeyKind::EcdsaP256, "ecdsa-sha2-nistp384").is_err());
    }
}

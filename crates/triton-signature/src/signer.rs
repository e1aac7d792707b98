//! Whatever can sign: a private key in memory, or the agent.

use crate::algorithm::Algorithm;
use crate::private_key::PrivateKey;
use crate::public_key::PublicKey;

/// A signature in the form CloudAPI wants: PKCS#1 v1.5, DER for ECDSA, 64 bytes for Ed25519.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// How it was made.
    pub algorithm: Algorithm,
    /// The signature itself.
    pub bytes: Vec<u8>,
}

/// Makes signatures with one key.
#[derive(Debug)]
#[non_exhaustive]
pub enum Signer {
    /// A key held in memory.
    Key(PrivateKey),
    /// A key held by ssh-agent.
    #[cfg(feature = "agent")]
    Agent(crate::agent::AgentSigner),
}

/// Why nothing was signed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// The arithmetic failed.
    #[error("signing with the private key")]
    Key(#[source] rsa::signature::Error),
    /// The agent did not sign.
    #[cfg(feature = "agent")]
    #[error("signing through ssh-agent")]
    Agent(#[from] crate::agent::AgentError),
}

// === impl Signer ===

impl Signer {
    /// Signs. A key in memory takes milliseconds of this thread; an agent may ask its user and take as long as
    /// `ANSWER_TIMEOUT` of the `agent` module allows.
    ///
    /// # Errors
    ///
    /// [`SignError`], by who was to sign.
    pub async fn sign(&self, message: &[u8]) -> Result<Signature, SignError> {
        match self {
            Self::Key(key) => key.sign(message),
            #[cfg(feature = "agent")]
            Self::Agent(agent) => Ok(agent.sign(message).await?),
        }
    }

    /// The public half of the key.
    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        match self {
            Self::Key(key) => key.public_key(),
            #[cfg(feature = "agent")]
            Self::Agent(agent) => agent.public_key(),
        }
    }
}

impl From<PrivateKey> for Signer {
    fn from(key: PrivateKey) -> Self {
        Self::Key(key)
    }
}

#[cfg(feature = "agent")]
impl From<crate::agent::AgentSigner> for Signer {
    fn from(agent: crate::agent::AgentSigner) -> Self {
        Self::Agent(agent)
    }
}

//! What a provider can do beside running pods, each in a trait of its own.
//!
//! A provider implements those that it can, and the node is told of each ([`Abilities`]); what it was not told of, the
//! kubelet's HTTPS port answers with 501. What `kubectl` and the metrics server ask is translated here: a provider gives
//! lines and samples, and never sees a query, a protocol or a metric's name.

pub mod exec;
pub mod logs;
pub mod usage;

use std::fmt;
use std::sync::Arc;

pub use exec::{Exec, ExecIo, ExecRequest, TerminalSize};
pub use logs::{LogLine, LogOptions, LogRequest, LogStream, Logs, Output};
pub use usage::{ContainerUsage, NodeUsage, PodUsage, Sample, Usage};

/// What the provider of one node can do.
#[derive(Clone, Default)]
pub struct Abilities {
    /// `kubectl exec`.
    pub exec: Option<Arc<dyn Exec>>,
    /// `kubectl logs`.
    pub logs: Option<Arc<dyn Logs>>,
    /// `kubectl top`, the horizontal pod autoscaler, `/stats/summary`.
    pub usage: Option<Arc<dyn Usage>>,
}

/// What a node declares when commands can be run on it: WebSockets are passed through to it (KEP-4006).
pub const WEBSOCKETS: &str = "ExtendWebSocketsToKubelet";

/// Why a provider could not do what a person asked of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AbilityError {
    /// What was asked about is not there; answered with 404.
    #[error("{0}")]
    NotFound(String),
    /// It cannot be done now, as the pod stands; answered with 400.
    #[error("{0}")]
    Refused(String),
    /// The back end failed; answered with 500. The sentence is shown to whoever asked and holds no secrets.
    #[error("{message}")]
    Failed {
        /// One sentence for a person.
        message: String,
        /// The cause, for logs.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
}

// === impl Abilities ===

impl fmt::Debug for Abilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Abilities")
            .field("exec", &self.exec.is_some())
            .field("logs", &self.logs.is_some())
            .field("usage", &self.usage.is_some())
            .finish()
    }
}

// === impl AbilityError ===

impl AbilityError {
    /// A failure without a cause.
    #[must_use]
    pub fn failed(message: impl Into<String>) -> Self {
        Self::Failed { message: message.into(), source: None }
    }
}

//! What [`leftovers`](crate::leftovers) and [`adopt`](crate::adopt::command), which an operator asks for, have in common.

use triton_cloudapi::client::Error;

use crate::cluster::ClusterError;

/// Why something could not be seen, or done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ByHandError {
    /// CloudAPI.
    #[error("{doing}")]
    Cloud {
        /// What we were doing.
        doing: &'static str,
        /// Its answer.
        #[source]
        source: Error,
    },
    /// The API server.
    #[error("reading pods")]
    Pods(#[from] ClusterError),
}

// === impl ByHandError ===

impl ByHandError {
    pub(crate) fn cloud(doing: &'static str, source: Error) -> Self {
        Self::Cloud { doing, source }
    }
}

//! One call to the API server: bounded in time, its refusals told apart.

use std::future::Future;
use std::time::Duration;

/// How long one call may take. kube-client sets no limit of its own on reading an answer.
pub(crate) const CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// Why a call to the API server gave nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// No answer in time; what was asked may or may not have been done.
    #[error("{verb} got no answer within {} s", limit.as_secs())]
    Timeout {
        /// What was asked.
        verb: &'static str,
        /// For how long we waited.
        limit: Duration,
    },
    /// The server refused.
    #[error("{verb} was refused with {code}: {message}")]
    Refused {
        /// What was asked.
        verb: &'static str,
        /// HTTP status.
        code: u16,
        /// The server's words.
        message: String,
    },
    /// There was no usable answer; what was asked may or may not have been done.
    #[error("{verb}")]
    Failed {
        /// What was asked.
        verb: &'static str,
        /// Why it failed.
        #[source]
        source: Box<kube_client::Error>,
    },
}

/// Runs one call with the usual limit.
pub(crate) async fn call<T>(
    verb: &'static str,
    future: impl Future<Output = Result<T, kube_client::Error>>,
) -> Result<T, CallError> {
    call_within(CALL_TIMEOUT, verb, future).await
}

/// Runs one call with a limit of its own.
pub(crate) async fn call_within<T>(
    limit: Duration,
    verb: &'static str,
    future: impl Future<Output = Result<T, kube_client::Error>>,
) -> Result<T, CallError> {
    match tokio::time::timeout(limit, future).await {
        Err(_) => Err(CallError::Timeout { verb, limit }),
        Ok(Err(kube_client::Error::Api(status))) => {
            Err(CallError::Refused { verb, code: status.code, message: status.message })
        }
        Ok(Err(source)) => Err(CallError::Failed { verb, source: Box::new(source) }),
        Ok(Ok(value)) => Ok(value),
    }
}

// === impl CallError ===

impl CallError {
    /// The HTTP status of a refusal, `None` when there was no answer.
    #[must_use]
    pub fn code(&self) -> Option<u16> {
        match self {
            Self::Refused { code, .. } => Some(*code),
            Self::Failed { .. } | Self::Timeout { .. } => None,
        }
    }

    /// The server says that the object does not exist.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.code() == Some(404)
    }

    /// The server holds another version, or another object of that name.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        self.code() == Some(409)
    }
}

/// An error and its causes in one line, for logs.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        // Some libraries print their cause themselves; saying it twice helps nobody.
        if !line.contains(&text) {
            line.push_str(": ");
            line.push_str(&text);
        }
        cause = error.source();
    }
    line
}

//! Why a feed cannot be followed.

use http::StatusCode;

use crate::changefeed::SINCE;
use crate::client::error::Error;
use crate::client::websocket::{HandshakeError, UpgradeError};

/// Why there is no feed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChangefeedError {
    /// This CloudAPI is too old. List in an interval instead.
    #[error("this CloudAPI ({}) has no changefeed: it came with {SINCE}", server.as_deref().unwrap_or("it does not say which"))]
    NotSupported {
        /// What its `Server` header says.
        server: Option<String>,
    },
    /// The server, or a proxy before it, does not switch to WebSocket.
    #[error("opening the changefeed")]
    NotUpgraded(#[source] UpgradeError),
    /// The request failed as any may: refused, not signed, not connected.
    #[error("opening the changefeed")]
    Call(#[source] Error),
}

// === impl ChangefeedError ===

impl ChangefeedError {
    /// Whether trying again can help. An error that ends a feed never is; one of an interruption always is.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::NotSupported { .. } | Self::NotUpgraded(_) => false,
            Self::Call(error) => is_passing(error),
        }
    }

    /// The call's error, if it is one.
    #[must_use]
    pub fn call(&self) -> Option<&Error> {
        match self {
            Self::Call(error) => Some(error),
            _ => None,
        }
    }
}

impl From<HandshakeError> for ChangefeedError {
    fn from(error: HandshakeError) -> Self {
        match error {
            HandshakeError::NotUpgraded(error) => Self::NotUpgraded(error),
            HandshakeError::Call { error, server } => {
                let status = error.api().map(|error| error.status);
                if status == Some(StatusCode::NOT_FOUND.as_u16()) {
                    Self::NotSupported { server }
                } else {
                    Self::Call(error)
                }
            }
        }
    }
}

fn is_passing(error: &Error) -> bool {
    match error {
        // Who has written the wrong thing into a configuration wants to hear of it once, not every 30 s.
        Error::Transport { problem, .. } => !problem.is_lasting(),
        Error::Timeout { .. } | Error::Busy { .. } => true,
        // An agent that was restarted has its keys again in a while.
        Error::Sign(_) => true,
        Error::Api(error) => matches!(error.status, 408 | 429 | 500..),
        Error::NotCloudApi { status, .. } => matches!(status.as_u16(), 408 | 429 | 500..),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;
    use crate::client::ConnectionProblem;
    use crate::error::ApiError;
    use crate::request::Answer;

    fn error(status: u16, server: Option<&str>) -> ChangefeedError {
        let status = StatusCode::from_u16(status).unwrap();
        let error =
            ApiError::from_answer(&Answer { status, headers: &HeaderMap::new(), body: b"" });
        HandshakeError::Call { error: Error::Api(error), server: server.map(str::to_owned) }.into()
    }

    #[test]
    fn what_a_later_attempt_may_find_otherwise_is_passing() {
        for status in [408, 429, 500, 502, 503, 504] {
            assert!(error(status, None).is_passing(), "{status}");
        }
        for status in [302, 400, 401, 403, 404, 405, 406, 409, 410] {
            assert!(!error(status, None).is_passing(), "{status}");
        }
        let transport = |problem| {
            let source = "x".into();
            ChangefeedError::Call(Error::Transport { sent: false, problem, source }).is_passing()
        };
        assert!(transport(ConnectionProblem::Refused { authority: String::new() }));
        let (host, reason) = (String::new(), String::new());
        assert!(!transport(ConnectionProblem::Certificate { host, reason }));
    }

    #[test]
    fn an_old_cloudapi_is_named() {
        assert_eq!(
            error(404, Some("cloudapi/9.11.0")).to_string(),
            "this CloudAPI (cloudapi/9.11.0) has no changefeed: it came with 9.14.0"
        );
        assert!(error(404, None).to_string().contains("it does not say which"));
    }
}

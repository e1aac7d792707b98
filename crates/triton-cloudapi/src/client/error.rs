//! What can go wrong with a call, sorted by what its caller can do about it.

use std::time::Duration;

use http::StatusCode;
use triton_signature::SignError;

use crate::error::ApiError;
use crate::request::{AnswerError, RequestError};

/// Any error of the machinery below, as it came.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why a call gave no result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The parameters cannot be sent; nothing was.
    #[error("making the request")]
    Request(#[from] RequestError),
    /// The key did not sign; nothing was sent.
    #[error("signing the request")]
    Sign(#[source] SignError),
    /// The connection could not be made, or broke.
    #[error("{} CloudAPI", if *sent { "waiting for the answer of" } else { "connecting to" })]
    Transport {
        /// Whether the request may have reached the server.
        sent: bool,
        /// What the connection said.
        #[source]
        source: BoxError,
    },
    /// CloudAPI refused.
    #[error(transparent)]
    Api(ApiError),
    /// CloudAPI agreed, in words that cannot be read.
    #[error("reading CloudAPI's answer ({status})")]
    Decode {
        /// Status.
        status: StatusCode,
        /// What is wrong with the body.
        #[source]
        source: BoxError,
    },
    /// The deadline of the whole call has passed, waiting for the rate limit and retries included.
    #[error("no answer of CloudAPI within {} s", after.as_secs())]
    Timeout {
        /// The deadline.
        after: Duration,
        /// Whether the request may have reached the server.
        sent: bool,
    },
    /// Too many calls are waiting for the rate limit already.
    #[error("{waiting} calls are waiting for CloudAPI's rate limit already")]
    Busy {
        /// How many.
        waiting: usize,
    },
    /// A list that must be complete is not: it changed too fast, or holds something unreadable.
    #[error("the list of instances is not complete: {reason}")]
    Incomplete {
        /// What is missing.
        reason: String,
    },
}

// === impl Error ===

impl Error {
    /// Whether a request that changes things may have been carried out all the same.
    ///
    /// Then look before sending it again. A refusal (4xx, throttling, no server or address left) and a connection that
    /// never was are not ambiguous.
    #[must_use]
    pub fn is_ambiguous(&self) -> bool {
        match self {
            Self::Transport { sent, .. } | Self::Timeout { sent, .. } => *sent,
            // It said yes, and then something that cannot be read.
            Self::Decode { .. } => true,
            // 501 and 507 are considered answers of CloudAPI itself; the others may come from its proxy, which gives
            // up waiting while CloudAPI goes on.
            Self::Api(error) => matches!(error.status, 500 | 502..=504),
            Self::Request(_) | Self::Sign(_) | Self::Busy { .. } | Self::Incomplete { .. } => false,
        }
    }

    /// What the call is about does not exist (404), or no more (410).
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.api().is_some_and(|error| error.is_not_found() || error.is_gone())
    }

    /// Key, signature or permission: trying again will not help.
    #[must_use]
    pub fn is_auth(&self) -> bool {
        matches!(self, Self::Sign(_)) || self.api().is_some_and(ApiError::is_auth)
    }

    /// The server's or our own rate limit.
    #[must_use]
    pub fn is_throttled(&self) -> bool {
        matches!(self, Self::Busy { .. }) || self.api().is_some_and(ApiError::is_throttled)
    }

    /// Nobody answered, or only the proxy in front of a CloudAPI that is down.
    #[must_use]
    pub fn is_unreachable(&self) -> bool {
        match self {
            Self::Transport { .. } | Self::Timeout { .. } => true,
            Self::Api(error) => matches!(error.status, 502..=504),
            _ => false,
        }
    }

    /// CloudAPI's refusal, if it is one.
    #[must_use]
    pub fn api(&self) -> Option<&ApiError> {
        match self {
            Self::Api(error) => Some(error),
            _ => None,
        }
    }

    /// A short name for metrics: `timeout`, `transport`, or the like.
    #[must_use]
    pub fn class(&self) -> &'static str {
        match self {
            Self::Request(_) => "request",
            Self::Sign(_) => "sign",
            Self::Transport { .. } => "transport",
            Self::Api(_) => "api",
            Self::Decode { .. } => "decode",
            Self::Timeout { .. } => "timeout",
            Self::Busy { .. } => "busy",
            Self::Incomplete { .. } => "incomplete",
        }
    }
}

impl From<AnswerError> for Error {
    fn from(error: AnswerError) -> Self {
        match error {
            AnswerError::Api(error) => Self::Api(error),
            AnswerError::Decode { status, source } => {
                Self::Decode { status, source: source.into() }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;
    use crate::request::Answer;

    fn api(status: u16) -> Error {
        let status = StatusCode::from_u16(status).unwrap();
        Error::Api(ApiError::from_answer(&Answer { status, headers: &HeaderMap::new(), body: b"" }))
    }

    #[track_caller]
    fn check(error: &Error, is_ambiguous: bool) {
        assert_eq!(error.is_ambiguous(), is_ambiguous, "{error:?}");
    }

    #[test]
    fn only_what_may_have_been_carried_out_is_ambiguous() {
        let transport = |sent| Error::Transport { sent, source: "x".into() };
        let timeout = |sent| Error::Timeout { after: Duration::from_secs(1), sent };
        check(&transport(true), true);
        check(&transport(false), false);
        check(&timeout(true), true);
        check(&timeout(false), false);
        check(&Error::Decode { status: StatusCode::CREATED, source: "x".into() }, true);
        for status in [500, 502, 503, 504] {
            check(&api(status), true);
        }
        for status in [302, 400, 401, 403, 404, 408, 409, 410, 413, 422, 429, 501, 507] {
            check(&api(status), false);
        }
        check(&Error::Busy { waiting: 1 }, false);
    }

    #[test]
    fn each_kind_of_refusal_is_told_apart() {
        assert!(api(404).is_not_found() && api(410).is_not_found() && !api(409).is_not_found());
        assert!(api(401).is_auth() && api(403).is_auth() && !api(400).is_auth());
        assert!(api(429).is_throttled() && !api(503).is_throttled());
        assert!(api(503).is_unreachable() && !api(500).is_unreachable());
    }
}

//! What can go wrong with a call, sorted by what its caller can do about it.

pub(crate) mod connection;

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use triton_signature::SignError;

use super::dry_run::Explanation;
use super::resolve::ResolveError;
use crate::error::{ApiError, ErrorCode};
use crate::request::{AnswerError, RequestError};
use crate::unreadable::Unreadable;

pub use connection::ConnectionProblem;

/// Any error of the machinery below, as it came.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why a call gave no result.
///
/// Its text and that of its sources hold no key, no signature and no metadata.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The parameters cannot be sent; nothing was.
    #[error("making the request")]
    Request(#[from] RequestError),
    /// The key did not sign; nothing was sent. Calls that waited for the same signature share the reason.
    #[error("signing the request")]
    Sign(#[source] Arc<SignError>),
    /// The connection could not be made, or broke.
    #[error("{}: {problem}", if *sent { "waiting for CloudAPI's answer" } else { "connecting to CloudAPI" })]
    Transport {
        /// Whether the request may have reached the server.
        sent: bool,
        /// What is wrong, and what to do about it.
        problem: ConnectionProblem,
        /// What the connection said.
        #[source]
        source: BoxError,
    },
    /// CloudAPI refused.
    #[error(transparent)]
    Api(ApiError),
    /// CloudAPI does not know the key, or the signature is another's (401).
    #[error(
        "CloudAPI does not accept the key {key_id}: check that the account's login is right and that this very key is \
         in the account (`triton key list`); a key that was added a moment ago takes some seconds"
    )]
    Credentials {
        /// The key, as the server was told.
        key_id: String,
        /// CloudAPI's answer.
        #[source]
        source: Box<ApiError>,
    },
    /// CloudAPI finds the clocks too far apart, also after ours was corrected by its answer.
    #[error(
        "CloudAPI finds this machine's clock too far from its own, and following its clock did not help: set the clock \
         (CloudAPI takes up to 300 s of difference)"
    )]
    Clock(#[source] ApiError),
    /// CloudAPI, or somebody in its place, sends us elsewhere. That is never followed: a signature is for one server.
    #[error(
        "CloudAPI redirects to {}, which is not followed with a signature: if that is the right CloudAPI, configure its \
         URL",
        location.as_deref().unwrap_or("nowhere")
    )]
    Redirect {
        /// Where to, without query.
        location: Option<String>,
        /// The answer.
        #[source]
        source: Box<ApiError>,
    },
    /// Whoever answers is not CloudAPI: a proxy, a login page, another service.
    #[error(
        "the answer ({status}) is {content}, which is not CloudAPI's: check the URL, and whether a proxy or a login page \
         is in between"
    )]
    NotCloudApi {
        /// Status.
        status: StatusCode,
        /// What it is instead, `HTML` mostly.
        content: String,
    },
    /// CloudAPI agreed, in words that cannot be read.
    #[error("reading CloudAPI's answer ({status})")]
    Decode {
        /// Status.
        status: StatusCode,
        /// What is wrong with the body. Holds none of its values.
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
    #[error("the list is not complete: {reason}")]
    Incomplete {
        /// What is missing.
        reason: String,
    },
    /// A name that stands for nothing, or for more than one thing.
    #[error(transparent)]
    Resolve(ResolveError),
    /// The gate ([`super::ClientBuilder::with_gate`]) did not let this change through.
    #[error("not sent: changes are not allowed now")]
    Gated {
        /// Whether an earlier attempt of the same call may have reached the server.
        sent: bool,
        /// What the gate said.
        #[source]
        source: BoxError,
    },
    /// The client sends no changes ([`super::ClientBuilder::with_dry_run`]), and this would have been one.
    #[error("not sent, since this is a dry run:\n{0}")]
    DryRun(Box<Explanation>),
}

/// What to do about an error (the classes of CloudAPI's codes).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Advice {
    /// It will pass: ask again after a while. The client has done so already, as often as it may.
    AskAgain,
    /// It may have been carried out: look before sending it again.
    LookFirst,
    /// State or capacity is against it now, and may not be in some seconds or minutes.
    TryLater,
    /// The same request will be refused again.
    GiveUp,
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
            Self::Transport { sent, .. }
            | Self::Timeout { sent, .. }
            | Self::Gated { sent, .. } => *sent,
            // It said yes, and then something that cannot be read.
            Self::Decode { .. } => true,
            // 501 and 507 are considered answers of CloudAPI itself; the others may come from a proxy on the way, which
            // gives up waiting while CloudAPI goes on.
            Self::Api(error) => is_ambiguous_status(error.status),
            Self::NotCloudApi { status, .. } => {
                status.is_success() || is_ambiguous_status(status.as_u16())
            }
            _ => false,
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
            Self::NotCloudApi { .. } => true,
            _ => false,
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn advice(&self) -> Advice {
        if self.is_ambiguous() {
            return Advice::LookFirst;
        }
        match self {
            Self::Transport { problem, .. } if problem.is_lasting() => Advice::GiveUp,
            Self::Transport { .. } | Self::Timeout { .. } | Self::Busy { .. } => Advice::AskAgain,
            Self::Incomplete { .. } => Advice::AskAgain,
            Self::Sign(_) | Self::Gated { .. } => Advice::TryLater,
            _ => match self.api() {
                Some(error) => advice_about(error),
                None => Advice::GiveUp,
            },
        }
    }

    /// CloudAPI's refusal, if it is one.
    #[must_use]
    pub fn api(&self) -> Option<&ApiError> {
        match self {
            Self::Api(error) | Self::Clock(error) => Some(error),
            Self::Credentials { source, .. } | Self::Redirect { source, .. } => Some(source),
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
            Self::Credentials { .. } => "credentials",
            Self::Clock(_) => "clock",
            Self::Redirect { .. } => "redirect",
            Self::NotCloudApi { .. } => "not_cloudapi",
            Self::Decode { .. } => "decode",
            Self::Timeout { .. } => "timeout",
            Self::Busy { .. } => "busy",
            Self::Incomplete { .. } => "incomplete",
            Self::Resolve(_) => "resolve",
            Self::Gated { .. } => "gated",
            Self::DryRun(_) => "dry_run",
        }
    }
}

impl From<AnswerError> for Error {
    fn from(error: AnswerError) -> Self {
        match error {
            AnswerError::Api(error) => Self::Api(error),
            AnswerError::Decode { status, source } => {
                Self::Decode { status, source: Unreadable::new(&source).into() }
            }
        }
    }
}

impl From<ResolveError> for Error {
    fn from(error: ResolveError) -> Self {
        Self::Resolve(error)
    }
}

fn is_ambiguous_status(status: u16) -> bool {
    matches!(status, 500..=599) && !matches!(status, 501 | 507)
}

fn advice_about(error: &ApiError) -> Advice {
    // The code is matched by its text, so that codes without a variant of their own count too.
    match (error.status, error.code.to_string().as_str()) {
        (408 | 429, _) => Advice::AskAgain,
        (
            409,
            "UnallocatedVM"
            | "NoAllocatableServers"
            | "VolumeServerNoResources"
            | "VolumeServerNoResourcesError"
            | "VmNotStopped"
            | "VmNotRunning",
        ) => Advice::TryLater,
        (507, _) => Advice::TryLater,
        (422, _) if error.errors.iter().any(|field| field.code == "UsedBy") => Advice::TryLater,
        (400, _) if error.is_clock_skew() => Advice::TryLater,
        (_, _) if error.code == ErrorCode::SubnetFull => Advice::TryLater,
        _ => Advice::GiveUp,
    }
}

#[cfg(test)]
mod tests;

//! What asks once, and what it can answer.

use std::fmt;
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;

use crate::probe::Handler;

/// Asks a target one question, once.
///
/// An implementation keeps to the timeout by itself and must be cancel-safe: a future is dropped when its probe is
/// removed. [`NetworkProber`](crate::NetworkProber) is the real one; tests script their own.
pub trait Prober: Send + Sync {
    /// Asks once.
    fn ask(&self, ask: Ask<'_>) -> impl Future<Output = Outcome> + Send;
}

/// One question.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// Name of the target, as given to [`Engine::set`](crate::Engine::set).
    pub target: &'a str,
    /// How to ask.
    pub handler: &'a Handler,
    /// The target's own address, used when the handler names no host.
    pub address: IpAddr,
    /// For the whole answer.
    pub timeout: Duration,
}

/// One answer. The text is for people: the body, or why it failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Yes.
    Success(String),
    /// Yes, but somebody should look at it. Counts as a success.
    Warning(String),
    /// No.
    Failure(String),
    /// The question could not be asked, or not to the end. Counts neither way.
    Unknown(String),
}

/// A [`Prober`] of any type, so that the engine has none in its own.
pub(crate) trait AnyProber: Send + Sync {
    /// Asks once; a panic becomes [`Outcome::Unknown`], so it can neither end a worker nor count.
    fn ask_any<'a>(&'a self, ask: Ask<'a>) -> BoxFuture<'a, Outcome>;
}

// === impl Outcome ===

impl Outcome {
    /// The text for people.
    pub fn message(&self) -> &str {
        match self {
            Self::Success(message)
            | Self::Warning(message)
            | Self::Failure(message)
            | Self::Unknown(message) => message,
        }
    }

    /// `Some(true)` counts as a success, `Some(false)` as a failure, `None` not at all.
    pub fn counts_as_success(&self) -> Option<bool> {
        match self {
            Self::Success(_) | Self::Warning(_) => Some(true),
            Self::Failure(_) => Some(false),
            Self::Unknown(_) => None,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self {
            Self::Success(_) => "success",
            Self::Warning(_) => "warning",
            Self::Failure(_) => "failure",
            Self::Unknown(_) => "unknown",
        };
        match self.message() {
            "" => f.write_str(word),
            message => write!(f, "{word}: {message}"),
        }
    }
}

// === impl AnyProber ===

impl<P: Prober> AnyProber for P {
    fn ask_any<'a>(&'a self, ask: Ask<'a>) -> BoxFuture<'a, Outcome> {
        // The call itself is inside too: a prober may panic before it has made its future.
        let ask = async move { self.ask(ask).await };
        AssertUnwindSafe(ask)
            .catch_unwind()
            .map(|caught| caught.unwrap_or_else(|_| Outcome::Unknown("the prober panicked".into())))
            .boxed()
    }
}

//! Waiting until something is so: asked again and again, within a deadline, telling how far it is.
//!
//! Most of what CloudAPI is asked to do it only accepts; that it is done shows later, in the thing itself or in the
//! instance's audit. What a look means ([`Verdict`]) is decided by plain functions, one family a file; this file asks,
//! waits and gives up. All looks go through the client's rate limit, and when many wait for instances they share one
//! list.

mod audit;
mod instance;
mod share;
mod things;

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::time::Duration;

use tokio::time::Instant;

use super::error::Error;

pub use audit::{AuditMark, actions};
pub use instance::InstanceWait;
pub(crate) use share::SharedLooks;

/// How long is waited by default: an image may have to be copied to a compute node first, which takes minutes.
pub const DEADLINE: Duration = Duration::from_secs(600);

/// Between the first looks.
const LOOK_EVERY_MIN: Duration = Duration::from_secs(1);

/// Between later looks.
const LOOK_EVERY_MAX: Duration = Duration::from_secs(5);

/// How much longer each wait between two looks is than the one before.
const SLOWER: f64 = 1.2;

/// What a look means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict<T> {
    /// It is so.
    Done(T),
    /// Not yet; this is what was seen, in a few words without secrets.
    NotYet(String),
    /// It never will be, and why.
    Never(String),
    /// The thing is not there any more.
    Gone,
}

/// How far a wait is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// What is waited for.
    pub what: String,
    /// What was seen last.
    pub seen: String,
    /// How long it has been.
    pub waited: Duration,
    /// Looks so far.
    pub looks: u32,
}

/// Why a wait ended without what it was for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WaitError {
    /// It was not so in time. It may be later.
    #[error("{what}: not within {} s (last seen: {seen})", after.as_secs_f32())]
    Deadline {
        /// What was waited for.
        what: String,
        /// How long.
        after: Duration,
        /// What was seen last.
        seen: String,
    },
    /// It never will be.
    #[error("{what}: {reason}")]
    Never {
        /// What was waited for.
        what: String,
        /// Why not.
        reason: String,
    },
    /// The thing is not there any more.
    #[error("{what}: it is not there any more")]
    Gone {
        /// What was waited for.
        what: String,
    },
    /// Looking failed in a way that will not pass. Failures that pass are looked through until the deadline.
    #[error(transparent)]
    Call(#[from] Error),
}

/// Something to wait for; `await` it. Dropping it stops the looking.
#[must_use = "nothing is looked at before it is awaited"]
pub struct Wait<T> {
    what: String,
    after: Duration,
    look: Look<T>,
    on_progress: Option<OnProgress>,
}

type OnProgress = Box<dyn FnMut(&Progress) + Send>;

/// Looks once.
type Look<T> = Box<dyn FnMut() -> Looking<T> + Send>;

type Looking<T> = Pin<Box<dyn Future<Output = Result<Verdict<T>, Error>> + Send>>;

// === impl Wait ===

impl<T: Send + 'static> Wait<T> {
    /// Waits for anything: `look` asks once and says what it means. `what` is what is waited for, in a few words.
    ///
    /// ```no_run
    /// use std::time::Duration;
    /// use triton_cloudapi::client::{Client, Verdict, Wait, WaitError};
    ///
    /// # async fn example(client: Client) -> Result<(), WaitError> {
    /// let look = move || {
    ///     let client = client.clone();
    ///     async move {
    ///         let keys = client.list_keys().await?.items;
    ///         Ok(match keys.iter().any(|key| key.name == "laptop") {
    ///             true => Verdict::Done(()),
    ///             false => Verdict::NotYet(format!("{} other keys", keys.len())),
    ///         })
    ///     }
    /// };
    /// Wait::new("the key laptop", look).within(Duration::from_secs(60)).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn new<F>(what: impl Into<String>, mut look: impl FnMut() -> F + Send + 'static) -> Self
    where
        F: Future<Output = Result<Verdict<T>, Error>> + Send + 'static,
    {
        let look = move || -> Looking<T> { Box::pin(look()) };
        Self { what: what.into(), after: DEADLINE, look: Box::new(look), on_progress: None }
    }

    /// Gives up after that time, instead of [`DEADLINE`].
    pub fn within(mut self, after: Duration) -> Self {
        self.after = after;
        self
    }

    /// Has this called after each look.
    pub fn on_progress(mut self, on_progress: impl FnMut(&Progress) + Send + 'static) -> Self {
        self.on_progress = Some(Box::new(on_progress));
        self
    }

    async fn run(mut self) -> Result<T, WaitError> {
        let started = Instant::now();
        let mut progress = Progress {
            what: self.what,
            seen: "nothing yet".to_owned(),
            waited: Duration::ZERO,
            looks: 0,
        };
        let mut pause = LOOK_EVERY_MIN;
        loop {
            let left = self.after.saturating_sub(started.elapsed());
            let looked = tokio::time::timeout(left, (self.look)()).await;
            progress.waited = started.elapsed();
            progress.looks += 1;
            let what = progress.what.clone();
            match looked {
                Ok(Ok(Verdict::Done(done))) => return Ok(done),
                Ok(Ok(Verdict::NotYet(seen))) => progress.seen = seen,
                Ok(Ok(Verdict::Never(reason))) => return Err(WaitError::Never { what, reason }),
                Ok(Ok(Verdict::Gone)) => return Err(WaitError::Gone { what }),
                Ok(Err(error)) if is_passing(&error) => {
                    progress.seen = format!("no answer of use ({})", error.class());
                }
                Ok(Err(error)) => return Err(WaitError::Call(error)),
                Err(_) => {}
            }
            if let Some(on_progress) = &mut self.on_progress {
                on_progress(&progress);
            }
            if progress.waited >= self.after {
                return Err(WaitError::Deadline { what, after: self.after, seen: progress.seen });
            }
            tokio::time::sleep(pause.min(self.after - progress.waited)).await;
            pause = pause.mul_f64(SLOWER).min(LOOK_EVERY_MAX);
        }
    }
}

impl<T: Send + 'static> IntoFuture for Wait<T> {
    type Output = Result<T, WaitError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl<T> fmt::Debug for Wait<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wait")
            .field("what", &self.what)
            .field("after", &self.after)
            .finish_non_exhaustive()
    }
}

/// Whether the next look may go better.
fn is_passing(error: &Error) -> bool {
    let is_server = error.api().is_some_and(|error| error.status >= 500);
    match error {
        Error::Transport { problem, .. } => !problem.is_lasting(),
        Error::Decode { .. } | Error::Incomplete { .. } => true,
        _ => error.is_unreachable() || error.is_throttled() || is_server,
    }
}

#[cfg(test)]
mod tests;

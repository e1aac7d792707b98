//! Whether this process may still change anything, asked at the moment of sending.
//!
//! A process holds its node's Lease for a while and may be stopped, starved or cut off for longer than that. So nobody
//! remembers having the right to act: whoever is about to send a change asks, right before it goes out. Reads need no
//! right.

mod kube;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::time::Instant;

pub use kube::{CONNECT_LIMIT, FenceLayer, FencedService, fenced_client};

/// The right to act, as long as it lasts; cheap to clone, and clones are the same fence.
#[derive(Clone, Debug)]
pub struct Fence(Option<Arc<Line>>);

#[derive(Debug)]
struct Line {
    state: Mutex<State>,
    refusals: AtomicU64,
}

/// How the fence stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Not opened yet.
    Closed,
    /// Open until either clock has passed its moment.
    Open(Until),
    /// Closed for good.
    Shut,
}

/// The end of a right to act, by two clocks.
///
/// The monotonic clock is what counts. It stands still while the machine sleeps, though, and the lease does not: the
/// wall clock notices that. A wall clock that is set forward closes the fence too early, until the next renewal; one
/// that is set back does nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Until {
    /// By the monotonic clock.
    pub monotonic: Instant,
    /// By the wall clock.
    pub wall: Timestamp,
}

/// This process may not change anything now; nothing was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not sent: this process does not hold the node's lease")]
pub struct Fenced;

// === impl Fence ===

impl Fence {
    /// A fence that never closes, for a process that nobody competes with.
    #[must_use]
    pub fn open_for_ever() -> Self {
        Self(None)
    }

    /// A fence that is closed until it is opened by [`Fence::open_until`].
    #[must_use]
    pub fn closed() -> Self {
        Self(Some(Arc::new(Line { state: Mutex::new(State::Closed), refusals: AtomicU64::new(0) })))
    }

    /// Whether a change may be sent now. The leave is for this moment: ask again for the next request, and after every
    /// wait.
    ///
    /// # Errors
    /// When it may not.
    pub fn check(&self) -> Result<(), Fenced> {
        let Some(line) = &self.0 else { return Ok(()) };
        if line.state().is_open(Instant::now(), crate::clock::now()) {
            return Ok(());
        }
        line.refusals.fetch_add(1, Ordering::Relaxed);
        Err(Fenced)
    }

    /// Whether it is open now, for those who only want to tell.
    #[must_use]
    pub fn is_open(&self) -> bool {
        let Some(line) = &self.0 else { return true };
        line.state().is_open(Instant::now(), crate::clock::now())
    }

    /// How many changes were refused so far.
    #[must_use]
    pub fn refusals(&self) -> u64 {
        self.0.as_ref().map_or(0, |line| line.refusals.load(Ordering::Relaxed))
    }

    /// Opens it until then, or moves the moment. A fence that was [shut](Fence::shut) stays shut.
    pub fn open_until(&self, until: Until) {
        if let Some(line) = &self.0 {
            let mut state = line.state();
            if *state != State::Shut {
                *state = State::Open(until);
            }
        }
    }

    /// Closes it for good: the right is lost, and what comes next gets a fence of its own.
    ///
    /// One that is open for ever cannot be shut.
    pub fn shut(&self) {
        if let Some(line) = &self.0 {
            *line.state() = State::Shut;
        }
    }
}

// === impl Line ===

impl Line {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl State ===

impl State {
    fn is_open(self, now: Instant, wall: Timestamp) -> bool {
        match self {
            Self::Open(until) => now < until.monotonic && wall < until.wall,
            Self::Closed | Self::Shut => false,
        }
    }
}

#[cfg(test)]
mod tests;

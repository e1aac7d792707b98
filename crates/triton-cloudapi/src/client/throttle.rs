//! Keeping below the server's rate limit, so that it is never met.
//!
//! CloudAPI gives each account a bucket of 30 requests for each group of calls and refills it with 10 a second; what
//! is more, it answers 429. The same bucket is kept here, shared by all clones of a client. Who must wait is served by
//! priority, so deletes never starve behind creates; and one request in [`FAIR_EVERY`] goes to whoever has waited
//! longest, so nothing else starves behind deletes.

use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::error::Error;
use crate::request::{Group, Priority};

/// Calls of one group that may wait at a time.
pub const WAITING_MAX: usize = 4096;

/// Every so many requests one goes to whoever has waited longest.
const FAIR_EVERY: u64 = 5;

/// How long after a 429 the rate stays where that has put it.
const SLOW_FOR: Duration = Duration::from_secs(5);

/// Within this time several 429s are one: they answer requests that were under way together.
const SAME_429: Duration = Duration::from_secs(1);

/// How long it takes then until the rate is back from nothing to all of it.
const RECOVERY: Duration = Duration::from_secs(60);

/// The slowest that 429s make us, in requests a second.
const RATE_MIN: f64 = 0.5;

/// How many requests to send, for each group of calls.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RateLimit {
    /// Requests a second in the long run.
    pub per_second: f64,
    /// Requests at once after a rest.
    pub burst: u32,
}

/// The buckets of all groups of calls. Clients that come one after the other, or beside each other, for the same account
/// and server keep to its limit together if they [share](super::ClientBuilder::with_throttle) one.
#[derive(Debug)]
pub struct Throttle {
    lanes: [Lane; Group::LIMITED.len()],
}

/// One group's bucket, and who waits for it.
#[derive(Debug)]
struct Lane {
    state: Mutex<State>,
    /// Rung when the one to go next may have changed.
    changed: Notify,
}

#[derive(Debug)]
struct State {
    bucket: Bucket,
    /// By priority, then by arrival.
    waiting: BTreeSet<(Priority, u64)>,
    arrivals: u64,
    served: u64,
}

/// A token bucket without a clock.
#[derive(Clone, Debug, PartialEq)]
struct Bucket {
    limit: RateLimit,
    rate: f64,
    tokens: f64,
    filled_at: Instant,
    /// From when on the rate grows again.
    slow_until: Option<Instant>,
    /// When a 429 has slowed it last.
    slowed_at: Option<Instant>,
}

/// A place in the queue, given up when dropped.
struct Ticket<'a> {
    lane: &'a Lane,
    key: (Priority, u64),
}

/// What one who waits is to do.
#[derive(Debug, PartialEq)]
enum Turn {
    Go,
    /// It is our turn, but there is no token before then.
    Sleep(Duration),
    /// It is someone else's turn.
    Wait,
}

// === impl RateLimit ===

impl Default for RateLimit {
    /// CloudAPI's own default.
    fn default() -> Self {
        Self { per_second: 10.0, burst: 30 }
    }
}

// === impl Throttle ===

impl Throttle {
    /// Full buckets.
    #[must_use]
    pub fn new(limit: RateLimit) -> Arc<Self> {
        let now = Instant::now();
        Arc::new(Self { lanes: std::array::from_fn(|_| Lane::new(limit, now)) })
    }

    /// Waits until a request may be sent.
    pub(crate) async fn acquire(&self, group: Group, priority: Priority) -> Result<(), Error> {
        match self.lane(group) {
            Some(lane) => lane.acquire(priority).await,
            None => Ok(()),
        }
    }

    /// Slows the group down after a 429.
    pub(crate) fn slow_down(&self, group: Group) {
        if let Some(lane) = self.lane(group) {
            lane.lock().bucket.slow_down(Instant::now());
        }
    }

    fn lane(&self, group: Group) -> Option<&Lane> {
        let index = Group::LIMITED.iter().position(|limited| *limited == group)?;
        self.lanes.get(index)
    }
}

// === impl Lane ===

impl Lane {
    fn new(limit: RateLimit, now: Instant) -> Self {
        let bucket = Bucket::new(limit, now);
        let state = State { bucket, waiting: BTreeSet::new(), arrivals: 0, served: 0 };
        Self { state: Mutex::new(state), changed: Notify::new() }
    }

    async fn acquire(&self, priority: Priority) -> Result<(), Error> {
        let ticket = Ticket { lane: self, key: self.lock().arrive(priority)? };
        loop {
            // Listen before looking, or a change between the two is missed.
            let mut changed = pin!(self.changed.notified());
            changed.as_mut().enable();
            let turn = self.lock().turn(ticket.key, Instant::now());
            match turn {
                Turn::Go => return Ok(()),
                // Whichever comes first, the token or a change, we look again.
                Turn::Sleep(wait) => drop(tokio::time::timeout(wait, changed).await),
                Turn::Wait => changed.await,
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Ticket ===

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        self.lane.lock().waiting.remove(&self.key);
        self.lane.changed.notify_waiters();
    }
}

// === impl State ===

impl State {
    fn arrive(&mut self, priority: Priority) -> Result<(Priority, u64), Error> {
        let waiting = self.waiting.len();
        if waiting >= WAITING_MAX {
            return Err(Error::Busy { waiting });
        }
        self.arrivals += 1;
        let key = (priority, self.arrivals);
        self.waiting.insert(key);
        Ok(key)
    }

    fn turn(&mut self, key: (Priority, u64), now: Instant) -> Turn {
        if self.next() != Some(key) {
            return Turn::Wait;
        }
        match self.bucket.take(now) {
            Ok(()) => {
                self.served += 1;
                // At once, or a second look before the ticket is dropped would serve it twice.
                self.waiting.remove(&key);
                Turn::Go
            }
            Err(wait) => Turn::Sleep(wait),
        }
    }

    fn next(&self) -> Option<(Priority, u64)> {
        if self.served % FAIR_EVERY == FAIR_EVERY - 1 {
            self.waiting.iter().min_by_key(|(_, arrival)| *arrival).copied()
        } else {
            self.waiting.first().copied()
        }
    }
}

// === impl Bucket ===

impl Bucket {
    fn new(limit: RateLimit, now: Instant) -> Self {
        let limit =
            RateLimit { per_second: limit.per_second.max(RATE_MIN), burst: limit.burst.max(1) };
        let tokens = f64::from(limit.burst);
        Self {
            limit,
            rate: limit.per_second,
            tokens,
            filled_at: now,
            slow_until: None,
            slowed_at: None,
        }
    }

    /// Takes a token, or says how long there will be none.
    fn take(&mut self, now: Instant) -> Result<(), Duration> {
        self.fill(now);
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            return Ok(());
        }
        // A little more than is missing: rounding must not make one who waits come back too early for ever.
        Err(Duration::from_secs_f64((1.0 - self.tokens) / self.rate) + Duration::from_millis(1))
    }

    fn fill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.filled_at).as_secs_f64();
        self.filled_at = now;
        self.tokens = (self.tokens + passed * self.rate).min(f64::from(self.limit.burst));
        // The rate that came to a 429 is found again step by step: back to it at once would meet the next one.
        if let Some(until) = self.slow_until.filter(|until| now >= *until) {
            let since = now.saturating_duration_since(until).as_secs_f64();
            self.rate += self.limit.per_second * since / RECOVERY.as_secs_f64();
            self.slow_until = Some(now);
            if self.rate >= self.limit.per_second {
                self.rate = self.limit.per_second;
                self.slow_until = None;
            }
        }
    }

    /// The server counts otherwise: nothing in hand, and half the rate for a while.
    fn slow_down(&mut self, now: Instant) {
        self.fill(now);
        self.tokens = 0.0;
        self.slow_until = Some(now + SLOW_FOR);
        if self.slowed_at.is_some_and(|at| now.saturating_duration_since(at) < SAME_429) {
            return;
        }
        self.slowed_at = Some(now);
        self.rate = (self.rate / 2.0).max(RATE_MIN.min(self.limit.per_second));
    }
}

#[cfg(test)]
mod tests;

//! `Date` and `Authorization` for each attempt, with the server's clock where ours is off.
//!
//! A signature over the date alone is good for every request of its second, so it is made once: whoever comes while it
//! is being made waits for the same one, and while requests flow the next second's is made before that second begins.
//! Nothing runs when nothing is asked for.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::Semaphore;
use tokio::time::Instant;
use triton_signature::http::{KeyId, sign, sign_date};
use triton_signature::{SignError, Signer};

use super::clock::Clock;

/// Signatures that are kept: an attempt repeated within its second costs the key nothing.
const CACHED_MAX: usize = 64;

/// A signer that takes longer than this is not asked in advance: its user may be sitting in front of it.
const PROMPT_MAX: Duration = Duration::from_millis(250);

/// A signer that takes longer than this asks its user, so that its signature is used for [`SLOW_REUSE_SECONDS`].
const SLOW_MIN: Duration = Duration::from_secs(1);

/// How long the signature of a slow signer is used. The server takes dates that are five minutes old.
const SLOW_REUSE_SECONDS: u64 = 60;

/// How far the server's clock may be from ours before we follow it unasked. It refuses at 300 s.
const FOLLOW_SECONDS_MIN: u64 = 30;

/// The furthest that a server whose certificate is not checked may lead our clock: whoever stands in for it must not
/// collect signatures for next year.
const UNTRUSTED_OFFSET_SECONDS_MAX: i64 = 24 * 60 * 60;

/// What a signature covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SigningScope {
    /// The date alone: one signature serves every request of its second. For connections that nobody else can read,
    /// since whoever gets hold of the header can send other requests with it for five minutes.
    Date,
    /// Method, target and date, as the official command line signs: a signature for each request.
    Request,
}

/// Makes the two headers.
pub(crate) struct Signing {
    shared: Arc<Shared>,
}

struct Shared {
    signer: Signer,
    key_id: KeyId,
    policy: SigningPolicy,
    clock: Clock,
    /// Seconds to add to our clock, once the server's has been seen to differ.
    offset_seconds: AtomicI64,
    made: AtomicU64,
    state: Mutex<State>,
}

/// How to sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SigningPolicy {
    pub(crate) scope: SigningScope,
    /// Whether it is certain who the server is.
    pub(crate) is_server_known: bool,
}

#[derive(Default)]
struct State {
    slots: BTreeMap<Wanted, Slot>,
    /// The second of the last request.
    asked_at: u64,
    /// Whether the second before that had requests too.
    is_flowing: bool,
    /// Whether the signer answers so slowly that it is not asked in advance.
    is_slow: bool,
    /// The last signature of a signer that asks its user.
    kept: Option<(u64, SignedHeaders)>,
}

/// A signature: when, and over which method and target (empty if it is good for all).
type Wanted = (u64, String);

/// A signature that is there, or that is being made.
type Slot = Arc<Making>;

/// Where a signature will be. Those who wait for it go on in the order in which they came, so that requests leave in
/// the order in which they were asked for.
struct Making {
    outcome: OnceLock<Outcome>,
    /// Without permits; it is closed when nobody is at work any more.
    done: Semaphore,
}

/// Held by whoever makes the signature; dropping it lets those go on who wait.
struct AtWork(Slot);

type Outcome = Result<SignedHeaders, Arc<SignError>>;

/// The headers of one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SignedHeaders {
    pub(crate) date: String,
    pub(crate) authorization: String,
}

// === impl Signing ===

impl Signing {
    pub(crate) fn new(signer: Signer, key_id: KeyId, policy: SigningPolicy, clock: Clock) -> Self {
        let shared = Shared {
            signer,
            key_id,
            policy,
            clock,
            offset_seconds: AtomicI64::new(0),
            made: AtomicU64::new(0),
            state: Mutex::default(),
        };
        Self { shared: Arc::new(shared) }
    }

    pub(crate) fn key_id(&self) -> &KeyId {
        &self.shared.key_id
    }

    pub(crate) fn scope(&self) -> SigningScope {
        self.shared.policy.scope
    }

    /// Signatures made so far.
    pub(crate) fn made(&self) -> u64 {
        self.shared.made.load(Ordering::Relaxed)
    }

    /// The server's time, as far as we know.
    pub(crate) fn now(&self) -> SystemTime {
        self.shared.now()
    }

    /// Dates and signs an attempt.
    pub(crate) async fn headers(
        &self,
        method: &str,
        path_and_query: &str,
    ) -> Result<SignedHeaders, Arc<SignError>> {
        let second = seconds_of(self.shared.now());
        let target = match self.scope() {
            SigningScope::Date => String::new(),
            SigningScope::Request => format!("{method} {path_and_query}"),
        };
        let slot = match self.shared.slot(second, target.clone()) {
            Ok(headers) => return Ok(headers),
            Err(slot) => slot,
        };
        match slot.wait().await {
            Some(outcome) => outcome.clone(),
            // Whoever was making it is gone, with its runtime: make it here.
            None => {
                let wanted = (second, target);
                self.shared.lock().slots.remove(&wanted);
                self.shared.sign(&wanted).await.map_err(Arc::new)
            }
        }
    }

    /// Takes over the server's clock after it has refused ours.
    pub(crate) fn follow_server_clock(&self, server: SystemTime) {
        let seconds = match server.duration_since((self.shared.clock)()) {
            Ok(ahead) => seconds(ahead),
            Err(behind) => -seconds(behind.duration()),
        };
        let max = if self.shared.policy.is_server_known {
            i64::MAX
        } else {
            UNTRUSTED_OFFSET_SECONDS_MAX
        };
        self.shared.offset_seconds.store(seconds.clamp(-max, max), Ordering::Relaxed);
        // It has the wrong date, which is why we are here.
        self.shared.lock().kept = None;
    }

    /// Takes over the server's clock if its answer's date is so far from ours that it would soon refuse it.
    pub(crate) fn watch_server_clock(&self, server: SystemTime) {
        let apart = match server.duration_since(self.shared.now()) {
            Ok(ahead) => ahead,
            Err(behind) => behind.duration(),
        };
        if apart.as_secs() >= FOLLOW_SECONDS_MIN {
            self.follow_server_clock(server);
        }
    }
}

// === impl Shared ===

impl Shared {
    fn now(&self) -> SystemTime {
        shift((self.clock)(), self.offset_seconds.load(Ordering::Relaxed))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The headers, if they are there; else where they will be.
    fn slot(self: &Arc<Self>, second: u64, target: String) -> Result<SignedHeaders, Slot> {
        let mut state = self.lock();
        if let Some(headers) = state.kept(second) {
            return Ok(headers);
        }
        if second != state.asked_at {
            state.is_flowing = second == state.asked_at + 1;
            state.asked_at = second;
            state.slots.retain(|(of, _), slot| *of >= second || slot.is_being_made());
        }
        let found = match state.find(second, &target) {
            Some(slot) => slot,
            None => self.begin(&mut state, (second, target)),
        };
        let headers = match found.outcome.get() {
            Some(Ok(headers)) => headers.clone(),
            _ => return Err(found),
        };
        // The second before had requests too, so the next will: have its signature ready when it comes.
        if state.is_flowing && self.policy.scope == SigningScope::Date && !state.is_slow {
            let next = (second + 1, String::new());
            if !state.slots.contains_key(&next) {
                drop(self.begin(&mut state, next));
            }
        }
        Ok(headers)
    }

    /// Has a signature made, by a task that ends with it.
    fn begin(self: &Arc<Self>, state: &mut State, wanted: Wanted) -> Slot {
        if state.slots.len() >= CACHED_MAX {
            state.slots.clear();
        }
        let slot = Arc::new(Making { outcome: OnceLock::new(), done: Semaphore::new(0) });
        state.slots.insert(wanted.clone(), Arc::clone(&slot));
        let (shared, at_work) = (Arc::clone(self), AtWork(Arc::clone(&slot)));
        tokio::spawn(async move {
            let started = Instant::now();
            let outcome = shared.sign(&wanted).await.map_err(Arc::new);
            shared.lock().finish(&wanted, &outcome, started.elapsed());
            at_work.finish(outcome);
        });
        slot
    }

    async fn sign(&self, (second, target): &Wanted) -> Result<SignedHeaders, SignError> {
        self.made.fetch_add(1, Ordering::Relaxed);
        let date = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(*second));
        let authorization = match target.split_once(' ') {
            Some((method, path_and_query)) => {
                sign(&self.signer, &self.key_id, method, path_and_query, &date).await?
            }
            None => sign_date(&self.signer, &self.key_id, &date).await?,
        };
        Ok(SignedHeaders { date, authorization: authorization.to_string() })
    }
}

// === impl State ===

impl State {
    fn find(&self, second: u64, target: &str) -> Option<Slot> {
        if let Some(slot) = self.slots.get(&(second, target.to_owned())) {
            return Some(slot.clone());
        }
        // One that was begun a moment ago and is still being made does too: a user is asked once, not every second.
        let is_near = |of: u64| of <= second && second - of <= SLOW_REUSE_SECONDS;
        let mut being_made = self.slots.iter().filter(|((of, what), slot)| {
            target.is_empty() && what.is_empty() && is_near(*of) && slot.is_being_made()
        });
        being_made.next().map(|(_, slot)| slot.clone())
    }

    fn kept(&self, second: u64) -> Option<SignedHeaders> {
        let (made_for, headers) = self.kept.as_ref()?;
        let age = second.checked_sub(*made_for)?;
        (age < SLOW_REUSE_SECONDS).then(|| headers.clone())
    }

    fn finish(&mut self, wanted: &Wanted, outcome: &Outcome, took: Duration) {
        self.is_slow = took > PROMPT_MAX;
        match outcome {
            Ok(headers) if took >= SLOW_MIN && wanted.1.is_empty() => {
                self.kept = Some((wanted.0, headers.clone()));
            }
            Ok(_) => self.kept = None,
            // Those who wait are told; whoever comes next asks anew.
            Err(_) => drop(self.slots.remove(wanted)),
        }
    }
}

// === impl Making ===

impl Making {
    /// Whether a task is at work on it: not done, and not gone with its runtime.
    fn is_being_made(&self) -> bool {
        self.outcome.get().is_none() && !self.done.is_closed()
    }

    /// What came of it; `None` when whoever was making it is gone.
    async fn wait(&self) -> Option<&Outcome> {
        // There is nothing to acquire: this ends when it is closed.
        let _closed = self.done.acquire().await;
        self.outcome.get()
    }
}

// === impl AtWork ===

impl AtWork {
    fn finish(self, outcome: Outcome) {
        // Nobody else sets it: there is one task for each slot.
        let _first = self.0.outcome.set(outcome);
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        self.0.done.close();
    }
}

fn shift(now: SystemTime, seconds: i64) -> SystemTime {
    let by = Duration::from_secs(seconds.unsigned_abs());
    let shifted = if seconds < 0 { now.checked_sub(by) } else { now.checked_add(by) };
    // httpdate writes the years 1970 to 9999 only and panics beyond; a clock out there is refused by the server anyway.
    let year_9999 = UNIX_EPOCH + Duration::from_secs(253_402_300_799 - 1);
    shifted.unwrap_or(now).clamp(UNIX_EPOCH, year_9999)
}

fn seconds_of(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;

//! What is remembered of one pod between steps. All of it can be lost: the journal, the published status and the cloud
//! hold what the next process needs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use triton_cloudapi::InstanceId;
use triton_cloudapi::instances::InstanceState;

use crate::backoff::RestartBackoff;
use crate::seen::Seen;

/// A reboot after which the instance was never seen down is taken to be over when it runs this long afterwards: short
/// states are easily missed.
const REBOOT_SETTLES: Duration = Duration::from_secs(10);

/// How often the wait between two reads that say "no such instance" doubles.
const MISS_DOUBLINGS_MAX: u32 = 4;

/// What is remembered of one pod.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// A create whose outcome is not known.
    pub intent: Option<Intent>,
    /// The journal may hold a note of a create of this pod.
    pub noted: bool,
    /// The instance that is this pod's.
    pub known: Option<Known>,
    /// Instances that came to nothing and were given up, and when.
    pub discarded: BTreeMap<InstanceId, Instant>,
    /// Other instances of this pod, on their way out.
    pub twins: BTreeMap<InstanceId, Twin>,
    /// Creates that came to nothing, in a row.
    pub failures: u32,
    /// No create before this.
    pub retry_at: Option<Instant>,
    /// Restarts of the instance.
    pub restarts: Restarts,
    /// When deletion protection was asked for.
    pub protect_asked: Option<Instant>,
    /// How far stopping is.
    pub stopping: Option<Stopping>,
}

/// A create that may have been carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent {
    /// When it cannot come true any more.
    pub over: Instant,
    /// When its instance was last looked for.
    pub looked_at: Option<Instant>,
    /// Looks so far; the waits between them double.
    pub looks: u32,
}

/// What to do about an intent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outlook {
    /// Look for its instance now.
    Look,
    /// Look then.
    Later(Instant),
    /// It cannot come true any more, and nothing was found.
    Over,
}

/// An instance we hold to be this pod's.
#[derive(Clone, Debug)]
pub struct Known {
    /// Identity.
    pub id: InstanceId,
    /// How it was last seen; `None` when only its id is known (from the published status).
    pub last: Option<Arc<Seen>>,
    /// When.
    pub seen_at: Instant,
    /// Reads since then that said it does not exist.
    pub misses: Misses,
    /// It is gone for good: destroyed, or not found often enough.
    pub gone: bool,
    /// It was running at some time: a failure from then on is not one of provisioning.
    pub ran: bool,
    /// Since when every sight of it was of a stopped instance.
    pub stopped_since: Option<Instant>,
    /// Since when this process knows it.
    pub since: Instant,
}

/// Reads that said "no such instance".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Misses {
    /// How many, far enough apart to count.
    pub count: u32,
    /// When the last one was.
    pub last: Option<Instant>,
}

/// A second instance of the pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Twin {
    /// When it was last read and found to be this pod's, and alive.
    pub read_at: Option<Instant>,
    /// Nothing is done to it before this: it was asked to go, or was found to be no twin.
    pub quiet_until: Option<Instant>,
}

/// Restarts of an instance.
#[derive(Clone, Debug, Default)]
pub struct Restarts {
    /// How often, over the pod's whole life (kept in the pod's status).
    pub count: i32,
    /// When the next one is due.
    pub backoff: RestartBackoff,
    /// The last start or reboot that is not yet seen to have taken effect.
    pub pending: Option<Pending>,
    /// How the life before this one ended, for `lastState`.
    pub last_end: Option<End>,
}

/// A start or reboot on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// When it was accepted; until then, when it was decided.
    pub at: Instant,
    /// CloudAPI has accepted it.
    pub sent: bool,
    /// It was a reboot: the instance was running when it was asked for, so running says nothing yet.
    pub reboot: bool,
    /// The instance was seen not running since.
    pub dipped: bool,
}

/// How one life of an instance ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// When.
    pub at: jiff::Timestamp,
    /// Whether we ended it (a failed probe) or the guest shut down by itself.
    pub killed: bool,
}

/// How far stopping is.
#[derive(Clone, Debug)]
pub struct Stopping {
    /// When it began.
    pub since: Instant,
    /// One entry per instance that is to go (more than one only when a twin appeared).
    pub targets: BTreeMap<InstanceId, Target>,
}

/// One instance on its way out.
#[derive(Clone, Debug, Default)]
pub struct Target {
    /// How it was last seen.
    pub last: Option<Arc<Seen>>,
    /// When.
    pub seen_at: Option<Instant>,
    /// When it was asked to shut down.
    pub stop_sent: Option<Instant>,
    /// When its deletion protection was switched off.
    pub unprotect_sent: Option<Instant>,
    /// When it was asked to go.
    pub delete_sent: Option<Instant>,
    /// Reads that said it does not exist.
    pub misses: Misses,
    /// Confirmed gone.
    pub gone: bool,
}

// === impl State ===

impl State {
    /// Whether an instance that a list of `taken_at` shows was given up. One that lives in a newer list is the pod's
    /// after all: somebody took its tags off for a while. But lists lag, and it is no answer to a create that was sent
    /// since: while one is unresolved it stays given up.
    #[must_use]
    pub fn is_given_up(&self, instance: &Seen, taken_at: Instant) -> bool {
        let given_up = self.discarded.get(&instance.id);
        given_up.is_some_and(|&at| taken_at <= at || self.intent.is_some())
    }
}

// === impl Intent ===

impl Intent {
    /// An intent that cannot come true after `over`.
    #[must_use]
    pub fn until(over: Instant) -> Self {
        Self { over, looked_at: None, looks: 0 }
    }

    /// Notes a look that found nothing.
    pub fn look(&mut self, now: Instant) {
        self.looked_at = Some(now);
        self.looks = self.looks.saturating_add(1);
    }

    /// What to do about it. It is over only when the last look was made after it could come true.
    #[must_use]
    pub fn outlook(&self, now: Instant) -> Outlook {
        if self.looked_at.is_some_and(|at| at > self.over) {
            return Outlook::Over;
        }
        match self.next_look() {
            Some(at) if at > now => Outlook::Later(at),
            _ => Outlook::Look,
        }
    }

    /// When to look next: 1, 2, 4, 8, then every 10 s.
    fn next_look(&self) -> Option<Instant> {
        let wait = 1_u64.checked_shl(self.looks.saturating_sub(1)).unwrap_or(u64::MAX).min(10);
        self.looked_at.map(|at| at + Duration::from_secs(wait))
    }
}

// === impl Known ===

impl Known {
    /// An instance that was just seen.
    #[must_use]
    pub fn seen(instance: Arc<Seen>, now: Instant) -> Self {
        let mut known = Self::recalled(instance.id, now);
        known.see(instance, now);
        known
    }

    /// An instance of which only the id is known.
    #[must_use]
    pub fn recalled(id: InstanceId, now: Instant) -> Self {
        Self {
            id,
            last: None,
            seen_at: now,
            misses: Misses::default(),
            gone: false,
            ran: false,
            stopped_since: None,
            since: now,
        }
    }

    /// Notes a sighting.
    pub fn see(&mut self, instance: Arc<Seen>, now: Instant) {
        // Protection is switched on once an instance runs; whoever else did it wants it kept.
        self.ran |= instance.state == InstanceState::Running || instance.deletion_protection;
        let stopped = instance.state == InstanceState::Stopped;
        self.stopped_since = if stopped { self.stopped_since.or(Some(now)) } else { None };
        self.last = Some(instance);
        self.seen_at = now;
        self.misses = Misses::default();
    }
}

// === impl Restarts ===

impl Restarts {
    /// Counts a restart that was decided.
    pub fn count(&mut self, now: Instant, wall: jiff::Timestamp, killed: bool) {
        self.count = self.count.saturating_add(1);
        self.backoff.note(now);
        self.last_end = Some(End { at: wall, killed });
    }

    /// Notes how the instance was seen in a list or read of `asked_at`: a start or reboot has taken effect once it
    /// runs again.
    pub fn see(&mut self, state: &InstanceState, asked_at: Instant) {
        // One that was not sent is not needed any more when the instance was started by another hand.
        let may_be_over =
            |pending: &&mut Pending| (pending.sent || !pending.reboot) && asked_at > pending.at;
        let Some(pending) = self.pending.as_mut().filter(may_be_over) else { return };
        if *state != InstanceState::Running {
            pending.dipped = true;
        } else if !pending.reboot || pending.dipped || asked_at >= pending.at + REBOOT_SETTLES {
            self.pending = None;
        }
    }
}

// === impl Misses ===

impl Misses {
    /// Notes a read that said "no such instance" and returns whether that is now believed: `enough` reads, each at
    /// least `apart` after the one before.
    pub fn note(&mut self, now: Instant, apart: Duration, enough: u32) -> bool {
        if self.last.is_none_or(|last| now.duration_since(last) >= apart) {
            self.count = self.count.saturating_add(1);
            self.last = Some(now);
        }
        self.count >= enough
    }

    /// When to read next: `apart` after the last read that counted, and longer the more of them there were, as what
    /// is not believed yet need not be asked for every moment.
    #[must_use]
    pub fn next(&self, apart: Duration) -> Option<Instant> {
        let doublings = self.count.saturating_sub(1).min(MISS_DOUBLINGS_MAX);
        self.last.map(|last| last + apart.saturating_mul(1 << doublings))
    }
}

// === impl Target ===

impl Target {
    /// Notes a sighting.
    pub fn see(&mut self, instance: Arc<Seen>, at: Instant) {
        self.last = Some(instance);
        self.seen_at = Some(at);
        self.misses = Misses::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn two_reads_at_once_are_one_miss() {
        let now = Instant::now();
        let apart = Duration::from_secs(2);
        let mut misses = Misses::default();
        assert!(!misses.note(now, apart, 2));
        assert!(!misses.note(now + Duration::from_secs(1), apart, 2));
        assert!(misses.note(now + Duration::from_secs(2), apart, 2));
    }
}

//! What passes want of the list: pods for which something is about to change, and lists made for a reason.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::Instant;

/// What passes want; shared by all of them and the task that lists.
#[derive(Debug, Default)]
pub(super) struct Wants {
    state: Mutex<State>,
    /// Rung when something is wanted that was not before.
    pub(super) more: Notify,
    /// Told of each list. Unlike a `watch` it wakes who waits in the order in which they came, so that runs repeat.
    pub(super) listed: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// Pods that expect a change, since when.
    expecting: BTreeMap<String, Instant>,
    /// How many have begun to since the last [`Wants::take`].
    begun: usize,
    /// A list is wanted for a reason of its own, since when.
    demanded_at: Option<Instant>,
    /// A list is wanted in due time, since when.
    awaited_at: Option<Instant>,
}

/// What has come since it was last asked.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Taken {
    /// Pods that have begun to expect something.
    pub(super) begun: usize,
    /// A list is wanted soon, since when.
    pub(super) demanded_at: Option<Instant>,
    /// A list is wanted in due time, since when.
    pub(super) awaited_at: Option<Instant>,
}

// === impl Wants ===

impl Wants {
    /// Notes whether something about this pod is about to change.
    pub(super) fn expect(&self, uid: &str, expecting: bool, now: Instant) {
        let mut state = self.lock();
        if !expecting {
            state.expecting.remove(uid);
        } else if !state.expecting.contains_key(uid) {
            state.expecting.insert(uid.to_owned(), now);
            state.begun += 1;
            self.more.notify_one();
        }
    }

    /// Wants a list soon.
    pub(super) fn demand(&self, now: Instant) {
        self.lock().demanded_at.get_or_insert(now);
        self.more.notify_one();
    }

    /// Wants a list in due time.
    pub(super) fn await_one(&self, now: Instant) {
        self.lock().awaited_at.get_or_insert(now);
        self.more.notify_one();
    }

    /// What has come since the last time.
    pub(super) fn take(&self) -> Taken {
        let mut state = self.lock();
        Taken {
            begun: std::mem::take(&mut state.begun),
            demanded_at: std::mem::take(&mut state.demanded_at),
            awaited_at: std::mem::take(&mut state.awaited_at),
        }
    }

    /// Since when the youngest expectation lasts.
    pub(super) fn youngest(&self) -> Option<Instant> {
        self.lock().expecting.values().copied().max()
    }

    /// How many pods expect something.
    pub(super) fn count(&self) -> usize {
        self.lock().expecting.len()
    }

    /// Whether something about this pod is about to change.
    pub(super) fn is_expecting(&self, uid: &str) -> bool {
        self.lock().expecting.contains_key(uid)
    }

    /// Something has changed about these pods: what they expect next, they expect from now on.
    pub(super) fn renew<'a>(&self, uids: impl IntoIterator<Item = &'a str>, now: Instant) {
        let mut state = self.lock();
        for uid in uids {
            if let Some(since) = state.expecting.get_mut(uid) {
                *since = now;
            }
        }
    }

    /// The pods that expect something, but for those in `but`.
    pub(super) fn expecting_but(&self, but: &HashSet<&str>) -> Vec<String> {
        let state = self.lock();
        state.expecting.keys().filter(|uid| !but.contains(uid.as_str())).cloned().collect()
    }

    /// Nobody expects anything any more: who does, says so again.
    pub(super) fn clear(&self) {
        let mut state = self.lock();
        state.expecting.clear();
        state.begun = 0;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

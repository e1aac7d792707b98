//! When each probe is due: one ordered map and one timer for all of them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use crate::probe::Kind;
use crate::target::Target;

/// A place in the schedule: by time, then in the order of asking for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) due: Instant,
    number: u64,
}

/// What is due, or will be.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) target: Arc<Target>,
    pub(crate) kind: Kind,
}

/// All probes that wait for their time.
#[derive(Debug, Default)]
pub(crate) struct Schedule {
    inner: Mutex<Inner>,
    /// The first place is earlier than the timer is set to, or the schedule is closed.
    changed: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    entries: BTreeMap<Place, Entry>,
    numbers: u64,
    /// What the timer is set to; `None` while nobody waits or nothing is due ever.
    timer: Option<Instant>,
    is_closed: bool,
}

// === impl Schedule ===

impl Schedule {
    /// Puts an entry into the schedule.
    pub(crate) fn add(&self, due: Instant, entry: Entry) -> Place {
        let mut inner = self.lock();
        inner.numbers += 1;
        let place = Place { due, number: inner.numbers };
        if !inner.is_closed {
            inner.entries.insert(place, entry);
        }
        if inner.timer.is_none_or(|timer| due < timer) {
            // Until the timer is set anew one notice is enough.
            inner.timer = Some(due);
            drop(inner);
            self.changed.notify_one();
        }
        place
    }

    /// Takes an entry out before its time.
    pub(crate) fn remove(&self, place: Place) {
        self.lock().entries.remove(&place);
    }

    /// Empties the schedule for good; [`Schedule::wait`] then returns false.
    pub(crate) fn close(&self) {
        let mut inner = self.lock();
        inner.is_closed = true;
        let entries = std::mem::take(&mut inner.entries);
        drop(inner);
        // Targets may be freed here, outside the lock.
        drop(entries);
        self.changed.notify_one();
    }

    /// Waits until something is due; false when the schedule was closed.
    pub(crate) async fn wait(&self) -> bool {
        loop {
            let next = {
                let mut inner = self.lock();
                if inner.is_closed {
                    return false;
                }
                let next = inner.entries.first_key_value().map(|(place, _)| place.due);
                inner.timer = next;
                next
            };
            let timer = async {
                match next {
                    Some(due) => sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = self.changed.notified() => {}
                () = timer => return true,
            }
        }
    }

    /// Takes the first entry that is due.
    pub(crate) fn pop(&self, now: Instant) -> Option<(Place, Entry)> {
        let mut inner = self.lock();
        let first = inner.entries.first_entry()?;
        (first.key().due <= now).then(|| first.remove_entry())
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing under this lock is left half done by a panic.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::probe::Facts;

    fn entry(kind: Kind) -> Entry {
        let facts = Facts {
            incarnation: "1".into(),
            address: None,
            running_for: None,
            terminating: false,
            was_ready: false,
        };
        Entry { target: Arc::new(Target::new("a".into(), facts, Instant::now())), kind }
    }

    fn after(seconds: u64) -> Instant {
        Instant::now() + Duration::from_secs(seconds)
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_due_comes_in_order_and_what_was_removed_does_not() {
        let schedule = Schedule::default();
        let late = schedule.add(after(2), entry(Kind::Startup));
        schedule.add(after(1), entry(Kind::Readiness));
        schedule.add(after(1), entry(Kind::Liveness));
        schedule.add(after(3), entry(Kind::Liveness));
        schedule.remove(late);
        assert!(schedule.pop(Instant::now()).is_none());
        let mut kinds = Vec::new();
        for _ in 0..3 {
            assert!(schedule.wait().await);
            let (place, found) = schedule.pop(Instant::now()).unwrap();
            assert_eq!(place.due, Instant::now());
            kinds.push(found.kind);
        }
        assert_eq!(kinds, [Kind::Readiness, Kind::Liveness, Kind::Liveness]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_earlier_than_the_timer_is_not_late() {
        let schedule = Arc::new(Schedule::default());
        schedule.add(after(3600), entry(Kind::Startup));
        let waiting = tokio::spawn({
            let schedule = Arc::clone(&schedule);
            async move { (schedule.wait().await, Instant::now()) }
        });
        tokio::task::yield_now().await;
        let due = after(5);
        schedule.add(due, entry(Kind::Readiness));
        assert_eq!(waiting.await.unwrap(), (true, due));
    }

    #[tokio::test(start_paused = true)]
    async fn a_closed_schedule_lets_nobody_wait_and_keeps_nothing() {
        let schedule = Schedule::default();
        let kept = entry(Kind::Readiness);
        schedule.add(after(1), kept.clone());
        schedule.close();
        assert!(!schedule.wait().await);
        schedule.add(after(0), kept.clone());
        assert!(schedule.pop(after(9)).is_none());
        assert_eq!(Arc::strong_count(&kept.target), 1);
    }
}

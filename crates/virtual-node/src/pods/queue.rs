//! Which pod is looked at next.
//!
//! A synchronous structure: one pass per pod at a time, a fixed number at once, the earlier of two requests wins,
//! and a request that comes during a pass is kept for after it.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use tokio::time::Instant;

/// Requests for passes, keyed by pod UID.
#[derive(Debug)]
pub struct Queue {
    workers: usize,
    running: usize,
    waiting: BTreeSet<(Instant, u64, Arc<str>)>,
    places: HashMap<Arc<str>, Place>,
    /// Requests for the same instant are served in the order they came.
    sequence: u64,
}

#[derive(Debug)]
enum Place {
    Waiting { at: Instant, sequence: u64 },
    Running { again: Option<Instant> },
}

// === impl Queue ===

impl Queue {
    /// An empty queue that lets `workers` passes run at once (at least one).
    #[must_use]
    pub fn new(workers: usize) -> Self {
        Self {
            workers: workers.max(1),
            running: 0,
            waiting: BTreeSet::new(),
            places: HashMap::new(),
            sequence: 0,
        }
    }

    /// Asks for a pass at `at`. An earlier request that is already there stays.
    pub fn add(&mut self, uid: &str, at: Instant) {
        match self.places.get_mut(uid) {
            Some(Place::Running { again }) => {
                *again = Some(again.map_or(at, |known| known.min(at)))
            }
            Some(Place::Waiting { at: known, .. }) if *known <= at => {}
            Some(Place::Waiting { at: known, sequence }) => {
                self.waiting.remove(&(*known, *sequence, uid.into()));
                self.wait(uid, at);
            }
            None => self.wait(uid, at),
        }
    }

    /// The next pod whose time has come, if a worker is free. Its pass ends with [`Queue::done`].
    pub fn take(&mut self, now: Instant) -> Option<Arc<str>> {
        if self.running >= self.workers || self.waiting.first()?.0 > now {
            return None;
        }
        let (_, _, uid) = self.waiting.pop_first()?;
        self.places.insert(Arc::clone(&uid), Place::Running { again: None });
        self.running += 1;
        Some(uid)
    }

    /// The pass over this pod has ended; a request made meanwhile gets its turn.
    pub fn done(&mut self, uid: &str) {
        if !matches!(self.places.get(uid), Some(Place::Running { .. })) {
            return;
        }
        self.running -= 1;
        if let Some(Place::Running { again: Some(at) }) = self.places.remove(uid) {
            self.wait(uid, at);
        }
    }

    /// Drops what waits for this pod.
    pub fn forget(&mut self, uid: &str) {
        match self.places.get_mut(uid) {
            Some(Place::Running { again }) => *again = None,
            Some(Place::Waiting { at, sequence }) => {
                self.waiting.remove(&(*at, *sequence, uid.into()));
                self.places.remove(uid);
            }
            None => {}
        }
    }

    /// When [`Queue::take`] will have something, `None` if nothing waits or no worker is free.
    #[must_use]
    pub fn next_at(&self) -> Option<Instant> {
        (self.running < self.workers).then(|| self.waiting.first().map(|(at, ..)| *at)).flatten()
    }

    /// Pods whose time has come but that found no worker.
    #[must_use]
    pub fn overdue(&self, now: Instant) -> usize {
        self.waiting.iter().take_while(|(at, ..)| *at <= now).count()
    }

    /// Passes that run.
    #[must_use]
    pub fn running(&self) -> usize {
        self.running
    }

    fn wait(&mut self, uid: &str, at: Instant) {
        self.sequence += 1;
        let uid: Arc<str> = uid.into();
        self.waiting.insert((at, self.sequence, Arc::clone(&uid)));
        self.places.insert(uid, Place::Waiting { at, sequence: self.sequence });
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn one_pod_has_one_pass_at_a_time() {
        let now = Instant::now();
        let mut queue = Queue::new(8);
        queue.add("a", now);
        queue.add("a", now);
        assert_eq!(queue.take(now).as_deref(), Some("a"));
        queue.add("a", now);
        assert_eq!(queue.take(now), None, "still running");
        queue.done("a");
        assert_eq!(queue.take(now).as_deref(), Some("a"), "what came meanwhile was kept");
        queue.done("a");
        assert_eq!(queue.take(now), None, "and became one pass");
    }

    #[tokio::test(start_paused = true)]
    async fn workers_are_a_limit() {
        let now = Instant::now();
        let mut queue = Queue::new(2);
        for uid in ["a", "b", "c"] {
            queue.add(uid, now);
        }
        assert_eq!(
            (queue.take(now), queue.take(now), queue.take(now)),
            (Some("a".into()), Some("b".into()), None)
        );
        assert_eq!((queue.next_at(), queue.overdue(now), queue.running()), (None, 1, 2));
        queue.done("a");
        assert_eq!(queue.next_at(), Some(now));
        assert_eq!(queue.take(now).as_deref(), Some("c"));
    }

    #[tokio::test(start_paused = true)]
    async fn the_earlier_request_wins() {
        let now = Instant::now();
        let mut queue = Queue::new(1);
        queue.add("a", now + 10 * SECOND);
        queue.add("a", now + 60 * SECOND);
        assert_eq!(queue.next_at(), Some(now + 10 * SECOND));
        queue.add("a", now + SECOND);
        assert_eq!(queue.take(now), None, "not yet");
        assert_eq!(queue.take(now + SECOND).as_deref(), Some("a"));
        queue.done("a");
        assert_eq!(queue.next_at(), None, "the later ones are gone");
    }

    #[tokio::test(start_paused = true)]
    async fn a_forgotten_pod_does_not_come_back() {
        let now = Instant::now();
        let mut queue = Queue::new(1);
        queue.add("a", now);
        queue.forget("a");
        assert_eq!(queue.take(now), None);
        queue.add("b", now);
        queue.take(now);
        queue.add("b", now);
        queue.forget("b");
        queue.done("b");
        assert_eq!(queue.take(now), None);
        queue.done("b");
        assert_eq!(queue.running(), 0);
    }
}

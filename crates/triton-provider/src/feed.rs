//! How far the changefeed is believed.
//!
//! It is a hint and never the truth (CloudAPI manual, "Changefeed"): it loses, repeats and reorders changes, and may
//! fall silent without being closed. While it has proven itself, lists are rare; as soon as a list shows a change that
//! the feed should have told and did not, lists are as frequent as without it.

mod told;

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;
use triton_cloudapi::InstanceId;

pub use told::{ToldBook, Weight, weigh};

/// A change that a list shows must have been told within this time before or after: the publisher looks every 2 s, and
/// events may come late.
pub const LAG_MAX: Duration = Duration::from_secs(10);

/// How long a feed that has missed a change is not believed.
pub const DISTRUST: Duration = Duration::from_secs(300);

/// After an answer that says there is no feed for us, when to try again: rights are granted, CloudAPI is updated.
pub const TRY_AGAIN: Duration = Duration::from_secs(600);

/// Instances whose changes are compared with lists at a time; with more under way, the comparison is given up until
/// the next list.
const COMPARED_MAX: usize = 4096;

/// What is known of the feed.
#[derive(Debug)]
pub struct Feed {
    phase: Phase,
    /// Not believed before this, though it is connected.
    distrusted_until: Option<Instant>,
    /// When each instance was last told of.
    told: HashMap<InstanceId, Instant>,
    /// Changes that a list showed first, since when.
    untold: HashMap<InstanceId, Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// There is no connection.
    Down,
    /// There is none for us on this CloudAPI; it is tried again then.
    Refused { again: Instant },
    /// Changes come since then; no list has been made since.
    Connected { since: Instant },
    /// Changes come since then, and a list asked for after that has shown where to count from.
    Following { since: Instant },
}

/// What a list says of the feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing that speaks against it.
    Fine,
    /// It has missed so many changes: it is not believed for a while, and is to be opened anew.
    Missed(usize),
}

// === impl Feed ===

impl Default for Feed {
    fn default() -> Self {
        Self {
            phase: Phase::Down,
            distrusted_until: None,
            told: HashMap::new(),
            untold: HashMap::new(),
        }
    }
}

impl Feed {
    /// The server has read our subscription.
    pub fn connected(&mut self, now: Instant) {
        self.phase = Phase::Connected { since: now };
        self.forget();
    }

    /// The connection is gone.
    pub fn interrupted(&mut self) {
        self.phase = Phase::Down;
        self.forget();
    }

    /// CloudAPI has no feed, or none for us.
    pub fn refused(&mut self, now: Instant) {
        self.phase = Phase::Refused { again: now + TRY_AGAIN };
        self.forget();
    }

    fn forget(&mut self) {
        self.told.clear();
        self.untold.clear();
    }

    /// When to try again to follow, if that was refused.
    #[must_use]
    pub fn try_again_at(&self) -> Option<Instant> {
        match self.phase {
            Phase::Refused { again } => Some(again),
            _ => None,
        }
    }

    /// Since when changes come.
    #[must_use]
    pub fn connected_at(&self) -> Option<Instant> {
        match self.phase {
            Phase::Connected { since } | Phase::Following { since } => Some(since),
            Phase::Down | Phase::Refused { .. } => None,
        }
    }

    /// Whether changes come.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.connected_at().is_some()
    }

    /// Whether it may be relied on: it is connected, a list has been made since, and no list of late has shown a change
    /// that it had not told.
    #[must_use]
    pub fn is_trusted(&self, now: Instant) -> bool {
        matches!(self.phase, Phase::Following { .. })
            && self.distrusted_until.is_none_or(|until| now >= until)
    }

    /// When what [`Feed::is_trusted`] says changes by itself, or a change must have been told.
    #[must_use]
    pub fn next_change(&self, now: Instant) -> Option<Instant> {
        let due = self.untold.values().map(|since| *since + LAG_MAX);
        due.chain(self.distrusted_until.filter(|until| *until > now)).min()
    }

    /// It has told of an instance.
    pub fn told(&mut self, id: InstanceId, now: Instant) {
        self.untold.remove(&id);
        self.told.insert(id, now);
    }

    /// A complete list, asked for then, shows these instances otherwise than the one before, which was asked for at
    /// `earlier`.
    pub fn listed(
        &mut self,
        asked_at: Instant,
        earlier: Option<Instant>,
        changed: impl IntoIterator<Item = InstanceId>,
        now: Instant,
    ) {
        let since = match self.phase {
            Phase::Connected { since } if asked_at >= since => {
                // What lies between the list before and the connection, nobody could tell.
                self.phase = Phase::Following { since };
                return;
            }
            Phase::Following { since } => since,
            _ => return,
        };
        let from = earlier.filter(|earlier| *earlier > since);
        if let Some(from) = from.and_then(|from| from.checked_sub(LAG_MAX)) {
            for id in changed {
                if self.told.get(&id).is_none_or(|at| *at < from) {
                    self.untold.entry(id).or_insert(now);
                }
            }
        }
        if self.untold.len() > COMPARED_MAX {
            self.untold.clear();
        }
        // What was told before this list is of no use to the next but one.
        if let Some(horizon) = asked_at.checked_sub(LAG_MAX) {
            self.told.retain(|_, at| *at >= horizon);
        }
    }

    /// Judges the changes that a list showed first and that should have been told by now.
    pub fn judge(&mut self, now: Instant) -> Verdict {
        let before = self.untold.len();
        self.untold.retain(|_, since| *since + LAG_MAX > now);
        match before - self.untold.len() {
            0 => Verdict::Fine,
            missed => {
                self.distrusted_until = Some(now + DISTRUST);
                Verdict::Missed(missed)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::fixtures::id;

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    /// A feed that was connected at `start` and followed from a list a second later.
    fn following(start: Instant) -> Feed {
        let mut feed = Feed::default();
        feed.connected(start);
        assert!(!feed.is_trusted(start), "nothing was listed yet");
        feed.listed(start + seconds(1), None, [id(9)], start + seconds(1));
        assert!(feed.is_trusted(start + seconds(1)));
        feed
    }

    async fn start() -> Instant {
        Instant::now() + seconds(3600)
    }

    #[tokio::test(start_paused = true)]
    async fn a_list_that_was_asked_for_before_the_feed_began_proves_nothing() {
        let start = start().await;
        let mut feed = Feed::default();
        feed.connected(start);
        feed.listed(start - seconds(1), None, [], start + seconds(1));
        assert!(!feed.is_trusted(start + seconds(1)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_that_only_a_list_shows_costs_the_feed_its_trust_for_a_while() {
        let start = start().await;
        let mut feed = following(start);
        let listed = start + seconds(30);
        feed.listed(listed, Some(start + seconds(1)), [id(1)], listed);
        assert_eq!(feed.next_change(listed), Some(listed + LAG_MAX));
        assert_eq!(feed.judge(listed + LAG_MAX - seconds(1)), Verdict::Fine, "it may still come");
        let late = listed + LAG_MAX;
        assert_eq!(feed.judge(late), Verdict::Missed(1));
        assert!(!feed.is_trusted(late));
        assert!(!feed.is_trusted(late + DISTRUST - seconds(1)));
        assert!(feed.is_trusted(late + DISTRUST));
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_that_was_told_before_or_soon_after_the_list_is_not_missed() {
        let start = start().await;
        let mut feed = following(start);
        feed.told(id(1), start + seconds(20));
        let listed = start + seconds(30);
        feed.listed(listed, Some(start + seconds(15)), [id(1), id(2)], listed);
        feed.told(id(2), listed + seconds(3));
        assert_eq!(feed.judge(listed + seconds(60)), Verdict::Fine);
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_told_long_before_does_not_count_for_a_later_change() {
        let start = start().await;
        let mut feed = following(start);
        feed.told(id(1), start + seconds(2));
        let (first, second) = (start + seconds(30), start + seconds(60));
        feed.listed(first, Some(start + seconds(1)), [], first);
        feed.listed(second, Some(first), [id(1)], second);
        assert_eq!(feed.judge(second + LAG_MAX), Verdict::Missed(1));
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_held_against_a_feed_for_the_time_before_it_was_connected() {
        let start = start().await;
        let mut feed = following(start);
        feed.interrupted();
        assert!(!feed.is_trusted(start + seconds(60)));
        feed.connected(start + seconds(61));
        feed.listed(start + seconds(62), Some(start + seconds(1)), [id(1)], start + seconds(62));
        assert_eq!(feed.judge(start + seconds(100)), Verdict::Fine);
        assert!(feed.is_trusted(start + seconds(100)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_feed_that_is_refused_is_tried_again_later() {
        let start = start().await;
        let mut feed = following(start);
        feed.refused(start);
        assert!(!feed.is_up() && !feed.is_trusted(start));
        assert_eq!(feed.try_again_at(), Some(start + TRY_AGAIN));
    }
}

//! Pods of which a list shows nothing any more, and whose end the changefeed is about to tell.
//!
//! What a list does not show must be read before it is believed; what the feed tells of a delete of ours need not be.
//! A list that is a second faster than the feed should not cost a request for each instance that went in that second.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

/// How long the feed may take: it is published every 2 s.
const TOLD_WITHIN: Duration = Duration::from_secs(3);

/// The pods, by UID, and when they are to look for themselves.
#[derive(Debug, Default)]
pub(super) struct Vanished(BTreeMap<String, Instant>);

// === impl Vanished ===

impl Vanished {
    /// A list has come: pods that are not `gone` by it are forgotten.
    pub(super) fn listed(&mut self, gone: impl Fn(&str) -> bool) {
        self.0.retain(|uid, _| gone(uid));
    }

    /// A list shows nothing of this pod any more.
    pub(super) fn wait_for(&mut self, uid: &str, now: Instant) {
        self.0.entry(uid.to_owned()).or_insert(now + TOLD_WITHIN);
    }

    /// Whether this pod's end is waited for.
    pub(super) fn contains(&self, uid: &str) -> bool {
        self.0.contains_key(uid)
    }

    /// The feed has told something of this pod.
    pub(super) fn told(&mut self, uid: &str) {
        self.0.remove(uid);
    }

    /// The pods for which the feed has had its time; they are forgotten here.
    pub(super) fn take_due(&mut self, now: Instant) -> Vec<String> {
        let due = |at: &Instant| *at <= now;
        let uids = self.0.iter().filter(|(_, at)| due(at)).map(|(uid, _)| uid.clone()).collect();
        self.0.retain(|_, at| !due(at));
        uids
    }

    /// When the next of them has.
    pub(super) fn next(&self) -> Option<Instant> {
        self.0.values().min().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_pod_looks_for_itself_when_the_feed_has_had_its_time() {
        let now = Instant::now();
        let mut vanished = Vanished::default();
        for uid in ["a", "b", "c"] {
            vanished.wait_for(uid, now);
        }
        vanished.wait_for("a", now + TOLD_WITHIN);
        vanished.told("b");
        vanished.listed(|uid| uid != "c");
        assert!(vanished.contains("a") && !vanished.contains("b") && !vanished.contains("c"));
        assert_eq!(vanished.next(), Some(now + TOLD_WITHIN));
        assert_eq!(vanished.take_due(now + TOLD_WITHIN / 2), Vec::<String>::new());
        assert_eq!(vanished.take_due(now + TOLD_WITHIN), ["a"]);
        assert_eq!(vanished.next(), None);
    }
}

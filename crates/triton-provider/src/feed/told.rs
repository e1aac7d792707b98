//! What the changefeed has told since the last list, the newest of each instance.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use triton_cloudapi::InstanceId;
use triton_cloudapi::instances::InstanceState;

use crate::decide::Told;
use crate::seen::Seen;

/// Instances that are told of between two lists; what is more is left to the list.
const KEPT_MAX: usize = 16_384;

/// How long the end of an instance is kept: a list that was asked for later does not show it either, and the pass that
/// waits for it may come after that.
const ENDS_KEPT: Duration = Duration::from_secs(30);

/// What was told of our instances, by pod.
#[derive(Debug, Default)]
pub struct ToldBook {
    by_uid: HashMap<Box<str>, Vec<Told>>,
    count: usize,
}

/// What a change is a reason for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// Nothing: it says what is known.
    Nothing,
    /// The decisions take it for what it says, or it is on its way to something else: a list in due time confirms it.
    Evidence,
    /// A list is to be made soon.
    Hint,
}

/// What to make of `told`, next to what is known of the instance. `expected`: something about its pod is about to
/// change.
#[must_use]
pub fn weigh(known: Option<&Seen>, told: &Seen, expected: bool) -> Weight {
    let Some(known) = known else {
        // A create of ours, most likely; it is known from its answer.
        return match told.state {
            InstanceState::Provisioning | InstanceState::Running if expected => Weight::Evidence,
            // A list that was faster does not show it any more: its pod waits for this word.
            InstanceState::Deleted if expected => Weight::Evidence,
            InstanceState::Deleted => Weight::Nothing,
            _ => Weight::Hint,
        };
    };
    if is_same(known, told) {
        return Weight::Nothing;
    }
    if known.state == told.state {
        // Addresses come step by step while an instance is made.
        return match told.state {
            InstanceState::Provisioning => Weight::Evidence,
            _ => Weight::Hint,
        };
    }
    match (&known.state, &told.state) {
        (InstanceState::Provisioning, InstanceState::Running) => Weight::Evidence,
        (_, InstanceState::Deleted | InstanceState::Stopping) if expected => Weight::Evidence,
        _ => Weight::Hint,
    }
}

/// Whether both say the same as far as a pod is concerned.
fn is_same(one: &Seen, other: &Seen) -> bool {
    let facts = |seen: &Seen| {
        let mut ips = seen.ips.to_vec();
        ips.sort_unstable();
        (seen.state.clone(), seen.primary_ip, ips, seen.deletion_protection, seen.rule_tags.clone())
    };
    one.mark == other.mark && facts(one) == facts(other)
}

/// An instance is never alive again once it is destroyed.
fn is_end(told: &Told) -> bool {
    told.instance.state == InstanceState::Deleted
}

// === impl ToldBook ===

impl ToldBook {
    /// Takes note of a change. It replaces what was told of the instance before: arrival is the only order there is. But
    /// an end is an end, whatever comes after it.
    pub fn note(&mut self, told: Told) {
        let of_pod = self.by_uid.entry(told.instance.mark.uid.clone()).or_default();
        match of_pod.iter_mut().find(|earlier| earlier.instance.id == told.instance.id) {
            Some(earlier) if is_end(earlier) => {}
            Some(earlier) => *earlier = told,
            None if self.count < KEPT_MAX => {
                self.count += 1;
                of_pod.push(told);
            }
            None => {}
        }
    }

    /// A complete list was asked for then: what was told before is in it, or is not true any more; only an end stays.
    pub fn listed(&mut self, asked_at: Instant) {
        self.by_uid.retain(|_, of_pod| {
            of_pod.retain(|told| {
                told.at > asked_at || (is_end(told) && told.at + ENDS_KEPT > asked_at)
            });
            !of_pod.is_empty()
        });
        self.count = self.by_uid.values().map(Vec::len).sum();
    }

    /// The UIDs of pods of whose instances the last word is not that they are gone.
    #[must_use]
    pub fn alive(&self) -> HashSet<Box<str>> {
        let is_alive = |told: &Told| !is_end(told);
        let alive = self.by_uid.iter().filter(|(_, of_pod)| of_pod.iter().any(is_alive));
        alive.map(|(uid, _)| uid.clone()).collect()
    }

    /// What was told of a pod's instances after a list that was asked for then, and the ends from before it.
    #[must_use]
    pub fn of(&self, uid: &str, asked_at: Instant) -> Vec<Told> {
        let of_pod = self.by_uid.get(uid).map(Vec::as_slice).unwrap_or_default();
        of_pod.iter().filter(|told| told.at > asked_at || is_end(told)).cloned().collect()
    }

    /// What was last told of one instance of a pod.
    #[must_use]
    pub fn find(&self, uid: &str, id: InstanceId) -> Option<&Arc<Seen>> {
        let of_pod = self.by_uid.get(uid)?;
        of_pod.iter().map(|told| &told.instance).find(|instance| instance.id == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::fixtures::{id, instance, protected};

    fn told(n: u128, state: &str, at: Instant) -> Told {
        Told { at, instance: instance(n, state) }
    }

    fn states(book: &ToldBook, asked_at: Instant) -> Vec<(u128, String)> {
        let told = book.of("uid", asked_at);
        let mut states: Vec<_> = told
            .iter()
            .map(|told| (told.instance.id.0.as_u128(), told.instance.state.to_string()))
            .collect();
        states.sort();
        states
    }

    #[tokio::test(start_paused = true)]
    async fn the_newest_of_each_instance_by_arrival_is_kept_until_a_list_asked_for_after_it() {
        let start = Instant::now();
        let after = |n| start + Duration::from_secs(n);
        let mut book = ToldBook::default();
        book.note(told(1, "provisioning", after(1)));
        book.note(told(2, "stopped", after(2)));
        book.note(told(1, "running", after(3)));
        book.note(told(1, "stopped", after(4)));
        let row = |n: u128, state: &str| (n, state.to_owned());
        assert_eq!(states(&book, start), [row(1, "stopped"), row(2, "stopped")]);
        assert_eq!(states(&book, after(2)), [row(1, "stopped")], "an older list is no excuse");
        book.listed(after(3));
        assert_eq!(states(&book, start), [row(1, "stopped")]);
        assert_eq!(book.find("uid", id(1)).map(|seen| seen.state.as_str()), Some("stopped"));
        book.listed(after(4));
        assert_eq!(states(&book, start), []);
        assert!(book.of("another", start).is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn an_end_outlives_what_comes_after_it_and_the_next_lists() {
        let start = Instant::now();
        let after = |n| start + Duration::from_secs(n);
        let mut book = ToldBook::default();
        book.note(told(1, "deleted", after(1)));
        book.note(told(1, "running", after(2)));
        let end = [(1, "deleted".to_owned())];
        assert_eq!(states(&book, start), end);
        book.listed(after(5));
        assert_eq!(states(&book, after(5)), end);
        book.listed(after(31));
        assert_eq!(states(&book, start), []);
    }

    #[track_caller]
    fn check(known: Option<&str>, now: &str, expected: bool, weight: Weight) {
        let known = known.map(|state| instance(1, state));
        assert_eq!(weigh(known.as_deref(), &instance(1, now), expected), weight);
    }

    #[test]
    fn what_decisions_do_not_take_from_the_feed_is_a_reason_to_list() {
        check(Some("provisioning"), "running", true, Weight::Evidence);
        check(Some("provisioning"), "failed", true, Weight::Hint);
        check(Some("running"), "stopping", true, Weight::Evidence);
        check(Some("running"), "deleted", true, Weight::Evidence);
        check(Some("running"), "deleted", false, Weight::Hint);
        check(Some("running"), "stopped", true, Weight::Hint);
        check(Some("stopped"), "running", true, Weight::Hint);
        check(Some("running"), "running", false, Weight::Nothing);
        check(None, "running", true, Weight::Evidence);
        check(None, "running", false, Weight::Hint);
        check(None, "deleted", false, Weight::Nothing);
        check(None, "deleted", true, Weight::Evidence);
    }

    #[test]
    fn what_looks_otherwise_in_the_same_state_is_a_reason_too() {
        let weight = weigh(Some(&instance(1, "running")), &protected(1, "running"), false);
        assert_eq!(weight, Weight::Hint);
    }
}

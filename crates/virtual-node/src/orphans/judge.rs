//! Which leftovers may be stopped. The most dangerous decision of a node, so it is slow and easily stopped itself.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use jiff::Timestamp;

use crate::provider::Held;

/// When something counts as left behind, and how much of it may be stopped.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OrphanLimits {
    /// Younger ones are not judged: their pod may be on its way.
    pub min_age: Duration,
    /// Rounds in a row in which it must have been seen without a pod.
    pub rounds: u32,
    /// How many may be stopped in one round, whatever the share.
    pub at_most: usize,
    /// The share of what is held that may be stopped in one round, if that is more.
    pub at_most_share: f64,
    /// With no live pod at all, nothing is stopped if more than this is held: a node that was renamed, or that
    /// talks to the wrong cluster, looks just like that.
    pub at_most_without_pods: usize,
    /// How many of those that are held back may be stopped all the same, once in the life of the process.
    pub released_at_start: usize,
    /// Between the first rounds.
    pub first_interval: Duration,
    /// How many rounds are first ones.
    pub first_rounds: u32,
    /// Between all others.
    pub interval: Duration,
}

/// What was seen in the rounds before.
#[derive(Clone, Debug, Default)]
pub struct Seen(HashMap<String, Sighting>);

#[derive(Clone, Copy, Debug)]
struct Sighting {
    first: Timestamp,
    rounds: u32,
}

/// What one round says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verdict {
    /// Held without a live pod, ripe or not.
    pub found: usize,
    /// To be stopped, after one more look at each.
    pub stop: Vec<Held>,
    /// Ripe, and not stopped because of the brake.
    pub held_back: Vec<Held>,
    /// Why nothing is stopped although some should be.
    pub brake: Option<Brake>,
}

/// What stopped a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Brake {
    /// More would be stopped than one round may.
    TooMany {
        /// How many.
        ripe: usize,
        /// How many may be.
        allowed: usize,
        /// Out of how many.
        held: usize,
    },
    /// The cluster has no pod for this node, but much is held.
    NoPods {
        /// How much.
        held: usize,
    },
}

// === impl OrphanLimits ===

impl Default for OrphanLimits {
    fn default() -> Self {
        Self {
            min_age: Duration::from_secs(180),
            rounds: 2,
            at_most: 5,
            at_most_share: 0.05,
            at_most_without_pods: 10,
            released_at_start: 0,
            first_interval: Duration::from_secs(10),
            first_rounds: 20,
            interval: Duration::from_secs(60),
        }
    }
}

impl OrphanLimits {
    /// How many of `held` may be stopped in one round.
    #[must_use]
    pub fn allowed(&self, held: usize) -> usize {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a share of a count, rounded down on purpose; floats saturate when cast"
        )]
        let share = (held as f64 * self.at_most_share) as usize;
        share.max(self.at_most)
    }

    /// The pause before round number `round` (from 0).
    #[must_use]
    pub fn interval(&self, round: u32) -> Duration {
        if round < self.first_rounds { self.first_interval } else { self.interval }
    }
}

// === impl Seen ===

impl Seen {
    /// Judges one round. `held` was listed before `live`, so a pod that came in between is live; `in_hand` are UIDs that
    /// the node is busy with anyway.
    pub fn judge(
        &mut self,
        held: &[Held],
        live: &HashSet<String>,
        in_hand: &HashSet<String>,
        limits: &OrphanLimits,
        now: Timestamp,
    ) -> Verdict {
        let without: Vec<&Held> = held
            .iter()
            .filter(|held| !live.contains(&held.key.uid) && !in_hand.contains(&held.key.uid))
            .collect();
        let uids: HashSet<&str> = without.iter().map(|held| held.key.uid.as_str()).collect();
        self.0.retain(|uid, _| uids.contains(uid.as_str()));
        for uid in &uids {
            let sighting =
                self.0.entry((*uid).to_owned()).or_insert(Sighting { first: now, rounds: 0 });
            sighting.rounds = sighting.rounds.saturating_add(1);
        }
        let ripe: Vec<Held> = without
            .iter()
            .filter(|held| {
                self.0.get(&held.key.uid).is_some_and(|sighting| {
                    let since = held.since.unwrap_or(sighting.first);
                    let age = Duration::try_from(now.duration_since(since)).unwrap_or_default();
                    sighting.rounds >= limits.rounds && age >= limits.min_age
                })
            })
            .map(|held| (*held).clone())
            .collect();

        let found = without.len();
        let allowed = limits.allowed(held.len());
        let brake = if ripe.is_empty() {
            None
        } else if live.is_empty() && held.len() > limits.at_most_without_pods {
            Some(Brake::NoPods { held: held.len() })
        } else if ripe.len() > allowed {
            Some(Brake::TooMany { ripe: ripe.len(), allowed, held: held.len() })
        } else {
            None
        };
        let (stop, held_back) =
            if brake.is_some() { (Vec::new(), ripe) } else { (ripe, Vec::new()) };
        Verdict { found, stop, held_back, brake }
    }
}

impl std::fmt::Display for Brake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TooMany { ripe, allowed, held } => write!(
                f,
                "{ripe} of {held} things that run for this node belong to no pod; at most {allowed} may be stopped at once, so none \
                 was"
            ),
            Self::NoPods { held } => write!(
                f,
                "the cluster has no pod for this node but {held} things run for it, so none was stopped. Is this the right cluster \
                 and the right node name?"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::PodKey;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn held(uid: usize, since: Option<i64>) -> Held {
        let key = PodKey {
            namespace: "default".to_owned(),
            name: format!("p{uid}"),
            uid: uid.to_string(),
        };
        Held { key, since: since.map(at), describe: String::new() }
    }

    fn uids(range: std::ops::Range<usize>) -> HashSet<String> {
        range.map(|uid| uid.to_string()).collect()
    }

    /// Judges round after round at the given seconds; the last verdict counts.
    #[track_caller]
    fn check(
        all: &[Held],
        live: &HashSet<String>,
        rounds: &[i64],
        stopped: usize,
        brake: Option<Brake>,
    ) {
        let mut seen = Seen::default();
        let limits = OrphanLimits::default();
        let mut verdict = Verdict::default();
        for &second in rounds {
            verdict = seen.judge(all, live, &HashSet::new(), &limits, at(second));
        }
        assert_eq!((verdict.stop.len(), verdict.brake), (stopped, brake));
        assert_eq!(verdict.held_back.is_empty(), brake.is_none(), "{:?}", verdict.held_back);
    }

    #[test]
    fn an_old_one_is_stopped_in_the_second_round() {
        let all = [held(0, Some(0)), held(1, Some(0))];
        check(&all, &uids(1..2), &[1000], 0, None);
        check(&all, &uids(1..2), &[1000, 1010], 1, None);
        check(&all, &uids(0..2), &[1000, 1010], 0, None);
    }

    #[test]
    fn a_young_one_is_left_alone() {
        check(&[held(0, Some(1000))], &uids(1..2), &[1010, 1020, 1179], 0, None);
        check(&[held(0, Some(1000))], &uids(1..2), &[1010, 1020, 1180], 1, None);
        check(&[held(0, Some(2000))], &uids(1..2), &[1010, 1020], 0, None);
    }

    #[test]
    fn without_a_birthday_age_counts_from_the_first_sight() {
        check(&[held(0, None)], &uids(1..2), &[1000, 1100], 0, None);
        check(&[held(0, None)], &uids(1..2), &[1000, 1100, 1180], 1, None);
    }

    #[test]
    fn rounds_must_come_in_a_row() {
        let mut seen = Seen::default();
        let limits = OrphanLimits::default();
        let all = [held(0, Some(0))];
        let none = HashSet::new();
        assert!(seen.judge(&all, &none, &none, &limits, at(1000)).stop.is_empty());
        assert!(seen.judge(&all, &uids(0..1), &none, &limits, at(1010)).stop.is_empty());
        assert!(seen.judge(&all, &none, &none, &limits, at(1020)).stop.is_empty());
        assert_eq!(seen.judge(&all, &none, &none, &limits, at(1030)).stop.len(), 1);
    }

    #[test]
    fn what_the_node_is_busy_with_is_not_judged() {
        let mut seen = Seen::default();
        let all = [held(0, Some(0))];
        for second in [1000, 1010, 1020] {
            let verdict = seen.judge(
                &all,
                &HashSet::new(),
                &uids(0..1),
                &OrphanLimits::default(),
                at(second),
            );
            assert_eq!(verdict, Verdict::default());
        }
    }

    #[test]
    fn more_than_a_few_are_not_stopped() {
        let hundred: Vec<Held> = (0..100).map(|uid| held(uid, Some(0))).collect();
        check(&hundred, &uids(5..100), &[1000, 1010], 5, None);
        check(
            &hundred,
            &uids(6..100),
            &[1000, 1010],
            0,
            Some(Brake::TooMany { ripe: 6, allowed: 5, held: 100 }),
        );
        let many: Vec<Held> = (0..1000).map(|uid| held(uid, Some(0))).collect();
        check(&many, &uids(50..1000), &[1000, 1010], 50, None);
        check(
            &many,
            &uids(51..1000),
            &[1000, 1010],
            0,
            Some(Brake::TooMany { ripe: 51, allowed: 50, held: 1000 }),
        );
    }

    #[test]
    fn a_cluster_without_our_pods_is_not_believed() {
        let eleven: Vec<Held> = (0..11).map(|uid| held(uid, Some(0))).collect();
        check(&eleven, &HashSet::new(), &[1000, 1010], 0, Some(Brake::NoPods { held: 11 }));
        check(&eleven[..5], &HashSet::new(), &[1000, 1010], 5, None);
    }
}

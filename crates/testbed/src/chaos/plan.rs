//! Which troubles come when: drawn from a seed, and from nothing else.

use std::time::Duration;

use super::trouble::{CLOUD_FAULTS, Trouble};
use crate::luck::Luck;

/// What happens in one round.
#[derive(Clone, Debug, PartialEq)]
pub struct Round {
    /// Troubles of one time.
    pub troubles: Vec<Trouble>,
    /// How long.
    pub length: Duration,
}

/// The shortest round.
const SHORTEST: u64 = 9_000;
/// The longest round in which nobody sleeps.
const LONGEST: u64 = 16_000;
/// A round in which somebody sleeps: the Lease lasts 15 s.
const WITH_SLEEP: u64 = 24_000;

/// Rounds without end: first those that every run should have, then all troubles in any order, again and again.
#[derive(Clone, Debug)]
pub struct Plan {
    luck: Luck,
    next: u64,
    deck: Vec<Trouble>,
}

// === impl Plan ===

impl Plan {
    /// The plan of a seed.
    #[must_use]
    pub fn new(luck: Luck) -> Self {
        Self { luck: luck.named("plan"), next: 0, deck: Vec::new() }
    }

    /// What a run of a few minutes must not miss.
    fn first(number: u64) -> Option<Vec<Trouble>> {
        let cloud = |name: &str| {
            CLOUD_FAULTS.iter().find(|fault| fault.name == name).map(|fault| Trouble::Cloud(*fault))
        };
        let troubles = match number {
            0 => vec![Some(Trouble::Kills), Some(Trouble::CloudLine("lose-answers-of-creates"))],
            1 => vec![Some(Trouble::Sleep), Some(Trouble::Guests)],
            2 => vec![Some(Trouble::Kills), Some(Trouble::CloudLine("late-creates"))],
            3 => vec![Some(Trouble::ClusterLine("swallow-answers")), cloud("create-invisible")],
            4 => vec![Some(Trouble::Rolling), Some(Trouble::CloudLine("blackhole"))],
            5 => vec![Some(Trouble::ApiserverCrash), cloud("answer-lost-after-commit")],
            6 => vec![Some(Trouble::CloudDown), Some(Trouble::Kills)],
            _ => return None,
        };
        Some(troubles.into_iter().flatten().collect())
    }

    fn drawn(&mut self, luck: Luck) -> Vec<Trouble> {
        if self.deck.is_empty() {
            self.deck = shuffled(Trouble::all(), luck.named("deck"));
        }
        let mut troubles: Vec<Trouble> = self.deck.pop().into_iter().collect();
        for (chance, part, more) in
            [(0.5, "kills", Trouble::Kills), (0.3, "guests", Trouble::Guests)]
        {
            if luck.named(part).strikes(chance) {
                add(&mut troubles, more);
            }
        }
        if luck.named("second").strikes(0.4)
            && let Some(second) = luck.named("which").pick(&Trouble::all())
        {
            add(&mut troubles, *second);
        }
        troubles
    }
}

impl Iterator for Plan {
    type Item = Round;

    fn next(&mut self) -> Option<Round> {
        let luck = self.luck.of(self.next);
        let troubles = match Self::first(self.next) {
            Some(troubles) => troubles,
            None => self.drawn(luck),
        };
        self.next += 1;
        let millis = if troubles.contains(&Trouble::Sleep) {
            WITH_SLEEP
        } else {
            luck.named("length").between(SHORTEST, LONGEST)
        };
        Some(Round { troubles, length: Duration::from_millis(millis) })
    }
}

fn add(troubles: &mut Vec<Trouble>, more: Trouble) {
    if troubles.iter().all(|trouble| trouble.goes_with(more)) {
        troubles.push(more);
    }
}

/// Fisher and Yates.
fn shuffled<T>(mut all: Vec<T>, luck: Luck) -> Vec<T> {
    for last in (1..all.len()).rev() {
        let other = luck.of(last as u64).between(0, last as u64);
        all.swap(last, usize::try_from(other).unwrap_or(last));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_one_plan() {
        let plan = |seed| Plan::new(Luck::new(seed)).take(40).collect::<Vec<_>>();
        assert_eq!(plan(1), plan(1));
        assert_ne!(plan(1), plan(2));
    }

    #[test]
    fn every_trouble_has_its_round() {
        let all = Trouble::all();
        let rounds: Vec<Round> = Plan::new(Luck::new(5)).take(7 + all.len()).collect();
        for trouble in all {
            assert!(rounds.iter().any(|round| round.troubles.contains(&trouble)), "{trouble}");
        }
    }

    #[test]
    fn troubles_of_one_round_go_together() {
        for round in Plan::new(Luck::new(9)).take(300) {
            assert!(!round.troubles.is_empty());
            for (index, one) in round.troubles.iter().enumerate() {
                for other in &round.troubles[index + 1..] {
                    assert!(one.goes_with(*other), "{one} and {other}");
                }
            }
        }
    }
}

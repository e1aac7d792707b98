//! Which events are written: repeats are counted instead, and one object cannot flood the cluster.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;

use crate::provider::PodEventKind;

/// Events that one object may have written in a burst, as the kubelet's spam filter.
pub const BURST: f64 = 25.0;

/// After a burst, one event per object and this long, as the kubelet's spam filter.
pub const REFILL: Duration = Duration::from_secs(300);

/// Normal events of all objects together that are all written, however fast they come.
pub const NORMAL_BURST: f64 = 25.0;

/// They are all written, too, while they come no faster than one in this long (20 a second).
pub const NORMAL_REFILL: Duration = Duration::from_millis(50);

/// While they come faster, one is written in this long: a thousand pods that start at once are told of by some of them,
/// and each of them by its status.
pub const NORMAL_SAMPLE: Duration = Duration::from_secs(1);

/// How many that were not written count against those to come: it takes three seconds of quiet until all are written
/// again, so that a burst which comes in waves is one burst.
const NORMAL_DEBT: f64 = 60.0;

/// After this long a repeat is a new event: the API server has dropped the old one (`--event-ttl`).
pub const TTL: Duration = Duration::from_secs(60 * 60);

/// Events remembered; beyond that the oldest are forgotten.
pub const REMEMBERED: usize = 4096;

/// What makes two events the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Same {
    /// UID of the object, or its name where it has none.
    pub object: String,
    /// The container it is about.
    pub container: Option<String>,
    /// Reason.
    pub reason: String,
    /// Message.
    pub message: String,
}

/// What to do with an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Write it under a new name.
    Create,
    /// Set the count of the one that is there.
    Count {
        /// `metadata.name` of the event.
        name: String,
        /// How often it has happened.
        count: i32,
    },
    /// Nothing now; a later repeat tells the count.
    Skip,
    /// Nothing: it is Normal, and many others were written just now.
    Sample,
}

/// Events that were written.
#[derive(Debug, Default)]
pub struct Log {
    written: HashMap<Same, Written>,
    budgets: HashMap<String, Budget>,
    /// Of all Normal events together.
    normal: Normal,
}

/// How fast Normal events come, and when the last sample was written.
#[derive(Debug, Default)]
struct Normal {
    budget: Option<Budget>,
    sampled: Option<Timestamp>,
}

#[derive(Debug)]
struct Written {
    name: String,
    count: i32,
    first: Timestamp,
    last_write: Timestamp,
}

#[derive(Debug)]
struct Budget {
    left: f64,
    at: Timestamp,
}

// === impl Log ===

impl Log {
    /// Decides. A repeat within `quiet` of the last write is only counted. Warnings have a budget for each object,
    /// Normal events also one that they all share.
    pub fn judge(
        &mut self,
        same: &Same,
        kind: PodEventKind,
        quiet: Duration,
        now: Timestamp,
    ) -> Step {
        if self.written.len() >= REMEMBERED || self.budgets.len() >= REMEMBERED {
            self.trim(now);
        }
        if let Some(written) = self.written.get_mut(same) {
            if age(written.first, now) < TTL {
                written.count = written.count.saturating_add(1);
                if age(written.last_write, now) < quiet {
                    return Step::Skip;
                }
                if kind == PodEventKind::Normal && !self.normal.admits(now) {
                    return Step::Sample;
                }
                if !spend(&mut self.budgets, &same.object, now) {
                    return Step::Skip;
                }
                written.last_write = now;
                return Step::Count { name: written.name.clone(), count: written.count };
            }
            self.written.remove(same);
        }
        if kind == PodEventKind::Normal && !self.normal.admits(now) {
            return Step::Sample;
        }
        if spend(&mut self.budgets, &same.object, now) { Step::Create } else { Step::Skip }
    }

    /// The event was created under this name.
    pub fn created(&mut self, same: Same, name: String, now: Timestamp) {
        self.written.insert(same, Written { name, count: 1, first: now, last_write: now });
    }

    /// The event could not be written, or is not there any more: the next one is new.
    pub fn forget(&mut self, same: &Same) {
        self.written.remove(same);
    }

    fn trim(&mut self, now: Timestamp) {
        self.written.retain(|_, written| age(written.first, now) < TTL);
        self.budgets.retain(|_, budget| budget.refilled(REFILL, BURST, now) < BURST);
        while self.written.len() >= REMEMBERED {
            let Some(oldest) = self.written.iter().min_by_key(|(_, written)| written.last_write)
            else {
                break;
            };
            let oldest = oldest.0.clone();
            self.written.remove(&oldest);
        }
        while self.budgets.len() >= REMEMBERED {
            let Some(oldest) = self.budgets.iter().min_by_key(|(_, budget)| budget.at) else {
                break;
            };
            let oldest = oldest.0.clone();
            self.budgets.remove(&oldest);
        }
    }
}

fn age(since: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(since)).unwrap_or_default()
}

fn spend(budgets: &mut HashMap<String, Budget>, object: &str, now: Timestamp) -> bool {
    let budget = budgets.entry(object.to_owned()).or_insert(Budget { left: BURST, at: now });
    budget.spend(REFILL, BURST, now)
}

// === impl Normal ===

impl Normal {
    /// Whether this one is written. Each counts, written or not: it is their coming that is measured.
    fn admits(&mut self, now: Timestamp) -> bool {
        let budget = self.budget.get_or_insert(Budget { left: NORMAL_BURST, at: now });
        let left = budget.refilled(NORMAL_REFILL, NORMAL_BURST, now) - 1.0;
        *budget = Budget { left: left.max(-NORMAL_DEBT), at: now };
        if left >= 0.0 {
            return true;
        }
        let due = self.sampled.is_none_or(|at| age(at, now) >= NORMAL_SAMPLE);
        if due {
            self.sampled = Some(now);
        }
        due
    }
}

// === impl Budget ===

impl Budget {
    /// What there is now: one more after each `refill`, no more than `burst`.
    fn refilled(&self, refill: Duration, burst: f64, now: Timestamp) -> f64 {
        (self.left + age(self.at, now).as_secs_f64() / refill.as_secs_f64()).min(burst)
    }

    fn spend(&mut self, refill: Duration, burst: f64, now: Timestamp) -> bool {
        *self = Self { left: self.refilled(refill, burst, now), at: now };
        if self.left < 1.0 {
            return false;
        }
        self.left -= 1.0;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUIET: Duration = Duration::from_secs(300);
    const WARNING: PodEventKind = PodEventKind::Warning;

    fn same(object: &str, message: &str) -> Same {
        Same {
            object: object.to_owned(),
            container: None,
            reason: "R".to_owned(),
            message: message.to_owned(),
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn repeats_are_counted_and_told_when_quiet_is_over() {
        let mut log = Log::default();
        let event = same("a", "m");
        assert_eq!(log.judge(&event, WARNING, QUIET, at(0)), Step::Create);
        log.created(event.clone(), "a.1".to_owned(), at(0));
        assert_eq!(log.judge(&event, WARNING, QUIET, at(10)), Step::Skip);
        assert_eq!(log.judge(&event, WARNING, QUIET, at(299)), Step::Skip);
        assert_eq!(
            log.judge(&event, WARNING, QUIET, at(300)),
            Step::Count { name: "a.1".to_owned(), count: 4 }
        );
        assert_eq!(log.judge(&event, WARNING, QUIET, at(301)), Step::Skip);
        assert_eq!(
            log.judge(&event, WARNING, Duration::ZERO, at(302)),
            Step::Count { name: "a.1".to_owned(), count: 6 }
        );
    }

    #[test]
    fn another_message_is_another_event() {
        let mut log = Log::default();
        log.created(same("a", "m"), "a.1".to_owned(), at(0));
        assert_eq!(log.judge(&same("a", "n"), WARNING, QUIET, at(1)), Step::Create);
        assert_eq!(log.judge(&same("b", "m"), WARNING, QUIET, at(1)), Step::Create);
    }

    #[test]
    fn what_the_server_has_dropped_is_written_anew() {
        let mut log = Log::default();
        log.created(same("a", "m"), "a.1".to_owned(), at(0));
        assert_eq!(log.judge(&same("a", "m"), WARNING, QUIET, at(3600)), Step::Create);
        log.created(same("a", "m"), "a.2".to_owned(), at(3600));
        log.forget(&same("a", "m"));
        assert_eq!(log.judge(&same("a", "m"), WARNING, QUIET, at(3601)), Step::Create);
    }

    #[test]
    fn one_object_cannot_flood() {
        let mut log = Log::default();
        let written = |log: &mut Log, object: &str, second: i64| {
            (0..100)
                .filter(|n| {
                    log.judge(&same(object, &n.to_string()), WARNING, QUIET, at(second))
                        == Step::Create
                })
                .count()
        };
        assert_eq!(written(&mut log, "a", 0), 25);
        assert_eq!(written(&mut log, "b", 0), 25, "each object has its own budget");
        assert_eq!(written(&mut log, "a", 299), 0);
        assert_eq!(written(&mut log, "a", 600), 2);
    }

    #[test]
    fn a_burst_of_pods_is_told_of_by_a_sample_but_every_warning_is_told() {
        let mut log = Log::default();
        let burst = |log: &mut Log, kind: PodEventKind, second: i64| {
            (0..1000)
                .filter(|n| {
                    let event = same(&format!("{second}-{n}"), "m");
                    log.judge(&event, kind, QUIET, at(second)) == Step::Create
                })
                .count()
        };
        assert_eq!(burst(&mut log, PodEventKind::Normal, 0), 26);
        assert_eq!(burst(&mut log, PodEventKind::Normal, 1), 1);
        assert_eq!(burst(&mut log, WARNING, 2), 1000);
        assert_eq!(burst(&mut log, PodEventKind::Normal, 60), 26);
    }

    #[test]
    fn a_burst_that_comes_in_waves_is_one_burst() {
        let mut log = Log::default();
        let waves = (0..10).map(|second| {
            let admitted = (0..100).filter(|n| {
                let event = same(&format!("{second}-{n}"), "m");
                log.judge(&event, PodEventKind::Normal, QUIET, at(second)) == Step::Create
            });
            admitted.count()
        });
        assert_eq!(waves.sum::<usize>(), 26 + 9);
    }

    #[test]
    fn what_comes_steadily_is_all_told() {
        let mut log = Log::default();
        let start = at(0);
        let written = |log: &mut Log, pause: Duration| {
            (0..200_u32)
                .filter(|n| {
                    let now = start.checked_add(pause * *n).unwrap();
                    let event = same(&format!("{pause:?}-{n}"), "m");
                    log.judge(&event, PodEventKind::Normal, QUIET, now) == Step::Create
                })
                .count()
        };
        assert_eq!(written(&mut log, Duration::from_millis(60)), 200);
        let sampled = written(&mut Log::default(), Duration::from_millis(10));
        assert!((25..45).contains(&sampled), "{sampled}");
    }

    #[test]
    fn memory_is_bounded() {
        let mut log = Log::default();
        for n in 0..(REMEMBERED as i64 + 100) {
            let event = same(&n.to_string(), "m");
            log.judge(&event, WARNING, QUIET, at(n));
            log.created(event, n.to_string(), at(n));
        }
        assert!(log.written.len() <= REMEMBERED + 1 && log.budgets.len() <= REMEMBERED + 1);
    }
}

//! The faults that are set, and whether they strike.

use std::time::Duration;

use jiff::Timestamp;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::{Fault, FaultKind, FaultScope};
use crate::clock::add;

/// A fault that struck.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Strike {
    /// Which.
    pub(crate) kind: FaultKind,
    /// The time it takes; zero for a kind that takes none.
    pub(crate) delay: Duration,
    /// The size it takes; zero for a kind that takes none.
    pub(crate) size: u64,
}

/// One request, or one connection, as faults see it; remembers which of them struck.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trouble {
    /// Where, by CloudAPI's name; empty where nothing was asked for yet.
    pub(crate) endpoint: &'static str,
    /// Login of who calls or says so: faults do not wait for the proof.
    pub(crate) account: Option<String>,
    /// What struck so far.
    pub(crate) struck: Vec<FaultKind>,
}

/// The faults that are set.
#[derive(Debug)]
pub(crate) struct Faults {
    set: Vec<Set>,
    random: StdRng,
}

/// A fault that is set.
#[derive(Debug, Clone)]
struct Set {
    kind: FaultKind,
    fault: Fault,
    begins: Timestamp,
    ends: Option<Timestamp>,
    /// How many calls are still let through.
    passes: u32,
    /// How often it has struck.
    struck: u32,
}

// === impl Faults ===

impl Faults {
    pub(crate) fn new(seed: u64) -> Self {
        Self { set: Vec::new(), random: StdRng::seed_from_u64(seed) }
    }

    /// Sets a fault, in place of one of the same kind for the same endpoint and account.
    pub(crate) fn set(&mut self, kind: FaultKind, fault: Fault, now: Timestamp) {
        self.set.retain(|set| {
            set.kind != kind
                || set.fault.endpoint != fault.endpoint
                || set.fault.account != fault.account
        });
        self.add(kind, fault, now);
    }

    /// Sets exactly these.
    pub(crate) fn replace(&mut self, faults: Vec<(FaultKind, Fault)>, now: Timestamp) {
        self.set.clear();
        for (kind, fault) in faults {
            self.add(kind, fault, now);
        }
    }

    fn add(&mut self, kind: FaultKind, fault: Fault, now: Timestamp) {
        let begins = add(now, fault.at.unwrap_or_default());
        let ends = fault.duration.map(|duration| add(begins, duration));
        let passes = fault.after_calls;
        self.set.push(Set { kind, fault, begins, ends, passes, struck: 0 });
    }

    /// Takes the faults of a kind away; says whether there were any.
    pub(crate) fn clear(&mut self, kind: FaultKind) -> bool {
        let before = self.set.len();
        self.set.retain(|set| set.kind != kind);
        self.set.len() != before
    }

    /// Takes the faults of a kind for one endpoint away; says whether there were any.
    pub(crate) fn clear_at(&mut self, kind: FaultKind, endpoint: &str) -> bool {
        let before = self.set.len();
        let is_there = |fault: &Fault| {
            fault.endpoint.as_ref().is_some_and(|there| there.eq_ignore_ascii_case(endpoint))
        };
        self.set.retain(|set| set.kind != kind || !is_there(&set.fault));
        self.set.len() != before
    }

    pub(crate) fn clear_all(&mut self) {
        self.set.clear();
    }

    /// The faults that are set, how often each has struck, in the order they were set.
    pub(crate) fn all(&self) -> Vec<(FaultKind, Fault, u32)> {
        self.set.iter().map(|set| (set.kind, set.fault.clone(), set.struck)).collect()
    }

    /// When the next fault of this scope begins or wears off.
    pub(crate) fn next_change(&self, scope: FaultScope, now: Timestamp) -> Option<Timestamp> {
        let of_scope = self.set.iter().filter(|set| set.kind.entry().scope == scope);
        let moments = of_scope.flat_map(|set| [Some(set.begins), set.ends]).flatten();
        moments.filter(|moment| *moment > now).min()
    }

    /// Whether a fault of this kind is set, for who would have to work to ask it.
    pub(crate) fn has(&self, kind: FaultKind) -> bool {
        self.set.iter().any(|set| set.kind == kind)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.set.is_empty()
    }

    /// A number below `bound`, out of the faults' luck.
    pub(crate) fn draw(&mut self, bound: usize) -> usize {
        self.random.random_range(0..bound.max(1))
    }

    /// Whether a fault of this kind strikes now. Each asking counts as one call.
    pub(crate) fn strikes(
        &mut self,
        kind: FaultKind,
        trouble: &mut Trouble,
        now: Timestamp,
    ) -> Option<Strike> {
        if self.set.is_empty() {
            return None;
        }
        let random = &mut self.random;
        let of_kind = self.set.iter_mut().filter(|set| set.kind == kind);
        let struck = of_kind.fold(None, |struck: Option<&Set>, set| {
            struck.or_else(|| set.strikes(trouble, now, random).then_some(&*set))
        })?;
        trouble.struck.push(kind);
        Some(Strike {
            kind,
            delay: struck.fault.delay.or(kind.entry().delay).unwrap_or_default(),
            size: struck.fault.size.or(kind.entry().size).unwrap_or_default(),
        })
    }
}

// === impl Set ===

impl Set {
    fn strikes(&mut self, trouble: &Trouble, now: Timestamp, random: &mut StdRng) -> bool {
        let Fault { endpoint, account, times, probability, .. } = &self.fault;
        let is_elsewhere =
            endpoint.as_ref().is_some_and(|wanted| !wanted.eq_ignore_ascii_case(trouble.endpoint));
        let is_somebody_else =
            account.as_ref().is_some_and(|wanted| Some(wanted) != trouble.account.as_ref());
        let is_over = self.ends.is_some_and(|ends| now >= ends);
        if is_elsewhere || is_somebody_else || now < self.begins || is_over {
            return false;
        }
        if self.passes > 0 {
            self.passes -= 1;
            return false;
        }
        let is_spent = times.is_some_and(|times| self.struck >= times);
        if is_spent || random.random::<f64>() >= *probability {
            return false;
        }
        self.struck += 1;
        true
    }
}

#[cfg(test)]
mod tests;

//! Counters for metrics.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use crate::lateness::{Histogram, Lateness};
use crate::probe::Kind;
use crate::prober::Outcome;

/// What the engine has done so far. Counters only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Probes that are asked from time to time, of all targets.
    pub probes: usize,
    /// Questions that are being asked now.
    pub asking: usize,
    /// Questions begun.
    pub asked: u64,
    /// The sum over all questions of how much later than due they were begun: waiting for their turn, or for the
    /// runtime. It is never taken from the answer's own timeout.
    pub lateness: Duration,
    /// Answers to startup probes.
    pub startup: Counts,
    /// Answers to liveness probes.
    pub liveness: Counts,
    /// Answers to readiness probes.
    pub readiness: Counts,
}

/// Answers by what they counted as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Successes and warnings.
    pub success: u64,
    /// Failures, reached threshold or not.
    pub failure: u64,
    /// No answer after every attempt. The kubelet does not count these; an operator wants to see them.
    pub unknown: u64,
}

/// The counters behind [`Stats`].
#[derive(Debug, Default)]
pub(crate) struct Counters {
    asked: AtomicU64,
    late_nanos: AtomicU64,
    lateness: Histogram,
    probes: AtomicUsize,
    by_kind: [[AtomicU64; 3]; 3],
}

// === impl Stats ===

impl Stats {
    /// The answers to one kind of probe.
    pub fn of(&self, kind: Kind) -> Counts {
        match kind {
            Kind::Startup => self.startup,
            Kind::Liveness => self.liveness,
            Kind::Readiness => self.readiness,
        }
    }
}

// === impl Counters ===

impl Counters {
    /// A question was begun so much later than it was due.
    pub(crate) fn begun(&self, lateness: Duration) {
        self.asked.fetch_add(1, Relaxed);
        let nanos = u64::try_from(lateness.as_nanos()).unwrap_or(u64::MAX);
        self.late_nanos.fetch_add(nanos, Relaxed);
        self.lateness.note(lateness);
    }

    /// A probe will be asked from time to time.
    pub(crate) fn probe_began(&self) {
        self.probes.fetch_add(1, Relaxed);
    }

    /// A probe will be asked no more.
    pub(crate) fn probe_ended(&self) {
        self.probes.fetch_sub(1, Relaxed);
    }

    /// How late questions were begun.
    pub(crate) fn lateness(&self) -> Lateness {
        self.lateness.read()
    }

    /// A question was answered.
    pub(crate) fn answered(&self, kind: Kind, outcome: &Outcome) {
        let column = match outcome.counts_as_success() {
            Some(true) => 0,
            Some(false) => 1,
            None => 2,
        };
        self.by_kind[kind as usize][column].fetch_add(1, Relaxed);
    }

    /// A reading of all counters. They are not read at one instant.
    pub(crate) fn read(&self, asking: usize) -> Stats {
        let counts = |kind: Kind| {
            let [success, failure, unknown] = &self.by_kind[kind as usize];
            Counts {
                success: success.load(Relaxed),
                failure: failure.load(Relaxed),
                unknown: unknown.load(Relaxed),
            }
        };
        Stats {
            probes: self.probes.load(Relaxed),
            asking,
            asked: self.asked.load(Relaxed),
            lateness: Duration::from_nanos(self.late_nanos.load(Relaxed)),
            startup: counts(Kind::Startup),
            liveness: counts(Kind::Liveness),
            readiness: counts(Kind::Readiness),
        }
    }
}

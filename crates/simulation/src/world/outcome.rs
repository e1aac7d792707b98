//! What came of a run.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::boundary::Point;
use crate::history::Entry;
use crate::oracle::Violation;
use crate::trace::line;

/// What came of it.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// What should not have happened.
    pub violations: Vec<Violation>,
    /// Of everything that both APIs saw.
    pub fingerprint: u64,
    /// Everything that both APIs saw.
    pub entries: Vec<Entry>,
    /// Pods that lived.
    pub lives: usize,
    /// Processes that were killed.
    pub kills: u64,
    /// Faults that struck, by name.
    pub struck: BTreeMap<&'static str, u64>,
    /// Time that went by in it.
    pub lasted: Duration,
    /// Boundaries that were crossed, in order.
    pub boundaries: Vec<String>,
    /// Points at which processes died.
    pub died: Vec<Point>,
}

// === impl Outcome ===

impl Outcome {
    /// Everything that happened, one line each.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.entries.iter().map(line).collect()
    }

    /// Where two runs of one plan first went different ways: the line's number, and both lines (empty: it had ended).
    #[must_use]
    pub fn differs_from(&self, other: &Self) -> Option<(usize, String, String)> {
        if self.fingerprint == other.fingerprint {
            return None;
        }
        let (one, other) = (self.lines(), other.lines());
        let line = |lines: &[String], number: usize| lines.get(number).cloned().unwrap_or_default();
        let number = (0..one.len().max(other.len())).find(|&at| one.get(at) != other.get(at))?;
        Some((number, line(&one, number), line(&other, number)))
    }
}

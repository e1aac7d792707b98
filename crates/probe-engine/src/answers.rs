//! What one probe was answered so far, for metrics: the kubelet's `prober_probe_total` and
//! `prober_probe_duration_seconds`.

use std::sync::Arc;
use std::time::Duration;

use crate::probe::Kind;
use crate::prober::Outcome;

/// Upper bounds of the buckets of [`Answers::buckets`], in seconds: Prometheus' default buckets, as the kubelet has them.
pub const BUCKETS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// What one probe was answered so far. It is gone when the probe ends.
///
/// What could not be asked is not counted, nor is how long a failure took: as in the kubelet's `worker.go`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    /// Successes and warnings.
    pub successes: u64,
    /// Failures, reached threshold or not.
    pub failures: u64,
    /// How long all successes together took.
    pub took: Duration,
    /// How many successes took so long, by the first of [`BUCKETS`] that they fit in; what fits in none is in
    /// [`successes`](Self::successes) only.
    pub buckets: [u64; BUCKETS.len()],
}

/// One probe, and what it was answered so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// The target.
    pub target: Arc<str>,
    /// The question.
    pub kind: Kind,
    /// The answers.
    pub answers: Answers,
}

// === impl Answers ===

impl Answers {
    /// Counts one answer that took so long, all its attempts together.
    pub(crate) fn note(&mut self, outcome: &Outcome, took: Duration) {
        match outcome.counts_as_success() {
            Some(true) => {
                self.successes += 1;
                self.took = self.took.saturating_add(took);
                let seconds = took.as_secs_f64();
                let fits = BUCKETS.iter().position(|bound| seconds <= *bound);
                if let Some(bucket) = fits.and_then(|at| self.buckets.get_mut(at)) {
                    *bucket += 1;
                }
            }
            Some(false) => self.failures += 1,
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn successes_and_failures_are_counted_and_only_successes_timed() {
        let mut answers = Answers::default();
        let millis = Duration::from_millis;
        answers.note(&Outcome::Success(String::new()), millis(5));
        answers.note(&Outcome::Warning(String::new()), millis(300));
        answers.note(&Outcome::Success(String::new()), millis(20_000));
        answers.note(&Outcome::Failure(String::new()), millis(7));
        answers.note(&Outcome::Unknown(String::new()), millis(7));
        assert_eq!((answers.successes, answers.failures), (3, 1));
        assert_eq!(answers.took, millis(20_305));
        assert_eq!(answers.buckets, [1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0]);
    }
}

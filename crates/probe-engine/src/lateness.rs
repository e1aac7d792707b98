//! How late questions were begun.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Four to each power of two of microseconds, up to 2^36 us (19 hours): a reading is at most a quarter too high.
const BUCKETS: usize = 36 * 4;

/// A distribution of latenesses: how much later than due questions were begun, because they waited for their turn or
/// for the runtime.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lateness {
    counts: Box<[u64]>,
}

/// The counters behind [`Lateness`].
#[derive(Debug)]
pub(crate) struct Histogram([AtomicU64; BUCKETS]);

// === impl Lateness ===

impl Lateness {
    /// So many questions were begun.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// At least this share of the questions, from 0 to 1, was not later than what is returned, which is at most a
    /// quarter above the truth. Zero if there was no question.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Duration {
        let wanted = (self.count() as f64 * share.clamp(0.0, 1.0)).ceil() as u64;
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += count;
            if *count > 0 && seen >= wanted {
                return Duration::from_micros(upper(bucket));
            }
        }
        Duration::ZERO
    }

    /// What was counted after `earlier` was read.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let pairs = self.counts.iter().zip(&earlier.counts);
        Self { counts: pairs.map(|(now, then)| now.saturating_sub(*then)).collect() }
    }
}

// === impl Histogram ===

impl Histogram {
    pub(crate) fn note(&self, lateness: Duration) {
        let micros = u64::try_from(lateness.as_micros()).unwrap_or(u64::MAX);
        self.0[bucket(micros)].fetch_add(1, Relaxed);
    }

    pub(crate) fn read(&self) -> Lateness {
        Lateness { counts: self.0.iter().map(|count| count.load(Relaxed)).collect() }
    }
}

impl Default for Histogram {
    fn default() -> Self {
        Self(std::array::from_fn(|_| AtomicU64::new(0)))
    }
}

/// Where so many microseconds are counted.
fn bucket(micros: u64) -> usize {
    let found = match micros.checked_ilog2() {
        None | Some(0 | 1) => micros as usize,
        Some(power) => (power as usize - 1) * 4 + ((micros >> (power - 2)) & 3) as usize,
    };
    found.min(BUCKETS - 1)
}

/// The most microseconds that a bucket counts.
fn upper(bucket: usize) -> u64 {
    match bucket {
        0..4 => bucket as u64,
        _ => {
            let (power, quarter) = (bucket as u64 / 4 + 1, bucket as u64 % 4);
            ((quarter + 5) << (power - 2)) - 1
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bucket_begins_where_the_one_before_ends() {
        assert_eq!((bucket(0), bucket(3), bucket(4)), (0, 3, 4));
        for index in 0..BUCKETS - 1 {
            let last = upper(index);
            assert_eq!((bucket(last), bucket(last + 1)), (index, index + 1), "at {last} us");
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn a_quantile_is_at_most_a_quarter_too_high() {
        let histogram = Histogram::default();
        assert_eq!(histogram.read().quantile(0.5), Duration::ZERO);
        for millis in 1..=1000 {
            histogram.note(Duration::from_millis(millis));
        }
        let lateness = histogram.read();
        assert_eq!(lateness.count(), 1000);
        for (share, millis) in [(0.0, 1), (0.5, 500), (0.99, 990), (1.0, 1000)] {
            let (exact, found) = (Duration::from_millis(millis), lateness.quantile(share));
            assert!(found >= exact && found <= exact * 5 / 4, "{share}: {found:?}");
        }
        histogram.note(Duration::from_secs(9));
        assert_eq!(histogram.read().since(&lateness).count(), 1);
    }
}

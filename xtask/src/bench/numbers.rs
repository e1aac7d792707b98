//! What is told of many durations.

use std::time::Duration;

/// Median, 95th and 99th percentile, and maximum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Spread {
    pub(crate) median: Duration,
    pub(crate) p95: Duration,
    pub(crate) p99: Duration,
    pub(crate) max: Duration,
}

// === impl Spread ===

impl Spread {
    /// By nearest rank; all zero when there is nothing.
    pub(crate) fn of(durations: &[Duration]) -> Self {
        let mut sorted = durations.to_vec();
        sorted.sort();
        let rank = |percent: usize| {
            let rank = (sorted.len() * percent).div_ceil(100).max(1);
            sorted.get(rank - 1).copied().unwrap_or_default()
        };
        Self { median: rank(50), p95: rank(95), p99: rank(99), max: rank(100) }
    }
}

/// The number in the middle; zero when there is none.
pub(crate) fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or_default()
}

/// So many for each pod.
pub(crate) fn per(number: u64, pods: usize) -> f64 {
    number as f64 / pods as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(millis: &[u64], expected: [u128; 4]) {
        let durations: Vec<Duration> = millis.iter().copied().map(Duration::from_millis).collect();
        let Spread { median, p95, p99, max } = Spread::of(&durations);
        assert_eq!([median, p95, p99, max].map(|duration| duration.as_millis()), expected);
    }

    #[test]
    fn the_median_of_few_is_one_of_them() {
        assert_eq!(median(vec![0.9, 0.7, 0.8]), 0.8);
        assert_eq!(median(Vec::new()), 0.0);
    }

    #[test]
    fn ranks_are_the_nearest() {
        check(&[], [0, 0, 0, 0]);
        check(&[7], [7, 7, 7, 7]);
        check(&[3, 1, 2], [2, 3, 3, 3]);
        check(&(1..=100).collect::<Vec<_>>(), [50, 95, 99, 100]);
    }
}

//! What is told of many durations.

use std::time::Duration;

/// Median, 95th percentile and maximum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Spread {
    pub(crate) median: Duration,
    pub(crate) p95: Duration,
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
        Self { median: rank(50), p95: rank(95), max: rank(100) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(millis: &[u64], expected: (u64, u64, u64)) {
        let durations: Vec<Duration> = millis.iter().copied().map(Duration::from_millis).collect();
        let Spread { median, p95, max } = Spread::of(&durations);
        assert_eq!(
            [median, p95, max].map(|duration| duration.as_millis()),
            [expected.0, expected.1, expected.2].map(u128::from)
        );
    }

    #[test]
    fn ranks_are_the_nearest() {
        check(&[], (0, 0, 0));
        check(&[7], (7, 7, 7));
        check(&[3, 1, 2], (2, 3, 3));
        check(&(1..=100).collect::<Vec<_>>(), (50, 95, 100));
    }
}

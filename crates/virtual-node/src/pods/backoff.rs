//! How long a pod waits after a pass that failed.

use std::time::Duration;

/// The pause after the first failure.
pub const FIRST: Duration = Duration::from_secs(1);

/// The longest pause. There is no last try: a pod is asked about for as long as it exists.
pub const LONGEST: Duration = Duration::from_secs(5 * 60);

/// The share of the pause that may be taken off, so that pods that failed together do not come back together.
pub const JITTER: f64 = 0.2;

/// The pause after `failures` failures in a row (one or more); `spread` is in 0..1.
#[must_use]
pub fn pause(failures: u32, spread: f64) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    let whole = FIRST.saturating_mul(1 << doublings).min(LONGEST);
    whole.mul_f64(1.0 - JITTER * spread.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(failures: u32, seconds: u64) {
        assert_eq!(pause(failures, 0.0), Duration::from_secs(seconds), "after {failures} failures");
    }

    #[test]
    fn pauses_double_up_to_five_minutes() {
        check(1, 1);
        check(2, 2);
        check(3, 4);
        check(9, 256);
        check(10, 300);
        check(u32::MAX, 300);
    }

    #[test]
    fn jitter_only_shortens() {
        assert_eq!(pause(1, 1.0), Duration::from_millis(800));
        assert_eq!(pause(50, 0.5), Duration::from_secs(270));
    }
}

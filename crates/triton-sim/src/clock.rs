//! What time it is in the simulated datacenter.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

/// Wall time that moves with tokio's clock.
///
/// The wall is read once, at the start; afterwards it is "start plus elapsed tokio time", so a test that pauses
/// and advances tokio's clock moves `Date` headers, signatures' skew and instances' lives together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    wall: Timestamp,
    started: Instant,
}

// === impl Clock ===

impl Clock {
    /// A clock that shows `wall` now.
    pub(crate) fn starting_at(wall: Timestamp) -> Self {
        Self { wall, started: Instant::now() }
    }

    /// A clock that shows the computer's time now.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the wall clock; everything else is told"
    )]
    pub(crate) fn starting_now() -> Self {
        Self::starting_at(Timestamp::now())
    }

    /// The simulated wall time.
    pub(crate) fn now(&self) -> Timestamp {
        add(self.wall, self.started.elapsed())
    }
}

/// `at` plus `duration`, held at the end of time rather than wrapping.
pub(crate) fn add(at: Timestamp, duration: Duration) -> Timestamp {
    at.checked_add(duration).unwrap_or(Timestamp::MAX)
}

/// How long from `now` until `due`; zero when it has passed.
pub(crate) fn until(now: Timestamp, due: Timestamp) -> Duration {
    Duration::try_from(due.duration_since(now)).unwrap_or(Duration::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn wall_time_moves_with_tokios_clock() {
        let clock = Clock::starting_at(Timestamp::UNIX_EPOCH);
        tokio::time::advance(Duration::from_secs(90)).await;
        assert_eq!(clock.now(), add(Timestamp::UNIX_EPOCH, Duration::from_secs(90)));
        assert_eq!(until(clock.now(), Timestamp::UNIX_EPOCH), Duration::ZERO);
    }
}

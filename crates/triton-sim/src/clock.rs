//! What time it is in the simulated datacenter.

use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::Instant;

/// The two times of the simulator: the wall's, by which callers sign, and the datacenter's, by which things happen.
///
/// The wall is read once, at the start; afterwards it is "start plus elapsed tokio time", so a test that pauses
/// and advances tokio's clock moves `Date` headers, signatures' skew and instances' lives together. The datacenter's
/// time is the wall's, unless the clock is virtual: then it stands still until somebody advances it.
#[derive(Debug, Clone)]
pub(crate) struct Clock {
    wall: Timestamp,
    started: Instant,
    /// How far a virtual clock was advanced.
    advanced: Option<watch::Sender<Duration>>,
}

// === impl Clock ===

impl Clock {
    /// A clock that shows `wall` now.
    pub(crate) fn starting_at(wall: Timestamp) -> Self {
        Self { wall, started: Instant::now(), advanced: None }
    }

    /// A clock that shows the computer's time now.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the wall clock; everything else is told"
    )]
    pub(crate) fn starting_now() -> Self {
        Self::starting_at(Timestamp::now())
    }

    /// The same, with a datacenter's time that stands still.
    pub(crate) fn into_virtual(self) -> Self {
        Self { advanced: Some(watch::Sender::new(Duration::ZERO)), ..self }
    }

    /// The simulated wall time.
    pub(crate) fn wall(&self) -> Timestamp {
        add(self.wall, self.started.elapsed())
    }

    /// The datacenter's time.
    pub(crate) fn now(&self) -> Timestamp {
        match &self.advanced {
            None => self.wall(),
            Some(advanced) => add(self.wall, *advanced.borrow()),
        }
    }

    /// Whether the datacenter's time moves only when it is told to.
    pub(crate) fn is_virtual(&self) -> bool {
        self.advanced.is_some()
    }

    /// Moves the datacenter's time on; says whether that is possible.
    pub(crate) fn advance(&self, by: Duration) -> bool {
        let Some(advanced) = &self.advanced else { return false };
        advanced.send_modify(|so_far| *so_far = so_far.saturating_add(by));
        true
    }

    /// Waits until the datacenter's time has moved on by this much.
    pub(crate) async fn sleep(&self, duration: Duration) {
        let Some(advanced) = &self.advanced else { return tokio::time::sleep(duration).await };
        let mut advanced = advanced.subscribe();
        let due = advanced.borrow().saturating_add(duration);
        // Fails only when the clock is gone, and we hold it.
        let _ = advanced.wait_for(|so_far| *so_far >= due).await;
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

    #[tokio::test(start_paused = true)]
    async fn a_virtual_clock_stands_still_until_it_is_told() {
        let clock = Clock::starting_at(Timestamp::UNIX_EPOCH).into_virtual();
        let minute = Duration::from_secs(60);
        tokio::time::advance(minute).await;
        assert_eq!(clock.wall(), add(Timestamp::UNIX_EPOCH, minute));
        assert_eq!(clock.now(), Timestamp::UNIX_EPOCH);
        let sleeper = tokio::spawn({
            let clock = clock.clone();
            async move { clock.sleep(2 * minute).await }
        });
        tokio::time::sleep(10 * minute).await;
        assert!(clock.advance(minute) && !sleeper.is_finished());
        tokio::time::sleep(minute).await;
        assert!(!sleeper.is_finished());
        assert!(clock.advance(minute));
        sleeper.await.unwrap();
        assert_eq!(clock.now(), add(Timestamp::UNIX_EPOCH, 2 * minute));
        assert!(!Clock::starting_at(Timestamp::UNIX_EPOCH).advance(minute));
    }
}

//! The kubelet's restart back-off: at once, then 10 s doubling to 5 min, forgotten after 10 quiet minutes.

use std::time::Duration;

use tokio::time::Instant;

/// First wait that is not zero.
const FIRST: Duration = Duration::from_secs(10);
/// Longest wait.
const MAX: Duration = Duration::from_secs(300);
/// A restart this long after the last one starts over (twice the longest wait, as the kubelet has it).
const FORGET: Duration = Duration::from_secs(600);

/// When the next restart is due.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RestartBackoff {
    restarts: u32,
    last: Option<Instant>,
}

// === impl RestartBackoff ===

impl RestartBackoff {
    /// The back-off after so many restarts in a row, the last one then; `None` when that is longer ago than this machine
    /// has been up.
    #[must_use]
    pub fn resumed(restarts: u32, last: Option<Instant>) -> Self {
        if restarts == 0 || last.is_none() { Self::default() } else { Self { restarts, last } }
    }

    /// When a restart asked for at `now` may happen.
    #[must_use]
    pub fn due(&self, now: Instant) -> Instant {
        match self.last {
            Some(last) if now.duration_since(last) < FORGET => {
                (last + wait(self.restarts)).max(now)
            }
            _ => now,
        }
    }

    /// Notes a restart.
    pub fn note(&mut self, now: Instant) {
        let forgotten = self.last.is_none_or(|last| now.duration_since(last) >= FORGET);
        self.restarts = if forgotten { 1 } else { self.restarts.saturating_add(1) };
        self.last = Some(now);
    }
}

#[cfg(test)]
impl RestartBackoff {
    /// When the last restart was, for models that move time.
    pub(crate) fn last_mut(&mut self) -> Option<&mut Instant> {
        self.last.as_mut()
    }
}

/// Wait after the n-th restart, counted from it.
fn wait(restarts: u32) -> Duration {
    match restarts {
        0 => Duration::ZERO,
        n => FIRST.saturating_mul(1_u32.checked_shl(n - 1).unwrap_or(u32::MAX)).min(MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_from_ten_seconds_to_five_minutes() {
        let seconds: Vec<u64> = (0..=8).map(|n| wait(n).as_secs()).collect();
        assert_eq!(seconds, [0, 10, 20, 40, 80, 160, 300, 300, 300]);
        assert_eq!(wait(u32::MAX), MAX);
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_restart_is_at_once_and_the_second_waits() {
        let start = Instant::now();
        let mut backoff = RestartBackoff::default();
        assert_eq!(backoff.due(start), start);
        backoff.note(start);
        assert_eq!(backoff.due(start + Duration::from_secs(1)), start + Duration::from_secs(10));
        let late = start + Duration::from_secs(30);
        assert_eq!(backoff.due(late), late, "a wait that has passed is over");
    }

    #[tokio::test(start_paused = true)]
    async fn ten_quiet_minutes_forget_what_was() {
        let start = Instant::now();
        let mut backoff = RestartBackoff::default();
        for _ in 0..5 {
            backoff.note(start);
        }
        let later = start + FORGET;
        assert_eq!(backoff.due(later), later);
        backoff.note(later);
        assert_eq!(backoff.due(later), later + Duration::from_secs(10));
    }
}

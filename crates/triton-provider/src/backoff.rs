//! The kubelet's restart back-off: at once, then 10 s doubling to 5 min, forgotten after 10 quiet minutes.

use std::time::Duration;

use tokio::time::Instant;

/// First wait that is not zero.
const FIRST: Duration = Duration::from_secs(10);
/// Longest wait.
const MAX: Duration = Duration::from_secs(300);
/// A restart this long after the last one starts over (twice the longest wait, as the kubelet has it).
const FORGET: Duration = Duration::from_secs(600);

/// So many restarts in a row make a crash loop: a guest that stops twice in an afternoon is in none.
const CRASH_LOOP_RESTARTS: u32 = 3;

/// When the next restart is due.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RestartBackoff {
    restarts: u32,
    last: Option<Instant>,
    seen: Row,
}

/// The restarts in a row that are known one by one. Of those before this process only the last is: a crash loop is
/// taken to have begun with it, as a pod is failed rather too late than for what has long been over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Row {
    restarts: u32,
    since: Option<Instant>,
}

// === impl RestartBackoff ===

impl RestartBackoff {
    /// The back-off after so many restarts in a row, the last one then; `None` when that is longer ago than this machine
    /// has been up.
    #[must_use]
    pub fn resumed(restarts: u32, last: Option<Instant>) -> Self {
        if restarts == 0 || last.is_none() {
            return Self::default();
        }
        Self { restarts, last, seen: Row { restarts: 1, since: last } }
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
        if forgotten {
            *self = Self::default();
        }
        self.restarts = self.restarts.saturating_add(1);
        self.last = Some(now);
        self.seen.restarts = self.seen.restarts.saturating_add(1);
        self.seen.since.get_or_insert(now);
    }

    /// When what crashes now has been in a crash loop for so long; `None` if it is in none.
    #[must_use]
    pub fn crash_loop_ends(&self, now: Instant, window: Duration) -> Option<Instant> {
        let goes_on = self.last.is_some_and(|last| now.duration_since(last) < FORGET);
        let is_loop = goes_on && self.seen.restarts >= CRASH_LOOP_RESTARTS;
        // A window longer than time itself never ends.
        self.seen.since.filter(|_| is_loop)?.checked_add(window)
    }

    /// How many restarts in a row are known one by one.
    #[must_use]
    pub fn in_a_row(&self) -> u32 {
        self.seen.restarts
    }
}

#[cfg(test)]
impl RestartBackoff {
    /// When the last restart was, and the first in a row, for models that move time.
    pub(crate) fn moments_mut(&mut self) -> impl Iterator<Item = &mut Instant> {
        self.last.iter_mut().chain(&mut self.seen.since)
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
    async fn three_restarts_in_a_row_are_a_crash_loop() {
        let start = Instant::now();
        let window = Duration::from_secs(300);
        let mut backoff = RestartBackoff::default();
        for (after, ends) in [(0, false), (10, false), (30, true), (70, true)] {
            let now = start + Duration::from_secs(after);
            backoff.note(now);
            let expected = ends.then_some(start + window);
            assert_eq!(backoff.crash_loop_ends(now, window), expected, "{after}");
        }
        let quiet = start + Duration::from_secs(70) + FORGET;
        assert_eq!(backoff.crash_loop_ends(quiet, window), None, "it ran well for ten minutes");
        assert_eq!(backoff.crash_loop_ends(start + window, Duration::MAX), None);
        backoff.note(quiet);
        assert_eq!(backoff.in_a_row(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn restarts_of_an_earlier_process_make_no_crash_loop_but_a_back_off() {
        let start = Instant::now();
        let mut backoff = RestartBackoff::resumed(40, Some(start));
        assert_eq!(backoff.due(start), start + MAX);
        let window = Duration::from_secs(60);
        let later = start + MAX;
        assert_eq!(backoff.crash_loop_ends(later, window), None);
        backoff.note(later);
        assert_eq!(backoff.crash_loop_ends(later, window), None);
        backoff.note(later);
        assert_eq!(backoff.crash_loop_ends(later, window), Some(start + window));
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

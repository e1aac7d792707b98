//! How long the journal gathers notes before it writes them.
//!
//! A write costs the API server as much for one note as for fifty. The first note is written at once; the more often
//! the journal was written in the last second, the longer the next write waits for company. So a pod that comes alone
//! loses nothing, and a thousand that come together share some seven writes a second. When all the creates that may be
//! on their way at once are there, nobody is left to wait for.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// How far back writes count.
const MEMORY: Duration = Duration::from_secs(1);

/// What each write in that time adds to the wait for the next.
const STEP: Duration = Duration::from_millis(20);

/// The longest wait: what a create in a burst loses at most.
const LONGEST: Duration = Duration::from_millis(200);

/// The writes of the last second.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    writes: VecDeque<Instant>,
}

// === impl Pace ===

impl Pace {
    /// How long to gather before a write now.
    pub(crate) fn rest(&mut self, now: Instant) -> Duration {
        while self.writes.front().is_some_and(|at| now.duration_since(*at) >= MEMORY) {
            self.writes.pop_front();
        }
        let writes = u32::try_from(self.writes.len()).unwrap_or(u32::MAX);
        STEP.saturating_mul(writes).min(LONGEST)
    }

    /// A write was made.
    pub(crate) fn wrote(&mut self, now: Instant) {
        self.writes.push_back(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_first_waits_for_nobody_and_a_burst_shares_few_writes() {
        let start = Instant::now();
        let mut pace = Pace::default();
        assert_eq!(pace.rest(start), Duration::ZERO);
        // Notes come without end, and a write takes 5 ms.
        let (mut now, mut writes) = (start, 0);
        while now < start + 5 * MEMORY {
            let rest = pace.rest(now);
            assert!(rest <= LONGEST);
            now += rest + Duration::from_millis(5);
            pace.wrote(now);
            writes += 1;
        }
        assert!((25..45).contains(&writes), "{writes} writes in five seconds");
        assert_eq!(pace.rest(now + MEMORY), Duration::ZERO, "a second later it is over");
        assert!(pace.writes.is_empty());
    }
}

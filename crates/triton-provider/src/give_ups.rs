//! How many pods may be failed that could be restarted.
//!
//! What makes one instance look broken is the instance; what makes many look so at once is more likely the way to them,
//! or the datacenter. Their disks would go with them, so that is waited for.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// So many in [`WINDOW`].
pub(crate) const AT_MOST: usize = 5;

/// See [`AT_MOST`].
pub(crate) const WINDOW: Duration = Duration::from_secs(300);

/// The pods that were given up a short while ago.
#[derive(Debug, Default)]
pub(crate) struct GiveUps {
    recent: Mutex<VecDeque<Instant>>,
}

// === impl GiveUps ===

impl GiveUps {
    /// Notes that one more is given up now.
    ///
    /// # Errors
    /// When there were too many: the moment at which another one may be.
    pub(crate) fn take(&self, now: Instant) -> Result<(), Instant> {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        while recent.front().is_some_and(|first| *first + WINDOW <= now) {
            recent.pop_front();
        }
        match recent.front() {
            Some(first) if recent.len() >= AT_MOST => Err(*first + WINDOW),
            _ => {
                recent.push_back(now);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn of_many_at_once_only_some_are_given_up() {
        let began = Instant::now();
        let give_ups = GiveUps::default();
        for n in 0..AT_MOST {
            assert_eq!(give_ups.take(began + Duration::from_secs(n as u64)), Ok(()));
        }
        assert_eq!(give_ups.take(began + Duration::from_secs(60)), Err(began + WINDOW));
        assert_eq!(give_ups.take(began + WINDOW), Ok(()));
        let second = began + Duration::from_secs(1);
        assert_eq!(give_ups.take(began + WINDOW), Err(second + WINDOW));
    }
}

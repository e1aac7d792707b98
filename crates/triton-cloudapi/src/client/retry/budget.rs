//! How many retries all calls together may make, so that an outage is not met with a multiple of the traffic.

use tokio::time::Instant;

/// How many retries a client and its clones may make, beside what [`super::RetryPolicy`] allows each call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RetryBudget {
    /// Retries in hand at the start, and at most.
    pub burst: u32,
    /// Retries earned by each call, from 0 to 1: with 0.2, an outage adds a fifth to the traffic.
    pub per_call: f64,
    /// Retries earned by each second, so that a client that calls seldom has some.
    pub per_second: f64,
}

/// A budget in use, without a clock.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Budget {
    limits: RetryBudget,
    retries: f64,
    filled_at: Instant,
}

// === impl RetryBudget ===

impl Default for RetryBudget {
    fn default() -> Self {
        Self { burst: 20, per_call: 0.2, per_second: 0.5 }
    }
}

// === impl Budget ===

impl Budget {
    pub(crate) fn new(limits: RetryBudget, now: Instant) -> Self {
        Self { limits, retries: f64::from(limits.burst), filled_at: now }
    }

    /// A call begins.
    pub(crate) fn earn(&mut self, now: Instant) {
        self.fill(now, self.limits.per_call);
    }

    /// Takes a retry, if there is one.
    pub(crate) fn spend(&mut self, now: Instant) -> bool {
        self.fill(now, 0.0);
        let has_one = self.retries >= 1.0;
        if has_one {
            self.retries -= 1.0;
        }
        has_one
    }

    fn fill(&mut self, now: Instant, more: f64) {
        let passed = now.saturating_duration_since(self.filled_at).as_secs_f64();
        self.filled_at = now;
        let retries = self.retries + passed * self.limits.per_second + more;
        self.retries = retries.min(f64::from(self.limits.burst));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_outage_adds_a_fifth_to_the_traffic() {
        let now = Instant::now();
        let limits = RetryBudget { burst: 10, per_call: 0.2, per_second: 0.0 };
        let mut budget = Budget::new(limits, now);
        let mut retries = 0;
        for _ in 0..1000 {
            budget.earn(now);
            while budget.spend(now) {
                retries += 1;
            }
        }
        assert!((208..=210).contains(&retries), "{retries}");
    }

    #[tokio::test(start_paused = true)]
    async fn time_earns_retries_up_to_the_burst() {
        let now = Instant::now();
        let limits = RetryBudget { burst: 2, per_call: 0.0, per_second: 0.5 };
        let mut budget = Budget::new(limits, now);
        assert_eq!([(); 3].map(|()| budget.spend(now)), [true, true, false]);
        let later = now + Duration::from_secs(2);
        assert_eq!([(); 2].map(|()| budget.spend(later)), [true, false]);
        let much_later = later + Duration::from_secs(3600);
        assert_eq!([(); 3].map(|()| budget.spend(much_later)), [true, true, false]);
    }
}

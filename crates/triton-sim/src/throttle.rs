//! CloudAPI's token buckets: one for each account and endpoint group.

use std::collections::HashMap;

use jiff::Timestamp;
use uuid::Uuid;

use crate::clock::until;
use crate::refusal::Refusal;

/// How fast an account may call, by default as CloudAPI's `userThrottles.all`: bursts of 30, 10 a second.
///
/// A real datacenter runs four CloudAPI processes with buckets of their own; the simulator is one of them, which is
/// the stricter reading.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ThrottleLimits {
    /// How many calls at once.
    pub burst: f64,
    /// How many calls a second after that.
    pub rate_per_second: f64,
}

/// The buckets.
#[derive(Debug)]
pub(crate) struct Throttle {
    limits: Option<ThrottleLimits>,
    buckets: HashMap<(Uuid, &'static str), Bucket>,
}

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    filled_at: Timestamp,
}

// === impl ThrottleLimits ===

impl Default for ThrottleLimits {
    fn default() -> Self {
        Self { burst: 30.0, rate_per_second: 10.0 }
    }
}

impl ThrottleLimits {
    /// Those of CMON.
    pub(crate) fn cmon() -> Self {
        Self { burst: 1000.0, rate_per_second: 100.0 }
    }
}

// === impl Throttle ===

impl Throttle {
    /// `None` never refuses.
    pub(crate) fn new(limits: Option<ThrottleLimits>) -> Self {
        Self { limits, buckets: HashMap::new() }
    }

    /// Takes one token.
    ///
    /// # Errors
    /// 429 TooManyRequestsError, without Retry-After as the real one.
    pub(crate) fn admit(
        &mut self,
        account: Uuid,
        group: &'static str,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let Some(limits) = self.limits else { return Ok(()) };
        let full = Bucket { tokens: limits.burst, filled_at: now };
        let bucket = self.buckets.entry((account, group)).or_insert(full);
        let gained = until(bucket.filled_at, now).as_secs_f64() * limits.rate_per_second;
        bucket.tokens = (bucket.tokens + gained).min(limits.burst);
        bucket.filled_at = now;
        if bucket.tokens < 1.0 {
            return Err(too_many(limits.rate_per_second));
        }
        bucket.tokens -= 1.0;
        Ok(())
    }

    /// What a refused call is told.
    pub(crate) fn refusal(&self) -> Refusal {
        too_many(self.limits.unwrap_or_default().rate_per_second)
    }
}

fn too_many(rate: f64) -> Refusal {
    Refusal::new(
        429,
        "TooManyRequestsError",
        format!("You have exceeded your request rate of {rate} r/s."),
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock::add;

    #[test]
    fn bursts_end_and_buckets_refill() {
        let mut throttle = Throttle::new(Some(ThrottleLimits::default()));
        let (account, start) = (Uuid::nil(), Timestamp::UNIX_EPOCH);
        let mut admitted =
            |at| (0..100).filter(|_| throttle.admit(account, "machines", at).is_ok()).count();
        assert_eq!(admitted(start), 30);
        assert_eq!(admitted(add(start, Duration::from_millis(500))), 5);
        assert_eq!(admitted(add(start, Duration::from_secs(60))), 30);
    }

    #[test]
    fn accounts_and_groups_have_buckets_of_their_own() {
        let mut throttle = Throttle::new(Some(ThrottleLimits { burst: 1.0, rate_per_second: 1.0 }));
        let now = Timestamp::UNIX_EPOCH;
        assert!(throttle.admit(Uuid::from_u128(1), "machines", now).is_ok());
        assert!(throttle.admit(Uuid::from_u128(1), "packages", now).is_ok());
        assert!(throttle.admit(Uuid::from_u128(2), "machines", now).is_ok());
        let refusal = throttle.admit(Uuid::from_u128(1), "machines", now).unwrap_err();
        assert_eq!(
            (refusal.status, refusal.code, refusal.retry_after),
            (429, "TooManyRequestsError", None)
        );
    }
}

//! Which failures are worth another attempt, and when.

use std::time::Duration;

use super::error::Error;
use crate::request::Idempotency;

/// How often and how patiently to try again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RetryPolicy {
    /// Attempts of one call, the first included.
    pub attempts_max: u32,
    /// Wait before the second attempt; doubles from there.
    pub wait_min: Duration,
    /// Longest wait.
    pub wait_max: Duration,
    /// How much of a wait is left to chance, from 0 to 1.
    pub jitter: f64,
}

// === impl RetryPolicy ===

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts_max: 4,
            wait_min: Duration::from_millis(250),
            wait_max: Duration::from_secs(8),
            jitter: 0.5,
        }
    }
}

impl RetryPolicy {
    /// One attempt and no more.
    #[must_use]
    pub fn never() -> Self {
        Self { attempts_max: 1, ..Self::default() }
    }

    /// How long to wait before attempt number `attempt + 1`, if there is to be one. `random` is from 0 to 1.
    pub(crate) fn wait(
        &self,
        attempt: u32,
        idempotency: Idempotency,
        error: &Error,
        has_retry_after: bool,
        random: f64,
    ) -> Option<Duration> {
        // The server that names a time is in maintenance, which no retry outlasts.
        if attempt >= self.attempts_max || has_retry_after || !is_retryable(idempotency, error) {
            return None;
        }
        let doubled =
            self.wait_min.saturating_mul(1_u32.checked_shl(attempt - 1).unwrap_or(u32::MAX));
        let part = 1.0 - self.jitter.clamp(0.0, 1.0) * random.clamp(0.0, 1.0);
        Some(doubled.min(self.wait_max).mul_f64(part))
    }
}

/// Whether the same request may simply be sent again.
fn is_retryable(idempotency: Idempotency, error: &Error) -> bool {
    if idempotency == Idempotency::Never {
        return false;
    }
    match error {
        Error::Transport { .. } => true,
        Error::Api(error) => match error.status {
            408 | 429 | 502..=504 => true,
            // CloudAPI's own 500 on a change means it tried and failed halfway: for its caller to look at.
            500 => idempotency == Idempotency::Read,
            _ => false,
        },
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, StatusCode};

    use super::*;
    use crate::error::ApiError;
    use crate::request::Answer;

    const POLICY: RetryPolicy = RetryPolicy {
        attempts_max: 4,
        wait_min: Duration::from_millis(100),
        wait_max: Duration::from_millis(250),
        jitter: 0.5,
    };

    fn api(status: u16) -> Error {
        let status = StatusCode::from_u16(status).unwrap();
        Error::Api(ApiError::from_answer(&Answer { status, headers: &HeaderMap::new(), body: b"" }))
    }

    #[track_caller]
    fn check(error: &Error, read: bool, idempotent: bool, never: bool) {
        let is_tried = |idempotency| POLICY.wait(1, idempotency, error, false, 0.0).is_some();
        let tried = [Idempotency::Read, Idempotency::Idempotent, Idempotency::Never].map(is_tried);
        assert_eq!(tried, [read, idempotent, never], "{error:?}");
    }

    #[test]
    fn only_passing_trouble_is_tried_again_and_creates_never() {
        check(&Error::Transport { sent: true, source: "x".into() }, true, true, false);
        check(&Error::Transport { sent: false, source: "x".into() }, true, true, false);
        for status in [408, 429, 502, 503, 504] {
            check(&api(status), true, true, false);
        }
        check(&api(500), true, false, false);
        for status in [302, 400, 401, 403, 404, 405, 409, 410, 413, 422, 501, 507] {
            check(&api(status), false, false, false);
        }
        check(&Error::Timeout { after: Duration::ZERO, sent: true }, false, false, false);
        check(&Error::Decode { status: StatusCode::OK, source: "x".into() }, false, false, false);
    }

    #[test]
    fn waits_double_up_to_the_longest_and_end() {
        let wait =
            |attempt, random| POLICY.wait(attempt, Idempotency::Read, &api(503), false, random);
        let millis = |millis| Some(Duration::from_millis(millis));
        assert_eq!(
            [wait(1, 0.0), wait(2, 0.0), wait(3, 0.0), wait(4, 0.0)],
            [millis(100), millis(200), millis(250), None]
        );
        assert_eq!([wait(1, 1.0), wait(1, 0.5)], [millis(50), millis(75)]);
    }

    #[test]
    fn a_server_in_maintenance_is_left_alone() {
        assert_eq!(POLICY.wait(1, Idempotency::Read, &api(503), true, 0.0), None);
    }
}

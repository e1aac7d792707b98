//! Which failures are worth another attempt, and when.

mod budget;

use std::time::{Duration, SystemTime};

use super::error::Error;
use crate::error::ErrorCode;
use crate::request::Idempotency;

pub(crate) use budget::Budget;
pub use budget::RetryBudget;

/// The longest `Retry-After` that is waited for. CloudAPI names the end of a maintenance in it, which no call outlasts.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(10);

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

    /// How long to wait before attempt number `attempt + 1`, if there is to be one. `random` is from 0 to 1;
    /// `retry_after` is what the server asked for.
    pub(crate) fn wait(
        &self,
        attempt: u32,
        idempotency: Idempotency,
        error: &Error,
        retry_after: Option<Duration>,
        random: f64,
    ) -> Option<Duration> {
        if attempt >= self.attempts_max || !is_retryable(idempotency, error) {
            return None;
        }
        let wait = self.backoff(attempt, random);
        match retry_after {
            Some(asked) if asked > RETRY_AFTER_MAX => None,
            Some(asked) => Some(wait.max(asked)),
            None => Some(wait),
        }
    }

    fn backoff(&self, attempt: u32, random: f64) -> Duration {
        let doubled =
            self.wait_min.saturating_mul(1_u32.checked_shl(attempt - 1).unwrap_or(u32::MAX));
        let part = 1.0 - self.jitter.clamp(0.0, 1.0) * random.clamp(0.0, 1.0);
        doubled.min(self.wait_max).mul_f64(part)
    }
}

/// Reads a `Retry-After` header: seconds, or the date that CloudAPI writes (RFC 9110, section 10.2.3).
pub(crate) fn parse_retry_after(text: &str, now: SystemTime) -> Option<Duration> {
    match text.trim().parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => {
            let date = httpdate::parse_http_date(text.trim()).ok()?;
            Some(date.duration_since(now).unwrap_or_default())
        }
    }
}

/// Whether the same request may simply be sent again.
fn is_retryable(idempotency: Idempotency, error: &Error) -> bool {
    let may_repeat = idempotency != Idempotency::Never;
    match error {
        Error::Transport { problem, .. } if problem.is_lasting() => false,
        // What was never sent may be sent, whatever it is.
        Error::Transport { sent, .. } => may_repeat || !sent,
        Error::Api(error) => match error.status {
            // Counted and turned away before anything was looked at.
            429 => true,
            // 408 is the proxy's word for a connection that it had given up.
            408 | 502..=504 => may_repeat,
            // CloudAPI's own 500 has a code, and means that it tried and failed halfway: for its caller to look at.
            500 => {
                idempotency == Idempotency::Read && error.code == ErrorCode::Other(String::new())
            }
            _ => false,
        },
        Error::NotCloudApi { status, .. } => {
            may_repeat && matches!(status.as_u16(), 408 | 429 | 502..=504)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, StatusCode};

    use super::*;
    use crate::client::error::ConnectionProblem;
    use crate::error::ApiError;
    use crate::request::Answer;

    const POLICY: RetryPolicy = RetryPolicy {
        attempts_max: 4,
        wait_min: Duration::from_millis(100),
        wait_max: Duration::from_millis(250),
        jitter: 0.5,
    };

    fn api_with(status: u16, body: &str) -> Error {
        let status = StatusCode::from_u16(status).unwrap();
        let answer = Answer { status, headers: &HeaderMap::new(), body: body.as_bytes() };
        Error::Api(ApiError::from_answer(&answer))
    }

    fn api(status: u16) -> Error {
        api_with(status, "")
    }

    fn transport(sent: bool, problem: ConnectionProblem) -> Error {
        Error::Transport { sent, problem, source: "x".into() }
    }

    #[track_caller]
    fn check(error: &Error, read: bool, idempotent: bool, never: bool) {
        let is_tried = |idempotency| POLICY.wait(1, idempotency, error, None, 0.0).is_some();
        let tried = [Idempotency::Read, Idempotency::Idempotent, Idempotency::Never].map(is_tried);
        assert_eq!(tried, [read, idempotent, never], "{error:?}");
    }

    #[test]
    fn only_passing_trouble_is_tried_again_and_creates_only_if_they_were_not_sent() {
        check(&transport(true, ConnectionProblem::Broken), true, true, false);
        check(&transport(false, ConnectionProblem::Broken), true, true, true);
        let certificate =
            ConnectionProblem::Certificate { host: String::new(), reason: String::new() };
        check(&transport(false, certificate), false, false, false);
        check(&transport(true, ConnectionProblem::TooLarge { bytes_max: 1 }), false, false, false);
        check(&api(429), true, true, true);
        for status in [408, 502, 503, 504] {
            check(&api(status), true, true, false);
        }
        check(&api(500), true, false, false);
        let internal = r#"{"code":"InternalError","message":"halfway"}"#;
        check(&api_with(500, internal), false, false, false);
        for status in [302, 400, 401, 403, 404, 405, 409, 410, 413, 422, 501, 507] {
            check(&api(status), false, false, false);
        }
        check(&Error::Timeout { after: Duration::ZERO, sent: true }, false, false, false);
        check(&Error::Decode { status: StatusCode::OK, source: "x".into() }, false, false, false);
        let html = |status| Error::NotCloudApi {
            status: StatusCode::from_u16(status).unwrap(),
            content: "HTML".to_owned(),
        };
        check(&html(502), true, true, false);
        check(&html(404), false, false, false);
        check(&html(200), false, false, false);
    }

    #[test]
    fn waits_double_up_to_the_longest_and_end() {
        let wait =
            |attempt, random| POLICY.wait(attempt, Idempotency::Read, &api(503), None, random);
        let millis = |millis| Some(Duration::from_millis(millis));
        assert_eq!(
            [wait(1, 0.0), wait(2, 0.0), wait(3, 0.0), wait(4, 0.0)],
            [millis(100), millis(200), millis(250), None]
        );
        assert_eq!([wait(1, 1.0), wait(1, 0.5)], [millis(50), millis(75)]);
    }

    #[test]
    fn a_short_retry_after_is_honoured_and_a_long_one_ends_the_call() {
        let wait = |seconds| {
            let asked = Some(Duration::from_secs(seconds));
            POLICY.wait(1, Idempotency::Read, &api(503), asked, 0.0)
        };
        assert_eq!(wait(3), Some(Duration::from_secs(3)));
        assert_eq!(wait(0), Some(POLICY.wait_min));
        assert_eq!(wait(10), Some(RETRY_AFTER_MAX));
        assert_eq!(wait(11), None);
    }

    #[test]
    fn a_retry_after_is_seconds_or_a_date() {
        let now = httpdate::parse_http_date("Sat, 11 Jun 2011 23:56:29 GMT").unwrap();
        let parse = |text| parse_retry_after(text, now);
        assert_eq!(parse("120"), Some(Duration::from_secs(120)));
        assert_eq!(parse("Sat, 11 Jun 2011 23:57:29 GMT"), Some(Duration::from_secs(60)));
        assert_eq!(parse("Sat, 11 Jun 2011 23:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(parse("soon"), None);
    }
}

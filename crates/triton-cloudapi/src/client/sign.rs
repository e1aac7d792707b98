//! `Date` and `Authorization` for each attempt, with the server's clock where ours is off.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use triton_signature::http::{KeyId, date_signing_string, sign};
use triton_signature::{SignError, Signer};

use super::clock::Clock;

/// Signatures of one second that are kept: an attempt repeated within it costs the key nothing.
const CACHED_MAX: usize = 64;

/// Makes the two headers.
pub(crate) struct Signing {
    signer: Signer,
    key_id: KeyId,
    clock: Clock,
    /// Seconds to add to our clock, once the server has refused it.
    offset_seconds: AtomicI64,
    cache: Mutex<Cache>,
}

/// Signatures of the current second, by what was signed.
#[derive(Default)]
struct Cache {
    date: String,
    by_string: BTreeMap<String, String>,
}

/// The headers of one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SignedHeaders {
    pub(crate) date: String,
    pub(crate) authorization: String,
}

// === impl Signing ===

impl Signing {
    pub(crate) fn new(signer: Signer, key_id: KeyId, clock: Clock) -> Self {
        Self { signer, key_id, clock, offset_seconds: AtomicI64::new(0), cache: Mutex::default() }
    }

    pub(crate) fn key_id(&self) -> &KeyId {
        &self.key_id
    }

    /// Dates and signs an attempt.
    pub(crate) async fn headers(
        &self,
        method: &str,
        path_and_query: &str,
    ) -> Result<SignedHeaders, SignError> {
        let now = shift((self.clock)(), self.offset_seconds.load(Ordering::Relaxed));
        let date = httpdate::fmt_http_date(now);
        let string = date_signing_string(method, path_and_query, &date);
        if let Some(authorization) = self.cached(&date, &string) {
            return Ok(SignedHeaders { date, authorization });
        }
        let authorization =
            sign(&self.signer, &self.key_id, method, path_and_query, &date).await?.to_string();
        self.keep(&date, string, &authorization);
        Ok(SignedHeaders { date, authorization })
    }

    /// Takes over the server's clock after it has refused ours.
    pub(crate) fn follow_server_clock(&self, server: SystemTime) {
        let seconds = match server.duration_since((self.clock)()) {
            Ok(ahead) => seconds(ahead),
            Err(behind) => -seconds(behind.duration()),
        };
        self.offset_seconds.store(seconds, Ordering::Relaxed);
    }

    fn cached(&self, date: &str, string: &str) -> Option<String> {
        let cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if cache.date == date { cache.by_string.get(string).cloned() } else { None }
    }

    fn keep(&self, date: &str, string: String, authorization: &str) {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if cache.date != date || cache.by_string.len() >= CACHED_MAX {
            *cache = Cache { date: date.to_owned(), by_string: BTreeMap::new() };
        }
        cache.by_string.insert(string, authorization.to_owned());
    }
}

fn shift(now: SystemTime, seconds: i64) -> SystemTime {
    let by = Duration::from_secs(seconds.unsigned_abs());
    let shifted = if seconds < 0 { now.checked_sub(by) } else { now.checked_add(by) };
    // httpdate writes the years 1970 to 9999 only and panics beyond; a clock out there is refused by the server anyway.
    let year_9999 = SystemTime::UNIX_EPOCH + Duration::from_secs(253_402_300_799);
    shifted.unwrap_or(now).clamp(SystemTime::UNIX_EPOCH, year_9999)
}

fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;

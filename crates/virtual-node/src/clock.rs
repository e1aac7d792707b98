//! The one place of this crate that asks what time it is.

use jiff::Timestamp;

/// The wall clock, for timestamps that people and other machines read; durations are measured with
/// `tokio::time::Instant`.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the edge that the rest of the crate is given its time from"
)]
pub(crate) fn now() -> Timestamp {
    #[cfg(feature = "simulation")]
    if let Some(now) = crate::simulation::now() {
        return now;
    }
    Timestamp::now()
}

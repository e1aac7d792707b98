//! The one place of this crate that asks what time it is on the wall.

use jiff::Timestamp;

/// Now, for what people and other processes read. Waits are measured with `tokio::time::Instant`.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the clock at the edge of this crate")]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

//! The one place of this crate that asks what time it is on the wall, and that names a process by lot.

use jiff::Timestamp;
use uuid::Uuid;

/// Now, for what people and other processes read. Waits are measured with `tokio::time::Instant`.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the clock at the edge of this crate")]
pub(crate) fn now() -> Timestamp {
    #[cfg(feature = "simulation")]
    if let Some(now) = virtual_node::simulation::now() {
        return now;
    }
    Timestamp::now()
}

/// A name that no other process has.
pub(crate) fn identity() -> String {
    #[cfg(feature = "simulation")]
    if let Some(bits) = virtual_node::simulation::bits() {
        return uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid().to_string();
    }
    Uuid::new_v4().to_string()
}

/// When this process began, or, to be exact, first asked.
pub(crate) fn process_start() -> Timestamp {
    static START: std::sync::OnceLock<Timestamp> = std::sync::OnceLock::new();
    *START.get_or_init(now)
}

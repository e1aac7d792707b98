//! The one place of this crate that asks what time it is on the wall, and that names a process by lot.

use jiff::Timestamp;
use uuid::Uuid;

/// Now, for what people and other processes read. Waits are measured with `tokio::time::Instant`.
#[must_use]
pub(crate) fn now() -> Timestamp {
    #[cfg(feature = "simulation")]
    if let Some(now) = virtual_node::simulation::now() {
        return now;
    }
    wall()
}

#[cfg(not(test))]
#[expect(clippy::disallowed_methods, reason = "the clock at the edge of this crate")]
fn wall() -> Timestamp {
    Timestamp::now()
}

/// In a test the wall's clock goes with the monotonic one: it stands still with it, and is moved on with it.
#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the clock at the edge of this crate")]
fn wall() -> Timestamp {
    use std::cell::OnceCell;

    use tokio::time::Instant;

    thread_local! {
        // Each test has a thread of its own.
        static BEGAN: OnceCell<(Timestamp, Instant)> = const { OnceCell::new() };
    }
    let now = Instant::now();
    let (wall, began) = BEGAN.with(|began| *began.get_or_init(|| (Timestamp::now(), now)));
    wall + now.saturating_duration_since(began)
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

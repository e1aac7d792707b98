//! The one place of this crate that asks what time it is, and where retries get their jitter from.

use std::sync::Arc;
use std::time::SystemTime;

/// Tells the time that requests are dated with.
pub type Clock = Arc<dyn Fn() -> SystemTime + Send + Sync>;

/// The machine's clock.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the edge where time comes in")]
pub fn system() -> Clock {
    Arc::new(SystemTime::now)
}

/// Draws a number in 0..1.
pub type Chance = Arc<dyn Fn() -> f64 + Send + Sync>;

/// The machine's randomness.
#[must_use]
pub fn chance() -> Chance {
    Arc::new(rand::random)
}

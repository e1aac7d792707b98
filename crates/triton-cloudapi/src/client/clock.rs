//! The one place of this crate that asks what time it is.

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

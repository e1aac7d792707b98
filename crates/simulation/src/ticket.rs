//! One order for everything that both APIs see.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Gives out numbers that rise; clones share them.
#[derive(Clone, Debug, Default)]
pub struct Tickets(Arc<AtomicU64>);

// === impl Tickets ===

impl Tickets {
    /// The next number.
    #[must_use]
    pub fn draw(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}

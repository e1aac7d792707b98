//! What to do next, decided without clock or I/O: `(wanted, remembered, seen, now) -> step`.
//!
//! The rules that hold everything together:
//! - unknown is never absent: without a complete list of the cloud nothing is created and nothing is given up;
//! - one create at a time, and none while an earlier one may still come true;
//! - the same instance is kept by every process that looks at the same twins;
//! - nothing is deleted that does not carry this cluster, this node and this pod's UID.

#[cfg(test)]
pub(crate) mod fixtures;
pub mod stop;
pub mod sync;
pub mod twins;

use std::sync::Arc;

use tokio::time::Instant;

use crate::seen::Seen;

/// What a complete list of our instances said of one pod.
#[derive(Clone, Debug)]
pub struct Sighting {
    /// When the list was asked for: what happened later is not in it.
    pub taken_at: Instant,
    /// The pod's instances, by its UID tag; usually none or one.
    pub instances: Vec<Arc<Seen>>,
    /// What the changefeed has said of the pod's instances since then, the newest of each. Hints: the feed loses,
    /// repeats and reorders.
    pub told: Vec<Told>,
}

/// An instance as the changefeed told of it.
#[derive(Clone, Debug)]
pub struct Told {
    /// When the frame came. It may tell of an earlier moment than one that came before it.
    pub at: Instant,
    /// The instance.
    pub instance: Arc<Seen>,
}

//! The one place that asks what time it is.

use jiff::Timestamp;

/// Now, to compare with the times in the simulator's journals and in Kubernetes' objects: one machine, one clock.
#[expect(
    clippy::disallowed_methods,
    reason = "the edge: everything else takes the time as an argument"
)]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

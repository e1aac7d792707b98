//! The one place that asks what time it is.

use jiff::Timestamp;

/// Now, for the ages in the instance table and the start of a measured life.
#[expect(
    clippy::disallowed_methods,
    reason = "the edge: everything else takes the time as an argument"
)]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

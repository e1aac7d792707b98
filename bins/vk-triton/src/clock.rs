//! The wall clock, asked for once by each command.

use jiff::Timestamp;

/// Now.
#[expect(
    clippy::disallowed_methods,
    reason = "the edge of the program: ages are judged from here on with time as an argument"
)]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

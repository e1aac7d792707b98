//! Runs in virtual time: some of each profile, one of them twice, and a script with the process killed everywhere.
//!
//! `cargo run --release -p simulation -- --seeds 0..100000` is the long form.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod crashes;
mod replays;
mod seeds;

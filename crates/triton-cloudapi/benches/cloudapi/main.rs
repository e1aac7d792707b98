//! What the client costs, beside a plain hyper client and a plain JSON parser in the same run, and what the simulator
//! answers: `cargo xtask bench cloudapi`.
//!
//! Times are CPU times, so that other work on the machine does not count; the contestants take turns.

#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on says so by panicking")]
#![expect(clippy::print_stdout, reason = "what was measured is for the screen")]

mod agent;
mod cpu;
mod get;
mod listing;
mod load;
mod plain;
mod signatures;
mod simulator;

use std::alloc::System;

use stats_alloc::StatsAlloc;

use simulator::Simulator;

/// Counts what is held.
#[global_allocator]
static ALLOCATOR: StatsAlloc<System> = StatsAlloc::system();

/// An Ed25519 key: the example of RFC 8410, section 10.3.
const KEY: &str = "-----BEGIN PRIVATE KEY-----\n\
    MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
    -----END PRIVATE KEY-----\n";

/// On one thread: then the process's CPU time is the client's, and nothing waits for a lock.
#[tokio::main(flavor = "current_thread")]
async fn main() {
    let simulator = Simulator::start().await;
    signatures::measure(&simulator).await;
    get::measure(&simulator).await;
    listing::measure(&ALLOCATOR);
    load::measure(&simulator).await;
}

/// The middle one.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

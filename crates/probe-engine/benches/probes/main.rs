//! Probes beside bare connect loops in the same run: per second of CPU, how late, and how much memory.
//!
//! `cargo xtask bench probes`. What asks has one thread; servers have another, whose CPU time is not counted.

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a program that measures and prints")]

mod bare;
mod engine;
mod server;
mod thread;

use std::time::Duration;

use crate::bare::Bare;
use crate::engine::Load;

/// Rounds of each; the median is printed.
const ROUNDS: usize = 3;

/// How long each round measures.
const ROUND: Duration = Duration::from_secs(4);

/// Targets of the measurement of lateness and memory, each asked every ten seconds.
const TARGETS: u32 = 10_000;

fn main() {
    let ports = server::start();
    println!("probes per core-second, the median of {ROUNDS} rounds of {} s", ROUND.as_secs());
    println!("                 engine      bare     ratio      goal");
    for (name, is_http, goal) in [("TCP", false, 33_000), ("HTTP", true, 25_000)] {
        let mut pairs: Vec<(f64, f64)> = (0..ROUNDS)
            .map(|_| {
                let bare = thread::alone(move || Bare { ports, is_http }.rate(ROUND));
                let engine = thread::alone(move || Load { ports, is_http }.rate(ROUND));
                (engine, bare)
            })
            .collect();
        pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (engine, bare) = pairs[ROUNDS / 2];
        println!("{name:<8} {engine:>14.0} {bare:>9.0} {:>9.2} {goal:>9}", engine / bare);
    }
    let rest = thread::alone(move || Load { ports, is_http: true }.at_rest(TARGETS));
    println!();
    println!(
        "{TARGETS} HTTP targets, each asked every 10 s: {} asked, {} failed",
        rest.asked, rest.failed
    );
    println!(
        "late by {:?} (half), {:?} (99 of 100; goal 5 ms), {:?} (999 of 1000); {:.1} % of a core",
        rest.half,
        rest.p99,
        rest.p999,
        100.0 * rest.cpu_share
    );
    println!("{} bytes resident for a target with one probe", rest.bytes_per_probe);
}

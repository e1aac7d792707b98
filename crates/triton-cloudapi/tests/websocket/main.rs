//! The changefeed and VNC: against a server that does what each test tells it to, and against the simulator.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/pipe.rs"]
mod pipe;

mod changefeed;
mod refusals;
mod server;
mod simulator;
mod tls;
mod vnc;

//! Clients that others wrote, unmodified, against the program: what they print is what the CloudAPI manual says.
//!
//! `cargo xtask test` brings them and runs this; alone: `cargo xtask test --foreign`.
//! Where a client itself errs, the test says so beside the line that shows it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod cmon;
mod page;
mod signatures;
mod stage;
mod triton_cli;
mod triton_go;

//! `cargo xtask bench cloudapi`: the client's cost beside plain baselines, and what the simulator answers.
//!
//! The measuring itself is `benches/cloudapi` of triton-cloudapi: built with optimization, and without this package's
//! Kubernetes half.

use std::ffi::OsString;

use anyhow::Result;

use crate::build::{cargo, workspace};

/// Builds the simulator for release, then measures against it.
pub(crate) async fn run() -> Result<()> {
    let simulator = match std::env::var_os("TRITON_SIM_BIN") {
        Some(given) => given,
        None => {
            cargo(&["build", "--release", "-p", "triton-sim-server"], &[]).await?;
            workspace().join("target/release/triton-sim").into_os_string()
        }
    };
    let env: [(&str, OsString); 1] = [("TRITON_SIM_BIN", simulator)];
    cargo(&["bench", "-p", "triton-cloudapi", "--bench", "cloudapi"], &env).await
}

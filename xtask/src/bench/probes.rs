//! `cargo xtask bench probes`: the probe engine beside bare connect loops.
//!
//! The measuring itself is `benches/probes` of probe-engine: built with optimization, and without this package's
//! Kubernetes half.

use anyhow::Result;

use crate::build::cargo;

/// Measures.
pub(crate) async fn run() -> Result<()> {
    cargo(&["bench", "-p", "probe-engine", "--bench", "probes"], &[]).await
}

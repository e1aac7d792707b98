//! `cargo xtask bench translate`: translations and lints of a core in a second, beside plain parsing.
//!
//! The measuring itself is `benches/translate.rs` of triton-podspec: built with optimization, and without this
//! package's Kubernetes half.

use anyhow::Result;

use crate::build::cargo;

/// Measures.
pub(crate) async fn run() -> Result<()> {
    cargo(&["bench", "-p", "triton-podspec", "--bench", "translate"], &[]).await
}

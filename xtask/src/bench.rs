//! `cargo xtask bench`: what the node adds to what the cloud takes.

use anyhow::Result;

/// Options.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Most pods at once.
    #[arg(long, default_value_t = 1000)]
    pods: usize,
}

/// Placeholder.
pub(crate) async fn run(args: Args) -> Result<()> {
    let _ = args.pods;
    anyhow::bail!("not yet")
}

//! `cargo xtask down`: ends what `up` started.

use std::path::PathBuf;

use anyhow::Result;

use crate::build::workspace;
use crate::screen::print;

/// Options.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Directory that `up` wrote to.
    #[arg(long, value_name = "D")]
    dir: Option<PathBuf>,
}

/// Where `up` writes to when it is not told.
pub(crate) fn default_dir() -> PathBuf {
    workspace().join("target/up")
}

/// Ends every process; logs stay.
pub(crate) async fn run(args: Args) -> Result<()> {
    let dir = args.dir.unwrap_or_else(default_dir);
    if !dir.exists() {
        print(format_args!("nothing is up in {}", dir.display()));
        return Ok(());
    }
    for ended in testbed::end_recorded(&dir).await? {
        let how = if ended.was_running { "ended" } else { "had ended already" };
        print(format_args!("{} {how}", ended.name));
    }
    Ok(())
}

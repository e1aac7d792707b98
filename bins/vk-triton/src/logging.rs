//! Logs go to stderr, at the level asked for.

use std::io::IsTerminal;

use anyhow::Context;
use tracing_subscriber::EnvFilter;

use crate::args::{Args, LogFormat};

/// What dependencies may say at most unless RUST_LOG asks for more: their debug output would drown ours.
const QUIET: &str =
    "hyper=info,hyper_util=info,rustls=info,tower=info,kube_client=error,kube_runtime=info,h2=info";

/// Starts logging.
pub(crate) fn start(args: &Args) -> anyhow::Result<()> {
    let text = match std::env::var("RUST_LOG") {
        Ok(text) if !text.is_empty() => text,
        _ => format!("{},{QUIET}", args.log_level),
    };
    let filter = EnvFilter::try_new(&text).with_context(|| {
        format!("--log-level {:?} is no level: error, warn, info, debug or trace", args.log_level)
    })?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match args.log_format {
        LogFormat::Text => log.with_ansi(std::io::stderr().is_terminal()).init(),
        LogFormat::Json => log.json().init(),
    }
    Ok(())
}

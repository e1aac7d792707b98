//! The simulator as a program: a CloudAPI on loopback.

mod args;
mod env_lines;
mod faults_file;

use std::io::{IsTerminal as _, Write as _};

use anyhow::Context as _;
use clap::Parser as _;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use args::Args;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_new(&args.log_level)
                .context("reading --log-level")?,
        )
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    raise_open_files();
    // Before anyone can know that we are here: a signal that comes now must find its handler.
    let (mut terminate, mut interrupt) =
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let sim = args.simulator()?.build()?;
    if let Some(path) = &args.faults {
        sim.set_faults(faults_file::read(path)?);
    }
    let listener = TcpListener::bind(args.listen)
        .await
        .with_context(|| format!("listening on {}", args.listen))?;
    let running = sim.serve(listener)?;
    let lines =
        env_lines::env_lines(&running.url(), &args.account, args.first_fingerprint()?.as_deref());
    std::io::stdout().write_all(lines.as_bytes()).context("printing the environment")?;
    if let Some(path) = &args.env_file {
        std::fs::write(path, &lines).with_context(|| format!("writing {}", path.display()))?;
    }
    tracing::info!(url = running.url(), account = args.account, "serving");
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("stopping");
    running.shutdown().await;
    Ok(())
}

/// Every port of every running instance is an open file.
fn raise_open_files() {
    const WANTED: u64 = 1 << 20;
    match rlimit::increase_nofile_limit(WANTED) {
        Ok(limit) => tracing::debug!(limit, "raised the limit of open files"),
        Err(error) => {
            tracing::warn!(%error, "could not raise the limit of open files: few instances can listen")
        }
    }
}

//! The simulator as a program: a CloudAPI on loopback.

mod args;
mod env_lines;
mod exit;
mod faults_file;

use std::future::pending;
use std::io::{IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser as _;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use triton_sim::{Running, Sim, TlsIdentity};

use args::Args;
use env_lines::{Trust, env_lines};
use exit::{Classify as _, Failure, Kind};

/// What tells the program to stop.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

#[tokio::main]
async fn main() -> ExitCode {
    match Args::try_parse() {
        Ok(args) => exit::code(run(&args).await),
        Err(error) => exit::usage(&error),
    }
}

async fn run(args: &Args) -> Result<(), Failure> {
    log_to_stderr(args)?;
    let open_ports_max = open_ports_max();
    // Before anyone can know that we are here: a signal that comes now must find its handler.
    let mut signals = Signals::new().or_fail(Kind::Unavailable)?;
    let sim = simulator(args, open_ports_max).or_fail(Kind::Config)?;
    let identity = identity(args, &sim).or_fail(Kind::Config)?;
    let running = serve(args, &sim, identity.as_ref()).await?;
    let cmon = serve_cmon(args, &sim, identity).await?;
    let trust = trust(args, &running);
    let fingerprint = args.first_fingerprint().or_fail(Kind::Config)?;
    let lines = env_lines(&running.url(), args.first_account(), fingerprint.as_deref(), &trust);
    print(args, &lines).or_fail(Kind::Output)?;
    tracing::info!(url = running.url(), account = args.first_account(), "serving");
    tokio::select! {
        () = signals.any() => {}
        () = save_now_and_then(&sim, args.save_every) => {}
    }
    tracing::info!("stopping");
    running.shutdown().await;
    if let Some(cmon) = cmon {
        cmon.shutdown().await;
    }
    if args.state.is_some() {
        sim.save_state().or_fail(Kind::Output)?;
    }
    Ok(())
}

fn log_to_stderr(args: &Args) -> Result<(), Failure> {
    let filter = tracing_subscriber::EnvFilter::try_new(&args.log_level);
    let filter = filter.context("reading --log-level").or_fail(Kind::Config)?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    Ok(())
}

fn simulator(args: &Args, open_ports_max: usize) -> anyhow::Result<Sim> {
    let builder = args.simulator()?;
    let builder = if args.no_listeners { builder } else { builder.open_ports_max(open_ports_max) };
    let sim = builder.build()?;
    if let Some(path) = &args.faults {
        sim.set_faults(faults_file::read(path)?);
    }
    Ok(sim)
}

/// The certificate that CloudAPI serves with, if it is to serve TLS.
fn identity(args: &Args, sim: &Sim) -> anyhow::Result<Option<TlsIdentity>> {
    if let (Some(certificate), Some(key)) = (&args.tls_cert, &args.tls_key) {
        let identity = TlsIdentity::from_pem(&read(certificate)?, &read(key)?);
        let with = || format!("using {} with {}", certificate.display(), key.display());
        return Ok(Some(identity.with_context(with)?));
    }
    if !args.tls {
        return Ok(None);
    }
    let identity = TlsIdentity::self_signed(sim.now())?;
    write_authority(args, &identity)?;
    Ok(Some(identity))
}

fn write_authority(args: &Args, identity: &TlsIdentity) -> anyhow::Result<()> {
    match (&args.tls_ca_file, identity.ca_pem()) {
        (Some(path), Some(pem)) => {
            std::fs::write(path, pem).with_context(|| format!("writing {}", path.display()))
        }
        _ => Ok(()),
    }
}

async fn serve(args: &Args, sim: &Sim, identity: Option<&TlsIdentity>) -> Result<Running, Failure> {
    let listener = listen(args.listen).await?;
    let Some(identity) = identity else { return sim.serve(listener).or_fail(Kind::Config) };
    tracing::info!(fingerprint = identity.fingerprint(), "certificate");
    sim.serve_tls(listener, identity).or_fail(Kind::Config)
}

/// CMON serves TLS only: without a certificate for CloudAPI it has one of its own.
async fn serve_cmon(
    args: &Args,
    sim: &Sim,
    identity: Option<TlsIdentity>,
) -> Result<Option<Running>, Failure> {
    let Some(address) = args.cmon else { return Ok(None) };
    let identity = match identity {
        Some(identity) => identity,
        None => {
            let identity = TlsIdentity::self_signed(sim.now()).or_fail(Kind::Config)?;
            write_authority(args, &identity).or_fail(Kind::Output)?;
            identity
        }
    };
    let running = sim.serve_cmon(listen(address).await?, &identity).or_fail(Kind::Config)?;
    tracing::info!(url = running.url(), fingerprint = identity.fingerprint(), "serving CMON");
    Ok(Some(running))
}

async fn listen(address: SocketAddr) -> Result<TcpListener, Failure> {
    let listener = TcpListener::bind(address).await;
    listener.with_context(|| format!("listening on {address}")).or_fail(Kind::Unavailable)
}

fn trust(args: &Args, running: &Running) -> Trust {
    match &args.tls_ca_file {
        // The environment is for a shell that may be elsewhere.
        Some(path) => {
            let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
            Trust::Authority(path.display().to_string())
        }
        None if args.tls && running.url().starts_with("https") => Trust::Nobody,
        None => Trust::Usual,
    }
}

fn print(args: &Args, lines: &str) -> anyhow::Result<()> {
    std::io::stdout().write_all(lines.as_bytes()).context("printing the environment")?;
    if let Some(path) = &args.env_file {
        std::fs::write(path, lines).with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(())
}

/// Saves the state again and again; what could not be saved may be the next time.
async fn save_now_and_then(sim: &Sim, interval: Option<Duration>) {
    let Some(interval) = interval else { return pending().await };
    loop {
        tokio::time::sleep(interval).await;
        let sim = sim.clone();
        match tokio::task::spawn_blocking(move || sim.save_state()).await {
            Ok(Ok(())) => tracing::debug!("saved the state"),
            Ok(Err(error)) => tracing::warn!(error = format!("{:#}", anyhow::Error::new(error))),
            Err(error) => tracing::warn!(%error, "could not save the state"),
        }
    }
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))
}

// === impl Signals ===

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn any(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Every port of every running instance is an open file. Raises the limit; returns how many of them ports may be, so
/// that enough are left for those who ask for something.
fn open_ports_max() -> usize {
    const WANTED: u64 = 1 << 20;
    const OTHERS: u64 = 4096;
    let raised = rlimit::increase_nofile_limit(WANTED);
    let limit = match raised {
        Ok(limit) => {
            tracing::debug!(limit, "raised the limit of open files");
            limit
        }
        Err(error) => {
            tracing::warn!(%error, "could not raise the limit of open files: few instances can listen");
            rlimit::Resource::NOFILE.get_soft().unwrap_or(OTHERS)
        }
    };
    usize::try_from(limit - OTHERS.min(limit / 2)).unwrap_or(usize::MAX)
}

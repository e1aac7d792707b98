//! Watches a TCP port without Kubernetes: `cargo run -p probe-engine --example watch_port -- db.example.com:5432`.
//!
//! Asks every second, and prints what changes until it is interrupted. Three failures in a row make the port unready,
//! one success makes it ready again; what is behind it is asked by a new connection each time, which is reset.

use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use probe_engine::{
    Engine, Event, Facts, Handler, Kind, NetworkProber, Options, Probe, Thresholds, Timing, Verdict,
};
use tokio::sync::mpsc;
use tokio::time::Instant;

const USAGE: &str = "usage: watch_port HOST:PORT";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let place = std::env::args().nth(1).ok_or(USAGE)?;
    let (host, port) = place.rsplit_once(':').ok_or(USAGE)?;

    let (events, mut news) = mpsc::unbounded_channel();
    // One target need not be spread over its period: it is asked at once.
    let options = Options { phase: || 0.0, ..Options::default() };
    let engine = Engine::with_options(NetworkProber::new()?, events, options);
    let second = Duration::from_secs(1);
    let probe = Probe {
        kind: Kind::Readiness,
        // A host of its own is resolved anew each time; without one the address of the facts below is dialled.
        handler: Handler::TcpSocket { host: Some(host.to_owned()), port: port.parse()? },
        timing: Timing { initial_delay: Duration::ZERO, period: second, timeout: second },
        thresholds: Thresholds { success: 1, failure: 3 },
    };
    let facts = Facts {
        incarnation: "only".into(),
        address: Some(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
        running_for: Some(Duration::ZERO),
        terminating: false,
        was_ready: false,
    };
    engine.set(&place, vec![probe], facts);

    let (began, mut out) = (Instant::now(), io::stdout());
    writeln!(out, "watching {place}")?;
    while let Some(event) = news.recv().await {
        let after = began.elapsed().as_secs_f64();
        match event {
            Event::Verdict { verdict: Verdict::Success, .. } => {
                writeln!(out, "{after:6.1} s  ready")?
            }
            Event::Verdict { message, .. } => writeln!(out, "{after:6.1} s  not ready: {message}")?,
            Event::Unhealthy { message, .. } => writeln!(out, "{after:6.1} s  failed: {message}")?,
            Event::Warning { message, .. } => writeln!(out, "{after:6.1} s  warning: {message}")?,
        }
    }
    Ok(())
}

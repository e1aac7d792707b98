//! Watches a TCP port without Kubernetes: `cargo run --example watch_port -- 127.0.0.1:5432`.
//!
//! Asks every second and prints what it hears until interrupted. Three failures in a row make it unready, one success
//! makes it ready again.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::time::Duration;

use probe_engine::{Engine, Event, Facts, Handler, Kind, NetworkProber, Probe, Thresholds, Timing};
use tokio::sync::mpsc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let place = std::env::args().nth(1).ok_or("usage: watch_port ADDRESS:PORT")?;
    let place: SocketAddr = place.parse()?;

    let (events, mut news) = mpsc::unbounded_channel();
    let engine = Engine::new(NetworkProber::new()?, events);
    let second = Duration::from_secs(1);
    let probe = Probe {
        kind: Kind::Readiness,
        handler: Handler::TcpSocket { host: None, port: place.port() },
        timing: Timing { initial_delay: Duration::ZERO, period: second, timeout: second },
        thresholds: Thresholds::default(),
    };
    let facts = Facts {
        incarnation: "only".into(),
        address: Some(place.ip()),
        running_for: Some(Duration::ZERO),
        terminating: false,
        was_ready: false,
    };
    engine.set("port", vec![probe], facts);

    let mut out = io::stdout();
    while let Some(event) = news.recv().await {
        match event {
            Event::Verdict { verdict, message, .. } => writeln!(out, "{verdict:?} {message}")?,
            Event::Unhealthy { kind, message, .. } => {
                writeln!(out, "{kind} probe failed: {message}")?;
            }
            Event::Warning { kind, message, .. } => writeln!(out, "{kind} warning: {message}")?,
        }
    }
    Ok(())
}

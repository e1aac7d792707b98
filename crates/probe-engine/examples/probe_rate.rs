//! Measures the engine on loopback: `cargo run --release --example probe_rate -- 10000 10 [http]`.
//!
//! So many targets, each asked every so many seconds; after two periods it prints how many questions a second were
//! asked, how late they were on average, and what was answered. Server and engine share this process, so its CPU
//! time counts both.

use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use probe_engine::{
    Engine, Facts, Handler, Kind, NetworkProber, Probe, Scheme, Thresholds, Timing,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::sleep;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let targets: u32 = arguments.next().as_deref().unwrap_or("1000").parse()?;
    let seconds: u64 = arguments.next().as_deref().unwrap_or("10").parse()?;
    let is_http = arguments.next().as_deref() == Some("http");

    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let port = listener.local_addr()?.port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                // A TCP probe sends nothing: this ends when it resets the connection.
                let asked = stream.read(&mut [0; 1024]).await.is_ok_and(|bytes| bytes > 0);
                if asked {
                    let _ =
                        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
                }
            });
        }
    });

    let (events, _unheard) = mpsc::unbounded_channel();
    let engine = Engine::new(NetworkProber::new()?, events);
    let period = Duration::from_secs(seconds);
    let host = None;
    let handler = if is_http {
        let (scheme, path) = (Scheme::Http, "/".into());
        Handler::HttpGet { scheme, host, port, path, headers: Vec::new() }
    } else {
        Handler::TcpSocket { host, port }
    };
    for number in 0..targets {
        let facts = Facts {
            incarnation: "1".into(),
            address: Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            running_for: Some(Duration::ZERO),
            terminating: false,
            was_ready: false,
        };
        let timing = Timing { initial_delay: Duration::ZERO, period, timeout: period };
        let (kind, thresholds) = (Kind::Readiness, Thresholds::default());
        let probe = Probe { kind, handler: handler.clone(), timing, thresholds };
        engine.set(&number.to_string(), vec![probe], facts);
    }
    sleep(2 * period).await;
    let stats = engine.stats();
    let rate = stats.asked / (2 * seconds).max(1);
    let late = stats.lateness / u32::try_from(stats.asked.max(1))?;
    writeln!(io::stdout(), "{rate} questions/s, {late:?} late on average, {:?}", stats.readiness)?;
    engine.shutdown().await;
    Ok(())
}

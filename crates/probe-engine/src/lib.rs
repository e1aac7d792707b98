//! Startup, liveness and readiness probes exactly as the kubelet's prober runs them.
//!
//! This crate knows neither pods nor Triton: a target is a name, an address and a few facts. Its owner says what it
//! observes with [`Engine::set`], hears of changes as [`Event`]s, and restarts what has failed; the engine restarts
//! nothing itself.
//!
//! ```
//! use std::net::{IpAddr, Ipv4Addr};
//! use std::time::Duration;
//!
//! use probe_engine::{Engine, Event, Facts, Handler, Kind, NetworkProber, Options, Probe, Verdict};
//! use tokio::net::TcpListener;
//! use tokio::sync::mpsc;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
//! let port = listener.local_addr()?.port();
//!
//! let (events, mut news) = mpsc::unbounded_channel();
//! // Engine::new would spread the first questions over their period.
//! let options = Options { phase: || 0.0, ..Options::default() };
//! let engine = Engine::with_options(NetworkProber::new()?, events, options);
//! let probe = Probe {
//!     kind: Kind::Readiness,
//!     handler: Handler::TcpSocket { host: None, port },
//!     timing: Default::default(),
//!     thresholds: Default::default(),
//! };
//! let facts = Facts {
//!     incarnation: "1".into(),
//!     address: Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
//!     running_for: Some(Duration::ZERO),
//!     terminating: false,
//!     was_ready: false,
//! };
//! engine.set("web", vec![probe], facts);
//! assert_eq!(engine.verdict("web", Kind::Readiness), Some(Verdict::Failure));
//!
//! let Some(Event::Verdict { verdict, .. }) = news.recv().await else { panic!("no verdict") };
//! assert_eq!(verdict, Verdict::Success);
//! engine.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! # How it is built
//!
//! [`State`] is one worker's belief as a plain value, with the rules and their order taken from the kubelet's
//! `worker.go`: the run of equal answers, thresholds, on hold until a new incarnation, startup before the other two.
//! One ordered schedule holds the next time of every probe; what is due is handed to at most
//! [`max_asking`](Options::max_asking) tasks, which ask the [`Prober`] and give the answer to the state. A probe at rest is
//! a place in the schedule and costs neither task nor timer. [`NetworkProber`] asks over TCP, HTTP, HTTPS and gRPC, and runs
//! commands through [`Commands`], which its owner brings.
//!
//! Where an instance differs from a container, or a node of thousands from one of a hundred, so does the engine:
//! - a target that runs again without a new incarnation starts from the initial values;
//! - what follows from facts is believed when [`Engine::set`] returns, not at the next period;
//! - that startup or liveness fail because the target does not run is believed but not told: an [`Event`] that asks
//!   for a restart is always about a target that runs;
//! - a target that runs and has no address yet is not asked;
//! - our own lack of file descriptors or ports is nobody's failure;
//! - questions are asked [`MAX_ASKING`] at a time, and the wait is not taken from the answer's timeout;
//! - connections are reset, not closed, so that no ephemeral port waits for a minute.
//!
//! `examples/watch_port.rs` watches a port without Kubernetes; `benches/probes` measures.
//!
//! It does not restart anything, read annotations or resolve named ports.

pub mod probe;

mod answers;
mod ask;
pub mod command;
mod deliver;
mod dial;
mod driven;
mod engine;
mod grpc;
mod headers;
mod http;
mod lateness;
mod network;
mod prober;
mod schedule;
mod state;
mod stats;
mod target;
mod tcp;
mod tls;
mod url;

pub use answers::{Answered, Answers, BUCKETS};
pub use command::{CommandError, Commands, NoCommands, Ran};
pub use deliver::{Delivered, DeliveryError};
pub use engine::{Engine, MAX_ASKING, Options, SHUTDOWN_LIMIT};
pub use lateness::Lateness;
pub use network::{NetworkProber, NetworkProberError};
pub use probe::{ERRORED, Event, Facts, Handler, Kind, Probe, Scheme, Thresholds, Timing, Verdict};
pub use prober::{Ask, Outcome, Prober};
pub use state::{Decision, State};
pub use stats::{Counts, Stats};

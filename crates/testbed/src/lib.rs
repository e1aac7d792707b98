//! A real Kubernetes control plane, the simulator and the node binary, started and stopped for tests and the demo.
//!
//! Nothing here pretends: etcd, kube-apiserver, kube-controller-manager, kube-scheduler and kubectl are the programs
//! themselves, found on the machine or built from their Go modules ([`assets`]), with certificates of their own, on
//! free loopback ports, in a directory that can be read afterwards. Everything that was started is stopped again when
//! the value that stands for it is dropped, after a panic and after Ctrl-C too ([`process`]).
//!
//! ```no_run
//! use testbed::{Cluster, Release, Scratch};
//!
//! # async fn example() -> anyhow::Result<()> {
//! let scratch = Scratch::create("example").await?;
//! let cluster = Cluster::start(scratch.path(), Release::NEWEST).await?;
//! let nodes = cluster.kubectl().run(&["get", "nodes"]).await?;
//! assert!(nodes.contains("No resources found") || nodes.is_empty());
//! # Ok(()) }
//! ```
//!
//! Errors are [`anyhow::Error`]s: whoever calls this shows them to a developer and gives up.

pub mod assets;
pub mod chaos;
pub mod oracle;
pub mod proxy;
pub mod wait;

mod apiserver;
mod binaries;
mod canary;
mod certs;
mod clock;
mod cloud;
mod cluster;
mod control;
mod controller_manager;
mod etcd;
mod http;
mod kubeconfig;
mod kubectl;
mod luck;
mod node;
mod ports;
pub mod process;
mod progress;
mod scene;
mod scheduler;
mod scratch;
mod signals;
mod simulator;
mod ssh_agent;
mod stack;
mod sweep;
mod table;

pub use assets::version::Release;
pub use binaries::Binaries;
pub use canary::{Canary, Place};
pub use certs::{Identity, Pki};
pub use cloud::Cloud;
pub use cluster::Cluster;
pub use control::{SimControl, SimInstance, SimRequest};
pub use kubeconfig::{Kubeconfig, client};
pub use kubectl::Kubectl;
pub use luck::Luck;
pub use node::{Node, NodeOptions, PreparedNode, ready_condition};
pub use ports::free_port;
pub use process::{Process, quote as shell_quote};
pub use progress::say;
pub use scene::{IMAGE, PACKAGE, Scene, WALKTHROUGH, deployment, is_ready, pod, restart_count};
pub use scratch::Scratch;
pub use simulator::{Simulator, SimulatorOptions, port_22_trouble};
pub use ssh_agent::{KeyKind, SshAgent};
pub use stack::{Stack, StackOptions};
pub use sweep::{Ended, end_recorded, recorded};
pub use table::instance_table;

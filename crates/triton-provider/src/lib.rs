//! Runs Kubernetes pods as Triton instances: the provider behind vk-triton.
//!
//! The one crate that knows both worlds. It decides in plain functions ([`decide`]) and acts at the edge
//! (`passes`): read `decide/life.rs` first, it is the whole life of an instance.
//!
//! What it does not know: watches, queues, patches and preconditions (`virtual-node` does), what a pod becomes
//! (`triton-podspec` does), and how a request is signed or retried (`triton-cloudapi` does).

pub mod adopt;
pub mod backoff;
pub mod by_hand;
pub mod capacity;
pub mod catalog;
pub mod classify;
mod clock;
pub mod cluster;
mod create_gate;
pub mod decide;
mod doubt;
pub mod edits;
pub mod feed;
pub mod firewall;
mod give_ups;
mod hook_runner;
pub mod hooks;
pub mod journal;
pub mod leftovers;
pub mod limits;
pub mod live;
pub mod memory;
pub mod metrics;
pub mod observer;
mod opinions;
mod pace;
mod passes;
pub mod pod;
mod probe_metrics;
pub mod probes;
pub mod provider;
mod recheck;
#[cfg(test)]
mod scenarios;
pub mod seen;
pub mod settings;
mod shared;
mod sources;
mod sweeper;
mod tasks;
#[cfg(test)]
mod testing;
pub mod timeline;

pub use cluster::{Cluster, KubeCluster};
pub use doubt::JournalDoubt;
pub use limits::Limits;
pub use live::{KubePods, LivePods};
pub use metrics::Metrics;
pub use provider::{Parts, StartError, TritonProvider};
pub use settings::Settings;
pub use triton_podspec::Defaults;

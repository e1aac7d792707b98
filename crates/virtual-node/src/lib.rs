//! A Kubernetes node that is not a machine.
//!
//! This crate knows Kubernetes and nothing of what runs the pods: that is behind [`Provider`]. It registers a Node, renews
//! its Lease, watches the pods that are bound to it, asks the provider to run or stop them one step at a time, publishes
//! what the provider reports, and finds what was left behind.
//!
//! ```no_run
//! use std::sync::Arc;
//! use virtual_node::{NodeConfig, Provider, VirtualNode, pokes};
//!
//! # async fn run<P: Provider>(client: kube_client::Client, provider: P) -> Result<(), virtual_node::StartError> {
//! let (pokes, poked) = pokes();
//! # drop(pokes);
//! let mut config = NodeConfig::new("triton", "triton");
//! config.capacity.insert("cpu".into(), "256".into());
//! config.capacity.insert("memory".into(), "1Ti".into());
//! config.capacity.insert("pods".into(), "500".into());
//! config.system.kubelet_version = "v1.37.0-example-0.1.0".into();
//!
//! let shutdown = tokio_util::sync::CancellationToken::new();
//! VirtualNode::builder(client, Arc::new(provider), poked).config(config).build().run(shutdown).await
//! # }
//! ```
//!
//! Promises: one pass at a time over a pod; what is unknown is never taken for absent; a Pod object goes only after its
//! provider has confirmed that nothing of it is left, and never takes a successor of the same name with it.

pub mod abilities;
mod api;
mod chance;
mod clock;
pub mod config;
pub mod events;
pub mod fence;
pub mod http;
pub mod leader;
mod live;
pub mod metrics;
pub mod node;
pub mod orphans;
pub mod pods;
pub mod pokes;
pub mod provider;
pub mod run;
#[cfg(feature = "simulation")]
pub mod simulation;
pub mod status;

pub use abilities::Abilities;
pub use api::CallError;
pub use config::{
    Capacity, Heartbeat, NodeConfig, NodeSystem, NodeTaint, OutageSigns, TaintEffect,
};
pub use fence::{Fence, FenceLayer, Fenced, fenced_client};
pub use http::{Auth, ClientCa, HttpConfig, HttpError, MetricsServer, Serving};
pub use leader::{Election, ElectionError, ElectionTimes, Identity, LeadError, Leader, Term};
pub use live::has_node;
pub use metrics::Metrics;
pub use orphans::OrphanLimits;
pub use pokes::{Poked, Pokes, pokes};
pub use provider::{
    Held, PodEvent, PodEventKind, PodKey, Provider, ProviderError, ProviderErrorKind, Pulse,
    Report, Stop, StopRequest,
};
pub use run::{Builder, StartError, VirtualNode};

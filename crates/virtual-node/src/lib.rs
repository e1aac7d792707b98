//! A Kubernetes node that is not a machine.
//!
//! This crate knows Kubernetes and nothing of what runs the pods: that is behind [`Provider`]. It registers a Node, renews
//! its Lease, watches the pods that are bound to it, asks the provider to run or stop them one step at a time, publishes
//! what the provider reports, and finds what was left behind.
//!
//! A provider has four methods, each about one step, each asked again and again:
//!
//! ```no_run
//! use std::collections::BTreeMap;
//! use std::sync::{Arc, Mutex, PoisonError};
//!
//! use k8s_openapi::api::core::v1::Pod;
//! use virtual_node::status::derive::{self, Containers};
//! use virtual_node::{
//!     Held, NodeConfig, PodKey, Provider, ProviderError, ProviderErrorKind, Report, Stop, StopRequest, VirtualNode, pokes,
//! };
//!
//! /// Writes down which pods it should run.
//! #[derive(Default)]
//! struct Notebook(Mutex<BTreeMap<PodKey, Arc<Pod>>>);
//!
//! impl Provider for Notebook {
//!     async fn sync(&self, pod: Arc<Pod>) -> Result<Report, ProviderError> {
//!         let key = PodKey::of(&pod)
//!             .ok_or_else(|| ProviderError::new(ProviderErrorKind::Invalid, "NoName", "a pod needs a name"))?;
//!         self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key, Arc::clone(&pod));
//!         // From how the containers are, here unknown, phase and conditions follow.
//!         Ok(Report { status: Some(derive::status(&pod, Containers::default())), ..Report::default() })
//!     }
//!
//!     async fn stop(&self, request: StopRequest) -> Result<Stop, ProviderError> {
//!         self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&request.key);
//!         Ok(Stop::Gone(Report::default()))
//!     }
//!
//!     async fn list(&self) -> Result<Vec<Held>, ProviderError> {
//!         let pods = self.0.lock().unwrap_or_else(PoisonError::into_inner);
//!         let held = |key: &PodKey| Held { key: key.clone(), since: None, describe: "a note".into() };
//!         Ok(pods.keys().map(held).collect())
//!     }
//!
//!     async fn ping(&self) -> Result<(), ProviderError> {
//!         Ok(())
//!     }
//! }
//!
//! # async fn run(client: kube_client::Client) -> Result<(), virtual_node::StartError> {
//! let mut config = NodeConfig::new("notebook", "notes");
//! config.capacity.insert("cpu".into(), "256".into());
//! config.capacity.insert("memory".into(), "1Ti".into());
//! config.capacity.insert("pods".into(), "500".into());
//! config.system.kubelet_version = "v1.37.0-example-0.1.0".into();
//!
//! // With `pokes` a provider says that a pod should be looked at again.
//! let (pokes, poked) = pokes();
//! # drop(pokes);
//! let shutdown = tokio_util::sync::CancellationToken::new();
//! let provider = Arc::new(Notebook::default());
//! VirtualNode::builder(client, provider, poked).config(config).build().run(shutdown).await
//! # }
//! ```
//!
//! What a provider can do beside running pods, such as keeping logs, is told apart: see [`Abilities`]. The Node can be kept
//! without its pods ([`VirtualNode::run_node_only`]), and pods be run without keeping their Node
//! ([`VirtualNode::run_pods_only`]). The examples `smallest_provider` and `mock_provider` are whole nodes.
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
pub use metrics::Metrics;
pub use orphans::OrphanLimits;
pub use pokes::{Poked, Pokes, pokes};
pub use provider::{
    Held, PodEvent, PodEventKind, PodKey, Provider, ProviderError, ProviderErrorKind, Pulse,
    Report, Stop, StopRequest,
};
pub use run::{Builder, StartError, VirtualNode};

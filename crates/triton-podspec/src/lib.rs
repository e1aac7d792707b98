//! What a Kubernetes pod becomes on Triton, and what a Triton instance looks like as a pod.
//!
//! Synchronous and total: no async, no clock, no I/O; bad input is a [`Diagnostic`], never an `Err` or a panic. It
//! does not know how a pod is read, how an instance is made, or what time it is.
//!
//! - [`translate`]: a pod, what the account may use and what the pod refers to, to an [`InstancePlan`] and findings;
//! - [`pod_status`]: a pod and what became of it, to the status that Kubernetes shall see;
//! - `manifest` (a feature, on by default): YAML and JSON, to findings at line and column.
//!
//! ```
//! use k8s_openapi::api::core::v1::{Container, Pod, PodSpec};
//! use triton_podspec::{Catalog, Defaults, Inputs, Severity, Sources, translate};
//!
//! let container = Container { name: "web".into(), image: Some("debian-12".into()), ..Container::default() };
//! let spec = PodSpec { containers: vec![container], host_network: Some(true), ..PodSpec::default() };
//! let pod = Pod { spec: Some(spec), ..Pod::default() };
//!
//! let translation = translate(&Inputs {
//!     pod: &pod,
//!     cluster: "3a4f1c6e-0d4b-4f57-9a39-5b2f1f5f8e11",
//!     node: "vk-triton",
//!     host_ip: None,
//!     catalog: &Catalog::default(),
//!     defaults: &Defaults::default(),
//!     sources: &Sources::default(),
//! });
//! assert!(translation.instance.is_none());
//! let finding = &translation.diagnostics[0];
//! assert_eq!((finding.severity, finding.path.as_str()), (Severity::Reject, "spec.hostNetwork"));
//! ```

pub mod annotations;
pub mod catalog;
pub mod described;
pub mod diagnostic;
pub mod fields;
pub mod firewall;
#[cfg(feature = "manifest")]
pub mod manifest;
pub mod metadata;
pub mod ownership;
pub mod plan;
pub mod quantity;
pub mod refusal;
pub mod restart;
pub mod rules;
pub mod shape;
pub mod sources;
pub mod status;

mod affinity;
mod brand;
mod cns;
mod env;
mod image;
mod inputs;
mod labels;
mod name;
mod nearest;
mod networks;
mod package;
mod pod_affinity;
mod ports;
mod size;
mod translate;
mod unsupported;
mod user_data;

pub use catalog::Catalog;
pub use described::{Described, Likeness, described};
pub use diagnostic::{Diagnostic, Needs, Rule, Severity};
pub use env::{expand_references, references};
pub use inputs::{Defaults, Inputs};
pub use name::instance_name;
pub use package::{Candidate, candidates};
pub use plan::{Choice, FirewallRulePlan, InstancePlan, Translation};
pub use refusal::Refusal;
pub use restart::{CrashLoopWindow, LivenessAction};
pub use sources::{Reference, SourceKind, Sources};
pub use status::{Observed, PendingRestart, Restarts, StatusInputs, Termination, Work, pod_status};
pub use translate::translate;

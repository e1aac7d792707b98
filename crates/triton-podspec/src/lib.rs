//! What a Kubernetes pod becomes on Triton, and what a Triton instance looks like as a pod.
//!
//! Synchronous and total: no async, no clock, no I/O; bad input is a [`Diagnostic`], never an `Err` or a panic.

pub mod catalog;
pub mod diagnostic;
pub mod plan;
pub mod sources;

pub use catalog::Catalog;
pub use diagnostic::{Diagnostic, Severity};
pub use plan::{InstancePlan, Translation};
pub use sources::{Reference, SourceKind, Sources};

//! A Kubernetes node that is not a machine.
//!
//! This crate knows Kubernetes and nothing of what runs the pods: that is behind [`Provider`].

pub mod pokes;
pub mod provider;

pub use pokes::{Poked, Pokes, pokes};
pub use provider::{
    Held, PodEvent, PodEventKind, PodKey, Provider, ProviderError, ProviderErrorKind, Report, Stop, StopRequest,
};

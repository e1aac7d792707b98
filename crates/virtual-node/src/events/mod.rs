//! Kubernetes Events: told once, counted when repeated, never in anyone's way.

pub mod log;
mod recorder;

pub(crate) use recorder::{Recorder, Subject, recorder};

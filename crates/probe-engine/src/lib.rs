//! Startup, liveness and readiness probes exactly as the kubelet's prober runs them.
//!
//! This crate knows neither pods nor Triton: a target is a name, an address and a few facts.

pub mod probe;

pub use probe::{Event, Facts, Handler, Kind, Probe, Scheme, Thresholds, Timing, Verdict};

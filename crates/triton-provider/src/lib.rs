//! Runs Kubernetes pods as Triton instances.

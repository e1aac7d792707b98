//! CMON, Triton's container monitor: discovery and Prometheus metrics behind certificates that SSH keys vouch for.
//!
//! After `lib/common.js` and `lib/endpoints` of [triton-cmon](https://github.com/TritonDataCenter/triton-cmon), and the
//! collectors of triton-cmon-agent.

mod certificate;
mod endpoints;
mod metrics;
mod serve;

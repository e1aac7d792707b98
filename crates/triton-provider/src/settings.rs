//! What an operator may set.

use std::net::IpAddr;

use triton_podspec::Defaults;
use virtual_node::Capacity;

use crate::limits::Limits;

/// Everything the provider must be told.
#[derive(Clone, Debug)]
pub struct Settings {
    /// UID of the `kube-system` namespace: which cluster an instance belongs to.
    pub cluster: String,
    /// Name of the node.
    pub node: String,
    /// The node's addresses: `hostIP`s of its pods.
    pub node_ips: Vec<IpAddr>,
    /// What pods get when they do not say (networks, package).
    pub defaults: Defaults,
    /// Adopt instances that the first Triton provider made for pods that still live; without it such pods wait.
    pub adopt_first_provider: bool,
    /// What the node holds at most; less where the account may have less.
    pub capacity: Capacity,
    /// Waits and bounds.
    pub limits: Limits,
}

//! `unknown-node-address`: see its page.

use crate::diagnostic::{Needs, Rule, Severity};

/// The node's own address is not known yet.
pub const UNKNOWN_NODE_ADDRESS: Rule = Rule {
    name: "unknown-node-address",
    severity: Severity::Wait,
    reason: "CreateContainerConfigError",
    summary: "The node's own address is not known yet.",
    needs: Needs::Cluster,
    page: include_str!("unknown_node_address.md"),
};

//! `duplicate-network`: see its page.

use crate::diagnostic::{Needs, Rule, Severity};

/// An instance has one NIC per network.
pub const DUPLICATE_NETWORK: Rule = Rule {
    name: "duplicate-network",
    severity: Severity::Warning,
    reason: "DuplicateNetwork",
    summary: "An instance has one NIC per network.",
    needs: Needs::Catalog,
    page: include_str!("duplicate_network.md"),
};

//! `unknown-network`: see its page.

use crate::diagnostic::{Needs, Rule, Severity};

/// No network of that UUID or name can be used by the account.
pub const UNKNOWN_NETWORK: Rule = Rule {
    name: "unknown-network",
    severity: Severity::Wait,
    reason: "UnknownNetwork",
    summary: "No network of that UUID or name can be used by the account.",
    needs: Needs::Catalog,
    page: include_str!("unknown_network.md"),
};

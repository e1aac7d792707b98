//! `ambiguous-network`: see its page.

use crate::diagnostic::{Needs, Rule, Severity};

/// Several networks have the name.
pub const AMBIGUOUS_NETWORK: Rule = Rule {
    name: "ambiguous-network",
    severity: Severity::Reject,
    reason: "AmbiguousNetwork",
    summary: "Several networks have the name.",
    needs: Needs::Catalog,
    page: include_str!("ambiguous_network.md"),
};

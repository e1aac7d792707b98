//! `malformed-affinity`: see its page.

use crate::diagnostic::{Needs, Rule, Severity};

/// The rule is not one that CloudAPI reads.
pub const MALFORMED_AFFINITY: Rule = Rule {
    name: "malformed-affinity",
    severity: Severity::Reject,
    reason: "InvalidAffinity",
    summary: "The rule is not one that CloudAPI reads.",
    needs: Needs::Manifest,
    page: include_str!("malformed_affinity.md"),
};

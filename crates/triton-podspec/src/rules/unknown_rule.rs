//! `unknown-rule`: see its page.

use crate::diagnostic::{Needs, Rule, Severity};

/// An annotation sets the level of a rule that does not exist.
pub const UNKNOWN_RULE: Rule = Rule {
    name: "unknown-rule",
    severity: Severity::Warning,
    reason: "InvalidAnnotation",
    summary: "An annotation sets the level of a rule that does not exist.",
    needs: Needs::Manifest,
    page: include_str!("unknown_rule.md"),
};

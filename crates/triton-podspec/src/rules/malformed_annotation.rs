//! `malformed-annotation`: see its page.

use crate::diagnostic::{Needs, Rule, Severity};

/// The annotation's value is not of the form it must have.
pub const MALFORMED_ANNOTATION: Rule = Rule {
    name: "malformed-annotation",
    severity: Severity::Reject,
    reason: "InvalidAnnotation",
    summary: "The annotation's value is not of the form it must have.",
    needs: Needs::Manifest,
    page: include_str!("malformed_annotation.md"),
};

//! `unknown-annotation`: see its page.

use crate::diagnostic::{Needs, Rule, Severity};

/// An annotation with the provider's prefix that the provider does not know.
pub const UNKNOWN_ANNOTATION: Rule = Rule {
    name: "unknown-annotation",
    severity: Severity::Warning,
    reason: "UnknownAnnotation",
    summary: "An annotation with the provider's prefix that the provider does not know.",
    needs: Needs::Manifest,
    page: include_str!("unknown_annotation.md"),
};

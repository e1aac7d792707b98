//! `unknown-field`: see its page.

use crate::diagnostic::{Needs, Rule, Severity};

/// Kubernetes has no field of that name at that place.
pub const UNKNOWN_FIELD: Rule = Rule {
    name: "unknown-field",
    severity: Severity::Reject,
    reason: "InvalidManifest",
    summary: "Kubernetes has no field of that name at that place.",
    needs: Needs::Manifest,
    page: include_str!("unknown_field.md"),
};

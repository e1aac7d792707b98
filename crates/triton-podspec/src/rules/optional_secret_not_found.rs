//! `optional-secret-not-found`: see its page.

use crate::diagnostic::{Needs, Rule, Severity};

/// An optional Secret is not there.
pub const OPTIONAL_SECRET_NOT_FOUND: Rule = Rule {
    name: "optional-secret-not-found",
    severity: Severity::Warning,
    reason: "OptionalSecretNotFound",
    summary: "An optional Secret is not there.",
    needs: Needs::Cluster,
    page: include_str!("optional_secret_not_found.md"),
};

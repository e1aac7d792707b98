//! `optional-secret-key-not-found`: see its page.

use crate::diagnostic::{Needs, Rule, Severity};

/// An optional key of a Secret is not there.
pub const OPTIONAL_SECRET_KEY_NOT_FOUND: Rule = Rule {
    name: "optional-secret-key-not-found",
    severity: Severity::Warning,
    reason: "OptionalSecretKeyNotFound",
    summary: "An optional key of a Secret is not there.",
    needs: Needs::Manifest,
    page: include_str!("optional_secret_key_not_found.md"),
};

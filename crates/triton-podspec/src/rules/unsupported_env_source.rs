//! `unsupported-env-source`: see its page.

use crate::diagnostic::{Needs, Rule, Severity};

/// The variable's source cannot be resolved here.
pub const UNSUPPORTED_ENV_SOURCE: Rule = Rule {
    name: "unsupported-env-source",
    severity: Severity::Reject,
    reason: "EnvSourceNotSupported",
    summary: "The variable's source cannot be resolved here.",
    needs: Needs::Manifest,
    page: include_str!("unsupported_env_source.md"),
};

//! `invalid-environment-variable-names`: see its page.

use crate::diagnostic::{Needs, Rule, Severity};

/// Keys that cannot be names of environment variables are left out.
pub const INVALID_ENVIRONMENT_VARIABLE_NAMES: Rule = Rule {
    name: "invalid-environment-variable-names",
    severity: Severity::Warning,
    reason: "InvalidEnvironmentVariableNames",
    summary: "Keys that cannot be names of environment variables are left out.",
    needs: Needs::Manifest,
    page: include_str!("invalid_environment_variable_names.md"),
};

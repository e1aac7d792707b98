//! `config-error`: see its page.

use crate::diagnostic::{Needs, Rule, Severity};

/// A ConfigMap, a Secret or one of their keys is not there (yet).
pub const CONFIG_ERROR: Rule = Rule {
    name: "config-error",
    severity: Severity::Wait,
    reason: "CreateContainerConfigError",
    summary: "A ConfigMap, a Secret or one of their keys is not there (yet).",
    needs: Needs::Manifest,
    page: include_str!("config_error.md"),
};

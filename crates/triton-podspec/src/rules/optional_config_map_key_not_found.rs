//! `optional-config-map-key-not-found`: see its page.

use crate::diagnostic::{Needs, Rule, Severity};

/// An optional key of a ConfigMap is not there.
pub const OPTIONAL_CONFIG_MAP_KEY_NOT_FOUND: Rule = Rule {
    name: "optional-config-map-key-not-found",
    severity: Severity::Warning,
    reason: "OptionalConfigMapKeyNotFound",
    summary: "An optional key of a ConfigMap is not there.",
    needs: Needs::Manifest,
    page: include_str!("optional_config_map_key_not_found.md"),
};

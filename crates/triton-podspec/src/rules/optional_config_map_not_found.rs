//! `optional-config-map-not-found`: see its page.

use crate::diagnostic::{Needs, Rule, Severity};

/// An optional ConfigMap is not there.
pub const OPTIONAL_CONFIG_MAP_NOT_FOUND: Rule = Rule {
    name: "optional-config-map-not-found",
    severity: Severity::Warning,
    reason: "OptionalConfigMapNotFound",
    summary: "An optional ConfigMap is not there.",
    needs: Needs::Cluster,
    page: include_str!("optional_config_map_not_found.md"),
};

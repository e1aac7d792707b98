//! `unread-source`: see its page.

use crate::diagnostic::{Needs, Rule, Severity};

/// A ConfigMap or a Secret has not been read.
pub const UNREAD_SOURCE: Rule = Rule {
    name: "unread-source",
    severity: Severity::Wait,
    reason: "CreateContainerConfigError",
    summary: "A ConfigMap or a Secret has not been read.",
    needs: Needs::Cluster,
    page: include_str!("unread_source.md"),
};

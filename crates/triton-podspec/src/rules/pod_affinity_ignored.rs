//! `pod-affinity-ignored`: see its page.

use crate::diagnostic::{Needs, Rule, Severity};
use crate::rules::row::{Row, present, row};

/// Pod affinity and spread between nodes say nothing about compute nodes.
pub const POD_AFFINITY_IGNORED: Rule = Rule {
    name: "pod-affinity-ignored",
    severity: Severity::Warning,
    reason: "PodAffinityIgnored",
    summary: "Pod affinity and spread between nodes say nothing about compute nodes.",
    needs: Needs::Manifest,
    page: include_str!("pod_affinity_ignored.md"),
};

/// The fields that it looks at.
pub(super) const ROWS: &[Row] = &[
    row(
        "affinity.podAffinity",
        present,
        "has no effect yet on which compute node the instance gets; see the annotation affinity",
    ),
    row(
        "affinity.podAntiAffinity",
        present,
        "has no effect yet on which compute node the instance gets; see the annotation affinity",
    ),
    row(
        "topologySpreadConstraints",
        present,
        "has no effect yet on which compute node the instance gets; see the annotation affinity",
    ),
];

//! `pod-affinity-weakened`: see its page.

use crate::diagnostic::{Needs, Rule, Severity};

/// What must be so is taken for a wish.
pub const POD_AFFINITY_WEAKENED: Rule = Rule {
    name: "pod-affinity-weakened",
    severity: Severity::Warning,
    reason: "PodAffinityWeakened",
    summary: "What must be so is taken for a wish.",
    needs: Needs::Manifest,
    page: include_str!("pod_affinity_weakened.md"),
};

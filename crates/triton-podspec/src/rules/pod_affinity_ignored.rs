//! `pod-affinity-ignored`: see its page.

use crate::diagnostic::{Needs, Rule, Severity};

/// Triton's affinity rules cannot say what the term says.
pub const POD_AFFINITY_IGNORED: Rule = Rule {
    name: "pod-affinity-ignored",
    severity: Severity::Warning,
    reason: "PodAffinityIgnored",
    summary: "Triton's affinity rules cannot say what the term says.",
    needs: Needs::Manifest,
    page: include_str!("pod_affinity_ignored.md"),
};

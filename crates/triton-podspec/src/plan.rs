//! What a pod becomes.

use triton_cloudapi::instances::CreateInstance;

use crate::diagnostic::Diagnostic;

/// A translated pod: what to make, and everything there is to say about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Translation {
    /// What to make; `None` only together with a [`crate::Severity::Wait`] or [`crate::Severity::Reject`] finding.
    pub instance: Option<InstancePlan>,
    /// Findings, in the order of the fields.
    pub diagnostics: Vec<Diagnostic>,
}

/// The instance a pod becomes.
#[derive(Clone, Debug, PartialEq)]
pub struct InstancePlan {
    /// The create request, complete.
    pub create: CreateInstance,
    /// Texts of the firewall rules that must exist while this instance does; pods with the same text share a rule.
    pub firewall_rules: Vec<FirewallRulePlan>,
    /// Deletion protection to switch on once it runs.
    pub deletion_protection: bool,
}

/// A firewall rule that an instance needs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FirewallRulePlan {
    /// The rule in CloudAPI's canonical text.
    pub rule: String,
    /// What it is for, in a few words (`tcp 22 from anywhere`); becomes part of the rule's description.
    pub purpose: String,
}

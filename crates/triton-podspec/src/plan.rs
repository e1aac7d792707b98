//! What a pod becomes.

use std::fmt;

use serde::Serialize;
use triton_cloudapi::instances::CreateInstance;

use crate::diagnostic::Diagnostic;

/// A translated pod: what to make, and everything there is to say about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Translation {
    /// What to make; `None` exactly when there is a [`crate::Severity::Wait`] or [`crate::Severity::Reject`] finding.
    pub instance: Option<InstancePlan>,
    /// Findings: what cannot be first, then image, package, networks, tags, environment, metadata, firewall.
    pub diagnostics: Vec<Diagnostic>,
}

/// The instance a pod becomes.
#[derive(Clone, PartialEq)]
pub struct InstancePlan {
    /// The create request, complete. Its metadata holds the environment, which may hold secrets.
    pub create: CreateInstance,
    /// Texts of the firewall rules that must exist while this instance does; pods with the same text share a rule.
    pub firewall_rules: Vec<FirewallRulePlan>,
    /// Deletion protection to switch on once it runs.
    pub deletion_protection: bool,
    /// What was chosen where the pod left a choice, and why.
    pub choices: Vec<Choice>,
}

/// A firewall rule that an instance needs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct FirewallRulePlan {
    /// The rule in CloudAPI's canonical text.
    pub rule: String,
    /// What it is for, in a few words (`tcp 22 from anywhere`); becomes part of the rule's description.
    pub purpose: String,
    /// The tag that the rule is about, as instances that need it carry it.
    pub tag: (String, String),
}

/// Something that was chosen for the pod.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Choice {
    /// `image` or `package`.
    pub what: &'static str,
    /// What was chosen, for a person.
    pub chosen: String,
    /// Why, in a few words: `the smallest that fits 512 MiB memory`.
    pub why: String,
}

// === impl InstancePlan ===

impl fmt::Debug for InstancePlan {
    /// Metadata by key only: values may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CreateInstance { name, package, image, networks, affinity, metadata, tags, .. } =
            &self.create;
        f.debug_struct("InstancePlan")
            .field("name", name)
            .field("package", package)
            .field("image", image)
            .field("networks", networks)
            .field("affinity", affinity)
            .field("metadata", &metadata.keys().collect::<Vec<_>>())
            .field("tags", tags)
            .field("firewall_enabled", &self.create.firewall_enabled)
            .field("firewall_rules", &self.firewall_rules)
            .field("deletion_protection", &self.deletion_protection)
            .field("choices", &self.choices)
            .finish_non_exhaustive()
    }
}

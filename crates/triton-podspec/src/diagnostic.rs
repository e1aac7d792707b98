//! One finding about a pod.

/// What is wrong (or worth knowing), where, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad.
    pub severity: Severity,
    /// Kebab-case name of the rule: the only id a finding has.
    pub rule: &'static str,
    /// CamelCase reason for the pod's status and events.
    pub reason: &'static str,
    /// Field path, as `spec.containers[0].image`.
    pub path: String,
    /// Names the field's content, what was expected and what to do; for a person.
    pub message: String,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The pod runs; something in it has no effect here.
    Warning,
    /// The pod cannot run yet and may later without being edited (a ConfigMap is missing, a package is not there).
    Wait,
    /// The pod can never run here.
    Reject,
}

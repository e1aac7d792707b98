//! One finding about a pod, and the list they are gathered in.

use serde::Serialize;

/// What is wrong (or worth knowing), where, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
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

/// How bad a finding is; in JSON `warning`, `wait`, `reject`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The pod runs; something in it has no effect here.
    Warning,
    /// The pod cannot run yet and may later without being edited (a ConfigMap is missing, a package is not there).
    Wait,
    /// The pod can never run here.
    Reject,
}

/// What can be found about a pod; see [`crate::rules`] for all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Rule {
    /// Kebab-case name, the only id.
    pub name: &'static str,
    /// How bad a finding of it is.
    pub severity: Severity,
    /// CamelCase reason for the pod's status and events.
    pub reason: &'static str,
    /// What it is about, in a sentence.
    pub summary: &'static str,
    /// What must be known to find it.
    pub needs: Needs,
    /// What it does, why, what to do instead, and examples; Markdown.
    #[serde(skip)]
    pub page: &'static str,
}

/// What must be known, besides the manifest, before a rule can find anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Needs {
    /// Nothing.
    Manifest,
    /// The packages, images and networks of the account.
    Catalog,
    /// What is in the cluster: only the node knows.
    Cluster,
}

/// Findings in the order they were made.
#[derive(Debug, Default)]
pub(crate) struct Findings(Vec<Diagnostic>);

// === impl Findings ===

impl Findings {
    pub(crate) fn add(&mut self, rule: &Rule, path: impl Into<String>, message: impl Into<String>) {
        let Rule { name, severity, reason, .. } = *rule;
        self.0.push(Diagnostic {
            severity,
            rule: name,
            reason,
            path: path.into(),
            message: message.into(),
        });
    }

    #[cfg(feature = "manifest")]
    pub(crate) fn push(&mut self, diagnostic: Diagnostic) {
        self.0.push(diagnostic);
    }

    /// Nothing found keeps the pod from running.
    pub(crate) fn can_run(&self) -> bool {
        self.0.iter().all(|diagnostic| diagnostic.severity == Severity::Warning)
    }

    pub(crate) fn into_vec(self) -> Vec<Diagnostic> {
        self.0
    }
}

/// A user's text in a message: quoted, and cut where it would drown the rest.
pub(crate) fn quote(text: &str) -> String {
    const LONGEST: usize = 80;
    let mut shown: String = text.chars().take(LONGEST).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    format!("{shown:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_is_cut_at_a_character_and_not_inside_it() {
        assert_eq!(quote("web"), r#""web""#);
        assert_eq!(quote(&"é".repeat(81)), format!("\"{}…\"", "é".repeat(80)));
    }
}

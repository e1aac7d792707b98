//! Why there is no instance, in the two words that a pod's status has for it.

use std::fmt::Write;

use crate::diagnostic::{Diagnostic, Severity};
use crate::plan::Translation;
use crate::rules;

/// Findings told in one message; the events and the linter tell all of them.
const TOLD_MAX: usize = 5;

/// Why a pod cannot run: what `status.reason` and `status.message`, or a waiting container's, shall say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// [`Severity::Reject`]: for good. [`Severity::Wait`]: it may heal.
    pub severity: Severity,
    /// The reason of the first finding of that severity.
    pub reason: &'static str,
    /// All findings of that severity, for a person.
    pub message: String,
}

// === impl Translation ===

impl Translation {
    /// Why there is no instance; `None` when there is one. What can never run is told before what may heal.
    #[must_use]
    pub fn refusal(&self) -> Option<Refusal> {
        let severity = self.diagnostics.iter().map(|diagnostic| diagnostic.severity).max()?;
        if severity == Severity::Warning {
            return None;
        }
        let all =
            || self.diagnostics.iter().filter(move |diagnostic| diagnostic.severity == severity);
        let reason = all().next()?.reason;
        let told: Vec<String> = all().take(TOLD_MAX).map(tell).collect();
        let mut message = told.join("; ");
        let untold = all().count().saturating_sub(TOLD_MAX);
        if untold > 0 {
            // Writing to a String cannot fail.
            let _ = write!(message, "; and {untold} more");
        }
        Some(Refusal { severity, reason, message })
    }
}

/// The field and what is wrong with it; for a missing ConfigMap or Secret the kubelet's words alone.
fn tell(diagnostic: &Diagnostic) -> String {
    if diagnostic.reason == rules::CONFIG_ERROR.reason {
        return diagnostic.message.clone();
    }
    format!("{}: {}", diagnostic.path, diagnostic.message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::{Findings, Rule};

    #[track_caller]
    fn check(rules: &[&Rule], expected: Option<(Severity, &str, &str)>) {
        let mut findings = Findings::default();
        for rule in rules {
            findings.add(rule, "spec.x", "is odd");
        }
        let translation = Translation { instance: None, diagnostics: findings.into_vec() };
        let refusal = translation.refusal();
        let found = refusal.as_ref().map(|it| (it.severity, it.reason, it.message.as_str()));
        assert_eq!(found, expected);
    }

    #[test]
    fn what_can_never_run_is_told_before_what_may_heal() {
        let (warning, wait, reject) = (&rules::DNS_IGNORED, &rules::UNKNOWN_IMAGE, &rules::VOLUME);
        check(&[], None);
        check(&[warning], None);
        check(&[warning, wait], Some((Severity::Wait, "UnknownImage", "spec.x: is odd")));
        check(
            &[wait, reject, warning],
            Some((Severity::Reject, "VolumeNotSupported", "spec.x: is odd")),
        );
        check(
            &[&rules::CONFIG_ERROR],
            Some((Severity::Wait, "CreateContainerConfigError", "is odd")),
        );
        check(
            &[reject; 7],
            Some((
                Severity::Reject,
                "VolumeNotSupported",
                &format!("{}; and 2 more", ["spec.x: is odd"; 5].join("; ")),
            )),
        );
    }
}

//! `lifecycle-hook`: see its page.

use serde_json::Value;

use crate::diagnostic::{Needs, Rule, Severity};
use crate::rules::row::{Row, present, row};

/// Lifecycle hooks with httpGet and sleep are run; others fail when their time comes.
pub const LIFECYCLE_HOOK: Rule = Rule {
    name: "lifecycle-hook",
    severity: Severity::Warning,
    reason: "LifecycleHookIgnored",
    summary: "Lifecycle hooks with httpGet and sleep are run; others fail when their time comes.",
    needs: Needs::Manifest,
    page: include_str!("lifecycle_hook.md"),
};

/// The fields that it looks at.
pub(super) const ROWS: &[Row] = &[
    row("containers[*].lifecycle.postStart", cannot_run, NO_HOOK),
    row("containers[*].lifecycle.preStop", cannot_run, NO_HOOK),
];

const NO_HOOK: &str = "fails when its time comes, as in any kubelet; use httpGet or sleep";

/// A hook of a kind that the API takes and nobody runs (`tcpSocket`).
fn cannot_run(value: &Value) -> bool {
    present(value) && ["exec", "httpGet", "sleep"].iter().all(|kind| value.get(kind).is_none())
}

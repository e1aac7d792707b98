//! `lifecycle-exec`: see its page.

use crate::diagnostic::{Needs, Rule, Severity};
use crate::rules::row::{Row, present, row};

/// Nothing can run a command inside an instance.
pub const LIFECYCLE_EXEC: Rule = Rule {
    name: "lifecycle-exec",
    severity: Severity::Reject,
    reason: "LifecycleHookNotSupported",
    summary: "Nothing can run a command inside an instance.",
    needs: Needs::Manifest,
    page: include_str!("lifecycle_exec.md"),
};

/// The fields that it looks at.
pub(super) const ROWS: &[Row] = &[
    row("containers[*].lifecycle.postStart.exec", present, HOOK_EXEC),
    row("containers[*].lifecycle.preStop.exec", present, HOOK_EXEC),
];

const HOOK_EXEC: &str = "nothing can run a command inside an instance; httpGet and sleep work, and so do the annotation user-script and the image's own services";

//! `lifecycle-hook`: see its page.

use crate::diagnostic::{Needs, Rule, Severity};
use crate::rules::row::{Row, present, row};

/// Lifecycle hooks are not run.
pub const LIFECYCLE_HOOK: Rule = Rule {
    name: "lifecycle-hook",
    severity: Severity::Warning,
    reason: "LifecycleHookIgnored",
    summary: "Lifecycle hooks are not run.",
    needs: Needs::Manifest,
    page: include_str!("lifecycle_hook.md"),
};

/// The fields that it looks at.
pub(super) const ROWS: &[Row] = &[
    row(
        "containers[*].lifecycle.postStart",
        |it| present(it) && it.get("exec").is_none(),
        "has no effect: hooks are not run",
    ),
    row(
        "containers[*].lifecycle.preStop",
        |it| present(it) && it.get("exec").is_none(),
        "has no effect: hooks are not run",
    ),
];

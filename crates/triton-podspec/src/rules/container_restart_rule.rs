//! `container-restart-rule`: see its page.

use crate::diagnostic::{Needs, Rule, Severity};
use crate::rules::row::{Row, present, row};

/// Restart rules need exit codes, which instances do not have.
pub const CONTAINER_RESTART_RULE: Rule = Rule {
    name: "container-restart-rule",
    severity: Severity::Reject,
    reason: "RestartRulesNotSupported",
    summary: "Restart rules need exit codes, which instances do not have.",
    needs: Needs::Manifest,
    page: include_str!("container_restart_rule.md"),
};

/// The fields that it looks at.
pub(super) const ROWS: &[Row] = &[
    row("containers[*].restartPolicy", present, "set restartPolicy of the pod instead"),
    row("containers[*].restartPolicyRules", present, "instances have no exit codes; remove it"),
];

//! `command-ignored`: see its page.

use crate::diagnostic::{Needs, Rule, Severity};
use crate::rules::row::{Row, is_true, present, row};

/// An instance boots its image; command, args, workingDir, stdin and tty have no effect.
pub const COMMAND_IGNORED: Rule = Rule {
    name: "command-ignored",
    severity: Severity::Warning,
    reason: "CommandIgnored",
    summary: "An instance boots its image; command, args, workingDir, stdin and tty have no effect.",
    needs: Needs::Manifest,
    page: include_str!("command_ignored.md"),
};

/// The fields that it looks at.
pub(super) const ROWS: &[Row] = &[
    row(
        "containers[*].command",
        present,
        "has no effect: the instance boots its image; use the annotation user-script",
    ),
    row(
        "containers[*].args",
        present,
        "has no effect: the instance boots its image; use the annotation user-script",
    ),
    row("containers[*].workingDir", present, "has no effect: the instance boots its image"),
    row("containers[*].stdin", is_true, "has no effect: an instance has no standard input"),
    row("containers[*].tty", is_true, "has no effect: an instance has no terminal"),
];

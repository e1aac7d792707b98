//! `stop-signal`: see its page.

use crate::diagnostic::{Needs, Rule, Severity};
use crate::rules::row::{Row, present, row};

/// An instance is shut down, not signalled.
pub const STOP_SIGNAL: Rule = Rule {
    name: "stop-signal",
    severity: Severity::Reject,
    reason: "StopSignalNotSupported",
    summary: "An instance is shut down, not signalled.",
    needs: Needs::Manifest,
    page: include_str!("stop_signal.md"),
};

/// The fields that it looks at.
pub(super) const ROWS: &[Row] = &[row(
    "containers[*].lifecycle.stopSignal",
    present,
    "an instance is shut down, not signalled; remove it",
)];

//! `pod-os`: see its page.

use crate::diagnostic::{Needs, Rule, Severity};
use crate::rules::row::{Row, present, row};

/// The node's operating system is linux.
pub const POD_OS: Rule = Rule {
    name: "pod-os",
    severity: Severity::Reject,
    reason: "PodOSNotSupported",
    summary: "The node's operating system is linux.",
    needs: Needs::Manifest,
    page: include_str!("pod_os.md"),
};

/// The fields that it looks at.
pub(super) const ROWS: &[Row] = &[row(
    "os.name",
    |it| present(it) && it != "linux",
    "the node's operating system is linux; what the instance boots is the image's business: remove it",
)];

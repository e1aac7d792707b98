//! `runtime-class`: see its page.

use crate::diagnostic::{Needs, Rule, Severity};
use crate::rules::row::{Row, present, row};

/// The image decides what an instance runs under, not a runtime class.
pub const RUNTIME_CLASS: Rule = Rule {
    name: "runtime-class",
    severity: Severity::Reject,
    reason: "RuntimeClassNotSupported",
    summary: "The image decides what an instance runs under, not a runtime class.",
    needs: Needs::Manifest,
    page: include_str!("runtime_class.md"),
};

/// The fields that it looks at.
pub(super) const ROWS: &[Row] = &[row(
    "runtimeClassName",
    present,
    "the image, or the annotation brand, decides what the instance runs under; remove it",
)];

//! `container-count`: see its page.

use crate::diagnostic::{Needs, Rule, Severity};
use crate::rules::row::{Row, len, row};

/// A pod becomes exactly one instance, so it has exactly one container.
pub const CONTAINER_COUNT: Rule = Rule {
    name: "container-count",
    severity: Severity::Reject,
    reason: "UnsupportedContainerCount",
    summary: "A pod becomes exactly one instance, so it has exactly one container.",
    needs: Needs::Manifest,
    page: include_str!("container_count.md"),
};

/// The fields that it looks at.
pub(super) const ROWS: &[Row] = &[row(
    "containers",
    |it| len(it) != 1,
    "a pod becomes exactly one instance, so it has exactly one container; run the others as pods of their own",
)];

//! `init-container`: see its page.

use crate::diagnostic::{Needs, Rule, Severity};
use crate::rules::row::{Row, is_sidecar, row};

/// Init containers have no place to run before an instance boots.
pub const INIT_CONTAINER: Rule = Rule {
    name: "init-container",
    severity: Severity::Reject,
    reason: "InitContainersNotSupported",
    summary: "Init containers have no place to run before an instance boots.",
    needs: Needs::Manifest,
    page: include_str!("init_container.md"),
};

/// The fields that it looks at.
pub(super) const ROWS: &[Row] = &[row(
    "initContainers[*]",
    |it| !is_sidecar(it),
    "nothing can run before the instance boots; do the work in the image, or in the annotation user-script",
)];

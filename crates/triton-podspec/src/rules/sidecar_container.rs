//! `sidecar-container`: see its page.

use crate::diagnostic::{Needs, Rule, Severity};
use crate::rules::row::{Row, is_sidecar, row};

/// A sidecar has no place to run beside an instance.
pub const SIDECAR_CONTAINER: Rule = Rule {
    name: "sidecar-container",
    severity: Severity::Reject,
    reason: "SidecarContainersNotSupported",
    summary: "A sidecar has no place to run beside an instance.",
    needs: Needs::Manifest,
    page: include_str!("sidecar_container.md"),
};

/// The fields that it looks at.
pub(super) const ROWS: &[Row] = &[row(
    "initContainers[*]",
    is_sidecar,
    "nothing can run beside the instance; put the program into the image, or turn sidecar injection off",
)];

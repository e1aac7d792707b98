//! `ephemeral-container`: see its page.

use crate::diagnostic::{Needs, Rule, Severity};
use crate::rules::row::{Row, present, row};

/// Ephemeral containers cannot be added to an instance.
pub const EPHEMERAL_CONTAINER: Rule = Rule {
    name: "ephemeral-container",
    severity: Severity::Warning,
    reason: "EphemeralContainersNotSupported",
    summary: "Ephemeral containers cannot be added to an instance.",
    needs: Needs::Manifest,
    page: include_str!("ephemeral_container.md"),
};

/// The fields that it looks at.
pub(super) const ROWS: &[Row] = &[row(
    "ephemeralContainers[*]",
    present,
    "nothing can be added to an instance; log in over SSH instead",
)];

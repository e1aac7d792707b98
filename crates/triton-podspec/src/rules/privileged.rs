//! `privileged`: see its page.

use crate::diagnostic::{Needs, Rule, Severity};
use crate::rules::row::{Row, is_true, row};

/// An instance has no privileges on the compute node it runs on.
pub const PRIVILEGED: Rule = Rule {
    name: "privileged",
    severity: Severity::Reject,
    reason: "PrivilegedNotSupported",
    summary: "An instance has no privileges on the compute node it runs on.",
    needs: Needs::Manifest,
    page: include_str!("privileged.md"),
};

/// The fields that it looks at.
pub(super) const ROWS: &[Row] = &[row(
    "containers[*].securityContext.privileged",
    is_true,
    "an instance has no privileges on its compute node; root within the instance it has anyway: remove it",
)];

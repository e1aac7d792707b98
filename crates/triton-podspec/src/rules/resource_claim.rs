//! `resource-claim`: see its page.

use crate::diagnostic::{Needs, Rule, Severity};
use crate::rules::row::{Row, present, row};

/// Triton has no devices to claim.
pub const RESOURCE_CLAIM: Rule = Rule {
    name: "resource-claim",
    severity: Severity::Reject,
    reason: "ResourceClaimsNotSupported",
    summary: "Triton has no devices to claim.",
    needs: Needs::Manifest,
    page: include_str!("resource_claim.md"),
};

/// The fields that it looks at.
pub(super) const ROWS: &[Row] =
    &[row("resourceClaims", present, "Triton has no devices to claim; remove it")];

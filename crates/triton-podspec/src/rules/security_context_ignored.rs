//! `security-context-ignored`: see its page.

use crate::diagnostic::{Needs, Rule, Severity};
use crate::rules::row::{Row, has_identity, row};

/// Users, groups and capabilities are the image's own.
pub const SECURITY_CONTEXT_IGNORED: Rule = Rule {
    name: "security-context-ignored",
    severity: Severity::Warning,
    reason: "SecurityContextIgnored",
    summary: "Users, groups and capabilities are the image's own.",
    needs: Needs::Manifest,
    page: include_str!("security_context_ignored.md"),
};

/// The fields that it looks at.
pub(super) const ROWS: &[Row] = &[
    row("securityContext", has_identity, "has no effect: users and groups are the image's own"),
    row(
        "containers[*].securityContext",
        has_identity,
        "has no effect: users, groups and capabilities are the image's own",
    ),
];

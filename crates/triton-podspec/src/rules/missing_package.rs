//! `missing-package`: see its page.

use crate::diagnostic::{Needs, Rule, Severity};

/// Nothing says how large the instance shall be.
pub const MISSING_PACKAGE: Rule = Rule {
    name: "missing-package",
    severity: Severity::Reject,
    reason: "MissingPackage",
    summary: "Nothing says how large the instance shall be.",
    needs: Needs::Manifest,
    page: include_str!("missing_package.md"),
};

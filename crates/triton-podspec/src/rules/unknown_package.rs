//! `unknown-package`: see its page.

use crate::diagnostic::{Needs, Rule, Severity};

/// No package of that UUID or name can be used by the account.
pub const UNKNOWN_PACKAGE: Rule = Rule {
    name: "unknown-package",
    severity: Severity::Wait,
    reason: "UnknownPackage",
    summary: "No package of that UUID or name can be used by the account.",
    needs: Needs::Catalog,
    page: include_str!("unknown_package.md"),
};

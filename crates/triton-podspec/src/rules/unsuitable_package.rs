//! `unsuitable-package`: see its page.

use crate::diagnostic::{Needs, Rule, Severity};

/// The package is for another brand or another size than the image demands.
pub const UNSUITABLE_PACKAGE: Rule = Rule {
    name: "unsuitable-package",
    severity: Severity::Reject,
    reason: "UnsuitablePackage",
    summary: "The package is for another brand or another size than the image demands.",
    needs: Needs::Catalog,
    page: include_str!("unsuitable_package.md"),
};

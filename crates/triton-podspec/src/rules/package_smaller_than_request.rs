//! `package-smaller-than-request`: see its page.

use crate::diagnostic::{Needs, Rule, Severity};

/// The package named by annotation is smaller than the container's requests.
pub const PACKAGE_SMALLER_THAN_REQUEST: Rule = Rule {
    name: "package-smaller-than-request",
    severity: Severity::Warning,
    reason: "PackageSmallerThanRequest",
    summary: "The package named by annotation is smaller than the container's requests.",
    needs: Needs::Catalog,
    page: include_str!("package_smaller_than_request.md"),
};

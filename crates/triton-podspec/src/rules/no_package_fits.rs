//! `no-package-fits`: see its page.

use crate::diagnostic::{Needs, Rule, Severity};

/// No package is large enough for the requests and right for the image.
pub const NO_PACKAGE_FITS: Rule = Rule {
    name: "no-package-fits",
    severity: Severity::Wait,
    reason: "NoPackageFits",
    summary: "No package is large enough for the requests and right for the image.",
    needs: Needs::Catalog,
    page: include_str!("no_package_fits.md"),
};

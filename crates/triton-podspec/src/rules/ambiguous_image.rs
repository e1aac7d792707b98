//! `ambiguous-image`: see its page.

use crate::diagnostic::{Needs, Rule, Severity};

/// Images of several owners have the name.
pub const AMBIGUOUS_IMAGE: Rule = Rule {
    name: "ambiguous-image",
    severity: Severity::Warning,
    reason: "AmbiguousImage",
    summary: "Images of several owners have the name.",
    needs: Needs::Catalog,
    page: include_str!("ambiguous_image.md"),
};

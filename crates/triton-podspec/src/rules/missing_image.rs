//! `missing-image`: see its page.

use crate::diagnostic::{Needs, Rule, Severity};

/// The container names no image.
pub const MISSING_IMAGE: Rule = Rule {
    name: "missing-image",
    severity: Severity::Reject,
    reason: "InvalidImageName",
    summary: "The container names no image.",
    needs: Needs::Manifest,
    page: include_str!("missing_image.md"),
};

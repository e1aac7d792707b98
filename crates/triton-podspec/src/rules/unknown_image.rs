//! `unknown-image`: see its page.

use crate::diagnostic::{Needs, Rule, Severity};

/// No active image of that UUID or name can be used by the account.
pub const UNKNOWN_IMAGE: Rule = Rule {
    name: "unknown-image",
    severity: Severity::Wait,
    reason: "UnknownImage",
    summary: "No active image of that UUID or name can be used by the account.",
    needs: Needs::Catalog,
    page: include_str!("unknown_image.md"),
};

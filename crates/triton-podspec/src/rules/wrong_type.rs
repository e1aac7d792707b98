//! `wrong-type`: see its page.

use crate::diagnostic::{Needs, Rule, Severity};

/// The value is of another type than the field.
pub const WRONG_TYPE: Rule = Rule {
    name: "wrong-type",
    severity: Severity::Reject,
    reason: "InvalidManifest",
    summary: "The value is of another type than the field.",
    needs: Needs::Manifest,
    page: include_str!("wrong_type.md"),
};

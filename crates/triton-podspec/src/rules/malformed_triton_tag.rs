//! `malformed-triton-tag`: see its page.

use crate::diagnostic::{Needs, Rule, Severity};

/// The value is not of the form the special tag must have.
pub const MALFORMED_TRITON_TAG: Rule = Rule {
    name: "malformed-triton-tag",
    severity: Severity::Reject,
    reason: "InvalidLabel",
    summary: "The value is not of the form the special tag must have.",
    needs: Needs::Manifest,
    page: include_str!("malformed_triton_tag.md"),
};

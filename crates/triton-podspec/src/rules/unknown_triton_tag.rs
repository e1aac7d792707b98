//! `unknown-triton-tag`: see its page.

use crate::diagnostic::{Needs, Rule, Severity};

/// Tags that begin with triton. are a closed set.
pub const UNKNOWN_TRITON_TAG: Rule = Rule {
    name: "unknown-triton-tag",
    severity: Severity::Reject,
    reason: "InvalidLabel",
    summary: "Tags that begin with triton. are a closed set.",
    needs: Needs::Manifest,
    page: include_str!("unknown_triton_tag.md"),
};

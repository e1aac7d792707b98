//! `reserved-tag`: see its page.

use crate::diagnostic::{Needs, Rule, Severity};

/// The label would be a tag that Triton or this provider keeps for itself.
pub const RESERVED_TAG: Rule = Rule {
    name: "reserved-tag",
    severity: Severity::Reject,
    reason: "ReservedLabel",
    summary: "The label would be a tag that Triton or this provider keeps for itself.",
    needs: Needs::Manifest,
    page: include_str!("reserved_tag.md"),
};

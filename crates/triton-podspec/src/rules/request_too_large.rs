//! `request-too-large`: see its page.

use crate::diagnostic::{Needs, Rule, Severity};

/// CloudAPI reads requests of up to 100 000 bytes.
pub const REQUEST_TOO_LARGE: Rule = Rule {
    name: "request-too-large",
    severity: Severity::Reject,
    reason: "RequestTooLarge",
    summary: "CloudAPI reads requests of up to 100 000 bytes.",
    needs: Needs::Manifest,
    page: include_str!("request_too_large.md"),
};

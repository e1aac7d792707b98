//! `unknown-brand`: see its page.

use crate::diagnostic::{Needs, Rule, Severity};

/// CloudAPI takes bhyve or kvm, and only for images of hardware virtual machines.
pub const UNKNOWN_BRAND: Rule = Rule {
    name: "unknown-brand",
    severity: Severity::Reject,
    reason: "InvalidBrand",
    summary: "CloudAPI takes bhyve or kvm, and only for images of hardware virtual machines.",
    needs: Needs::Manifest,
    page: include_str!("unknown_brand.md"),
};

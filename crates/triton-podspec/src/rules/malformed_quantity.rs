//! `malformed-quantity`: see its page.

use crate::diagnostic::{Needs, Rule, Severity};

/// A resource quantity cannot be read.
pub const MALFORMED_QUANTITY: Rule = Rule {
    name: "malformed-quantity",
    severity: Severity::Reject,
    reason: "InvalidQuantity",
    summary: "A resource quantity cannot be read.",
    needs: Needs::Manifest,
    page: include_str!("malformed_quantity.md"),
};

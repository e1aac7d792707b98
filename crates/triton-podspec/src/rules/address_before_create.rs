//! `address-before-create`: see its page.

use crate::diagnostic::{Needs, Rule, Severity};

/// An instance's address is not known before it is made, and its environment must be.
pub const ADDRESS_BEFORE_CREATE: Rule = Rule {
    name: "address-before-create",
    severity: Severity::Reject,
    reason: "EnvSourceNotSupported",
    summary: "An instance's address is not known before it is made, and its environment must be.",
    needs: Needs::Manifest,
    page: include_str!("address_before_create.md"),
};

//! `user-data`: see its page.

use crate::diagnostic::{Needs, Rule, Severity};

/// The metadata key user-data carries the environment.
pub const USER_DATA: Rule = Rule {
    name: "user-data",
    severity: Severity::Reject,
    reason: "UserDataReserved",
    summary: "The metadata key user-data carries the environment.",
    needs: Needs::Manifest,
    page: include_str!("user_data.md"),
};

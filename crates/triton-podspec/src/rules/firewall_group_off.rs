//! `firewall-group-off`: see its page.

use crate::diagnostic::{Needs, Rule, Severity};

/// A firewall group works only where the firewall is on.
pub const FIREWALL_GROUP_OFF: Rule = Rule {
    name: "firewall-group-off",
    severity: Severity::Warning,
    reason: "FirewallDisabled",
    summary: "A firewall group works only where the firewall is on.",
    needs: Needs::Manifest,
    page: include_str!("firewall_group_off.md"),
};

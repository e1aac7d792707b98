//! `firewall-closed`: see its page.

use crate::diagnostic::{Needs, Rule, Severity};

/// The firewall is on and nothing is let in.
pub const FIREWALL_CLOSED: Rule = Rule {
    name: "firewall-closed",
    severity: Severity::Warning,
    reason: "FirewallClosed",
    summary: "The firewall is on and nothing is let in.",
    needs: Needs::Manifest,
    page: include_str!("firewall_closed.md"),
};

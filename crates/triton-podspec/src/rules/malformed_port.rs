//! `malformed-port`: see its page.

use crate::diagnostic::{Needs, Rule, Severity};

/// The firewall cannot open the port.
pub const MALFORMED_PORT: Rule = Rule {
    name: "malformed-port",
    severity: Severity::Reject,
    reason: "InvalidPort",
    summary: "The firewall cannot open the port.",
    needs: Needs::Manifest,
    page: include_str!("malformed_port.md"),
};

//! `host-port-ignored`: see its page.

use crate::diagnostic::{Needs, Rule, Severity};

/// An instance has an address of its own; there is no host whose port could lead to it.
pub const HOST_PORT_IGNORED: Rule = Rule {
    name: "host-port-ignored",
    severity: Severity::Warning,
    reason: "HostPortIgnored",
    summary: "An instance has an address of its own; there is no host whose port could lead to it.",
    needs: Needs::Manifest,
    page: include_str!("host_port_ignored.md"),
};

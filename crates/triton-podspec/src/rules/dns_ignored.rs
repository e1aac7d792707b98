//! `dns-ignored`: see its page.

use crate::diagnostic::{Needs, Rule, Severity};
use crate::rules::row::{Row, present, row};

/// Name resolution is that of the instance's networks.
pub const DNS_IGNORED: Rule = Rule {
    name: "dns-ignored",
    severity: Severity::Warning,
    reason: "DNSConfigIgnored",
    summary: "Name resolution is that of the instance's networks.",
    needs: Needs::Manifest,
    page: include_str!("dns_ignored.md"),
};

/// The fields that it looks at.
pub(super) const ROWS: &[Row] = &[
    row("dnsConfig", present, "has no effect: resolvers are those of the instance's networks"),
    row("hostAliases", present, "has no effect: /etc/hosts is the image's own"),
];

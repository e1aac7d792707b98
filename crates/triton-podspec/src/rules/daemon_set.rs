//! `daemon-set`: see its page.

use crate::diagnostic::{Needs, Rule, Severity};

/// A DaemonSet tolerates the node's taint, and the node refuses its pods.
pub const DAEMON_SET: Rule = Rule {
    name: "daemon-set",
    severity: Severity::Reject,
    reason: "DaemonSetNotSupported",
    summary: "A DaemonSet tolerates the node's taint, and the node refuses its pods.",
    needs: Needs::Manifest,
    page: include_str!("daemon_set.md"),
};

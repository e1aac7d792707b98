//! `host-namespace`: see its page.

use crate::diagnostic::{Needs, Rule, Severity};
use crate::rules::row::{Row, is_true, row};

/// An instance has its own network, processes and IPC; there is no host to share them with.
pub const HOST_NAMESPACE: Rule = Rule {
    name: "host-namespace",
    severity: Severity::Reject,
    reason: "HostNamespaceNotSupported",
    summary: "An instance has its own network, processes and IPC; there is no host to share them with.",
    needs: Needs::Manifest,
    page: include_str!("host_namespace.md"),
};

/// The fields that it looks at.
pub(super) const ROWS: &[Row] = &[
    row("hostNetwork", is_true, "an instance has its own network; remove it"),
    row("hostPID", is_true, "an instance has its own processes; remove it"),
    row("hostIPC", is_true, "an instance has its own IPC; remove it"),
];

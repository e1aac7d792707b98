//! `probe-kind`: see its page.

use crate::diagnostic::{Needs, Rule, Severity};
use crate::rules::row::{Row, present, row};

/// tcpSocket, httpGet and grpc probes work, as startup, readiness and liveness probe.
pub const PROBE_KIND: Rule = Rule {
    name: "probe-kind",
    severity: Severity::Reject,
    reason: "ProbeNotSupported",
    summary: "tcpSocket, httpGet and grpc probes work, as startup, readiness and liveness probe.",
    needs: Needs::Manifest,
    page: include_str!("probe_kind.md"),
};

/// The fields that it looks at.
pub(super) const ROWS: &[Row] = &[
    row("containers[*].startupProbe.exec", present, EXEC),
    row("containers[*].livenessProbe.exec", present, EXEC),
    row("containers[*].readinessProbe.exec", present, EXEC),
];

const EXEC: &str = "nothing can run a command inside an instance; tcpSocket, httpGet and grpc work";

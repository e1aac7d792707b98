//! `docker-instance`: see its page.

use crate::diagnostic::{Needs, Rule, Severity};

/// CloudAPI cannot make Docker instances.
pub const DOCKER_INSTANCE: Rule = Rule {
    name: "docker-instance",
    severity: Severity::Reject,
    reason: "DockerInstanceNotSupported",
    summary: "CloudAPI cannot make Docker instances.",
    needs: Needs::Manifest,
    page: include_str!("docker_instance.md"),
};

//! `docker-network`: see its page.

use crate::diagnostic::{Needs, Rule, Severity};

/// public_network and private_network were for Docker instances.
pub const DOCKER_NETWORK: Rule = Rule {
    name: "docker-network",
    severity: Severity::Warning,
    reason: "DockerNetworkIgnored",
    summary: "public_network and private_network were for Docker instances.",
    needs: Needs::Manifest,
    page: include_str!("docker_network.md"),
};

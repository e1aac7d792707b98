//! `malformed-manifest`: see its page.

use crate::diagnostic::{Needs, Rule, Severity};

/// The text is no YAML, or no Kubernetes object.
pub const MALFORMED_MANIFEST: Rule = Rule {
    name: "malformed-manifest",
    severity: Severity::Reject,
    reason: "InvalidManifest",
    summary: "The text is no YAML, or no Kubernetes object.",
    needs: Needs::Manifest,
    page: include_str!("malformed_manifest.md"),
};

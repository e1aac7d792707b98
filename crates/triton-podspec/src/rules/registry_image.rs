//! `registry-image`: see its page.

use crate::diagnostic::{Needs, Rule, Severity};

/// The image's name looks like one of a container registry.
pub const REGISTRY_IMAGE: Rule = Rule {
    name: "registry-image",
    severity: Severity::Warning,
    reason: "UnknownImage",
    summary: "The image's name looks like one of a container registry.",
    needs: Needs::Manifest,
    page: include_str!("registry_image.md"),
};

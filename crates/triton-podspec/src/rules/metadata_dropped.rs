//! `metadata-dropped`: see its page.

use crate::diagnostic::{Needs, Rule, Severity};

/// CloudAPI does not keep the metadata key.
pub const METADATA_DROPPED: Rule = Rule {
    name: "metadata-dropped",
    severity: Severity::Warning,
    reason: "MetadataIgnored",
    summary: "CloudAPI does not keep the metadata key.",
    needs: Needs::Manifest,
    page: include_str!("metadata_dropped.md"),
};

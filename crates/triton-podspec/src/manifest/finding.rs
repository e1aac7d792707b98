//! What there is to say about manifests.

use std::cell::OnceCell;

use k8s_openapi::api::core::v1::Pod;

use super::context::Context;
use super::level::Level;
use super::tree::Span;
use crate::diagnostic::Rule;
use crate::package::{Candidate, candidates};
use crate::plan::InstancePlan;
use crate::sources::Sources;

/// Something that is wrong with a manifest, or worth knowing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The rule; its page says why, and what to do instead.
    pub rule: &'static Rule,
    /// How seriously it is taken; never [`Level::Allow`].
    pub level: Level,
    /// What is wrong at the place.
    pub message: String,
    /// Field path from the top of the document, as `spec.template.spec.hostNetwork`; empty for the text as a whole.
    pub path: String,
    /// `Deployment/web`, or empty.
    pub object: String,
    /// Which of the texts.
    pub text: usize,
    /// Bytes of that text.
    pub span: Span,
    /// Line of the first byte, from 1.
    pub line: usize,
    /// Column of the first byte in characters, from 1.
    pub column: usize,
}

/// What a pod of the manifests becomes.
#[derive(Clone, Debug)]
pub struct Plan {
    /// `Deployment/web`.
    pub object: String,
    /// Namespace of its pods.
    pub namespace: String,
    /// Which of the texts.
    pub text: usize,
    /// What the node would make; `None` when a finding keeps it from that, or the catalog is not known.
    pub instance: Option<InstancePlan>,
    /// Why there is no instance, for a person; empty when there is one.
    pub why_not: Vec<String>,
    pub(crate) pod: Pod,
}

/// All there is to say about texts.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// By text, then by place.
    pub findings: Vec<Finding>,
    /// One for each pod and each pod template.
    pub plans: Vec<Plan>,
}

// === impl Finding ===

impl Finding {
    /// The message with the name of the field before it.
    #[must_use]
    pub fn told(&self) -> String {
        let field = match self.path.strip_suffix("']").and_then(|path| path.rsplit_once("['")) {
            Some((_, key)) => key,
            None => self.path.rsplit('.').next().unwrap_or_default(),
        };
        if field.is_empty() { self.message.clone() } else { format!("{field}: {}", self.message) }
    }
}

// === impl Plan ===

impl Plan {
    /// The catalog's packages, best first, and why each that is not the pod's lost; none without a catalog.
    #[must_use]
    pub fn candidates(&self, context: &Context) -> Vec<Candidate> {
        let Some(catalog) = &context.catalog else { return Vec::new() };
        candidates(&context.inputs(&self.pod, catalog, &Sources::default()))
    }
}

// === impl Report ===

impl Report {
    /// Whether a finding is denied.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        self.findings.iter().any(|finding| finding.level == Level::Deny)
    }
}

/// Where the lines of a text begin; they are looked for when a place is asked for.
pub(crate) struct Lines<'a> {
    text: &'a str,
    starts: OnceCell<Vec<usize>>,
}

// === impl Lines ===

impl<'a> Lines<'a> {
    pub(crate) fn of(text: &'a str) -> Self {
        Self { text, starts: OnceCell::new() }
    }

    /// Line and column of a byte, from 1, the column in characters.
    pub(crate) fn place(&self, byte: usize) -> (usize, usize) {
        let starts = self.starts.get_or_init(|| {
            let ends = self.text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
            std::iter::once(0).chain(ends.map(|(at, _)| at + 1)).collect()
        });
        let line = starts.partition_point(|start| *start <= byte).max(1);
        let start = starts[line - 1];
        let before = self.text.get(start..byte.min(self.text.len())).unwrap_or_default();
        (line, before.chars().count() + 1)
    }
}

//! Levels that a manifest sets for itself.

use super::level::{Level, Levels};
use super::tree::{Content, Node};
use crate::annotations;
use crate::diagnostic::Findings;
use crate::rules;

/// `lint.tritondatacenter.com/allow: command-ignored, dns-ignored`, and so for `warn` and `deny`.
const PREFIX: &str = "lint.tritondatacenter.com/";

/// Adds what the annotations of an object's metadata say.
pub(crate) fn levels(
    metadata: Option<&Node<'_>>,
    path: &str,
    levels: &mut Levels,
    findings: &mut Findings,
) {
    let Some(annotations) = metadata.and_then(|metadata| metadata.get("annotations")) else {
        return;
    };
    let Content::Map(entries) = &annotations.content else { return };
    for (key, value) in entries {
        let Some(level) = key.name.strip_prefix(PREFIX) else { continue };
        let path = format!("{path}{}", annotations::path(&key.name));
        let Some(level) = Level::parse(level) else {
            findings.add(
                &rules::UNKNOWN_RULE,
                path,
                format!("there is no level {level:?}; allow, warn and deny are"),
            );
            continue;
        };
        for rule in value.text().unwrap_or_default().split(',').map(str::trim) {
            if rule.is_empty() {
                continue;
            }
            if let Err(unknown) = levels.set(rule, level) {
                findings.add(&rules::UNKNOWN_RULE, path.clone(), unknown.to_string());
            }
        }
    }
}

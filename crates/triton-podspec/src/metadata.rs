//! Metadata: what the guest can read.

use std::collections::BTreeMap;

use crate::annotations::{self, CLOUD_INIT, DOCKER_KEYS, KEYS, USER_SCRIPT};
use crate::diagnostic::{Findings, quote};
use crate::inputs::Inputs;
use crate::labels;
use crate::rules;

/// What the key of an annotation begins with that shall be metadata under the rest of its key.
pub const METADATA_PREFIX: &str = "metadata.tritondatacenter.com/";

/// The metadata key that carries the environment.
pub(crate) const USER_DATA: &str = "user-data";

/// The metadata key that cloud-init reads.
pub(crate) const CLOUD_INIT_USER_DATA: &str = "cloud-init:user-data";

/// Annotations that become metadata: those without a domain that steer nothing, and those with the metadata prefix,
/// which win. Other annotations with a domain belong to other programs and are not copied.
pub(crate) fn metadata(inputs: &Inputs<'_>, findings: &mut Findings) -> BTreeMap<String, String> {
    let mut metadata = BTreeMap::new();
    let bare =
        annotations::all(inputs.pod).filter(|(key, _)| !key.contains('/') && !is_reserved(key));
    let prefixed = annotations::all(inputs.pod)
        .filter(|(key, _)| key.len() > METADATA_PREFIX.len() && key.starts_with(METADATA_PREFIX));
    for (annotation, value) in bare.chain(prefixed) {
        let key = annotation.strip_prefix(METADATA_PREFIX).unwrap_or(annotation);
        if keep(key, annotation, findings) {
            metadata.insert(key.to_owned(), value.to_owned());
        }
    }
    for (annotation, key) in [(USER_SCRIPT, USER_SCRIPT), (CLOUD_INIT, CLOUD_INIT_USER_DATA)] {
        if let Some(annotation) = annotations::find(inputs.pod, annotation) {
            metadata.insert(key.to_owned(), annotation.value.to_owned());
        }
    }
    metadata
}

fn is_reserved(key: &str) -> bool {
    KEYS.contains(&key) || DOCKER_KEYS.contains(&key) || labels::is_special(key)
}

fn keep(key: &str, annotation: &str, findings: &mut Findings) -> bool {
    let path = annotations::path(annotation);
    if key == USER_DATA {
        findings.add(
            &rules::USER_DATA,
            path,
            "user-data carries the environment as JSON; use the annotation cloud-init for cloud-init's user data, \
             user-script for a script, or env for variables",
        );
        return false;
    }
    if key == "root_authorized_keys" {
        findings.add(
            &rules::METADATA_DROPPED,
            path,
            "CloudAPI always sets it to the SSH keys of the account",
        );
        return false;
    }
    // Keys of passwords are dropped at create, but for the one that images of that kind ask for.
    if key.ends_with("_pw") && key != "administrator_pw" {
        findings.add(
            &rules::METADATA_DROPPED,
            path,
            format!("CloudAPI does not keep keys that end in _pw; name {} otherwise", quote(key)),
        );
        return false;
    }
    true
}

//! The annotations that steer the translation: their names, both forms of them, and typed access.
//!
//! Every key works with the prefix `tritondatacenter.com/` and bare, as the first Triton provider had it; the
//! prefixed key wins.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Pod;

use crate::diagnostic::{Findings, quote};
use crate::inputs::Inputs;
use crate::labels;
use crate::nearest::did_you_mean;
use crate::rules;

/// What keys begin with.
pub const PREFIX: &str = "tritondatacenter.com/";
/// Package by UUID or name.
pub const PACKAGE: &str = "package";
/// Networks by UUID or name, in order, separated by commas.
pub const NETWORKS: &str = "networks";
/// Name of the firewall group.
pub const FIREWALL_GROUP: &str = "fwgroup";
/// Whether the firewall filters the instance.
pub const FIREWALL_ENABLED: &str = "fwenabled";
/// Affinity rules, separated by commas.
pub const AFFINITY: &str = "affinity";
/// Whether the instance is protected from deletion while the pod lives.
pub const DELETION_PROTECTION: &str = "delprotect";
/// `bhyve` or `kvm`.
pub const BRAND: &str = "brand";
/// Script that the guest runs at every boot.
pub const USER_SCRIPT: &str = "user-script";
/// cloud-init's user data.
pub const CLOUD_INIT: &str = "cloud-init";

/// What a failed liveness or startup probe leads to: `reboot` or `replace`.
pub const LIVENESS_ACTION: &str = "liveness-action";
/// How long a pod may be restarted again and again before it is failed: `5m`, or `off`.
pub const CRASH_LOOP_WINDOW: &str = "crash-loop-window";

/// Keys that steer the translation and are not copied to metadata.
pub const KEYS: [&str; 11] = [
    PACKAGE,
    NETWORKS,
    FIREWALL_GROUP,
    FIREWALL_ENABLED,
    AFFINITY,
    DELETION_PROTECTION,
    BRAND,
    USER_SCRIPT,
    CLOUD_INIT,
    LIVENESS_ACTION,
    CRASH_LOOP_WINDOW,
];

/// Bare keys that meant Docker instances to the first provider; never metadata.
pub(crate) const DOCKER_KEYS: [&str; 3] = ["type", "public_network", "private_network"];

/// An annotation that was found, in whichever form.
#[derive(Clone, Debug)]
pub(crate) struct Annotation<'a> {
    /// Field path, as `metadata.annotations['tritondatacenter.com/package']`.
    pub(crate) path: String,
    pub(crate) value: &'a str,
}

/// All annotations of a pod.
pub(crate) fn all(pod: &Pod) -> impl Iterator<Item = (&str, &str)> {
    pod.metadata.annotations.iter().flatten().map(|(key, value)| (key.as_str(), value.as_str()))
}

/// The prefixed annotation, or else the bare one.
pub(crate) fn find<'a>(pod: &'a Pod, key: &str) -> Option<Annotation<'a>> {
    let annotations: &BTreeMap<String, String> = pod.metadata.annotations.as_ref()?;
    [format!("{PREFIX}{key}"), key.to_owned()].into_iter().find_map(|key| {
        let value = annotations.get(&key)?;
        Some(Annotation { path: path(&key), value })
    })
}

/// Whether the pod asks for deletion protection: only then may its protection be lifted when the pod goes.
#[must_use]
pub fn wants_deletion_protection(pod: &Pod) -> bool {
    find(pod, DELETION_PROTECTION).is_some_and(|annotation| annotation.value.trim() == "true")
}

/// A switch: `true`, `false`, or absent or empty for false.
pub(crate) fn flag(inputs: &Inputs<'_>, key: &str, findings: &mut Findings) -> bool {
    let Some(Annotation { path, value }) = find(inputs.pod, key) else { return false };
    match value.trim() {
        "true" => true,
        "false" | "" => false,
        other => {
            findings.add(
                &rules::MALFORMED_ANNOTATION,
                path,
                format!("{} is neither \"true\" nor \"false\"", quote(other)),
            );
            false
        }
    }
}

/// The field path of an annotation.
pub(crate) fn path(key: &str) -> String {
    format!("metadata.annotations['{key}']")
}

/// Annotations that are meant for this provider and say something it does not do.
pub(crate) fn check(inputs: &Inputs<'_>, findings: &mut Findings) {
    for (key, value) in all(inputs.pod) {
        if let Some(bare) = key.strip_prefix(PREFIX) {
            if !KEYS.contains(&bare) && !labels::is_special(bare) {
                findings.add(
                    &rules::UNKNOWN_ANNOTATION,
                    path(key),
                    format!(
                        "{} is no key of this provider and has no effect{}; for metadata use metadata.{PREFIX}KEY",
                        quote(key),
                        did_you_mean(bare, KEYS)
                    ),
                );
            }
        } else if key == "type" && value == "docker" {
            findings.add(
                &rules::DOCKER_INSTANCE,
                path(key),
                "Docker instances cannot be made through CloudAPI; remove the annotation and name a Triton image",
            );
        } else if DOCKER_KEYS.contains(&key) {
            findings.add(
                &rules::DOCKER_NETWORK,
                path(key),
                format!(
                    "{} was for Docker instances and has no effect; use {PREFIX}{NETWORKS}",
                    quote(key)
                ),
            );
        }
    }
}

//! One field, when it matters, and what to do about it.

use serde_json::Value;

/// One field and what is wrong with it.
#[derive(Debug)]
pub(crate) struct Row {
    /// Below `spec`; `[*]` is every element.
    pub(crate) path: &'static str,
    pub(crate) when: fn(&Value) -> bool,
    pub(crate) message: &'static str,
}

pub(super) const fn row(
    path: &'static str,
    when: fn(&Value) -> bool,
    message: &'static str,
) -> Row {
    Row { path, when, message }
}

/// Volumes with a row of their own.
const LISTED_VOLUMES: [&str; 8] = [
    "hostPath",
    "emptyDir",
    "configMap",
    "secret",
    "downwardAPI",
    "persistentVolumeClaim",
    "ephemeral",
    "nfs",
];

pub(super) fn len(value: &Value) -> usize {
    value.as_array().map_or(0, Vec::len)
}

/// There, and not empty. An empty object counts as there: `emptyDir: {}` means something.
pub(super) fn present(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Array(elements) => !elements.is_empty(),
        Value::String(text) => !text.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => true,
    }
}

pub(super) fn is_true(value: &Value) -> bool {
    *value == Value::Bool(true)
}

pub(super) fn is_sidecar(container: &Value) -> bool {
    container.get("restartPolicy").is_some_and(|policy| policy == "Always")
}

pub(super) fn has_identity(context: &Value) -> bool {
    [
        "runAsUser",
        "runAsGroup",
        "fsGroup",
        "supplementalGroups",
        "capabilities",
        "readOnlyRootFilesystem",
        "runAsNonRoot",
    ]
    .iter()
    .any(|field| {
        context.get(field).is_some_and(|value| present(value) && *value != Value::Bool(false))
    })
}

/// Neither listed nor the projected volume with the service account's token, which every pod gets without asking.
pub(super) fn is_other_volume(volume: &Value) -> bool {
    let is_listed = LISTED_VOLUMES.iter().any(|kind| volume.get(kind).is_some());
    let is_token = volume["name"].as_str().is_some_and(|name| name.starts_with("kube-api-access-"))
        && volume["projected"]["sources"].as_array().is_some_and(|sources| {
            sources.iter().any(|source| source.get("serviceAccountToken").is_some())
        });
    !is_listed && !is_token
}

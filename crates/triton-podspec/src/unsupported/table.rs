//! The table: field path, when it matters, the rule, and what to do.

use serde_json::Value;

use crate::diagnostic::Rule;
use crate::rules;

/// One field and what is wrong with it.
pub(super) struct Row {
    /// Below `spec`; `[*]` is every element.
    pub(super) path: &'static str,
    pub(super) when: fn(&Value) -> bool,
    pub(super) rule: &'static Rule,
    pub(super) message: &'static str,
}

const fn row(
    path: &'static str,
    when: fn(&Value) -> bool,
    rule: &'static Rule,
    message: &'static str,
) -> Row {
    Row { path, when, rule, message }
}

/// The table, in the order of findings.
pub(super) const TABLE: &[Row] = &[
    row(
        "containers",
        |it| len(it) != 1,
        &rules::CONTAINER_COUNT,
        "a pod becomes exactly one instance, so it has exactly one container; run the others as pods of their own",
    ),
    row(
        "initContainers[*]",
        |it| !is_sidecar(it),
        &rules::INIT_CONTAINER,
        "nothing can run before the instance boots; do the work in the image, or in the annotation user-script",
    ),
    row(
        "initContainers[*]",
        is_sidecar,
        &rules::SIDECAR_CONTAINER,
        "nothing can run beside the instance; put the program into the image, or turn sidecar injection off",
    ),
    row(
        "ephemeralContainers[*]",
        present,
        &rules::EPHEMERAL_CONTAINER,
        "nothing can be added to an instance; log in over SSH instead",
    ),
    row(
        "hostNetwork",
        is_true,
        &rules::HOST_NAMESPACE,
        "an instance has its own network; remove it",
    ),
    row("hostPID", is_true, &rules::HOST_NAMESPACE, "an instance has its own processes; remove it"),
    row("hostIPC", is_true, &rules::HOST_NAMESPACE, "an instance has its own IPC; remove it"),
    row(
        "shareProcessNamespace",
        is_true,
        &rules::KERNEL_SETTING,
        "there is nobody to share with; remove it",
    ),
    row(
        "runtimeClassName",
        present,
        &rules::RUNTIME_CLASS,
        "the image, or the annotation brand, decides what the instance runs under; remove it",
    ),
    row(
        "resourceClaims",
        present,
        &rules::RESOURCE_CLAIM,
        "Triton has no devices to claim; remove it",
    ),
    row(
        "os.name",
        |it| present(it) && it != "linux",
        &rules::POD_OS,
        "the node's operating system is linux; what the instance boots is the image's business: remove it",
    ),
    row(
        "securityContext.sysctls",
        present,
        &rules::KERNEL_SETTING,
        "sysctls cannot be set from outside; set them in the image, or in the annotation user-script",
    ),
    row(
        "securityContext",
        has_identity,
        &rules::SECURITY_CONTEXT_IGNORED,
        "has no effect: users and groups are the image's own",
    ),
    row(
        "dnsConfig",
        present,
        &rules::DNS_IGNORED,
        "has no effect: resolvers are those of the instance's networks",
    ),
    row(
        "hostAliases",
        present,
        &rules::DNS_IGNORED,
        "has no effect: /etc/hosts is the image's own",
    ),
    row(
        "affinity.podAffinity",
        present,
        &rules::POD_AFFINITY_IGNORED,
        "has no effect yet on which compute node the instance gets; see the annotation affinity",
    ),
    row(
        "affinity.podAntiAffinity",
        present,
        &rules::POD_AFFINITY_IGNORED,
        "has no effect yet on which compute node the instance gets; see the annotation affinity",
    ),
    row(
        "topologySpreadConstraints",
        present,
        &rules::POD_AFFINITY_IGNORED,
        "has no effect yet on which compute node the instance gets; see the annotation affinity",
    ),
    row(
        "containers[*].securityContext.privileged",
        is_true,
        &rules::PRIVILEGED,
        "an instance has no privileges on its compute node; root within the instance it has anyway: remove it",
    ),
    row(
        "containers[*].securityContext.procMount",
        |it| present(it) && it != "Default",
        &rules::KERNEL_SETTING,
        "/proc is the image's own; remove it",
    ),
    row(
        "containers[*].securityContext",
        has_identity,
        &rules::SECURITY_CONTEXT_IGNORED,
        "has no effect: users, groups and capabilities are the image's own",
    ),
    row(
        "containers[*].volumeDevices",
        present,
        &rules::VOLUME_DEVICE,
        "block devices cannot be attached; choose a package with a larger disk",
    ),
    row("containers[*].startupProbe.exec", present, &rules::PROBE_KIND, EXEC),
    row("containers[*].livenessProbe.exec", present, &rules::PROBE_KIND, EXEC),
    row("containers[*].readinessProbe.exec", present, &rules::PROBE_KIND, EXEC),
    row("containers[*].lifecycle.postStart.exec", present, &rules::LIFECYCLE_EXEC, HOOK_EXEC),
    row("containers[*].lifecycle.preStop.exec", present, &rules::LIFECYCLE_EXEC, HOOK_EXEC),
    row("containers[*].lifecycle.postStart", cannot_run, &rules::LIFECYCLE_HOOK, NO_HOOK),
    row("containers[*].lifecycle.preStop", cannot_run, &rules::LIFECYCLE_HOOK, NO_HOOK),
    row(
        "containers[*].lifecycle.stopSignal",
        present,
        &rules::STOP_SIGNAL,
        "an instance is shut down, not signalled; remove it",
    ),
    row(
        "containers[*].restartPolicy",
        present,
        &rules::CONTAINER_RESTART_RULE,
        "set restartPolicy of the pod instead",
    ),
    row(
        "containers[*].restartPolicyRules",
        present,
        &rules::CONTAINER_RESTART_RULE,
        "instances have no exit codes; remove it",
    ),
    row(
        "containers[*].command",
        present,
        &rules::COMMAND_IGNORED,
        "has no effect: the instance boots its image; use the annotation user-script",
    ),
    row(
        "containers[*].args",
        present,
        &rules::COMMAND_IGNORED,
        "has no effect: the instance boots its image; use the annotation user-script",
    ),
    row(
        "containers[*].workingDir",
        present,
        &rules::COMMAND_IGNORED,
        "has no effect: the instance boots its image",
    ),
    row(
        "containers[*].stdin",
        is_true,
        &rules::COMMAND_IGNORED,
        "has no effect: an instance has no standard input",
    ),
    row(
        "containers[*].tty",
        is_true,
        &rules::COMMAND_IGNORED,
        "has no effect: an instance has no terminal",
    ),
    row(
        "volumes[*].hostPath",
        present,
        &rules::VOLUME,
        "compute nodes share no directories with instances; put the files into the image",
    ),
    row(
        "volumes[*].emptyDir",
        present,
        &rules::VOLUME,
        "not supported yet; an instance has a disk of its own (see its package): use a directory on it",
    ),
    row(
        "volumes[*].configMap",
        present,
        &rules::VOLUME,
        "not supported yet; give the values to the guest with env or envFrom",
    ),
    row(
        "volumes[*].secret",
        present,
        &rules::VOLUME,
        "not supported yet; give the values to the guest with env or envFrom",
    ),
    row(
        "volumes[*].downwardAPI",
        present,
        &rules::VOLUME,
        "not supported yet; give the fields to the guest with env",
    ),
    row(
        "volumes[*].persistentVolumeClaim",
        present,
        &rules::VOLUME,
        "not supported yet; mount shared storage from within the guest, in the annotation user-script",
    ),
    row(
        "volumes[*].ephemeral",
        present,
        &rules::VOLUME,
        "not supported yet; an instance has a disk of its own (see its package)",
    ),
    row(
        "volumes[*].nfs",
        present,
        &rules::VOLUME,
        "not supported yet; mount it from within the guest, in the annotation user-script",
    ),
    row(
        "volumes[*]",
        is_other_volume,
        &rules::VOLUME,
        "volumes of this kind cannot be attached to an instance; put the files into the image, or fetch them in the annotation user-script",
    ),
];

const EXEC: &str = "nothing can run a command inside an instance; tcpSocket, httpGet and grpc work";
const HOOK_EXEC: &str = "nothing can run a command inside an instance; httpGet and sleep work, and so do the annotation user-script and the image's own services";
const NO_HOOK: &str = "fails when its time comes, as in any kubelet; use httpGet or sleep";

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

/// A hook of a kind that the API takes and nobody runs (`tcpSocket`).
fn cannot_run(value: &Value) -> bool {
    present(value) && ["exec", "httpGet", "sleep"].iter().all(|kind| value.get(kind).is_none())
}

fn len(value: &Value) -> usize {
    value.as_array().map_or(0, Vec::len)
}

/// There, and not empty. An empty object counts as there: `emptyDir: {}` means something.
fn present(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Array(elements) => !elements.is_empty(),
        Value::String(text) => !text.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => true,
    }
}

fn is_true(value: &Value) -> bool {
    *value == Value::Bool(true)
}

fn is_sidecar(container: &Value) -> bool {
    container.get("restartPolicy").is_some_and(|policy| policy == "Always")
}

fn has_identity(context: &Value) -> bool {
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
fn is_other_volume(volume: &Value) -> bool {
    let is_listed = LISTED_VOLUMES.iter().any(|kind| volume.get(kind).is_some());
    let is_token = volume["name"].as_str().is_some_and(|name| name.starts_with("kube-api-access-"))
        && volume["projected"]["sources"].as_array().is_some_and(|sources| {
            sources.iter().any(|source| source.get("serviceAccountToken").is_some())
        });
    !is_listed && !is_token
}

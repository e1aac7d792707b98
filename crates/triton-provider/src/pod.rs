//! What the passes read of a pod object.

use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use triton_cloudapi::InstanceId;
use triton_podspec::ownership::Owner;
use virtual_node::PodKey;

use crate::decide::sync::RestartPolicy;
use crate::memory::{End, Restarts};

/// Scheme of our container ids: `triton://<instance uuid>`.
const CONTAINER_ID_SCHEME: &str = "triton://";

/// The instance in the pod's published status.
#[must_use]
pub fn published_instance(pod: &Pod) -> Option<InstanceId> {
    let text = container_status(pod)?.container_id.as_deref()?;
    text.strip_prefix(CONTAINER_ID_SCHEME)?.parse().ok()
}

/// The published status of the pod's one container.
#[must_use]
pub fn container_status(pod: &Pod) -> Option<&ContainerStatus> {
    pod.status.as_ref()?.container_statuses.as_ref()?.first()
}

/// Whether the published status says that the instance has been running at some time.
#[must_use]
pub fn has_run(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    let started = container_status(pod).and_then(|status| status.state.as_ref());
    phase.is_some_and(|phase| phase != "Pending") || started.is_some_and(|state| state.running.is_some())
}

/// Whether the published status says that the pod was ready.
#[must_use]
pub fn was_ready(pod: &Pod) -> bool {
    container_status(pod).is_some_and(|status| status.ready)
}

/// The pod's restart policy; the API server defaults it to Always.
#[must_use]
pub fn restart_policy(pod: &Pod) -> RestartPolicy {
    match pod.spec.as_ref().and_then(|spec| spec.restart_policy.as_deref()) {
        Some("Never") => RestartPolicy::Never,
        Some("OnFailure") => RestartPolicy::OnFailure,
        _ => RestartPolicy::Always,
    }
}

/// The restarts that the published status tells of: the count never begins anew with the process.
#[must_use]
pub fn published_restarts(pod: &Pod) -> Restarts {
    let Some(status) = container_status(pod) else { return Restarts::default() };
    let ended = status.last_state.as_ref().and_then(|state| state.terminated.as_ref());
    let last_end = ended.and_then(|ended| {
        let at = ended.finished_at.as_ref()?.0;
        Some(End { at, killed: ended.exit_code != 0 })
    });
    Restarts { count: status.restart_count, last_end, ..Restarts::default() }
}

/// Whose an instance of this pod is.
#[must_use]
pub fn owner(cluster: &str, node: &str, key: &PodKey) -> Owner {
    Owner {
        cluster: cluster.to_owned(),
        node: node.to_owned(),
        namespace: key.namespace.clone(),
        name: key.name.clone(),
        uid: key.uid.clone(),
    }
}

/// The name of the pod's one container, for events.
#[must_use]
pub fn container_name(pod: &Pod) -> &str {
    pod.spec.as_ref().and_then(|spec| spec.containers.first()).map_or("", |container| container.name.as_str())
}

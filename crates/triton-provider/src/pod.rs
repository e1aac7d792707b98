//! What the passes read of a pod object.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{ContainerStatus, Pod, PodCondition};
use tokio::time::Instant;
use triton_cloudapi::InstanceId;
use triton_podspec::ownership::Owner;
use virtual_node::PodKey;

use crate::backoff::RestartBackoff;
use crate::decide::RestartPolicy;
use crate::decide::state::{End, Restarts};

/// Scheme of our container ids: `triton://<instance uuid>`.
const CONTAINER_ID_SCHEME: &str = "triton://";

/// The API server's default of `terminationGracePeriodSeconds`.
const DEFAULT_GRACE: Duration = Duration::from_secs(30);

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
    phase.is_some_and(|phase| phase != "Pending")
        || started.is_some_and(|state| state.running.is_some())
        || has_been_up(pod)
}

/// Whether the published status says that the instance was up, its container started or not.
fn has_been_up(pod: &Pod) -> bool {
    holds(pod, "PodReadyToStartContainers")
}

fn holds(pod: &Pod, type_: &str) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    let is_it = |condition: &PodCondition| condition.type_ == type_ && condition.status == "True";
    conditions.into_iter().flatten().any(is_it)
}

/// Whether the published status says that the container is running.
#[must_use]
pub fn is_started(pod: &Pod) -> bool {
    let state = container_status(pod).and_then(|status| status.state.as_ref());
    state.is_some_and(|state| state.running.is_some())
}

/// The pod's grace period; the API server defaults it.
#[must_use]
pub fn grace(pod: &Pod) -> Duration {
    let seconds = pod.spec.as_ref().and_then(|spec| spec.termination_grace_period_seconds);
    seconds.map_or(DEFAULT_GRACE, |seconds| {
        Duration::from_secs(u64::try_from(seconds).unwrap_or_default())
    })
}

/// One life of an instance: a restart begins a new one.
#[must_use]
pub fn life(id: InstanceId, restarts: i32) -> String {
    format!("{id}#{restarts}")
}

/// Whether the published status says that a restart was carried out of which the instance has not come back yet: its
/// back-off, if there was one, is over.
#[must_use]
pub fn is_restarting(pod: &Pod) -> bool {
    container_status(pod).is_some_and(|status| {
        let waiting = status.state.as_ref().and_then(|state| state.waiting.as_ref());
        let reason = waiting.and_then(|waiting| waiting.reason.as_deref());
        status.restart_count > 0 && reason == Some("ContainerCreating")
    })
}

/// Whether the published status says that the container was ready, and with it the pod: what the kubelet since 1.35 goes
/// on from when it begins anew.
#[must_use]
pub fn was_ready(pod: &Pod) -> bool {
    container_status(pod).is_some_and(|status| status.ready) && holds(pod, "Ready")
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

/// The restarts that the published status tells of: neither the count nor the back-off begins anew with the process.
///
/// How many of the restarts were in a row is not published; all of them are taken to be.
#[must_use]
pub fn published_restarts(pod: &Pod, now: Timestamp, here: Instant) -> Restarts {
    let Some(status) = container_status(pod) else { return Restarts::default() };
    let ended = status.last_state.as_ref().and_then(|state| state.terminated.as_ref());
    let last_end = ended.and_then(|ended| {
        let at = ended.finished_at.as_ref()?.0;
        Some(End { at, killed: ended.exit_code != 0 })
    });
    let backoff = last_end.as_ref().map_or_else(RestartBackoff::default, |end: &End| {
        // A clock that went back makes it negative: then the whole wait counts from now.
        let ago = Duration::try_from(now.duration_since(end.at)).unwrap_or_default();
        let restarts = u32::try_from(status.restart_count).unwrap_or_default();
        RestartBackoff::resumed(restarts, here.checked_sub(ago))
    });
    Restarts { count: status.restart_count, backoff, last_end, pending: None }
}

/// What is left of the pod's `activeDeadlineSeconds`, counted from its published start as the kubelet counts it.
#[must_use]
pub fn deadline_left(pod: &Pod, now: Timestamp) -> Option<Duration> {
    let allowed = pod.spec.as_ref()?.active_deadline_seconds?;
    let start = pod.status.as_ref()?.start_time.as_ref()?.0;
    let end = start.checked_add(SignedDuration::from_secs(allowed)).unwrap_or(Timestamp::MAX);
    Some(Duration::try_from(end.duration_since(now)).unwrap_or_default())
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
    pod.spec
        .as_ref()
        .and_then(|spec| spec.containers.first())
        .map_or("", |container| container.name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(value: serde_json::Value) -> Pod {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn the_deadline_counts_from_the_published_start() {
        let pod = pod(serde_json::json!({
            "spec": {"containers": [], "activeDeadlineSeconds": 60},
            "status": {"startTime": "2026-01-01T00:00:00Z"},
        }));
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        assert_eq!(deadline_left(&pod, at("2026-01-01T00:00:45Z")), Some(Duration::from_secs(15)));
        assert_eq!(deadline_left(&pod, at("2026-01-01T00:05:00Z")), Some(Duration::ZERO));
        assert_eq!(deadline_left(&Pod::default(), at("2026-01-01T00:05:00Z")), None);
    }

    #[test]
    fn restarts_go_on_from_what_was_published() {
        let pod = pod(serde_json::json!({
            "spec": {"containers": [{"name": "c"}]},
            "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}],
                "containerStatuses": [{
                "name": "c", "image": "i", "imageID": "", "ready": true, "restartCount": 3,
                "containerID": "triton://00000000-0000-4000-8000-000000000001",
                "lastState": {"terminated": {"exitCode": 137, "finishedAt": "2026-01-01T00:00:00Z"}},
            }]},
        }));
        let ended: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let here = Instant::now() + Duration::from_secs(3600);
        let restarts = published_restarts(&pod, ended + SignedDuration::from_secs(5), here);
        assert_eq!(restarts.count, 3);
        assert!(restarts.last_end.is_some_and(|end| end.killed));
        assert_eq!(restarts.backoff.due(here), here + Duration::from_secs(35));
        for (passed, left) in [(-600, 40), (39, 1), (41, 0), (100_000, 0)] {
            let now = ended + SignedDuration::from_secs(passed);
            let due = published_restarts(&pod, now, here).backoff.due(here);
            assert_eq!(due, here + Duration::from_secs(left), "{passed}");
        }
        assert!(published_instance(&pod).is_some());
        assert!(has_run(&pod));
        assert!(was_ready(&pod));
    }
}

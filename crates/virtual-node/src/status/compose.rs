//! Statuses that the node itself has to write: rejected, waiting, ended.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{
    Container, ContainerState, ContainerStateTerminated, ContainerStateWaiting, ContainerStatus,
    Pod, PodCondition, PodStatus,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::derive::{self, Containers, has_run};
use super::diff::KUBELET_CONDITIONS;

/// The exit code of a container that was lost sight of, as the kubelet reports it.
const EXIT_CODE_UNKNOWN: i32 = 137;

/// The status of a pod that can never run here. What was published about its containers stays.
#[must_use]
pub fn rejected(pod: &Pod, reason: &str, message: &str) -> PodStatus {
    let mut status = ours(pod);
    status.phase = Some("Failed".to_owned());
    status.reason = Some(reason.to_owned());
    status.message = Some(format!("Pod was rejected: {message}"));
    if let Some(conditions) = &mut status.conditions {
        for condition in conditions.iter_mut().filter(|condition| is_readiness(condition)) {
            unready(condition, "PodFailed");
        }
    }
    status
}

/// The status of a pod that cannot be run now, told at its containers; `None` once one of them has been run, because
/// from then on only the provider knows how they are.
#[must_use]
pub fn waiting(pod: &Pod, reason: &str, message: &str, now: Timestamp) -> Option<PodStatus> {
    let mut status = ours(pod);
    let known = status.container_statuses.take().unwrap_or_default();
    if known.iter().any(has_run) || status.init_container_statuses.iter().flatten().any(has_run) {
        return None;
    }
    let spec = pod.spec.as_ref()?;
    let waiting = ContainerState {
        waiting: Some(ContainerStateWaiting {
            reason: Some(reason.to_owned()),
            message: Some(message.to_owned()),
        }),
        ..ContainerState::default()
    };
    let waiting = |container: &Container| ContainerStatus {
        name: container.name.clone(),
        image: container.image.clone().unwrap_or_default(),
        started: Some(false),
        state: Some(waiting.clone()),
        ..ContainerStatus::default()
    };
    status.container_statuses = Some(spec.containers.iter().map(waiting).collect());
    status.init_container_statuses =
        spec.init_containers.as_ref().map(|init| init.iter().map(waiting).collect());
    status.phase = Some("Pending".to_owned());
    // The node has taken the pod, as the kubelet says it before it pulls an image.
    status.start_time.get_or_insert(Time(now));
    let containers = Containers {
        init: status.init_container_statuses.clone().unwrap_or_default(),
        regular: status.container_statuses.clone().unwrap_or_default(),
        ready_to_start: false,
    };
    let conditions = status.conditions.get_or_insert_default();
    for condition in derive::conditions(pod, &containers, "Pending") {
        if !conditions.iter().any(|known| known.type_ == condition.type_) {
            conditions.push(condition);
        }
    }
    Some(status)
}

/// The last status of a pod of which nothing is left: terminal, with no container waiting or running.
///
/// `reported` is what the provider says; without it, what is published. The phase is Succeeded if all containers have
/// exited with 0, as the kubelet decides it for a pod that is being deleted.
#[must_use]
pub fn ended(pod: &Pod, reported: Option<PodStatus>, now: Timestamp) -> PodStatus {
    let published = ours(pod);
    let mut status = reported.unwrap_or_else(|| published.clone());
    status.container_statuses = status.container_statuses.or(published.container_statuses);
    status.conditions = status.conditions.or(published.conditions);
    status.init_container_statuses =
        status.init_container_statuses.or(published.init_container_statuses);
    for statuses in [&mut status.container_statuses, &mut status.init_container_statuses] {
        for container in statuses.iter_mut().flatten() {
            end(container, now);
        }
    }
    if !matches!(status.phase.as_deref(), Some("Succeeded" | "Failed")) {
        let mut containers = status.container_statuses.iter().flatten().peekable();
        let succeeded = containers.peek().is_some() && containers.all(has_succeeded);
        status.phase = Some(if succeeded { "Succeeded" } else { "Failed" }.to_owned());
    }
    let reason =
        if status.phase.as_deref() == Some("Succeeded") { "PodCompleted" } else { "PodFailed" };
    let conditions = status.conditions.get_or_insert_default();
    for type_ in ["ContainersReady", "Ready"] {
        if !conditions.iter().any(|condition| condition.type_ == type_) {
            conditions.push(PodCondition { type_: type_.to_owned(), ..PodCondition::default() });
        }
    }
    for condition in conditions.iter_mut() {
        if is_readiness(condition) {
            unready(condition, reason);
        } else if condition.type_ == "PodReadyToStartContainers" && condition.status == "True" {
            condition.status = "False".to_owned();
            condition.last_transition_time = None;
        }
    }
    status
}

/// Whether a pod of which nothing is left must be told how it ended before its object goes.
///
/// The kubelet always tells it. Where nothing has run there is nothing to tell, and each write costs the API server as
/// much as the removal itself; but who holds the pod by a finalizer, as the Job controller does, may wait for its phase.
#[must_use]
pub fn has_an_end_to_tell(pod: &Pod, reported: Option<&PodStatus>) -> bool {
    let statuses = [pod.status.as_ref(), reported];
    let mut containers = statuses.iter().flatten().flat_map(|status| {
        let init = status.init_container_statuses.iter().flatten();
        status.container_statuses.iter().flatten().chain(init)
    });
    let held = pod.metadata.finalizers.as_ref().is_some_and(|held| !held.is_empty());
    held || containers.any(has_run)
}

/// The published status, as one that is said again of the pod as it is now.
fn ours(pod: &Pod) -> PodStatus {
    let mut status = pod.status.clone().unwrap_or_default();
    status.observed_generation = None;
    for condition in status.conditions.iter_mut().flatten() {
        if KUBELET_CONDITIONS.contains(&condition.type_.as_str()) {
            condition.observed_generation = None;
        }
    }
    status
}

fn is_readiness(condition: &PodCondition) -> bool {
    matches!(condition.type_.as_str(), "Ready" | "ContainersReady")
}

fn unready(condition: &mut PodCondition, reason: &str) {
    if condition.status != "False" {
        condition.status = "False".to_owned();
        condition.last_transition_time = None;
    }
    condition.reason = Some(reason.to_owned());
    condition.message = None;
}

fn has_succeeded(container: &ContainerStatus) -> bool {
    let ended = container.state.as_ref().and_then(|state| state.terminated.as_ref());
    ended.is_some_and(|ended| ended.exit_code == 0)
}

fn end(container: &mut ContainerStatus, now: Timestamp) {
    let state = container.state.take().unwrap_or_default();
    let terminated = state.terminated.unwrap_or_else(|| ContainerStateTerminated {
        exit_code: EXIT_CODE_UNKNOWN,
        reason: Some("ContainerStatusUnknown".to_owned()),
        message: Some("The container could not be located when the pod was terminated".to_owned()),
        container_id: container.container_id.clone(),
        started_at: state.running.and_then(|running| running.started_at),
        finished_at: Some(Time(now)),
        ..ContainerStateTerminated::default()
    });
    container.state =
        Some(ContainerState { terminated: Some(terminated), ..ContainerState::default() });
    container.ready = false;
    container.started = Some(false);
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn pod(status: Value) -> Pod {
        serde_json::from_value(json!({
            "metadata": { "uid": "u1" },
            "spec": { "containers": [{ "name": "a", "image": "x" }, { "name": "b" }] },
            "status": status,
        }))
        .unwrap()
    }

    fn container(name: &str, state: Value) -> Value {
        json!({ "name": name, "image": "x", "imageID": "", "ready": true, "restartCount": 0, "state": state })
    }

    #[track_caller]
    fn check_phase(containers: Value, expected: &str) {
        let status = ended(
            &pod(json!({ "phase": "Running", "containerStatuses": containers })),
            None,
            Timestamp::UNIX_EPOCH,
        );
        assert_eq!(status.phase.as_deref(), Some(expected));
        for container in status.container_statuses.iter().flatten() {
            assert!(container.state.as_ref().unwrap().terminated.is_some());
            assert!(!container.ready);
        }
        let ready = status
            .conditions
            .unwrap()
            .into_iter()
            .find(|condition| condition.type_ == "Ready")
            .unwrap();
        assert_eq!(ready.status, "False");
    }

    #[test]
    fn the_last_phase_is_succeeded_only_if_every_container_was() {
        let exit = |code: i32| json!({ "terminated": { "exitCode": code } });
        check_phase(json!([container("a", exit(0)), container("b", exit(0))]), "Succeeded");
        check_phase(json!([container("a", exit(0)), container("b", exit(1))]), "Failed");
        check_phase(
            json!([container("a", exit(0)), container("b", json!({ "running": {} }))]),
            "Failed",
        );
        check_phase(json!([]), "Failed");
        check_phase(Value::Null, "Failed");
    }

    #[test]
    fn what_the_provider_reports_comes_first() {
        let reported = serde_json::from_value(json!({ "phase": "Succeeded" })).unwrap();
        let published = pod(
            json!({ "phase": "Running", "podIP": "192.0.2.1", "containerStatuses": [container("a", json!({}))] }),
        );
        let status = ended(&published, Some(reported), Timestamp::UNIX_EPOCH);
        assert_eq!(status.phase.as_deref(), Some("Succeeded"));
        assert_eq!(
            status.container_statuses.unwrap()[0]
                .state
                .as_ref()
                .unwrap()
                .terminated
                .as_ref()
                .unwrap()
                .exit_code,
            137
        );
    }

    #[test]
    fn a_pod_waits_at_each_of_its_containers() {
        let status =
            waiting(&pod(json!({ "phase": "Pending" })), "QuotaExceeded", "no room", NOW).unwrap();
        assert_eq!(status.start_time, Some(Time(NOW)));
        let containers = status.container_statuses.unwrap();
        assert_eq!(
            containers.iter().map(|container| container.name.as_str()).collect::<Vec<_>>(),
            ["a", "b"]
        );
        let state = containers[1].state.as_ref().unwrap().waiting.as_ref().unwrap();
        assert_eq!(state.reason.as_deref(), Some("QuotaExceeded"));
    }

    #[test]
    fn a_pod_that_waits_has_all_conditions_and_its_init_containers_wait_with_it() {
        let mut pod = pod(json!({ "phase": "Pending" }));
        let init = json!([{ "name": "first", "image": "x" }]);
        pod.spec.as_mut().unwrap().init_containers = Some(serde_json::from_value(init).unwrap());
        let status = waiting(&pod, "QuotaExceeded", "no room", NOW).unwrap();
        let told: Vec<_> = status
            .conditions
            .iter()
            .flatten()
            .map(|condition| (condition.type_.as_str(), condition.status.as_str()))
            .collect();
        let expected = ["PodReadyToStartContainers", "Initialized", "ContainersReady", "Ready"]
            .map(|type_| (type_, "False"));
        assert_eq!(told, expected);
        let init = &status.init_container_statuses.unwrap()[0];
        let state = init.state.as_ref().unwrap().waiting.as_ref().unwrap();
        assert_eq!(state.reason.as_deref(), Some("QuotaExceeded"));
    }

    #[test]
    fn init_containers_end_with_their_pod_and_so_does_what_they_ran_in() {
        let up = json!([{ "type": "PodReadyToStartContainers", "status": "True" }]);
        let pod = pod(json!({
            "phase": "Pending", "conditions": up,
            "initContainerStatuses": [container("first", json!({ "running": {} }))],
            "containerStatuses": [container("a", json!({ "waiting": { "reason": "PodInitializing" } }))],
        }));
        let status = ended(&pod, None, NOW);
        for container in
            status.init_container_statuses.iter().chain(&status.container_statuses).flatten()
        {
            let state = container.state.as_ref().unwrap();
            assert_eq!(state.terminated.as_ref().unwrap().exit_code, 137, "{}", container.name);
        }
        assert_eq!(status.conditions.unwrap()[0].status, "False");
    }

    #[test]
    fn what_the_node_says_of_a_pod_it_says_of_its_present_generation() {
        let mut pod = pod(json!({
            "phase": "Pending", "observedGeneration": 1,
            "conditions": [
                { "type": "Ready", "status": "False", "observedGeneration": 1 },
                { "type": "example.com/theirs", "status": "True", "observedGeneration": 1,
                    "lastTransitionTime": "2026-01-01T00:00:00Z" },
            ],
        }));
        pod.metadata.generation = Some(2);
        let status = rejected(&pod, "TooMany", "two containers");
        let patch =
            super::super::diff::patch(&pod, &status, &super::super::diff::Own::default(), NOW)
                .unwrap();
        assert_eq!(patch["status"]["observedGeneration"], 2);
        let conditions = patch["status"]["conditions"].as_array().unwrap();
        let of = |type_: &str| {
            conditions
                .iter()
                .find(|condition| condition["type"] == type_)
                .map(|found| &found["observedGeneration"])
        };
        assert_eq!(of("Ready"), Some(&json!(2)));
        assert_eq!(of("example.com/theirs"), None, "it is not ours");
    }

    #[test]
    fn the_reason_to_wait_may_change_until_something_has_run() {
        let waits = json!([container("a", json!({ "waiting": { "reason": "QuotaExceeded" } }))]);
        assert!(
            waiting(&pod(json!({ "containerStatuses": waits })), "NoImage", "m", NOW).is_some()
        );
        let runs = json!([container("a", json!({ "running": {} }))]);
        assert!(waiting(&pod(json!({ "containerStatuses": runs })), "NoImage", "m", NOW).is_none());
    }

    #[test]
    fn what_never_ran_goes_without_a_last_word() {
        let check = |pod: &Pod, reported: Option<&PodStatus>, expected: bool| {
            assert_eq!(has_an_end_to_tell(pod, reported), expected);
        };
        let waits =
            json!([container("a", json!({ "waiting": { "reason": "ContainerCreating" } }))]);
        let runs = json!([container("a", json!({ "running": {} }))]);
        let waiting = pod(json!({ "containerStatuses": waits }));
        check(&pod(json!({ "phase": "Pending" })), None, false);
        check(&waiting, None, false);
        check(&waiting, waiting.status.as_ref(), false);
        let running = pod(json!({ "containerStatuses": runs }));
        check(&running, None, true);
        check(&waiting, running.status.as_ref(), true);
        let mut made = container("a", json!({ "waiting": {} }));
        made["containerID"] = json!("triton://1");
        check(&pod(json!({ "containerStatuses": [made] })), None, true);
        let mut held = waiting;
        held.metadata.finalizers = Some(vec!["batch.kubernetes.io/job-tracking".to_owned()]);
        check(&held, None, true);
    }

    #[test]
    fn a_rejected_pod_is_failed_and_not_ready() {
        let ready = json!([{ "type": "Ready", "status": "True" }, { "type": "PodScheduled", "status": "True" }]);
        let status = rejected(
            &pod(json!({ "phase": "Running", "conditions": ready })),
            "TooMany",
            "two containers",
        );
        assert_eq!(status.phase.as_deref(), Some("Failed"));
        assert_eq!(status.message.as_deref(), Some("Pod was rejected: two containers"));
        let conditions = status.conditions.unwrap();
        assert_eq!(
            (conditions[0].status.as_str(), conditions[1].status.as_str()),
            ("False", "True")
        );
    }
}

//! What a node says of a pod whatever its provider does: debug containers are not run, and resources are not changed
//! while the pod runs.
//!
//! Both are asked for of a pod that exists, by sub-resources that no admission of the node can refuse. Who asked waits
//! for an answer in the status: `kubectl debug` until its container runs or has ended, a resize until a condition says
//! how it stands.

use k8s_openapi::api::core::v1::{
    Container, ContainerState, ContainerStateTerminated, ContainerStatus, EphemeralContainer, Pod,
    PodCondition, PodStatus, ResourceRequirements,
};

use crate::provider::PodEvent;

/// Reason of the status and the event of a debug container.
pub const NO_DEBUG_CONTAINERS: &str = "EphemeralContainersNotSupported";

/// Type of the condition that answers a resize.
pub const RESIZE_PENDING: &str = "PodResizePending";

/// Reason of that condition: it will not happen.
pub const INFEASIBLE: &str = "Infeasible";

/// What a debug container ended with: it never began.
const NOT_RUN: i32 = 1;

/// Adds the ends of debug containers and the answer to a resize to a status, where its provider says nothing of them.
pub(super) fn complete(pod: &Pod, status: &mut PodStatus) {
    debug_containers(pod, status);
    resources(pod, status);
    answer_resize(pod, status);
}

/// What is news in a status that is about to be published, for those who look at events.
#[must_use]
pub fn news(pod: &Pod, wanted: &PodStatus) -> Vec<PodEvent> {
    let mut told = Vec::new();
    let published = pod.status.clone().unwrap_or_default();
    for container in unanswered(pod, wanted) {
        if named(published.ephemeral_container_statuses.as_deref(), &container.name).is_none() {
            let event = PodEvent::warning(NO_DEBUG_CONTAINERS, no_debug(&container.name));
            told.push(event.in_container(&container.name));
        }
    }
    let mut status = wanted.clone();
    resources(pod, &mut status);
    answer_resize(pod, &mut status);
    let of = |status: &PodStatus| {
        let all = status.conditions.as_deref().unwrap_or_default();
        all.iter().find(|condition| condition.type_ == RESIZE_PENDING).cloned()
    };
    if let (Some(answer), None, None) = (of(&status), of(wanted), of(&published)) {
        told.push(PodEvent::warning("ResizeInfeasible", answer.message.unwrap_or_default()));
    }
    told
}

fn debug_containers(pod: &Pod, status: &mut PodStatus) {
    let ended: Vec<ContainerStatus> = unanswered(pod, status)
        .map(|container| ContainerStatus {
            name: container.name.clone(),
            image: container.image.clone().unwrap_or_default(),
            state: Some(ContainerState {
                terminated: Some(ContainerStateTerminated {
                    exit_code: NOT_RUN,
                    reason: Some(NO_DEBUG_CONTAINERS.to_owned()),
                    message: Some(no_debug(&container.name)),
                    ..ContainerStateTerminated::default()
                }),
                ..ContainerState::default()
            }),
            ..ContainerStatus::default()
        })
        .collect();
    if !ended.is_empty() {
        status.ephemeral_container_statuses.get_or_insert_default().extend(ended);
    }
}

/// Debug containers that the provider says nothing of.
fn unanswered<'a>(
    pod: &'a Pod,
    status: &PodStatus,
) -> impl Iterator<Item = &'a EphemeralContainer> + use<'a> {
    let told = status.ephemeral_container_statuses.iter().flatten();
    let told: Vec<String> = told.map(|status| status.name.clone()).collect();
    let all = pod.spec.iter().flat_map(|spec| spec.ephemeral_containers.iter().flatten());
    all.filter(move |container| !told.contains(&container.name))
}

fn no_debug(name: &str) -> String {
    format!("debug container {name} is not run: this node starts nothing inside a pod that exists")
}

/// What each container was given: what was published of it, or, the first time, what its spec asks for. It does not
/// follow the spec, so that a resize shows.
fn resources(pod: &Pod, status: &mut PodStatus) {
    let published = pod.status.as_ref().and_then(|status| status.container_statuses.as_deref());
    for container in status.container_statuses.iter_mut().flatten() {
        if container.resources.is_some() {
            continue;
        }
        let known = named(published, &container.name).and_then(|known| known.resources.clone());
        container.resources = known.or_else(|| {
            let asked = of_spec(pod, &container.name)?.resources.clone();
            asked.filter(|asked| asked.requests.is_some() || asked.limits.is_some())
        });
    }
}

/// The condition that says no, as long as the spec asks for something else than what a container has.
fn answer_resize(pod: &Pod, status: &mut PodStatus) {
    let Some(conditions) = &mut status.conditions else { return };
    let is_answered = conditions.iter().any(|condition| condition.type_ == RESIZE_PENDING);
    let changed: Vec<&str> = status
        .container_statuses
        .iter()
        .flatten()
        .filter(|container| {
            let asked = of_spec(pod, &container.name).and_then(|spec| spec.resources.as_ref());
            container.resources.as_ref().is_some_and(|has| !is_same(Some(has), asked))
        })
        .map(|container| container.name.as_str())
        .collect();
    if is_answered || changed.is_empty() {
        return;
    }
    conditions.push(PodCondition {
        type_: RESIZE_PENDING.to_owned(),
        status: "True".to_owned(),
        reason: Some(INFEASIBLE.to_owned()),
        message: Some(format!(
            "resources of containers [{}] cannot be changed while the pod runs on this node; make a new pod",
            changed.join(" ")
        )),
        ..PodCondition::default()
    });
}

fn is_same(has: Option<&ResourceRequirements>, asked: Option<&ResourceRequirements>) -> bool {
    let amounts = |resources: Option<&ResourceRequirements>| {
        let resources = resources.cloned().unwrap_or_default();
        (resources.requests.unwrap_or_default(), resources.limits.unwrap_or_default())
    };
    amounts(has) == amounts(asked)
}

fn of_spec<'a>(pod: &'a Pod, name: &str) -> Option<&'a Container> {
    pod.spec.as_ref()?.containers.iter().find(|container| container.name == name)
}

fn named<'a>(statuses: Option<&'a [ContainerStatus]>, name: &str) -> Option<&'a ContainerStatus> {
    statuses?.iter().find(|status| status.name == name)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pod(spec: Value, status: Value) -> Pod {
        serde_json::from_value(json!({ "spec": spec, "status": status })).unwrap()
    }

    fn status(container: Value) -> PodStatus {
        serde_json::from_value(json!({
            "phase": "Running", "conditions": [{ "type": "Ready", "status": "True" }],
            "containerStatuses": [container],
        }))
        .unwrap()
    }

    fn runs() -> Value {
        json!({ "name": "a", "image": "i", "imageID": "", "ready": true, "restartCount": 0, "state": { "running": {} } })
    }

    fn spec(cpu: &str) -> Value {
        json!({ "containers": [{ "name": "a", "resources": { "requests": { "cpu": cpu }, "limits": { "cpu": "2" } } }] })
    }

    fn reasons(events: &[PodEvent]) -> Vec<&str> {
        events.iter().map(|event| event.reason.as_str()).collect()
    }

    #[test]
    fn a_debug_container_has_ended_before_it_begins() {
        let spec = json!({
            "containers": [{ "name": "a" }],
            "ephemeralContainers": [{ "name": "debugger", "image": "busybox" }, { "name": "known" }],
        });
        let pod = pod(spec, json!({}));
        let mut wanted = status(runs());
        let theirs = json!([{ "name": "known", "image": "", "imageID": "", "ready": false, "restartCount": 0,
            "state": { "running": {} } }]);
        wanted.ephemeral_container_statuses = Some(serde_json::from_value(theirs).unwrap());
        let told = news(&pod, &wanted);
        assert_eq!(reasons(&told), [NO_DEBUG_CONTAINERS]);
        assert_eq!(told[0].container.as_deref(), Some("debugger"));

        complete(&pod, &mut wanted);
        let statuses = wanted.ephemeral_container_statuses.clone().unwrap();
        assert!(
            statuses[0].state.as_ref().unwrap().running.is_some(),
            "the provider runs this one"
        );
        let ended = statuses[1].state.as_ref().unwrap().terminated.as_ref().unwrap();
        assert_eq!((ended.exit_code, ended.reason.as_deref()), (1, Some(NO_DEBUG_CONTAINERS)));
        assert_eq!(statuses[1].image, "busybox");

        let published = Pod { status: Some(wanted), ..pod };
        assert!(reasons(&news(&published, &status(runs()))).is_empty(), "it is told once");
    }

    #[test]
    fn what_a_container_was_given_is_published_and_stays() {
        let mut first = status(runs());
        complete(&pod(spec("1"), json!({})), &mut first);
        let given = first.container_statuses.as_ref().unwrap()[0].resources.clone().unwrap();
        assert_eq!(json!(given), json!({ "requests": { "cpu": "1" }, "limits": { "cpu": "2" } }));
        assert_eq!(first.conditions.as_ref().unwrap().len(), 1, "nothing was changed yet");

        let mut next = status(runs());
        complete(&pod(spec("3"), json!(first)), &mut next);
        assert_eq!(next.container_statuses.unwrap()[0].resources, Some(given));
    }

    #[test]
    fn a_resize_is_answered_with_no_until_it_is_taken_back() {
        let mut first = status(runs());
        complete(&pod(spec("1"), json!({})), &mut first);
        let published = json!(first);

        let resized = pod(spec("3"), published.clone());
        let mut wanted = status(runs());
        assert_eq!(reasons(&news(&resized, &wanted)), ["ResizeInfeasible"]);
        complete(&resized, &mut wanted);
        let conditions = wanted.conditions.clone().unwrap();
        let answer = conditions.iter().find(|condition| condition.type_ == RESIZE_PENDING).unwrap();
        assert_eq!((answer.status.as_str(), answer.reason.as_deref()), ("True", Some(INFEASIBLE)));
        assert!(answer.message.as_deref().unwrap().contains("[a]"));

        let answered = pod(spec("3"), json!(wanted));
        assert!(news(&answered, &status(runs())).is_empty(), "it is told once");
        let mut back = status(runs());
        complete(&pod(spec("1"), json!(wanted)), &mut back);
        assert_eq!(back.conditions.unwrap().len(), 1);
    }

    #[test]
    fn a_provider_that_resizes_answers_itself() {
        let mut container = runs();
        container["resources"] = json!({ "requests": { "cpu": "3" }, "limits": { "cpu": "2" } });
        let mut wanted = status(container);
        complete(&pod(spec("3"), json!({})), &mut wanted);
        assert_eq!(wanted.conditions.unwrap().len(), 1);
    }

    #[test]
    fn a_container_without_resources_says_nothing_of_them() {
        let mut wanted = status(runs());
        complete(
            &pod(json!({ "containers": [{ "name": "a", "resources": {} }] }), json!({})),
            &mut wanted,
        );
        assert_eq!(wanted.container_statuses.unwrap()[0].resources, None);
    }
}

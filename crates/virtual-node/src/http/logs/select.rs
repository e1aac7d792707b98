//! Which life of a container has the lines that are asked for, if one has.

use k8s_openapi::api::core::v1::{ContainerState, ContainerStatus, Pod};

use crate::abilities::AbilityError;

/// Whether the life before the present one is meant; what `previous` asked for, or what there is.
///
/// # Errors
/// When there is no such container, or none of its lives has lines, in the kubelet's words: `kubectl` shows them.
pub(super) fn life(pod: &Pod, container: &str, previous: bool) -> Result<bool, AbilityError> {
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    if !has_container(pod, container) {
        let sentence = format!("container {container:?} not found in pod {name:?}");
        return Err(AbilityError::NotFound(sentence));
    }
    let refused = |why: &str| {
        Err(AbilityError::Refused(format!("container {container:?} in pod {name:?} is {why}")))
    };
    let Some(status) = status_of(pod, container) else { return refused("not available") };
    let ended_before = ended(status.last_state.as_ref());
    if previous {
        return match ended_before {
            Some(true) => Ok(true),
            _ => Err(AbilityError::Refused(format!(
                "previous terminated container {container:?} in pod {name:?} not found"
            ))),
        };
    }
    let state = status.state.as_ref();
    if state.is_some_and(|state| state.running.is_some()) {
        return Ok(false);
    }
    match (ended(state), ended_before) {
        (Some(true), _) => return Ok(false),
        // A life that never began has no lines; the one before may have.
        (_, Some(true)) => return Ok(true),
        (Some(false), _) | (None, Some(false)) => return refused("terminated"),
        (None, None) => {}
    }
    let waiting = state.and_then(|state| state.waiting.as_ref());
    match waiting.and_then(|waiting| waiting.reason.as_deref()) {
        Some("ErrImagePull") => refused("waiting to start: image can't be pulled"),
        Some("ImagePullBackOff") => refused("waiting to start: trying and failing to pull image"),
        Some(reason) => refused(&format!("waiting to start: {reason}")),
        None => refused("waiting to start - no logs yet"),
    }
}

/// Whether a state is an end, and if so whether it is one of a container that there was.
fn ended(state: Option<&ContainerState>) -> Option<bool> {
    let terminated = state?.terminated.as_ref()?;
    Some(terminated.container_id.as_ref().is_some_and(|id| !id.is_empty()))
}

fn has_container(pod: &Pod, name: &str) -> bool {
    let Some(spec) = &pod.spec else { return false };
    spec.containers.iter().chain(spec.init_containers.iter().flatten()).any(|c| c.name == name)
        || spec.ephemeral_containers.iter().flatten().any(|c| c.name == name)
}

fn status_of<'a>(pod: &'a Pod, name: &str) -> Option<&'a ContainerStatus> {
    let status = pod.status.as_ref()?;
    let regular = status.container_statuses.iter().flatten();
    let init = status.init_container_statuses.iter().flatten();
    let ephemeral = status.ephemeral_container_statuses.iter().flatten();
    regular.chain(init).chain(ephemeral).find(|status| status.name == name)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[track_caller]
    fn check(status: Value, previous: bool, expected: Result<bool, &str>) {
        let pod: Pod = serde_json::from_value(json!({
            "metadata": { "name": "p" },
            "spec": { "containers": [{ "name": "c" }], "initContainers": [{ "name": "i" }] },
            "status": { "containerStatuses": status },
        }))
        .unwrap();
        let told = life(&pod, "c", previous).map_err(|error| error.to_string());
        assert_eq!(told, expected.map_err(ToOwned::to_owned));
    }

    fn container(state: Value, last_state: Value) -> Value {
        json!([{ "name": "c", "image": "", "imageID": "", "ready": false, "restartCount": 0,
            "state": state, "lastState": last_state }])
    }

    #[test]
    fn the_life_that_has_lines_is_meant() {
        let ended = json!({ "terminated": { "exitCode": 1, "containerID": "x://1" } });
        let lost = json!({ "terminated": { "exitCode": 137 } });
        let running = json!({ "running": {} });
        let waits = json!({ "waiting": { "reason": "CrashLoopBackOff" } });
        let nothing = json!({});
        check(container(running.clone(), nothing.clone()), false, Ok(false));
        check(container(ended.clone(), nothing.clone()), false, Ok(false));
        check(container(waits.clone(), ended.clone()), false, Ok(true));
        check(container(lost.clone(), ended.clone()), false, Ok(true));
        check(container(running.clone(), ended), true, Ok(true));
        let terminated = Err(r#"container "c" in pod "p" is terminated"#);
        check(container(lost.clone(), nothing.clone()), false, terminated);
        check(container(waits, lost.clone()), false, terminated);
        let no_previous = Err(r#"previous terminated container "c" in pod "p" not found"#);
        check(container(running.clone(), nothing), true, no_previous);
        check(container(running, lost), true, no_previous);
    }

    #[test]
    fn what_has_not_begun_says_why() {
        let sentence = |why: &str| format!(r#"container "c" in pod "p" is {why}"#);
        let waits = |reason: &str| container(json!({ "waiting": { "reason": reason } }), json!({}));
        for (reason, why) in [
            ("ContainerCreating", "waiting to start: ContainerCreating"),
            ("ErrImagePull", "waiting to start: image can't be pulled"),
            ("ImagePullBackOff", "waiting to start: trying and failing to pull image"),
        ] {
            check(waits(reason), false, Err(&sentence(why)));
        }
        let why = sentence("waiting to start - no logs yet");
        check(container(json!({}), json!({})), false, Err(&why));
        check(json!([]), false, Err(&sentence("not available")));
    }

    #[test]
    fn a_container_that_the_pod_does_not_have_is_not_found() {
        let pod: Pod = serde_json::from_value(json!({
            "metadata": { "name": "p" }, "spec": { "containers": [{ "name": "c" }] },
        }))
        .unwrap();
        let error = life(&pod, "d", false).unwrap_err();
        assert!(matches!(&error, AbilityError::NotFound(_)), "{error}");
        assert_eq!(error.to_string(), r#"container "d" not found in pod "p""#);
    }
}

//! The container's status, put together from its state and its run.

use k8s_openapi::api::core::v1::{
    ContainerState, ContainerStateRunning, ContainerStateTerminated, ContainerStateWaiting,
    ContainerStatus,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::published::named;
use super::run::Run;
use super::view::{Container, State};
use super::{StatusInputs, Termination, time};

/// The statuses of the spec's containers: one, unless the pod has no business here.
pub(super) fn statuses(inputs: &StatusInputs<'_>, container: &Container) -> Vec<ContainerStatus> {
    let containers = inputs.pod.spec.iter().flat_map(|spec| &spec.containers);
    let mut statuses: Vec<ContainerStatus> = containers
        .map(|spec| {
            status(inputs, container, &spec.name, spec.image.as_deref().unwrap_or_default())
        })
        .collect();
    statuses.sort_by(|left, right| left.name.cmp(&right.name));
    statuses
}

fn status(
    inputs: &StatusInputs<'_>,
    container: &Container,
    name: &str,
    image: &str,
) -> ContainerStatus {
    let published = named(inputs, name);
    let run = Run::of(inputs, container, published);
    let container_id = inputs
        .instance()
        .map(|instance| format!("triton://{}", instance.id))
        .or_else(|| published.and_then(|status| status.container_id.clone()));
    let image_id = inputs
        .instance()
        .and_then(|instance| instance.image.clone())
        .or_else(|| published.map(|status| status.image_id.clone()))
        .unwrap_or_default();
    let terminated = |end: &Termination, began: Option<&Time>| ContainerState {
        terminated: Some(ContainerStateTerminated {
            container_id: container_id.clone(),
            exit_code: end.exit_code,
            reason: Some(end.reason.clone()),
            message: end.message.clone(),
            started_at: end.started_at.map(time).or_else(|| began.cloned()),
            finished_at: Some(end.finished_at.map_or_else(|| inputs.time(), time)),
            ..ContainerStateTerminated::default()
        }),
        ..ContainerState::default()
    };
    let state = match &container.state {
        State::Waiting { reason, message } => ContainerState {
            waiting: Some(ContainerStateWaiting {
                reason: Some(reason.clone()),
                message: message.clone(),
            }),
            ..ContainerState::default()
        },
        State::Running => ContainerState {
            running: Some(ContainerStateRunning { started_at: Some(run.started_at.clone()) }),
            ..ContainerState::default()
        },
        State::Ended(end) => terminated(end, run.began.as_ref()),
    };
    let last_state = if run.is_new {
        run.ended.as_ref().map(|end| terminated(end, run.before.as_ref()))
    } else {
        published.and_then(|status| status.last_state.clone())
    };
    ContainerStatus {
        name: name.to_owned(),
        image: image.to_owned(),
        image_id,
        container_id,
        ready: container.ready,
        started: Some(container.started),
        restart_count: run.count,
        state: Some(state),
        last_state,
        ..ContainerStatus::default()
    }
}

/// Ephemeral containers that were added to a living pod: ended at once, so that `kubectl debug` does not wait.
pub(super) fn ephemeral(inputs: &StatusInputs<'_>) -> Option<Vec<ContainerStatus>> {
    let containers = inputs.pod.spec.as_ref()?.ephemeral_containers.as_ref()?;
    let statuses = containers.iter().map(|container| ContainerStatus {
        name: container.name.clone(),
        image: container.image.clone().unwrap_or_default(),
        started: Some(false),
        state: Some(ContainerState {
            terminated: Some(ContainerStateTerminated {
                exit_code: 1,
                reason: Some("EphemeralContainersNotSupported".to_owned()),
                message: Some(
                    "nothing can be added to an instance; log in over SSH instead".to_owned(),
                ),
                ..ContainerStateTerminated::default()
            }),
            ..ContainerState::default()
        }),
        ..ContainerStatus::default()
    });
    Some(statuses.collect())
}

//! What the published status says about the container.

use k8s_openapi::api::core::v1::{ContainerStateTerminated, ContainerStatus};

use super::StatusInputs;

/// What was published of the pod's container.
pub(super) fn container<'a>(inputs: &StatusInputs<'a>) -> Option<&'a ContainerStatus> {
    let name = &inputs.pod.spec.as_ref()?.containers.first()?.name;
    named(inputs, name)
}

/// What was published of the container of that name.
pub(super) fn named<'a>(inputs: &StatusInputs<'a>, name: &str) -> Option<&'a ContainerStatus> {
    inputs.published()?.container_statuses.as_ref()?.iter().find(|status| status.name == name)
}

/// Whether the container ran at some time, as far as was published.
pub(super) fn has_run(inputs: &StatusInputs<'_>) -> bool {
    container(inputs).is_some_and(|status| {
        let running = status
            .state
            .as_ref()
            .is_some_and(|state| state.running.is_some() || state.terminated.is_some());
        running || last_end(status).is_some()
    })
}

/// How the last run ended, while the container waits for the next one.
pub(super) fn between_runs(status: &ContainerStatus) -> Option<&ContainerStateTerminated> {
    status.state.as_ref()?.waiting.as_ref()?;
    last_end(status)
}

fn last_end(status: &ContainerStatus) -> Option<&ContainerStateTerminated> {
    status.last_state.as_ref()?.terminated.as_ref()
}

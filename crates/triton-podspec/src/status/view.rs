//! What the pod looks like: its phase, and the state of its container.

use k8s_openapi::api::core::v1::ContainerState;
use triton_cloudapi::instances::InstanceState;

use super::published::{between_runs, container, has_run};
use super::{
    FAILED, Observed, PENDING, PendingRestart, RUNNING, SUCCEEDED, StatusInputs, Termination, Work,
};

/// Reason of a container that waits for its restart, as the kubelet has it.
pub(super) const BACKING_OFF: &str = "CrashLoopBackOff";

/// What the pod looks like.
pub(super) struct View {
    pub(super) phase: &'static str,
    pub(super) reason: Option<String>,
    pub(super) message: Option<String>,
    pub(super) container: Container,
}

/// What its container looks like.
pub(super) struct Container {
    pub(super) state: State,
    pub(super) ready: bool,
    pub(super) started: bool,
}

pub(super) enum State {
    Waiting { reason: String, message: Option<String> },
    Running,
    Ended(Termination),
}

/// Phase and state, by what became of the pod.
pub(super) fn view(inputs: &StatusInputs<'_>) -> View {
    match inputs.phase_of_work {
        // A pod that is rejected has no view; were it asked for one, it would be that of a pod that never began.
        Work::Accepted | Work::Rejected { .. } => unchanged(inputs),
        Work::Waiting { reason, message } => {
            View::waiting(if has_run(inputs) { RUNNING } else { PENDING }, reason, Some(message))
        }
        Work::Instance(instance) => of_instance(inputs, instance),
        Work::Starting { reason, message, .. } => {
            View::waiting(if has_run(inputs) { RUNNING } else { PENDING }, reason, message)
        }
        Work::Gone(instance) => gone(inputs, instance),
        Work::Terminated { end, reason, message, .. } => View {
            reason: reason.map(str::to_owned),
            message: message.map(str::to_owned),
            ..View::ended(end.clone())
        },
    }
}

fn of_instance(inputs: &StatusInputs<'_>, instance: &Observed) -> View {
    match &instance.state {
        InstanceState::Running if inputs.restarts.pending.is_some() => View::running(false, false),
        InstanceState::Running => {
            View::running(inputs.started && inputs.readiness.unwrap_or(true), inputs.started)
        }
        InstanceState::Provisioning if !has_run(inputs) => {
            View::waiting(PENDING, "ContainerCreating", None)
        }
        InstanceState::Failed => View {
            reason: Some("InstanceFailed".to_owned()),
            message: Some(format!(
                "Triton reports that instance {} ({}) failed",
                instance.name, instance.id
            )),
            ..View::ended(Termination::failed())
        },
        InstanceState::Deleted => gone(inputs, Some(instance)),
        InstanceState::Stopped => stopped(inputs),
        // On its way down or up, or out of sight: what was published still holds, but nothing can be asked of it.
        state => {
            let unseen = matches!(state, InstanceState::Offline | InstanceState::Unknown(_));
            let mut view = unchanged(inputs);
            if unseen {
                view.reason = Some("InstanceUnreachable".to_owned());
                view.message = Some(format!(
                    "Triton reports instance {} ({}) as {state}",
                    instance.name, instance.id
                ));
            }
            view
        }
    }
}

/// The view that was published, no longer ready.
fn unchanged(inputs: &StatusInputs<'_>) -> View {
    let published = container(inputs).and_then(|status| status.state.as_ref());
    match published {
        Some(ContainerState { terminated: Some(end), .. }) => {
            View { phase: RUNNING, ..View::ended(Termination::of(end)) }
        }
        // Between two runs the reason still holds; before the first, an instance that exists has outlived it.
        Some(ContainerState { waiting: Some(waiting), .. }) if has_run(inputs) => {
            let reason = waiting.reason.as_deref().unwrap_or("ContainerCreating");
            View::waiting(RUNNING, reason, waiting.message.as_deref())
        }
        Some(ContainerState { running: Some(_), .. }) => View::running(false, false),
        _ => View::waiting(PENDING, "ContainerCreating", None),
    }
}

/// The instance is stopped: by us because the pod goes, by us for a restart, or by itself.
fn stopped(inputs: &StatusInputs<'_>) -> View {
    if inputs.is_being_deleted() {
        return View::ended(already_ended(inputs).unwrap_or_else(Termination::told_to_end));
    }
    match &inputs.restarts.pending {
        Some(PendingRestart::BackOff { message }) => {
            return View::waiting(RUNNING, BACKING_OFF, Some(message));
        }
        Some(PendingRestart::Now) => return View::waiting(RUNNING, "ContainerCreating", None),
        None => {}
    }
    // A provider that has just been started knows of no restart; what was published remembers one.
    let before = container(inputs).and_then(between_runs).map(Termination::of);
    let is_between = before.is_some();
    let end = before.or_else(|| already_ended(inputs)).unwrap_or_else(Termination::completed);
    if !restarts(inputs, &end) {
        View::ended(end)
    } else if is_between {
        unchanged(inputs)
    } else {
        View { phase: RUNNING, ..View::ended(end) }
    }
}

fn gone(inputs: &StatusInputs<'_>, instance: Option<&Observed>) -> View {
    let end = already_ended(inputs).unwrap_or_else(Termination::unknown);
    if inputs.is_being_deleted() {
        return View::ended(end);
    }
    let which = instance
        .map_or_else(String::new, |instance| format!(" {} ({})", instance.name, instance.id));
    View {
        phase: FAILED,
        reason: Some("InstanceGone".to_owned()),
        message: Some(format!(
            "the instance{which} is gone from Triton, and this node did not delete it"
        )),
        ..View::ended(end)
    }
}

/// The end that was published, while the container has not run since.
fn already_ended(inputs: &StatusInputs<'_>) -> Option<Termination> {
    container(inputs)?.state.as_ref()?.terminated.as_ref().map(Termination::of)
}

/// Whether the restart policy wants another run after this end.
fn restarts(inputs: &StatusInputs<'_>, end: &Termination) -> bool {
    match inputs.pod.spec.as_ref().and_then(|spec| spec.restart_policy.as_deref()) {
        Some("Never") => false,
        Some("OnFailure") => end.exit_code != 0,
        _ => true,
    }
}

// === impl View ===

impl View {
    fn waiting(phase: &'static str, reason: &str, message: Option<&str>) -> Self {
        let state =
            State::Waiting { reason: reason.to_owned(), message: message.map(str::to_owned) };
        Self {
            phase,
            reason: None,
            message: None,
            container: Container { state, ready: false, started: false },
        }
    }

    fn running(ready: bool, started: bool) -> Self {
        Self {
            phase: RUNNING,
            reason: None,
            message: None,
            container: Container { state: State::Running, ready, started },
        }
    }

    fn ended(end: Termination) -> Self {
        let phase = if end.exit_code == 0 { SUCCEEDED } else { FAILED };
        let container = Container { state: State::Ended(end), ready: false, started: false };
        Self { phase, reason: None, message: None, container }
    }
}

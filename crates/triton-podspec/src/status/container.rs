//! The container's state and the phase that follows from it.

use k8s_openapi::api::core::v1::{
    ContainerState, ContainerStateRunning, ContainerStateTerminated, ContainerStateWaiting,
    ContainerStatus,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use triton_cloudapi::instances::InstanceState;

use super::{
    FAILED, Observed, PENDING, PendingRestart, RUNNING, Restarts, SUCCEEDED, StatusInputs,
    Termination, Work, time,
};

/// Exit code of a run that was killed.
const KILLED: i32 = 137;
/// Exit code of a run that was asked to end (SIGTERM).
const ASKED_TO_END: i32 = 143;

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
        Work::Accepted | Work::Rejected { .. } => View::waiting(PENDING, "ContainerCreating", None),
        Work::Waiting { reason, message } => {
            View::waiting(if has_run(inputs) { RUNNING } else { PENDING }, reason, Some(message))
        }
        Work::Instance(instance) => of_instance(inputs, instance),
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
            ..View::ended(Termination::new(1, "Error"))
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
    let published = published(inputs).and_then(|status| status.state.as_ref());
    match published {
        Some(ContainerState { terminated: Some(end), .. }) => {
            View { phase: RUNNING, ..View::ended(Termination::of(end)) }
        }
        Some(ContainerState { waiting: Some(waiting), .. }) => {
            let phase = if has_run(inputs) { RUNNING } else { PENDING };
            let reason = waiting.reason.as_deref().unwrap_or("ContainerCreating");
            View::waiting(phase, reason, waiting.message.as_deref())
        }
        Some(ContainerState { running: Some(_), .. }) => View::running(false, false),
        _ => View::waiting(PENDING, "ContainerCreating", None),
    }
}

/// The instance is stopped: by us because the pod goes, by us for a restart, or by itself.
fn stopped(inputs: &StatusInputs<'_>) -> View {
    if inputs.is_being_deleted() {
        // 143, not 0: a Job must not count a pod as done that was told to stop.
        return View::ended(
            already_ended(inputs).unwrap_or_else(|| Termination::new(ASKED_TO_END, "Error")),
        );
    }
    match &inputs.restarts.pending {
        Some(PendingRestart::BackOff { message }) => {
            View::waiting(RUNNING, "CrashLoopBackOff", Some(message))
        }
        Some(PendingRestart::Now) => View::waiting(RUNNING, "ContainerCreating", None),
        None if restarts_always(inputs) => {
            let end = already_ended(inputs).unwrap_or_else(Termination::completed);
            View { phase: RUNNING, ..View::ended(end) }
        }
        None => View::ended(already_ended(inputs).unwrap_or_else(Termination::completed)),
    }
}

fn gone(inputs: &StatusInputs<'_>, instance: Option<&Observed>) -> View {
    let end = already_ended(inputs).unwrap_or_else(|| {
        let mut end = Termination::new(KILLED, "ContainerStatusUnknown");
        end.message =
            Some("The container could not be located when the pod was terminated".to_owned());
        end
    });
    if inputs.is_being_deleted() {
        return View {
            phase: if end.exit_code == 0 { SUCCEEDED } else { FAILED },
            ..View::ended(end)
        };
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
    published(inputs)?.state.as_ref()?.terminated.as_ref().map(Termination::of)
}

fn restarts_always(inputs: &StatusInputs<'_>) -> bool {
    let policy = inputs.pod.spec.as_ref().and_then(|spec| spec.restart_policy.as_deref());
    !matches!(policy, Some("Never" | "OnFailure"))
}

/// Whether the container ran at some time, as far as was published.
fn has_run(inputs: &StatusInputs<'_>) -> bool {
    published(inputs).is_some_and(|status| {
        let running = status
            .state
            .as_ref()
            .is_some_and(|state| state.running.is_some() || state.terminated.is_some());
        running || status.restart_count > 0 || last_end(status).is_some()
    })
}

fn last_end(status: &ContainerStatus) -> Option<&ContainerStateTerminated> {
    status.last_state.as_ref()?.terminated.as_ref()
}

/// What was published of the pod's container.
fn published<'a>(inputs: &StatusInputs<'a>) -> Option<&'a ContainerStatus> {
    let name = &inputs.pod.spec.as_ref()?.containers.first()?.name;
    named(inputs, name)
}

fn named<'a>(inputs: &StatusInputs<'a>, name: &str) -> Option<&'a ContainerStatus> {
    inputs.published()?.container_statuses.as_ref()?.iter().find(|status| status.name == name)
}

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
    let started_at = |end: &Termination| end.started_at.map(time).or_else(|| run.before.clone());
    let terminated = |end: &Termination, finished_at: Time| ContainerStateTerminated {
        container_id: container_id.clone(),
        exit_code: end.exit_code,
        reason: Some(end.reason.clone()),
        message: end.message.clone(),
        started_at: started_at(end),
        finished_at: Some(finished_at),
        ..ContainerStateTerminated::default()
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
        State::Ended(end) => ContainerState {
            terminated: Some(terminated(end, end.finished_at.map_or_else(|| inputs.time(), time))),
            ..ContainerState::default()
        },
    };
    let last_state = if run.is_new {
        let end = run.ended.clone().map(|end| {
            let finished_at = end.finished_at.map_or_else(|| inputs.time(), time);
            terminated(&end, finished_at)
        });
        end.map(|terminated| ContainerState {
            terminated: Some(terminated),
            ..ContainerState::default()
        })
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

/// Which run of the container this is, compared with what was published.
struct Run {
    count: i32,
    /// When a present run began.
    started_at: Time,
    /// When the run began that was published last, if it ran.
    before: Option<Time>,
    /// Whether the published run is over, so that its end is news for `lastState`.
    is_new: bool,
    /// How the previous run ended.
    ended: Option<Termination>,
}

// === impl Run ===

impl Run {
    fn of(
        inputs: &StatusInputs<'_>,
        container: &Container,
        published: Option<&ContainerStatus>,
    ) -> Self {
        let restarts: &Restarts = inputs.restarts;
        let old = published.map_or(0, |status| status.restart_count);
        let state = published.and_then(|status| status.state.as_ref());
        let running = state.and_then(|state| state.running.as_ref());
        let end = state.and_then(|state| state.terminated.as_ref());
        let before = running
            .and_then(|running| running.started_at.clone())
            .or_else(|| end.and_then(|end| end.started_at.clone()));
        let waited = state.is_some_and(|state| state.waiting.is_some())
            && published.and_then(last_end).is_some();
        let mut count = old.max(i32::try_from(restarts.count).unwrap_or(i32::MAX));
        // It runs although its end was published: someone started it, and be it an operator.
        let revived = matches!(container.state, State::Running) && (end.is_some() || waited);
        if revived && count == old {
            count = old.saturating_add(1);
        }
        let left = (running.is_some() || end.is_some())
            && matches!(container.state, State::Waiting { .. });
        let is_new = (count > old && !waited) || left;
        let ended = is_new.then(|| {
            let known = restarts.last.clone().or_else(|| end.map(Termination::of));
            known.unwrap_or_else(|| Termination::new(KILLED, "ContainerStatusUnknown"))
        });
        let same_run =
            running.filter(|_| count == old).and_then(|running| running.started_at.clone());
        let started_at =
            same_run.unwrap_or_else(|| restarts.running_since.map_or_else(|| inputs.time(), time));
        Self { count, started_at, before, is_new, ended }
    }
}

// === impl Termination ===

impl Termination {
    fn new(exit_code: i32, reason: &str) -> Self {
        Self {
            exit_code,
            reason: reason.to_owned(),
            message: None,
            started_at: None,
            finished_at: None,
        }
    }

    /// The guest shut down by itself, as far as can be known: a success.
    #[must_use]
    pub fn completed() -> Self {
        Self::new(0, "Completed")
    }

    /// The run was killed, as after a failed liveness probe.
    #[must_use]
    pub fn killed() -> Self {
        Self::new(KILLED, "Error")
    }

    fn of(end: &ContainerStateTerminated) -> Self {
        Self {
            exit_code: end.exit_code,
            reason: end.reason.clone().unwrap_or_default(),
            message: end.message.clone(),
            started_at: end.started_at.as_ref().map(|time| time.0),
            finished_at: end.finished_at.as_ref().map(|time| time.0),
        }
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

//! What a pass says about the pod: its status, and what the probes must know.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Pod, PodStatus};
use probe_engine::{Facts, Kind, Verdict};
use tokio::time::Instant;
use triton_cloudapi::instances::InstanceState;
use triton_podspec::{
    Observed, PendingRestart, Restarts as PodRestarts, StatusInputs, Termination, Work, pod_status,
};
use virtual_node::Report;

use super::follow::SEEN_SOON;
use super::tell::probe_name;
use super::{Pass, hooks};
use crate::cluster::Cluster;
use crate::decide::state::End;
use crate::decide::{GivenUp, Hook, Published, Standing, hook};
use crate::hooks::has;
use crate::memory::Memory;
use crate::seen::Seen;
use crate::shared::Shared;
use crate::{clock, pod as read, probes};

/// Exit code of an instance that was killed for a failed probe.
const KILLED: i32 = 137;

/// Exit code of a guest that shut down by itself once too often.
const STOPPED: i32 = 1;

/// Why a pod is failed that could be restarted: the pod's reason, and the end of its container.
pub(crate) struct GivenUpWords {
    pub(crate) reason: &'static str,
    pub(crate) end: Termination,
}

/// The kubelet's words.
pub(crate) const DEADLINE_EXCEEDED: &str =
    "Pod was active on the node longer than the specified deadline";

// === impl Pass ===

impl<C: Cluster> Pass<'_, C> {
    /// The report at the end of a pass.
    pub(crate) fn report(&mut self, standing: Standing, again: Option<Duration>) -> Report {
        let instance = self.memory.life.known.as_ref().and_then(|known| known.last.clone());
        let running =
            instance.as_ref().is_some_and(|instance| instance.state == InstanceState::Running);
        let starting = awaits_start(self.shared, &self.pod, self.memory);
        tell_probes(self, running && !starting);
        self.shared.observer.expect(&self.key.uid, self.is_moving(standing, instance.as_deref()));
        let observed = instance.as_deref().map(Observed::from);
        let hook_failure = hooks::failure(self.shared, &self.pod, self.memory);
        let killed = Termination {
            exit_code: KILLED,
            reason: "Error".to_owned(),
            message: Some(why_killed(self.failed_probe(), hook_failure.as_deref())),
            started_at: None,
            finished_at: None,
        };
        let expired =
            Termination { reason: "DeadlineExceeded".to_owned(), message: None, ..killed.clone() };
        let given_up;
        let work = match (standing, &self.memory.trouble, &observed) {
            (Standing::Unchanged | Standing::Going | Standing::Blocked(_) | Standing::Gone, ..) => {
                None
            }
            (Standing::Waiting(_), Some(trouble), _) => {
                Some(Work::Waiting { reason: &trouble.reason, message: &trouble.message })
            }
            (Standing::Waiting(_), None, _) => Some(Work::Accepted),
            (Standing::Instance | Standing::Starting, _, Some(observed))
                if starting && is_up_or_between(&observed.state) =>
            {
                Some(match &hook_failure {
                    Some(why) => Work::Starting {
                        instance: observed,
                        reason: "PostStartHookError",
                        message: Some(why),
                    },
                    None => Work::Starting {
                        instance: observed,
                        reason: "ContainerCreating",
                        message: None,
                    },
                })
            }
            (Standing::Instance | Standing::Starting, _, Some(observed)) => {
                Some(Work::Instance(observed))
            }
            (Standing::Instance | Standing::Starting, _, None) => None,
            (Standing::Ended { killed: true }, _, observed) => Some(Work::Terminated {
                end: &killed,
                reason: None,
                message: None,
                instance: observed.as_ref(),
            }),
            (Standing::Ended { killed: false }, _, Some(observed)) => {
                Some(Work::Instance(observed))
            }
            (Standing::Ended { killed: false }, _, None) => None,
            (Standing::GivenUp(why), _, observed) => {
                given_up = self.given_up(why);
                Some(Work::Terminated {
                    end: &given_up.end,
                    reason: Some(given_up.reason),
                    message: given_up.end.message.as_deref(),
                    instance: observed.as_ref(),
                })
            }
            // It is there, and failed.
            (Standing::Lost, _, Some(observed)) if observed.state == InstanceState::Failed => {
                Some(Work::Instance(observed))
            }
            (Standing::Lost, _, observed) => Some(Work::Gone(observed.as_ref())),
            (Standing::Expired, _, observed) => Some(Work::Terminated {
                end: &expired,
                reason: Some("DeadlineExceeded"),
                message: Some(DEADLINE_EXCEEDED),
                instance: observed.as_ref(),
            }),
        };
        let over = matches!(standing, Standing::Ended { .. } | Standing::GivenUp(_));
        let status = work.map(|work| self.status(work, over));
        if status.as_ref().is_some_and(is_ready) {
            self.tell_ready();
        }
        let deadline =
            read::deadline_left(&self.pod, clock::now()).filter(|_| standing != Standing::Expired);
        let again = match (again, deadline) {
            (Some(again), Some(deadline)) => Some(again.min(deadline)),
            (again, deadline) => again.or(deadline),
        };
        Report { status, events: std::mem::take(&mut self.events), again }
    }

    /// Why a pod is failed that could be restarted.
    pub(crate) fn given_up(&self, why: GivenUp) -> GivenUpWords {
        let name = read::container_name(&self.pod);
        let (reason, exit_code, message) = match why {
            GivenUp::Unhealthy => {
                let probe = self.failed_probe().unwrap_or(Kind::Liveness);
                ("InstanceUnhealthy", KILLED, why_replaced(name, probe))
            }
            GivenUp::CrashLoop { killed } => {
                let message = format!(
                    "container {name} was restarted {} times in a row, for longer than the {} that it may (crash-loop-window)",
                    self.memory.life.restarts.backoff.in_a_row(),
                    self.crash_loop_window()
                        .map_or_else(String::new, |window| format!("{window:?}")),
                );
                ("CrashLoopWindowExceeded", if killed { KILLED } else { STOPPED }, message)
            }
        };
        let end = Termination {
            exit_code,
            reason: "Error".to_owned(),
            message: Some(message),
            started_at: None,
            finished_at: None,
        };
        GivenUpWords { reason, end }
    }

    fn status(&self, work: Work<'_>, over: bool) -> PodStatus {
        status(self.shared, &self.pod, self.memory, work, over)
    }

    /// Whether something about the instance is about to change, so that lists should be frequent.
    fn is_moving(&self, standing: Standing, instance: Option<&Seen>) -> bool {
        let now = Instant::now();
        if self.memory.edited.as_ref().is_some_and(|edited| edited.at + SEEN_SOON > now) {
            return true;
        }
        match (standing, instance) {
            // The first list came while the pass ran: it has asked for another pass, and one more list is of no use.
            (Standing::Unchanged, _) if self.blind && self.sighting().is_some() => false,
            (Standing::Unchanged, _) => true,
            (Standing::Waiting(_), _) => self.memory.life.intent.is_some(),
            (Standing::Instance | Standing::Starting, Some(instance)) => {
                self.memory.life.restarts.pending.is_some()
                    || matches!(
                        instance.state,
                        InstanceState::Provisioning
                            | InstanceState::Ready
                            | InstanceState::Stopping
                    )
            }
            _ => false,
        }
    }
}

/// Whether the pod's one container is ready.
fn is_ready(status: &PodStatus) -> bool {
    status.container_statuses.iter().flatten().any(|container| container.ready)
}

/// The last status of a pod of which nothing is left. On the way there nothing is published: each write costs the API
/// server as much as the last, and the deletion timestamp says it all.
pub(crate) fn last_status<C>(shared: &Shared<C>, pod: &Pod, memory: &Memory) -> Option<PodStatus> {
    // A pod that never had a container status has nothing to end.
    let published = read::container_status(pod)?;
    let ran = published.state.as_ref().is_some_and(|state| state.running.is_some());
    let end = if shut_down(memory) { Termination::told_to_end() } else { Termination::killed() };
    let work = if ran {
        Work::Terminated { end: &end, reason: None, message: None, instance: None }
    } else {
        Work::Gone(None)
    };
    Some(status(shared, pod, memory, work, true))
}

/// The guest shut down when it was asked to; else it was removed while it ran.
fn shut_down(memory: &Memory) -> bool {
    let mut targets = memory.life.stopping.iter().flat_map(|stopping| stopping.targets.values());
    targets.any(|target| {
        let stopped = |instance: &Arc<Seen>| instance.state == InstanceState::Stopped;
        target.stop_sent.is_some() && target.last.as_ref().is_some_and(stopped)
    })
}

fn status<C>(
    shared: &Shared<C>,
    pod: &Pod,
    memory: &Memory,
    work: Work<'_>,
    over: bool,
) -> PodStatus {
    let uid = pod.metadata.uid.as_deref().unwrap_or_default();
    let verdict = shared.probes.verdict(uid, Kind::Readiness);
    pod_status(&StatusInputs {
        pod,
        phase_of_work: work,
        readiness: verdict.map(|verdict| verdict == Verdict::Success),
        started: has_started(shared, pod, memory),
        restarts: &restarts(pod, memory, over),
        host_ips: &shared.settings.node_ips,
        now: clock::now(),
    })
}

/// Whether the pod has a postStart hook that has yet to end.
fn awaits_start<C>(shared: &Shared<C>, pod: &Pod, memory: &Memory) -> bool {
    let published = Published {
        instance: read::published_instance(pod),
        ran: read::has_run(pod),
        restarts: read::container_status(pod).map_or(0, |status| status.restart_count),
        started: read::is_started(pod),
    };
    has(pod, Hook::PostStart)
        && hook::awaits_start(&memory.life, &published, &hooks::stands(shared, pod, memory))
}

/// Whether an instance in this state would else be shown as it was before, running perhaps.
fn is_up_or_between(state: &InstanceState) -> bool {
    matches!(state, InstanceState::Running | InstanceState::Ready | InstanceState::Stopping)
}

/// Why an instance is stopped whose pod is not to be restarted. [`probe_that_killed`] reads it.
fn why_killed(probe: Option<Kind>, hook_failure: Option<&str>) -> String {
    match (probe, hook_failure) {
        (Some(kind), _) => format!("{kind} probe failed and the pod is not to be restarted"),
        (None, Some(why)) => {
            format!("the postStart hook failed and the pod is not to be restarted: {why}")
        }
        (None, None) => "a probe failed and the pod is not to be restarted".to_owned(),
    }
}

/// Why a pod is failed that wants to be replaced. [`probe_that_killed`] reads it.
fn why_replaced(container: &str, probe: Kind) -> String {
    let probe = probe_name(probe);
    format!(
        "container {container} failed its {probe} probe, and the pod wants to be replaced then (liveness-action)"
    )
}

/// The probe for which the published status says that the instance was killed.
pub(crate) fn probe_that_killed(pod: &Pod) -> Option<Kind> {
    let ended = read::container_status(pod)?.state.as_ref()?.terminated.as_ref()?;
    let message = ended.message.as_deref()?;
    let container = read::container_name(pod);
    [Kind::Startup, Kind::Liveness].into_iter().find(|kind| {
        message == why_killed(Some(*kind), None) || message == why_replaced(container, *kind)
    })
}

/// What is remembered of restarts, in the words of the status. `over`: there will be none any more.
fn restarts(pod: &Pod, memory: &Memory, over: bool) -> PodRestarts {
    let remembered = &memory.life.restarts;
    let stopped = memory
        .life
        .known
        .as_ref()
        .and_then(|known| known.last.as_ref())
        .is_some_and(|instance| instance.state == InstanceState::Stopped);
    let now = Instant::now();
    let due = remembered.backoff.due(now);
    let pending = if over {
        None
    } else if remembered.pending.is_some() {
        Some(PendingRestart::Now)
    } else if stopped && due > now {
        Some(PendingRestart::BackOff { message: backoff_message(pod, due.duration_since(now)) })
    } else {
        None
    };
    PodRestarts {
        count: u32::try_from(remembered.count).unwrap_or_default(),
        last: remembered.last_end.as_ref().map(termination),
        running_since: None,
        pending,
    }
}

fn termination(end: &End) -> Termination {
    let (exit_code, reason) = if end.killed { (KILLED, "Error") } else { (0, "Completed") };
    Termination {
        exit_code,
        reason: reason.to_owned(),
        message: None,
        started_at: None,
        finished_at: Some(end.at),
    }
}

/// The kubelet's words.
fn backoff_message(pod: &Pod, left: Duration) -> String {
    format!(
        "back-off {}s restarting failed container={} pod={}_{}({})",
        left.as_secs().max(1),
        read::container_name(pod),
        pod.metadata.name.as_deref().unwrap_or_default(),
        pod.metadata.namespace.as_deref().unwrap_or_default(),
        pod.metadata.uid.as_deref().unwrap_or_default(),
    )
}

/// Tells the probe engine how the pod's instance stands.
pub(crate) fn tell_probes<C>(pass: &Pass<'_, C>, running: bool) {
    let Some(known) = &pass.memory.life.known else { return };
    let Some(instance) = &known.last else { return };
    let probes = probes::of(&pass.pod);
    if !probes.is_empty() {
        let facts = facts(&pass.pod, pass.memory, instance, running, false);
        pass.shared.probe_names.note(&pass.key.uid, &pass.pod);
        pass.shared.probes.set(&pass.key.uid, probes, facts);
    }
}

/// Tells the probe engine that the pod is being stopped.
pub(crate) fn tell_probes_stopping<C>(shared: &Shared<C>, pod: &Pod, memory: &Memory) {
    let Some(uid) = pod.metadata.uid.as_deref() else { return };
    let Some(instance) = memory.life.known.as_ref().and_then(|known| known.last.as_ref()) else {
        return;
    };
    let running = instance.state == InstanceState::Running;
    let probes = probes::of(pod);
    if !probes.is_empty() {
        shared.probes.set(uid, probes, facts(pod, memory, instance, running, true));
    }
}

/// Whether the container counts as started. A pod without probes, as most are, is nothing that the engine must know of:
/// its container has started when the instance runs.
fn has_started<C>(shared: &Shared<C>, pod: &Pod, memory: &Memory) -> bool {
    let uid = pod.metadata.uid.as_deref().unwrap_or_default();
    if probes::has_any(pod) { shared.probes.started(uid) } else { is_up(memory) }
}

/// Whether the instance runs, and no restart is on its way.
fn is_up(memory: &Memory) -> bool {
    let instance = memory.life.known.as_ref().and_then(|known| known.last.as_ref());
    let runs = instance.is_some_and(|instance| instance.state == InstanceState::Running);
    runs && memory.life.restarts.pending.is_none()
}

/// The present life of an instance: a restart begins a new one, for which nothing is believed yet.
pub(crate) fn incarnation(instance: &Seen, memory: &Memory) -> String {
    read::life(instance.id, memory.life.restarts.count)
}

fn facts(
    pod: &Pod,
    memory: &Memory,
    instance: &Arc<Seen>,
    running: bool,
    terminating: bool,
) -> Facts {
    let count = memory.life.restarts.count;
    let published = read::container_status(pod);
    // The present run began when the published status says so, if that is about the present run.
    let began = published
        .filter(|status| status.restart_count == count)
        .and_then(|status| status.state.as_ref()?.running.as_ref()?.started_at.as_ref())
        .map(|time| time.0);
    let running_for = (running && memory.life.restarts.pending.is_none()).then(|| {
        began.map_or(Duration::ZERO, |began| {
            Duration::try_from(clock::now().duration_since(began)).unwrap_or_default()
        })
    });
    Facts {
        incarnation: incarnation(instance, memory),
        address: instance.primary_ip,
        running_for,
        terminating,
        was_ready: read::was_ready(pod)
            && read::published_instance(pod) == Some(instance.id)
            && published.is_some_and(|status| status.restart_count == count),
    }
}

#[cfg(test)]
mod tests;

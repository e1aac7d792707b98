//! What a person should hear of a pass: events, logs and counts for what has changed.

use std::sync::Arc;
use std::time::Duration;

use probe_engine::Kind;
use tokio::time::Instant;
use triton_cloudapi::InstanceId;
use triton_cloudapi::instances::InstanceState;
use virtual_node::PodEvent;

use super::{Aim, Pass, hooks, report};
use crate::cluster::Cluster;
use crate::decide::{Action, Event, Why};
use crate::memory::Trouble;
use crate::pod as read;
use crate::seen::Seen;
use crate::timeline::{self, Milestone};

/// A pod that is ready so soon after its instance ran has no probe to wait for, or a quick one: the event that the
/// instance runs tells enough.
const READINESS_TOLD: Duration = Duration::from_millis(500);

/// How it was before a step.
pub(crate) struct Before {
    known: Option<InstanceId>,
    ran: bool,
    restarts: i32,
    unresolved: bool,
    failed_probe: Option<Kind>,
    last: Option<Arc<Seen>>,
    failed_hook: bool,
    event: &'static str,
}

// === impl Pass ===

impl<C: Cluster> Pass<'_, C> {
    pub(crate) fn before(&self, event: &Event) -> Before {
        let life = &self.memory.life;
        Before {
            known: life.known.as_ref().map(|known| known.id),
            ran: life.known.as_ref().is_some_and(|known| known.ran) || read::has_run(&self.pod),
            restarts: life.restarts.count,
            unresolved: life.intent.is_some(),
            failed_probe: self.failed_probe(),
            last: life.known.as_ref().and_then(|known| known.last.clone()),
            failed_hook: hooks::failure(self.shared, &self.pod, self.memory).is_some(),
            event: match event {
                Event::Created(_) => "create",
                Event::Listed { .. } => "resolve",
                _ => "adopt",
            },
        }
    }

    /// Tells what the step has changed.
    pub(crate) fn tell_changes(&mut self, before: &Before) {
        if self.aim != Aim::Run {
            return;
        }
        if let Some((was, is)) = before.last.as_deref().zip(self.last_seen().as_deref()) {
            self.events.extend(incidents(was, is));
        }
        let life = &self.memory.life;
        let name = read::container_name(&self.pod);
        if let Some(known) = &life.known {
            self.memory.trouble = None;
            let Some(instance) = &known.last else { return };
            if before.known.is_none() && before.event != "create" {
                let how = before.event;
                tracing::info!(pod = %self.key, instance = %known.id, name = %instance.name, how, "took an instance for the pod's");
                self.shared.metrics.action(how);
            }
            if known.ran && !before.ran {
                let mut message = format!(
                    "Started container {name}: instance {} ({}) is running",
                    instance.name, instance.id
                );
                if let Some(timeline) = &mut self.memory.timeline {
                    timeline.note(Milestone::Ran, Instant::now());
                    if let Some(phase) = timeline.provisioning() {
                        let took = phase.took.as_secs_f64();
                        message.push_str(&format!(", {took:.1} s after it was created"));
                    }
                }
                self.events.push(PodEvent::normal("Started", message).in_container(name));
            }
            if life.restarts.count > before.restarts {
                let id = known.id;
                let is_start =
                    life.restarts.pending.as_ref().is_some_and(|it| !it.sent && !it.reboot);
                let event = match before.failed_probe {
                    _ if before.failed_hook => Some(PodEvent::normal(
                        "Killing",
                        format!(
                            "Container {name} failed its postStart hook, will be restarted: instance {id} is rebooted"
                        ),
                    )),
                    Some(probe) => Some(PodEvent::normal(
                        "Killing",
                        format!(
                            "Container {name} failed {} probe, will be restarted: instance {id} is rebooted",
                            probe_name(probe)
                        ),
                    )),
                    None => is_start.then(|| restarting(name, id)),
                };
                self.events.extend(event.map(|event| event.in_container(name)));
            }
        } else if before.unresolved && life.intent.is_none() && before.event == "adopt" {
            tracing::warn!(pod = %self.key, "a create whose outcome was unknown came to nothing");
        }
    }

    /// Notes how far the start of the pod is.
    pub(crate) fn came_to(&mut self, milestone: Milestone) {
        if let Some(timeline) = &mut self.memory.timeline {
            timeline.note(milestone, Instant::now());
        }
    }

    /// What the pod waited for until its instance was made, for an event.
    pub(crate) fn time_until_created(&self) -> String {
        let phases = self.memory.timeline.and_then(|timeline| timeline.until_created());
        let told = phases.map(|phases| timeline::describe(&phases)).unwrap_or_default();
        if told.is_empty() { told } else { format!(": {told}") }
    }

    /// The pod is ready for the first time: its start is counted, and told where readiness took its time.
    pub(crate) fn tell_ready(&mut self) {
        let Some(timeline) = self.memory.timeline.take() else { return };
        let now = Instant::now();
        let (Some(created), Some(provisioned), Some([ready, total])) =
            (timeline.until_created(), timeline.provisioning(), timeline.until_ready(now))
        else {
            return;
        };
        for phase in created.into_iter().chain([provisioned, ready, total]) {
            self.shared.metrics.start_phase(phase);
        }
        if ready.took >= READINESS_TOLD {
            let [ready, total] = [ready.took, total.took].map(|took| took.as_secs_f64());
            let message = format!(
                "ready {ready:.1} s after the instance ran, {total:.1} s after the pod came"
            );
            self.events.push(PodEvent::normal("Ready", message));
        }
    }

    fn last_seen(&self) -> Option<Arc<Seen>> {
        self.memory.life.known.as_ref().and_then(|known| known.last.clone())
    }

    /// Tells what CloudAPI has accepted.
    pub(crate) fn tell_done(&mut self, action: Action) {
        let name = read::container_name(&self.pod).to_owned();
        match action {
            Action::Start { id, counts: true } => {
                self.events.push(restarting(&name, id).in_container(name));
            }
            Action::Shutdown(id) => {
                let message = format!("Stopping container {name}: instance {id} is shut down");
                self.events.push(PodEvent::normal("Killing", message).in_container(name));
            }
            Action::Delete(id, Why::Twin) => {
                tracing::warn!(pod = %self.key, instance = %id, "removing a second instance of a pod");
                let message = format!("instance {id} is a second one of this pod and is removed");
                self.events.push(PodEvent::warning("DuplicateInstance", message));
            }
            Action::Delete(id, Why::Failed) => {
                let message =
                    format!("instance {id} failed while it was provisioned; another one is made");
                self.trouble("ProvisioningFailed", message);
            }
            Action::Delete(id, Why::PodLeaves) => {
                tracing::info!(pod = %self.key, instance = %id, "deleting an instance");
            }
            Action::Start { .. }
            | Action::Reboot(_)
            | Action::Protect(_)
            | Action::Unprotect(_) => {}
        }
        if matches!(action, Action::Start { .. } | Action::Reboot(_)) {
            self.shared.observer.expect(&self.key.uid, true);
        }
    }

    /// Notes what keeps the pod waiting.
    pub(crate) fn trouble(&mut self, reason: &str, message: String) {
        self.events.push(PodEvent::warning(reason, message.clone()));
        self.memory.trouble = Some(Trouble { reason: reason.to_owned(), message });
    }

    /// The probe that has failed in the present life of the instance, if one has.
    pub(crate) fn failed_probe(&self) -> Option<Kind> {
        let instance = self.memory.life.known.as_ref()?.last.as_ref()?;
        let life = report::incarnation(instance, self.memory);
        self.shared.opinions.failed_probe(&self.key.uid, &life)
    }

    /// An unhealthy instance is stopped for good.
    pub(crate) fn tell_killing(&mut self) {
        let name = read::container_name(&self.pod).to_owned();
        let Some(probe) = self.failed_probe() else {
            if hooks::failure(self.shared, &self.pod, self.memory).is_some() {
                let message = format!(
                    "Container {name} failed its postStart hook and is not to be restarted, its instance is stopped"
                );
                self.events.push(PodEvent::normal("Killing", message).in_container(name));
            }
            return;
        };
        let message = format!(
            "Container {name} failed {} probe and is not to be restarted, its instance is stopped",
            probe_name(probe)
        );
        self.events.push(PodEvent::normal("Killing", message).in_container(name));
    }
}

fn restarting(name: &str, id: InstanceId) -> PodEvent {
    let message = format!("Container {name} stopped, instance {id} is started again");
    PodEvent::normal("Restarting", message)
}

/// What others have done to an instance, or what has happened to it, that changes nothing for its pod.
fn incidents(was: &Seen, is: &Seen) -> Vec<PodEvent> {
    let mut events = Vec::new();
    if was.id != is.id {
        return events;
    }
    let Seen { id, name, .. } = is;
    match (is_out_of_sight(&was.state), is_out_of_sight(&is.state)) {
        (false, true) => {
            let message = format!(
                "Triton reports instance {name} ({id}) as {}: its compute node does not answer; it is waited for",
                is.state
            );
            events.push(PodEvent::warning("InstanceUnreachable", message));
        }
        (true, false) => {
            let message = format!("instance {name} ({id}) is {} again", is.state);
            events.push(PodEvent::normal("InstanceReachable", message));
        }
        _ => {}
    }
    if was.name != is.name {
        let message = format!("instance {id} is called {name} now; it was {}", was.name);
        events.push(PodEvent::normal("InstanceRenamed", message));
    }
    if let Some((from, to)) = was.compute_node.as_deref().zip(is.compute_node.as_deref())
        && from != to
    {
        let message = format!("instance {name} ({id}) was moved from compute node {from} to {to}");
        events.push(PodEvent::normal("InstanceMoved", message));
    }
    events
}

/// Nothing can be told of it, or asked of it.
fn is_out_of_sight(state: &InstanceState) -> bool {
    matches!(state, InstanceState::Offline | InstanceState::Unknown(_))
}

/// A probe in the kubelet's messages.
pub(crate) fn probe_name(probe: Kind) -> &'static str {
    match probe {
        Kind::Startup => "startup",
        _ => "liveness",
    }
}

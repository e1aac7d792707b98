//! One pass over a pod that should be gone.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use triton_cloudapi::InstanceId;
use triton_cloudapi::instances::{InstanceState, Presence};
use triton_podspec::ownership::Owner;
use virtual_node::{PodEvent, ProviderError, Report, Stop, StopRequest};

use super::sync::list_by_uid;
use super::{STEPS_MAX, action_failed, report};
use crate::cluster::Cluster;
use crate::decide::Sighting;
use crate::decide::stop::{Facts, Step, next};
use crate::memory::{Memory, Stopping, Target};
use crate::observer::seen_as;
use crate::pod as read;
use crate::shared::Shared;

/// A pass in progress.
struct Pass<'a, C> {
    shared: &'a Shared<C>,
    request: &'a StopRequest,
    owner: Owner,
    memory: &'a mut Memory,
    events: Vec<PodEvent>,
}

/// Runs one pass.
pub(crate) async fn run<C: Cluster>(
    shared: &Shared<C>,
    request: &StopRequest,
) -> Result<Stop, ProviderError> {
    let uid = &request.key.uid;
    let seed = || Memory {
        restarts: request.pod.as_deref().map(read::published_restarts).unwrap_or_default(),
        ..Memory::default()
    };
    let memory = shared.memories.of(uid, seed);
    let mut memory = memory.lock().await;
    let owner = read::owner(&shared.settings.cluster, &shared.settings.node, &request.key);
    shared.observer.expect(uid, true);
    let mut pass = Pass { shared, request, owner, memory: &mut memory, events: Vec::new() };
    pass.begin();
    let stop = match pass.run().await {
        Ok(stop) => stop,
        Err(error) => {
            shared.opinions.keep_events(uid, std::mem::take(&mut pass.events));
            return Err(error);
        }
    };
    if matches!(stop, Stop::Gone(_)) {
        if std::mem::take(&mut pass.memory.noted) {
            shared.journal.clear(uid);
        }
        shared.probes.remove(uid);
        shared.opinions.forget(uid);
        shared.observer.expect(uid, false);
        shared.memories.forget(uid);
        if shared.firewall.release(uid).await {
            shared.sweeper.ask();
        }
    }
    Ok(stop)
}

// === impl Pass ===

impl<C: Cluster> Pass<'_, C> {
    /// On the first pass: everything that the pod is known to have becomes a target.
    fn begin(&mut self) {
        if self.memory.stopping.is_some() {
            return;
        }
        self.shared.creates.leave(&self.request.key.uid);
        let mut targets = BTreeMap::new();
        if let Some(known) = self.memory.known.as_ref().filter(|known| !known.gone) {
            let seen_at = known.last.as_ref().map(|_| known.seen_at);
            targets.insert(
                known.id,
                Target { last: known.last.clone(), seen_at, ..Target::default() },
            );
        }
        let published = self.request.pod.as_deref().and_then(read::published_instance);
        let gone = self.memory.known.as_ref().filter(|known| known.gone).map(|known| known.id);
        if let Some(id) =
            published.filter(|id| Some(*id) != gone && !self.memory.discarded.contains(id))
        {
            targets.entry(id).or_default();
        }
        self.memory.stopping = Some(Stopping { since: Instant::now(), targets });
        if let Some(pod) = &self.request.pod {
            report::tell_probes_stopping(self.shared, pod, self.memory);
        }
    }

    async fn run(&mut self) -> Result<Stop, ProviderError> {
        for _ in 0..STEPS_MAX {
            let step = self.decide();
            tracing::debug!(pod = %self.request.key, ?step, "next step of a pod that should be gone");
            match step {
                Step::Wait(until) => {
                    return Ok(self.going(until.saturating_duration_since(Instant::now())));
                }
                Step::Gone => return Ok(Stop::Gone(self.report(None))),
                Step::Blocked(id) => {
                    let message = format!(
                        "instance {id} has deletion protection that this pod did not ask for; switch it off \
                         (`triton instance disable-deletion-protection {id}`) to let the pod go"
                    );
                    self.events.push(PodEvent::warning("DeletionProtected", message));
                    return Ok(self.going(self.shared.settings.limits.action_patience));
                }
                step => self.act(step).await?,
            }
        }
        Ok(self.going(Duration::from_secs(1)))
    }

    fn decide(&self) -> Step {
        let sighting = self.sighting();
        let nothing = Stopping { since: Instant::now(), targets: BTreeMap::new() };
        next(&Facts {
            now: Instant::now(),
            sighting: sighting.as_ref(),
            stopping: self.memory.stopping.as_ref().unwrap_or(&nothing),
            intent: self.memory.intent.as_ref(),
            grace_left: self.request.grace_left,
            may_lift_protection: self
                .request
                .pod
                .as_deref()
                .is_some_and(triton_podspec::annotations::wants_deletion_protection),
            limits: &self.shared.settings.limits,
        })
    }

    /// What the last list says, of instances that are provably this pod's only.
    fn sighting(&self) -> Option<Sighting> {
        let mut sighting = self.shared.observer.sighting(&self.request.key.uid)?;
        sighting.instances.retain(|instance| instance.belongs_to(&self.owner));
        sighting.told.retain(|told| told.instance.belongs_to(&self.owner));
        Some(sighting)
    }

    async fn act(&mut self, step: Step) -> Result<(), ProviderError> {
        match step {
            Step::Note(instance) => {
                let taken_at = self
                    .shared
                    .observer
                    .snapshot()
                    .map_or_else(Instant::now, |found| found.taken_at);
                self.target(instance.id).see(instance, taken_at);
            }
            Step::Read(id) => self.read(id).await?,
            Step::Resolve => self.resolve().await?,
            Step::GiveUpIntent => self.memory.intent = None,
            Step::Shutdown(id) => {
                let done = self.shared.client.stop_instance(id).await;
                done.map_err(|error| action_failed(&format!("stopping instance {id}"), error))?;
                self.shared.metrics.action("shutdown");
                self.target(id).stop_sent = Some(Instant::now());
                self.tell_killing(id);
            }
            Step::LiftProtection(id) => {
                let done = self.shared.client.disable_deletion_protection(id).await;
                done.map_err(|error| {
                    action_failed(&format!("lifting deletion protection of {id}"), error)
                })?;
                self.shared.metrics.action("unprotect");
                // Not known to have taken effect: read it again.
                self.read(id).await?;
                if self
                    .target(id)
                    .last
                    .as_ref()
                    .is_some_and(|instance| instance.deletion_protection)
                {
                    let message = format!("deletion protection of instance {id} is being lifted");
                    return Err(ProviderError::new(
                        virtual_node::ProviderErrorKind::Busy,
                        "DeletionProtected",
                        message,
                    ));
                }
            }
            Step::Delete(id) => {
                // Whose it is was checked when it became a target; what a target was last seen as is checked again.
                let ours = self
                    .target(id)
                    .last
                    .clone()
                    .is_some_and(|instance| instance.belongs_to(&self.owner));
                if !ours {
                    self.target(id).gone = true;
                    return Ok(());
                }
                let done = self.shared.client.delete_instance(id).await;
                done.map_err(|error| action_failed(&format!("deleting instance {id}"), error))?;
                tracing::info!(pod = %self.request.key, instance = %id, "deleting an instance");
                self.shared.metrics.action("delete");
                self.target(id).delete_sent = Some(Instant::now());
            }
            Step::Wait(_) | Step::Blocked(_) | Step::Gone => {}
        }
        Ok(())
    }

    /// Reads one instance that the list does not show.
    async fn read(&mut self, id: InstanceId) -> Result<(), ProviderError> {
        let asked_at = Instant::now();
        let found = self.shared.client.find_instance(id).await;
        let found =
            found.map_err(|error| action_failed(&format!("reading instance {id}"), error))?;
        let (apart, enough) = {
            let limits = &self.shared.settings.limits;
            (limits.absence_confirm, limits.absence_reads)
        };
        let owner = self.owner.clone();
        let target = self.target(id);
        match found {
            Presence::Present(instance) => match seen_as(&instance, &owner) {
                None => {
                    // The published status or the tags were edited: not provably ours, so it is left alone.
                    target.gone = true;
                    let message = format!(
                        "instance {id} does not carry the tags of this pod; it is left alone"
                    );
                    self.events.push(PodEvent::warning("InstanceNotOurs", message));
                }
                // Deleted while it was provisioning: it stays as failed, and nothing runs.
                Some(seen)
                    if target.delete_sent.is_some() && seen.state == InstanceState::Failed =>
                {
                    target.gone = true;
                }
                Some(seen) => target.see(Arc::new(seen), asked_at),
            },
            Presence::Destroyed(_) => target.gone = true,
            Presence::NotFound => {
                if target.misses.note(asked_at, apart, enough) {
                    target.gone = true;
                }
            }
        }
        Ok(())
    }

    /// Looks for what an unanswered create may have made: it is removed on sight.
    async fn resolve(&mut self) -> Result<(), ProviderError> {
        let asked_at = Instant::now();
        let found = list_by_uid(self.shared, &self.owner).await?;
        if found.is_empty() {
            if let Some(intent) = self.memory.intent.as_mut() {
                intent.look(asked_at);
            }
        } else {
            // One create makes one instance: it has come true.
            self.memory.intent = None;
        }
        for instance in found {
            self.target(instance.id).see(instance, asked_at);
        }
        Ok(())
    }

    fn target(&mut self, id: InstanceId) -> &mut Target {
        let stopping = self
            .memory
            .stopping
            .get_or_insert_with(|| Stopping { since: Instant::now(), targets: BTreeMap::new() });
        stopping.targets.entry(id).or_default()
    }

    fn tell_killing(&mut self, id: InstanceId) {
        let Some(pod) = &self.request.pod else { return };
        let name = read::container_name(pod);
        let message = format!("Stopping container {name}: instance {id} is shut down");
        self.events.push(PodEvent::normal("Killing", message).in_container(name));
    }

    fn going(&mut self, again: Duration) -> Stop {
        Stop::Going(self.report(Some(again)))
    }

    fn report(&mut self, again: Option<Duration>) -> Report {
        let pod = self.request.pod.as_deref().filter(|_| again.is_none());
        let status = pod.and_then(|pod| report::last_status(self.shared, pod, self.memory));
        Report { status, events: std::mem::take(&mut self.events), again }
    }
}

//! One pass over a pod that should run.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use probe_engine::Kind;
use tokio::time::Instant;
use triton_cloudapi::InstanceId;
use triton_cloudapi::instances::{InstanceState, ListInstances, Presence};
use triton_podspec::ownership::Owner;
use virtual_node::{PodEvent, PodKey, ProviderError, Report};

use super::{STEPS_MAX, action_failed, report};
use crate::cluster::Cluster;
use crate::decide::sync::{Because, Facts, Step, next};
use crate::decide::{Sighting, twins};
use crate::memory::{Known, Memory, Pending, Trouble};
use crate::observer::{chain, seen_as};
use crate::seen::Seen;
use crate::shared::Shared;
use crate::{clock, pod as read};

/// A pass in progress.
pub(crate) struct Pass<'a, C> {
    pub(crate) shared: &'a Shared<C>,
    pub(crate) pod: Arc<Pod>,
    pub(crate) key: PodKey,
    pub(crate) owner: Owner,
    pub(crate) memory: &'a mut Memory,
    pub(crate) events: Vec<PodEvent>,
}

/// What an action leads to.
pub(crate) enum After {
    /// Another decision.
    Decide,
    /// The end of the pass.
    Report(report::Standing, Option<Duration>),
}

/// Runs one pass.
pub(crate) async fn run<C: Cluster>(
    shared: &Shared<C>,
    pod: Arc<Pod>,
    key: PodKey,
) -> Result<Report, ProviderError> {
    let seed = || {
        let mut restarts = read::published_restarts(&pod);
        if read::is_restarting(&pod) {
            // An earlier process started it and counted that.
            let at = Instant::now();
            restarts.pending = Some(Pending { at, reboot: false, dipped: true });
        }
        Memory { restarts, ..Memory::default() }
    };
    let memory = shared.memories.of(&key.uid, seed);
    let mut memory = memory.lock().await;
    // Somebody else's restart is noticed when the status is made.
    memory.restarts.count = memory.restarts.count.max(read::published_restarts(&pod).count);
    let owner = read::owner(&shared.settings.cluster, &shared.settings.node, &key);
    let mut pass =
        Pass { shared, pod: Arc::clone(&pod), key, owner, memory: &mut memory, events: Vec::new() };
    let result = pass.run().await;
    if result.is_err() {
        // The node's back-off decides when to look again, not the list; unless a create may still come true.
        shared.observer.expect(&pass.key.uid, pass.memory.intent.is_some());
        shared.opinions.keep_events(&pass.key.uid, std::mem::take(&mut pass.events));
    }
    result
}

// === impl Pass ===

impl<C: Cluster> Pass<'_, C> {
    async fn run(&mut self) -> Result<Report, ProviderError> {
        for _ in 0..STEPS_MAX {
            let step = self.decide();
            tracing::debug!(pod = %self.key, ?step, "next step of a pod that should run");
            match self.act(step).await? {
                After::Decide => {}
                After::Report(standing, again) => return Ok(self.report(&standing, again)),
            }
        }
        Ok(self.report(&report::Standing::Unchanged, Some(Duration::from_secs(1))))
    }

    fn decide(&self) -> Step {
        let sighting = self.sighting();
        let instance = self.memory.known.as_ref().and_then(|known| known.last.as_ref());
        let present_life = instance.map(|instance| report::incarnation(instance, self.memory));
        next(&Facts {
            now: Instant::now(),
            sighting: sighting.as_ref(),
            memory: self.memory,
            published: read::published_instance(&self.pod),
            restart_policy: read::restart_policy(&self.pod),
            deadline: read::deadline_left(&self.pod, clock::now())
                .map(|left| Instant::now() + left),
            protect: triton_podspec::annotations::wants_deletion_protection(&self.pod),
            unhealthy: present_life.is_some_and(|life| self.failed_probe(&life).is_some()),
            limits: &self.shared.settings.limits,
        })
    }

    /// The probe that has this life restarted, if one has.
    pub(super) fn failed_probe(&self, life: &str) -> Option<Kind> {
        self.shared.opinions.failed_probe(&self.key.uid, life)
    }

    fn sighting(&self) -> Option<Sighting> {
        self.shared.observer.sighting(&self.key.uid)
    }

    async fn act(&mut self, step: Step) -> Result<After, ProviderError> {
        match step {
            Step::Wait { until, because } => Ok(self.wait(until, because)),
            Step::Adopt(instance) => self.adopt(instance).await,
            Step::Recall(id) => {
                let mut known = Known::recalled(id, Instant::now());
                known.ran = read::has_run(&self.pod);
                self.memory.known = Some(known);
                Ok(After::Decide)
            }
            Step::Read(id) => self.read(id).await,
            Step::Resolve => self.resolve().await,
            Step::GiveUpIntent => {
                tracing::warn!(pod = %self.key, "a create whose outcome was unknown came to nothing; creating again");
                self.settle_intent();
                Ok(After::Decide)
            }
            Step::Create => self.create().await,
            Step::RemoveTwin(twin) => self.remove_twin(&twin).await,
            Step::Retry(id) => self.retry(id).await,
            Step::Start { id, counts } => self.start(id, counts).await,
            Step::Reboot(id) => self.reboot(id).await,
            Step::Protect(id) => {
                let done = self.shared.client.enable_deletion_protection(id).await;
                done.map_err(|error| action_failed("switching deletion protection on", error))?;
                self.shared.metrics.action("protect");
                self.memory.protect_asked = Some(Instant::now());
                Ok(After::Decide)
            }
            Step::Kill(id) => self.kill(id).await,
            Step::Report(until) => {
                let again = until.map(|until| until.saturating_duration_since(Instant::now()));
                Ok(After::Report(report::Standing::Instance, again))
            }
            Step::Settle => {
                let wait = self.shared.settings.limits.list_busy;
                Ok(After::Report(report::Standing::Unchanged, Some(wait)))
            }
            Step::Completed => Ok(After::Report(report::Standing::Ended { killed: false }, None)),
            Step::Killed => Ok(After::Report(report::Standing::Ended { killed: true }, None)),
            Step::Lost => Ok(self.lost()),
            Step::Expired => {
                self.events.push(PodEvent::normal("DeadlineExceeded", report::DEADLINE_EXCEEDED));
                Ok(After::Report(report::Standing::Expired, None))
            }
        }
    }

    fn wait(&mut self, until: Option<Instant>, because: Because) -> After {
        let again = until.map_or(self.shared.settings.limits.list_busy, |until| {
            until.saturating_duration_since(Instant::now())
        });
        let standing = match because {
            Because::CloudNotSeen | Because::AbsenceUnconfirmed => report::Standing::Unchanged,
            Because::CreateUnresolved | Because::RetryLater => report::Standing::Waiting,
        };
        After::Report(standing, Some(again))
    }

    /// Takes note of the pod's instance in a list.
    async fn adopt(&mut self, instance: Arc<Seen>) -> Result<After, ProviderError> {
        let Some(taken_at) = self.shared.observer.snapshot().map(|snapshot| snapshot.taken_at)
        else {
            return Ok(After::Decide);
        };
        if self.memory.known.is_none() {
            tracing::info!(pod = %self.key, instance = %instance.id, name = %instance.name, "adopted an instance");
            self.shared.metrics.action("adopt");
        }
        self.see(&instance, taken_at);
        self.settle_intent();
        self.ensure_rules().await;
        Ok(After::Decide)
    }

    /// Remembers how the pod's instance was seen.
    pub(crate) fn see(&mut self, instance: &Arc<Seen>, asked_at: Instant) {
        let ran_before =
            self.memory.known.as_ref().is_some_and(|known| known.ran) || read::has_run(&self.pod);
        match self.memory.known.as_mut().filter(|known| known.id == instance.id) {
            Some(known) => known.see(Arc::clone(instance), asked_at),
            None => self.memory.known = Some(Known::seen(Arc::clone(instance), asked_at)),
        }
        if let Some(known) = self.memory.known.as_mut() {
            known.ran |= ran_before;
        }
        self.memory.restarts.see(&instance.state, asked_at);
        self.memory.trouble = None;
        if instance.state == InstanceState::Running {
            self.memory.failures = 0;
            if !ran_before {
                let name = read::container_name(&self.pod);
                let message = format!(
                    "Started container {name}: instance {} ({}) is running",
                    instance.name, instance.id
                );
                self.events.push(PodEvent::normal("Started", message).in_container(name));
            }
        }
    }

    /// The outcome of every earlier create is known: the journal may forget it.
    pub(crate) fn settle_intent(&mut self) {
        self.memory.intent = None;
        if std::mem::take(&mut self.memory.noted) {
            self.shared.journal.clear(&self.key.uid);
        }
    }

    /// Once in this process: the rules of an instance that was there already. A firewall that does not answer keeps
    /// nothing else from being seen.
    async fn ensure_rules(&mut self) {
        let now = Instant::now();
        if self.memory.rules_ensured || self.memory.rules_retry_at.is_some_and(|at| at > now) {
            return;
        }
        let plans = triton_podspec::firewall::rules(&self.pod);
        match self.shared.firewall.ensure(&self.key.uid, &plans).await {
            Ok(()) => self.memory.rules_ensured = true,
            Err(error) => {
                self.memory.rules_retry_at =
                    Some(now + self.shared.settings.limits.action_patience);
                self.events.push(PodEvent::warning("FirewallRuleFailed", chain(&error)));
            }
        }
    }

    /// Reads one instance.
    async fn read(&mut self, id: InstanceId) -> Result<After, ProviderError> {
        let asked_at = Instant::now();
        let found = self.shared.client.find_instance(id).await;
        let found =
            found.map_err(|error| action_failed(&format!("reading instance {id}"), error))?;
        let limits = &self.shared.settings.limits;
        match found {
            Presence::Present(instance) => match seen_as(&instance, &self.owner) {
                Some(seen) => {
                    self.see(&Arc::new(seen), asked_at);
                    // It may be one that no list has shown to this process.
                    self.ensure_rules().await;
                }
                None => {
                    // Its tags were changed, or the status was: whose it is cannot be known, so nothing is done to it.
                    let message = format!(
                        "instance {} ({id}) does not carry the tags of this pod any more; it is left alone",
                        instance.name
                    );
                    self.events.push(PodEvent::warning("InstanceNotOurs", message));
                    self.note_gone(id);
                }
            },
            Presence::Destroyed(_) => self.note_gone(id),
            Presence::NotFound => {
                let Some(known) = self.memory.known.as_mut() else { return Ok(After::Decide) };
                if known.misses.note(asked_at, limits.absence_confirm, limits.absence_reads) {
                    self.note_gone(id);
                }
            }
        }
        Ok(After::Decide)
    }

    fn note_gone(&mut self, id: InstanceId) {
        if let Some(known) = self.memory.known.as_mut().filter(|known| known.id == id) {
            known.gone = true;
        }
    }

    /// Looks for what an unanswered create may have made.
    async fn resolve(&mut self) -> Result<After, ProviderError> {
        let asked_at = Instant::now();
        let found = list_by_uid(self.shared, &self.owner).await?;
        match twins::winner(&found, read::published_instance(&self.pod)) {
            Some(instance) => {
                tracing::info!(pod = %self.key, instance = %instance.id, "an unanswered create had been carried out");
                let instance = Arc::clone(instance);
                self.see(&instance, asked_at);
                self.shared.metrics.action("resolve");
                self.settle_intent();
            }
            None => {
                if let Some(intent) = self.memory.intent.as_mut() {
                    intent.look(asked_at);
                }
                self.memory.trouble = Some(Trouble {
                    reason: "CreateUnresolved".to_owned(),
                    message: "CloudAPI did not say whether the instance was made; looking for it before trying again"
                        .to_owned(),
                });
            }
        }
        Ok(After::Decide)
    }

    /// Removes a second instance of the pod.
    async fn remove_twin(&mut self, twin: &Seen) -> Result<After, ProviderError> {
        self.memory.twins.insert(twin.id, Instant::now());
        if !twin.belongs_to(&self.owner) {
            return Ok(After::Decide);
        }
        let message = format!(
            "instance {} ({}) is a second one of this pod and is removed",
            twin.name, twin.id
        );
        tracing::warn!(pod = %self.key, instance = %twin.id, "removing a second instance of a pod");
        let done = self.shared.client.delete_instance(twin.id).await;
        done.map_err(|error| {
            action_failed(&format!("removing the second instance {}", twin.id), error)
        })?;
        self.shared.metrics.action("remove-twin");
        self.events.push(PodEvent::warning("DuplicateInstance", message));
        Ok(After::Decide)
    }

    /// Provisioning failed: clean up, and try again later.
    async fn retry(&mut self, id: InstanceId) -> Result<After, ProviderError> {
        let last = self.memory.known.as_ref().and_then(|known| known.last.clone());
        let gone = self.memory.known.as_ref().is_some_and(|known| known.gone);
        if !gone && last.is_some_and(|instance| instance.belongs_to(&self.owner)) {
            let done = self.shared.client.delete_instance(id).await;
            done.map_err(|error| {
                action_failed(&format!("removing the failed instance {id}"), error)
            })?;
            self.shared.metrics.action("remove-failed");
        }
        self.memory.known = None;
        self.memory.discarded.insert(id);
        let what =
            if gone { "was removed before it ever ran" } else { "failed while it was provisioned" };
        let message = format!("instance {id} {what}; another one is made");
        Ok(self.trouble("ProvisioningFailed", message))
    }

    /// Notes what keeps the pod waiting, and for how long.
    pub(crate) fn trouble(&mut self, reason: &str, message: String) -> After {
        self.trouble_within(reason, message, self.shared.settings.limits.retry_max)
    }

    /// The same, with another longest wait.
    pub(crate) fn trouble_within(
        &mut self,
        reason: &str,
        message: String,
        longest: Duration,
    ) -> After {
        let limits = &self.shared.settings.limits;
        let doubled = 1_u32.checked_shl(self.memory.failures).unwrap_or(u32::MAX);
        let wait = limits.retry_first.saturating_mul(doubled).min(longest);
        self.memory.failures = self.memory.failures.saturating_add(1);
        self.memory.retry_at = Some(Instant::now() + wait);
        self.events.push(PodEvent::warning(reason, message.clone()));
        self.memory.trouble = Some(Trouble { reason: reason.to_owned(), message });
        After::Report(report::Standing::Waiting, Some(wait))
    }

    fn lost(&mut self) -> After {
        let id = self.memory.known.as_ref().map(|known| known.id.to_string()).unwrap_or_default();
        let message = format!("instance {id} is gone and was not removed by this node");
        self.events.push(PodEvent::warning("InstanceGone", message));
        After::Report(report::Standing::Lost, None)
    }
}

/// All instances of one pod, asked of CloudAPI by its UID tag.
pub(crate) async fn list_by_uid<C: Cluster>(
    shared: &Shared<C>,
    owner: &Owner,
) -> Result<Vec<Arc<Seen>>, ProviderError> {
    let mut tags = triton_podspec::ownership::filter(&owner.cluster, &owner.node);
    tags.insert(triton_podspec::ownership::UID.to_owned(), owner.uid.clone());
    let filter = ListInstances { tags, ..ListInstances::default() };
    let found = shared.client.list_all_instances(&filter).await;
    let found = found.map_err(|error| action_failed("looking for the pod's instance", error))?;
    Ok(found.iter().filter_map(|instance| seen_as(instance, owner)).map(Arc::new).collect())
}

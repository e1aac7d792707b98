//! Performs effects: the one place where a decision becomes a request.

use std::sync::Arc;

use tokio::time::Instant;
use triton_cloudapi::InstanceId;
use triton_cloudapi::instances::{ListInstances, Presence};
use triton_podspec::ownership;
use virtual_node::{PodEvent, ProviderError};

use super::{Pass, Then, action_failed};
use crate::cluster::Cluster;
use crate::decide::{Action, Effect, Event, Found, Why};
use crate::memory::Trouble;
use crate::observer::{chain, seen_as};
use crate::seen::Seen;

// === impl Pass ===

impl<C: Cluster> Pass<'_, C> {
    pub(crate) async fn perform(&mut self, effect: Effect) -> Result<Then, ProviderError> {
        match effect {
            Effect::Prepare => self.prepare().await,
            Effect::Note => self.note().await,
            Effect::Post => self.post().await,
            Effect::DropNote => {
                self.shared.journal.clear(&self.key.uid);
                Ok(Then::Step(Event::NoteDropped))
            }
            Effect::Read(id) => self.read(id).await,
            Effect::List => self.list().await,
            Effect::Act(action) => {
                self.act(action).await?;
                self.tell_done(action);
                Ok(Then::Step(Event::Done(action)))
            }
            Effect::Hook(hook, id) => Ok(self.begin_hook(hook, id)),
            Effect::End(standing, until) => Ok(Then::End(standing, until)),
        }
    }

    /// Reads one instance.
    async fn read(&mut self, id: InstanceId) -> Result<Then, ProviderError> {
        let asked_at = Instant::now();
        let found = self.shared.client.find_instance(id).await;
        let found =
            found.map_err(|error| action_failed(&format!("reading instance {id}"), error))?;
        let found = match found {
            Presence::Present(instance) => {
                let seen = Seen::of(&instance);
                if !seen.as_ref().is_some_and(|seen| seen.belongs_to(&self.owner)) {
                    // Its tags were changed, or the status was: whose it is cannot be known.
                    let message = format!(
                        "instance {} ({id}) does not carry the tags of this pod; it is left alone",
                        instance.name
                    );
                    self.events.push(PodEvent::warning("InstanceNotOurs", message));
                }
                seen.map_or(Found::Foreign, |seen| Found::Present(Arc::new(seen)))
            }
            Presence::Destroyed(_) => Found::Destroyed,
            Presence::NotFound => Found::NotFound,
        };
        Ok(Then::Step(Event::Read { id, asked_at, found }))
    }

    /// Looks for what an unanswered create may have made: all instances of the pod, by its UID tag.
    async fn list(&mut self) -> Result<Then, ProviderError> {
        let asked_at = Instant::now();
        let mut tags = ownership::filter(&self.owner.cluster, &self.owner.node);
        tags.insert(ownership::UID.to_owned(), self.owner.uid.clone());
        let filter = ListInstances { tags, ..ListInstances::default() };
        let found = self.shared.client.list_all_instances(&filter).await;
        let found =
            found.map_err(|error| action_failed("looking for the pod's instance", error))?;
        let ours = found.iter().filter_map(|instance| seen_as(instance, &self.owner));
        let found: Vec<_> = ours.map(Arc::new).collect();
        if found.is_empty() {
            self.memory.trouble = Some(Trouble {
                reason: "CreateUnresolved".to_owned(),
                message: "CloudAPI did not say whether the instance was made; looking for it before trying again"
                    .to_owned(),
            });
        }
        Ok(Then::Step(Event::Listed { asked_at, found }))
    }

    /// Changes an instance. An error is no event: whether it was done is seen later, and all of these may be repeated.
    async fn act(&mut self, action: Action) -> Result<(), ProviderError> {
        let client = &self.shared.client;
        let (what, metric, done) = match action {
            Action::Start { id, .. } => {
                (format!("starting instance {id}"), "start", client.start_instance(id).await)
            }
            Action::Reboot(id) => {
                (format!("rebooting instance {id}"), "reboot", client.reboot_instance(id).await)
            }
            Action::Protect(id) => (
                format!("switching deletion protection of instance {id} on"),
                "protect",
                client.enable_deletion_protection(id).await,
            ),
            Action::Unprotect(id) => (
                format!("lifting deletion protection of instance {id}"),
                "unprotect",
                client.disable_deletion_protection(id).await,
            ),
            Action::Shutdown(id) => {
                (format!("stopping instance {id}"), "shutdown", client.stop_instance(id).await)
            }
            Action::Delete(id, why) => {
                let (what, metric) = match why {
                    Why::Twin => (format!("removing the second instance {id}"), "remove-twin"),
                    Why::Failed => (format!("removing the failed instance {id}"), "remove-failed"),
                    Why::PodLeaves => (format!("deleting instance {id}"), "delete"),
                };
                (what, metric, client.delete_instance(id).await)
            }
        };
        done.map_err(|error| action_failed(&what, error))?;
        self.shared.metrics.action(metric);
        Ok(())
    }

    /// Once in this process: the rules of an instance that was there already. A firewall that does not answer keeps
    /// nothing else from being seen.
    pub(crate) async fn ensure_rules(&mut self) {
        let seen = self.memory.life.known.as_ref().is_some_and(|known| known.last.is_some());
        let now = Instant::now();
        if !seen
            || self.memory.rules_ensured
            || self.memory.rules_retry_at.is_some_and(|at| at > now)
        {
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
}

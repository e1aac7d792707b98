//! Bringing an instance in line with its pod's labels and annotations.
//!
//! What goes wrong is told and tried again later: it keeps nothing else from being done or seen.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use tokio::time::Instant;
use triton_cloudapi::InstanceId;
use triton_cloudapi::instances::{Instance, InstanceState, Presence};
use triton_podspec::diagnostic::Diagnostic;
use triton_podspec::{Described, described};
use virtual_node::PodEvent;

use super::Pass;
use crate::cluster::Cluster;
use crate::decide::Standing;
use crate::edits::{Edits, edits, is_as_described};
use crate::memory::Edited;
use crate::observer::chain;
use crate::seen::Seen;

/// When a pod asks again that found as many others at it as may be.
const TURN: Duration = Duration::from_secs(5);

/// How long a change is expected to be seen: it is a job, and takes seconds.
pub(crate) const SEEN_SOON: Duration = Duration::from_secs(15);

// === impl Pass ===

impl<C: Cluster> Pass<'_, C> {
    /// Changes what differs between the instance and what the pod says of it now. Returns when to look again.
    pub(crate) async fn follow(&mut self, standing: Standing) -> Option<Duration> {
        let is_there = matches!(standing, Standing::Instance | Standing::Starting);
        if !is_there || self.memory.life.restarts.pending.is_some() {
            return None;
        }
        let seen = self.memory.life.known.as_ref()?.last.clone()?;
        if !matches!(seen.state, InstanceState::Running | InstanceState::Stopped) {
            return None;
        }
        let wanted = described(&self.pod);
        self.tell_findings(&wanted.findings);
        if is_as_described(&seen, &wanted) {
            self.memory.edited = None;
            return None;
        }
        let now = Instant::now();
        let patience = self.shared.settings.limits.action_patience;
        if let Some(edited) = &self.memory.edited
            && edited.seen == seen
            && edited.at + patience > now
        {
            // It was changed as it was seen then; the next list shows what came of that.
            return Some(edited.at + patience - now);
        }
        let Ok(_permit) = self.shared.edits.try_acquire() else { return Some(TURN) };
        self.memory.edited = Some(Edited { at: now, seen: Arc::clone(&seen) });
        match self.edit(seen.id, &wanted).await {
            Ok(None) => {}
            Ok(Some(done)) => {
                let name = &seen.name;
                tracing::info!(pod = %self.key, instance = %seen.id, what = %done, "changed an instance as its pod was");
                self.shared.metrics.action("edit");
                let message = format!("Updated instance {name} ({}): {done}", seen.id);
                self.events.push(PodEvent::normal("Updated", message));
            }
            Err(why) => {
                let message = format!("updating instance {} ({}): {why}", seen.name, seen.id);
                self.events.push(PodEvent::warning("UpdateFailed", message));
            }
        }
        Some(patience)
    }

    /// Reads the instance and changes what differs. Returns what that was.
    async fn edit(&self, id: InstanceId, wanted: &Described) -> Result<Option<String>, String> {
        let client = &self.shared.client;
        let found = client.find_instance(id).await.map_err(|error| chain(&error))?;
        let Presence::Present(instance) = found else { return Ok(None) };
        if !self.is_its_own(&instance) {
            return Ok(None);
        }
        let edits = edits(wanted, &instance);
        if edits.is_empty() {
            return Ok(None);
        }
        // Rules come before the instances that need them.
        let plans = triton_podspec::firewall::rules(&self.pod);
        let ensured = self.shared.firewall.ensure(&self.key.uid, &plans).await;
        ensured.map_err(|error| chain(&error))?;
        self.carry_out(id, &edits).await.map_err(|error| chain(&error))?;
        Ok(Some(edits.describe()))
    }

    /// Whether what was just read carries all the tags of this pod's instance.
    fn is_its_own(&self, instance: &Instance) -> bool {
        Seen::of(instance).is_some_and(|seen| seen.belongs_to(&self.owner))
    }

    async fn carry_out(
        &self,
        id: InstanceId,
        edits: &Edits,
    ) -> Result<(), triton_cloudapi::client::Error> {
        let client = &self.shared.client;
        if !edits.set_tags.is_empty() {
            client.add_instance_tags(id, &edits.set_tags).await?;
        }
        for name in &edits.remove_tags {
            client.delete_instance_tag(id, name).await?;
        }
        if !edits.set_metadata.is_empty() {
            client.add_instance_metadata(id, &edits.set_metadata).await?;
        }
        for key in &edits.remove_metadata {
            client.delete_instance_metadata(id, key).await?;
        }
        match edits.firewall {
            Some(true) => client.enable_firewall(id).await,
            Some(false) => client.disable_firewall(id).await,
            None => Ok(()),
        }
    }

    /// What is wrong with labels and annotations that were edited in this life of the process. What was wrong before the
    /// create was told then, or is the reason why there is no instance.
    fn tell_findings(&mut self, findings: &[Diagnostic]) {
        let text = text_of(&self.pod);
        let before = std::mem::replace(&mut self.memory.text, text);
        if before == 0 || before == text {
            return;
        }
        for Diagnostic { reason, path, message, .. } in findings {
            let message = format!("{path}: {message}; the instance does not follow it");
            self.events.push(PodEvent::warning(*reason, message));
        }
    }
}

/// What tells labels and annotations from edited ones; never 0.
fn text_of(pod: &Pod) -> u32 {
    let mut hasher = DefaultHasher::new();
    (&pod.metadata.labels, &pod.metadata.annotations).hash(&mut hasher);
    let [a, b, c, d, ..] = hasher.finish().to_le_bytes();
    u32::from_le_bytes([a, b, c, d]).max(1)
}

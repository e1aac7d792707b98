//! What the node does about pods for which the first provider has left an instance: they wait, or it is adopted.
//!
//! The first list of the process shows what was left: it does not ask for the cluster. Afterwards nothing is asked, but
//! for the instances that a pod of ours waits for.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use tokio::time::Instant;
use triton_cloudapi::InstanceId;
use triton_cloudapi::instances::Presence;
use virtual_node::{PodEvent, PodKey, ProviderError, ProviderErrorKind};

use super::{Claim, Left, PodFacts, adoption_tags, claim, left_of};
use crate::decide::state::Misses;
use crate::observer::seen_as;
use crate::passes::action_failed;
use crate::pod::owner;
use crate::shared::Shared;

/// What the first provider has left on this node; cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct FirstProvider(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// `None` until that list is there: until then nobody knows whether a pod has an instance already.
    left: Option<BTreeMap<InstanceId, Entry>>,
    /// UIDs of pods that were told of an earlier pod's instance.
    told: HashSet<String>,
}

#[derive(Debug)]
struct Entry {
    left: Left,
    /// When it was asked to carry our tags.
    asked: Option<Instant>,
    /// Reads that said it does not exist.
    misses: Misses,
}

/// What a pod is to do.
#[derive(Debug)]
pub(crate) enum Gate {
    /// Go on, and tell these events.
    Open(Vec<PodEvent>),
    /// Nothing now, but to tell these events and to come again soon.
    Wait(Vec<PodEvent>, Duration),
}

// === impl FirstProvider ===

impl FirstProvider {
    /// Takes in what the first list of the process showed.
    pub(crate) fn found(&self, left: Vec<Left>) {
        if !left.is_empty() {
            tracing::warn!(
                instances = left.len(),
                "the first provider has left instances on this node: see `vk-triton adopt`"
            );
        }
        let entry =
            |left: Left| (left.instance.id, Entry { left, asked: None, misses: Misses::default() });
        self.state().left = Some(left.into_iter().map(entry).collect());
    }

    /// What was left for a pod; `None` while that is not known.
    fn claim(&self, pod: &PodFacts) -> Option<Claim> {
        let state = self.state();
        let left = state.left.as_ref()?;
        if left.is_empty() {
            return Some(Claim::default());
        }
        let all: Vec<Left> = left.values().map(|entry| entry.left.clone()).collect();
        Some(claim(&all, pod))
    }

    fn forget(&self, id: InstanceId) {
        if let Some(left) = self.state().left.as_mut() {
            left.remove(&id);
        }
    }

    fn edit<T>(&self, id: InstanceId, change: impl FnOnce(&mut Entry) -> T) -> Option<T> {
        self.state().left.as_mut()?.get_mut(&id).map(change)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Shared ===

impl<C> Shared<C> {
    /// Whether a pass over this pod may begin. While the first provider's instance for it carries no tags of ours, it may
    /// not: neither to make another one, nor to say that nothing of the pod is left.
    pub(crate) async fn enter(
        &self,
        key: &PodKey,
        pod: Option<&Pod>,
    ) -> Result<Gate, ProviderError> {
        if let Some(snapshot) = self.observer.snapshot() {
            let listed = snapshot.of(&key.uid);
            for instance in listed {
                self.first_provider.forget(instance.id);
            }
            if !listed.is_empty() {
                return Ok(Gate::Open(Vec::new()));
            }
        }
        let facts = PodFacts::of(key, pod.unwrap_or(&Pod::default()));
        let Some(found) = self.first_provider.claim(&facts) else {
            self.observer.expect(&key.uid, true);
            // Who expects something when the first list comes is asked again then: thousands of pods need not ask every
            // second until it is there. One that missed it by a hair does.
            let limits = &self.settings.limits;
            let missed_it = self.observer.snapshot().is_some();
            let again = if missed_it { limits.list_busy } else { limits.list_idle };
            return Ok(Gate::Wait(Vec::new(), again));
        };
        if let Some(its) = &found.its {
            return self.attend(key, pod, its, &found.more).await;
        }
        if let Some(unclear) = found.unclear.first() {
            let left = self.read_again(key, unclear).await?;
            return if left {
                Err(held(unclear, UNCLEAR))
            } else {
                Ok(self.look_again(Vec::new()))
            };
        }
        let is_news =
            !found.earlier.is_empty() && self.first_provider.state().told.insert(key.uid.clone());
        let events = found.earlier.iter().filter(|_| is_news).map(earlier).collect();
        Ok(Gate::Open(events))
    }

    /// The pod's instance is one that the first provider made.
    async fn attend(
        &self,
        key: &PodKey,
        pod: Option<&Pod>,
        its: &Left,
        more: &[Left],
    ) -> Result<Gate, ProviderError> {
        let id = its.instance.id;
        if !self.read_again(key, its).await? {
            return Ok(self.look_again(Vec::new()));
        }
        let patience = self.settings.limits.action_patience;
        let asked = self.first_provider.edit(id, |entry| entry.asked).flatten();
        if asked.is_some_and(|at| at + patience > Instant::now()) {
            self.observer.expect(&key.uid, true);
            return Ok(self.look_again(Vec::new()));
        }
        if !self.settings.adopt_first_provider {
            return Err(held(its, WAITING));
        }
        let nothing = Pod::default();
        let owner = owner(&self.settings.cluster, &self.settings.node, key);
        let tags = adoption_tags(&owner, pod.unwrap_or(&nothing));
        let done = self.client.add_instance_tags(id, &tags).await;
        done.map_err(|error| action_failed(&format!("adopting instance {id}"), error))?;
        self.metrics.action("adopt-first-provider");
        self.first_provider.edit(id, |entry| entry.asked = Some(Instant::now()));
        self.observer.expect(&key.uid, true);
        let name = &its.instance.name;
        tracing::info!(pod = %key, instance = %id, name, "adopting an instance of the first provider");
        let message =
            format!("instance {name} ({id}) of the first provider is this pod's and is adopted");
        let mut events = vec![PodEvent::normal("AdoptingInstance", message)];
        events.extend(more.iter().map(|left| {
            let (name, id) = (&left.instance.name, left.instance.id);
            let message = format!(
                "instance {name} ({id}) of the first provider is a second one of this pod; it is left alone: see `vk-triton adopt`"
            );
            PodEvent::warning("DuplicateInstance", message)
        }));
        Ok(self.look_again(events))
    }

    /// Reads an instance that a pod waits for: whether it is there and still the first provider's.
    ///
    /// One that carries our tags by now stays in the way until a list shows it as ours, or its pod would get another.
    async fn read_again(&self, key: &PodKey, left: &Left) -> Result<bool, ProviderError> {
        let id = left.instance.id;
        let asked_at = Instant::now();
        let found = self.client.find_instance(id).await;
        let found =
            found.map_err(|error| action_failed(&format!("reading instance {id}"), error))?;
        let limits = &self.settings.limits;
        match found {
            Presence::Present(instance) => match left_of(&instance, &self.settings.node) {
                Some(now) => {
                    self.first_provider.edit(id, |entry| {
                        entry.left = now;
                        entry.misses = Misses::default();
                    });
                    Ok(true)
                }
                None => {
                    let owner = owner(&self.settings.cluster, &self.settings.node, key);
                    if seen_as(&instance, &owner).is_some() {
                        self.observer.expect(&key.uid, true);
                    } else {
                        self.first_provider.forget(id);
                    }
                    Ok(false)
                }
            },
            Presence::Destroyed(_) => {
                self.first_provider.forget(id);
                Ok(false)
            }
            Presence::NotFound => {
                let (apart, enough) = (limits.absence_confirm, limits.absence_reads);
                let gone = self
                    .first_provider
                    .edit(id, |entry| entry.misses.note(asked_at, apart, enough));
                if gone == Some(true) {
                    self.first_provider.forget(id);
                }
                Ok(false)
            }
        }
    }

    fn look_again(&self, events: Vec<PodEvent>) -> Gate {
        Gate::Wait(events, self.settings.limits.list_busy)
    }
}

const WAITING: &str = "is this pod's, so no other one is made. Run `vk-triton adopt` to see what would be done and \
     `vk-triton adopt --act` to do it, or start vk-triton with --adopt-first-provider";
const UNCLEAR: &str = "may be this pod's: its tags do not tell. No other one is made. If it is the pod's, set its tag k8s_uid \
     to the pod's UID; if it is not, delete it or remove its tag k8s_nodename";

/// The pod waits for an operator.
fn held(left: &Left, why: &str) -> ProviderError {
    let message = format!(
        "instance {} ({}) of the first provider {why}",
        left.instance.name, left.instance.id
    );
    ProviderError::new(ProviderErrorKind::Busy, "FirstProviderInstance", message)
}

fn earlier(left: &Left) -> PodEvent {
    let message = format!(
        "instance {} ({}) of the first provider was made for an earlier pod of this name; it is left alone: see \
         `vk-triton adopt`",
        left.instance.name, left.instance.id
    );
    PodEvent::warning("FirstProviderInstanceLeft", message)
}

//! What an operator sees of the first provider's instances, and their adoption by hand: `vk-triton adopt`.
//!
//! It needs no Lease: it gives an instance the tags of a pod that has none, which the node that runs is waiting for.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use serde::Serialize;
use tokio::time::Instant;
use triton_cloudapi::InstanceId;
use triton_cloudapi::client::Client;
use triton_cloudapi::instances::{Instance, ListInstances, Presence};
use triton_podspec::ownership::{self, Owner};
use virtual_node::PodKey;

use super::{Left, PodFacts, adoption_tags, claim, filter, left, left_of};
use crate::by_hand::ByHandError;
use crate::decide::twins::is_alive;
use crate::live::LivePods;
use crate::observer::seen_as;
use crate::seen::Seen;

/// How long tags may take to be seen.
const CONFIRM: Duration = Duration::from_secs(120);
/// Between two looks.
const LOOK: Duration = Duration::from_secs(2);

/// How an instance of the first provider stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// A live pod is its, and has no other one: it can be adopted.
    Matches,
    /// A live pod is its, and has another one, or keeps another one of the first provider.
    Duplicate,
    /// It was made for an earlier pod of the name of a live one.
    Earlier,
    /// It bears the name of a live pod, and whether it is the pod's cannot be told.
    Unclear,
    /// No live pod has to do with it.
    NoPod,
}

/// An instance of the first provider.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// UUID.
    pub id: InstanceId,
    /// Name.
    pub name: String,
    /// State, in CloudAPI's words.
    pub state: String,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// Namespace of its pod, as its tags say.
    pub namespace: String,
    /// Name of its pod.
    pub pod: String,
    /// UID of its pod; after a match without a known UID that of the live pod.
    pub uid: Option<String>,
    /// How it stands.
    pub standing: Standing,
}

/// What became of an adoption.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// A read shows our tags.
    Adopted,
    /// The tags were accepted, and no read has shown them in time.
    Unconfirmed,
    /// What was seen before is not so any more: nothing was done.
    Changed,
}

/// What the first provider left on one node.
#[derive(Clone, Debug)]
pub struct Adoption<P> {
    /// CloudAPI.
    pub client: Client,
    /// The cluster's pods.
    pub pods: P,
    /// UID of the `kube-system` namespace.
    pub cluster: String,
    /// Name of the node.
    pub node: String,
}

/// Judges all that the first provider left. `owned` are the UIDs of pods that have an instance of ours; `pods` must have
/// been read after both.
#[must_use]
pub fn judge(all: &[Left], owned: &[String], pods: &[Pod]) -> Vec<Row> {
    let facts: Vec<PodFacts> =
        pods.iter().filter_map(|pod| Some(PodFacts::of(&PodKey::of(pod)?, pod))).collect();
    let standing = |one: &Left| {
        let id = one.instance.id;
        let mut standing = (Standing::NoPod, one.owner.uid.clone());
        for pod in &facts {
            let uid = &pod.key.uid;
            let found = claim(all, pod);
            let is_in = |list: &[Left]| list.iter().any(|left| left.instance.id == id);
            if is_in(found.its.as_slice()) && !owned.contains(uid) {
                return (Standing::Matches, Some(uid.clone()));
            } else if is_in(found.its.as_slice()) || is_in(&found.more) {
                return (Standing::Duplicate, Some(uid.clone()));
            } else if is_in(&found.unclear) {
                standing.0 = Standing::Unclear;
            } else if is_in(&found.earlier) {
                standing.0 = Standing::Earlier;
            }
        }
        standing
    };
    let row = |one: &Left| {
        let (standing, uid) = standing(one);
        Row {
            id: one.instance.id,
            name: one.instance.name.to_string(),
            state: one.instance.state.to_string(),
            created: one.instance.created,
            namespace: one.owner.namespace.clone(),
            pod: one.owner.name.clone(),
            uid,
            standing,
        }
    };
    let mut rows: Vec<Row> = all.iter().map(row).collect();
    rows.sort_by(|one, other| {
        (&one.namespace, &one.pod, one.created, one.id).cmp(&(
            &other.namespace,
            &other.pod,
            other.created,
            other.id,
        ))
    });
    rows
}

// === impl Adoption ===

impl<P: LivePods> Adoption<P> {
    /// All that the first provider left on the node, and how it stands. The cloud is asked first.
    ///
    /// # Errors
    /// When either list is not known to be complete.
    pub async fn look(&self) -> Result<Vec<Row>, ByHandError> {
        let instances = self.list(&filter(&self.node)).await?;
        let owned: Vec<String> = self.owned(&instances).map(|owner| owner.uid).collect();
        let left = left(&instances, &self.node);
        let pods = self.pods.of_node(&self.node).await?;
        Ok(judge(&left, &owned, &pods))
    }

    /// Gives an instance that matches the tags of its pod, after one more look at both, and waits until a read shows them.
    ///
    /// # Errors
    /// When something could not be found out, or CloudAPI refused.
    pub async fn adopt(&self, row: &Row) -> Result<Outcome, ByHandError> {
        let Some(uid) = row.uid.as_deref().filter(|_| row.standing == Standing::Matches) else {
            return Ok(Outcome::Changed);
        };
        // The cloud first, here too: who has the pod's tags already, and what is left for it.
        let instances = self.list(&filter(&self.node)).await?;
        if self.owned(&instances).any(|owner| owner.uid == uid) {
            return Ok(Outcome::Changed);
        }
        let left = left(&instances, &self.node);
        let pod = self.pods.find(&row.namespace, &row.pod).await?;
        let Some(pod) = pod.filter(|pod| pod.metadata.uid.as_deref() == Some(uid)) else {
            return Ok(Outcome::Changed);
        };
        let Some(key) = PodKey::of(&pod) else { return Ok(Outcome::Changed) };
        let its = claim(&left, &PodFacts::of(&key, &pod)).its;
        let present = self.read(row.id).await?;
        let still_left = present.is_some_and(|instance| left_of(&instance, &self.node).is_some());
        if !still_left || its.is_none_or(|its| its.instance.id != row.id) {
            return Ok(Outcome::Changed);
        }
        let owner = crate::pod::owner(&self.cluster, &self.node, &key);
        let tagged = self.client.add_instance_tags(row.id, &adoption_tags(&owner, &pod)).await;
        tagged.map_err(|error| ByHandError::cloud("adding tags", error))?;
        self.confirm(row.id, &owner).await
    }

    async fn confirm(&self, id: InstanceId, owner: &Owner) -> Result<Outcome, ByHandError> {
        let end = Instant::now() + CONFIRM;
        loop {
            match self.read(id).await? {
                Some(instance) if seen_as(&instance, owner).is_some() => {
                    return Ok(Outcome::Adopted);
                }
                _ if Instant::now() >= end => return Ok(Outcome::Unconfirmed),
                _ => tokio::time::sleep(LOOK).await,
            }
        }
    }

    async fn list(&self, filter: &ListInstances) -> Result<Vec<Instance>, ByHandError> {
        let instances = self.client.list_all_instances(filter).await;
        instances.map_err(|error| ByHandError::cloud("listing instances", error))
    }

    async fn read(&self, id: InstanceId) -> Result<Option<Instance>, ByHandError> {
        let found = self.client.find_instance(id).await;
        Ok(match found.map_err(|error| ByHandError::cloud("reading the instance", error))? {
            Presence::Present(instance) => Some(*instance),
            Presence::Destroyed(_) | Presence::NotFound => None,
        })
    }

    /// Whose living instances of ours are among these.
    fn owned<'a>(&'a self, instances: &'a [Instance]) -> impl Iterator<Item = Owner> + 'a {
        instances
            .iter()
            .filter(|instance| Seen::of(instance).is_some_and(|seen| is_alive(&seen)))
            .filter_map(|instance| ownership::owner_of(&instance.tags))
            .filter(|owner| owner.cluster == self.cluster && owner.node == self.node)
    }
}

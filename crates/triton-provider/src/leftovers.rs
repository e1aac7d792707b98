//! What an operator sees of a node's instances, and the removal of those that belong to no pod: `vk-triton orphans`.
//!
//! It needs no Lease and does not disturb the node that runs: it makes nothing, and it deletes only what the node would
//! delete, after the same questions. A delete that both send is one delete.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use serde::Serialize;
use tokio::time::Instant;
use triton_cloudapi::InstanceId;
use triton_cloudapi::client::Client;
use triton_cloudapi::instances::{Instance, InstanceState, ListInstances, Presence};
use triton_podspec::ownership::{self, Owner};
use virtual_node::{OrphanLimits, PodKey};

use crate::by_hand::ByHandError;
use crate::decide::state::Misses;
use crate::decide::twins::{is_alive, winner};
use crate::live::LivePods;
use crate::observer::seen_as;
use crate::pod::published_instance;
use crate::seen::Seen;

/// How long a delete may take to be confirmed.
const CONFIRM: Duration = Duration::from_secs(120);
/// Between two looks at an instance that is on its way out.
const LOOK: Duration = Duration::from_secs(2);
/// Reads that must say "no such instance" before it is believed.
const ABSENCE_READS: u32 = 2;

/// How one of our instances stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// Its pod lives.
    Wanted,
    /// Its pod lives and keeps another instance.
    Twin,
    /// Its pod is being deleted.
    Going,
    /// Its pod has ended: Succeeded or Failed.
    Over,
    /// It has no pod.
    Orphan,
    /// It has no pod, and is too young to be judged.
    Young,
    /// It has no pod, and somebody else protects it from deletion.
    Protected,
}

/// One of our instances.
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
    /// Namespace of its pod.
    pub namespace: String,
    /// Name of its pod.
    pub pod: String,
    /// UID of its pod.
    pub uid: String,
    /// How it stands.
    pub standing: Standing,
}

/// Why nothing is removed although some are orphans.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// More than one run may remove.
    #[error(
        "{orphans} instances belong to no pod, and at most {allowed} are removed at once: if they are really left over, \
             say so with --at-most {orphans}"
    )]
    TooMany {
        /// How many.
        orphans: usize,
        /// How many may be.
        allowed: usize,
    },
    /// The cluster has no pod for the node.
    #[error(
        "the cluster has no pod for this node, but {held} instances run for it: is this the right cluster, and the right \
             node name? If they are really left over, say so with --at-most {orphans}"
    )]
    NoPods {
        /// Instances of the node.
        held: usize,
        /// Of these without a pod.
        orphans: usize,
    },
}

/// What became of an orphan that was to be removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It is gone.
    Removed,
    /// It is deleted, and was still there when we stopped looking.
    Going,
    /// Its pod is there after all.
    HasPod,
    /// It does not carry our tags any more.
    NotOurs,
    /// Somebody else protects it.
    Protected,
}

/// The instances of one node of one cluster.
#[derive(Clone, Debug)]
pub struct Leftovers<P> {
    /// CloudAPI.
    pub client: Client,
    /// The cluster's pods.
    pub pods: P,
    /// UID of the `kube-system` namespace.
    pub cluster: String,
    /// Name of the node.
    pub node: String,
    /// Younger instances are not judged.
    pub min_age: Duration,
}

/// Judges all instances of a node. `pods` must have been read after `instances`.
#[must_use]
pub fn judge(instances: &[Arc<Seen>], pods: &[Pod], min_age: Duration, now: Timestamp) -> Vec<Row> {
    let pods: HashMap<&str, &Pod> =
        pods.iter().filter_map(|pod| Some((pod.metadata.uid.as_deref()?, pod))).collect();
    let mut of_pod: HashMap<&str, Vec<Arc<Seen>>> = HashMap::new();
    for instance in instances {
        of_pod.entry(&*instance.mark.uid).or_default().push(Arc::clone(instance));
    }
    let standing = |instance: &Seen| {
        let uid = &*instance.mark.uid;
        let Some(pod) = pods.get(uid) else { return without_pod(instance, min_age, now) };
        let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
        let kept = of_pod.get(uid).and_then(|all| winner(all, published_instance(pod)));
        if pod.metadata.deletion_timestamp.is_some() {
            Standing::Going
        } else if matches!(phase, Some("Succeeded" | "Failed")) {
            Standing::Over
        } else if kept.is_some_and(|kept| kept.id != instance.id) {
            Standing::Twin
        } else {
            Standing::Wanted
        }
    };
    let row = |instance: &Arc<Seen>| {
        let PodKey { namespace, name, uid } = instance.pod_key();
        Row {
            id: instance.id,
            name: instance.name.to_string(),
            state: instance.state.to_string(),
            created: instance.created,
            standing: standing(instance),
            namespace,
            pod: name,
            uid,
        }
    };
    let mut rows: Vec<Row> = instances.iter().map(row).collect();
    rows.sort_by(|one, other| {
        let place = |row: &Row| (row.namespace.clone(), row.pod.clone(), row.created, row.id);
        place(one).cmp(&place(other))
    });
    rows
}

fn without_pod(instance: &Seen, min_age: Duration, now: Timestamp) -> Standing {
    // Without a birthday nothing can be said about its age.
    let age = instance
        .created
        .map(|created| Duration::try_from(now.duration_since(created)).unwrap_or_default());
    if age.is_none_or(|age| age < min_age) {
        Standing::Young
    } else if instance.deletion_protection && !instance.asked_for_protection {
        Standing::Protected
    } else {
        Standing::Orphan
    }
}

/// Whether so many may be removed: what the node itself would stop in one round, or as many as the operator says.
///
/// # Errors
/// The [`Refusal`].
pub fn allow(rows: &[Row], at_most: Option<usize>) -> Result<(), Refusal> {
    let limits = OrphanLimits::default();
    let orphans = rows.iter().filter(|row| row.standing == Standing::Orphan).count();
    let without_pod = |row: &Row| {
        matches!(row.standing, Standing::Orphan | Standing::Young | Standing::Protected)
    };
    if at_most.is_none() && rows.iter().all(without_pod) && rows.len() > limits.at_most_without_pods
    {
        return Err(Refusal::NoPods { held: rows.len(), orphans });
    }
    let allowed = at_most.unwrap_or_else(|| limits.allowed(rows.len()));
    if orphans > allowed { Err(Refusal::TooMany { orphans, allowed }) } else { Ok(()) }
}

// === impl Leftovers ===

impl<P: LivePods> Leftovers<P> {
    /// All instances of the node, and how they stand. The cloud is asked first: a pod that comes in between is seen, and
    /// its instance is not.
    ///
    /// # Errors
    /// When either list is not known to be complete.
    pub async fn look(&self, now: Timestamp) -> Result<Vec<Row>, ByHandError> {
        let tags = ownership::filter(&self.cluster, &self.node);
        let filter = ListInstances { tags, ..ListInstances::default() };
        let instances = self.client.list_all_instances(&filter).await;
        let instances =
            instances.map_err(|error| ByHandError::cloud("listing instances", error))?;
        let is_ours = |seen: &Seen| {
            let mark = &seen.mark.node;
            *mark.cluster == *self.cluster && *mark.node == *self.node
        };
        let instances: Vec<Arc<Seen>> = instances
            .iter()
            .filter_map(Seen::of)
            .filter(|seen| is_ours(seen) && is_alive(seen))
            .map(Arc::new)
            .collect();
        let pods = self.pods.of_node(&self.node).await?;
        Ok(judge(&instances, &pods, self.min_age, now))
    }

    /// Removes one orphan, after one more look at its pod and at its tags.
    ///
    /// # Errors
    /// When something could not be found out, or CloudAPI refused. Nothing has been deleted then, or it is not known.
    pub async fn remove(&self, row: &Row) -> Result<Outcome, ByHandError> {
        let pod = self.pods.find(&row.namespace, &row.pod).await?;
        if pod.is_some_and(|pod| pod.metadata.uid.as_deref() == Some(&row.uid)) {
            return Ok(Outcome::HasPod);
        }
        let Some(instance) = self.read(row.id).await? else { return Ok(Outcome::Removed) };
        let Some(instance) = seen_as(&instance, &self.owner(row)) else {
            return Ok(Outcome::NotOurs);
        };
        if instance.deletion_protection {
            if !instance.asked_for_protection {
                return Ok(Outcome::Protected);
            }
            let lifted = self.client.disable_deletion_protection(row.id).await;
            lifted.map_err(|error| ByHandError::cloud("lifting deletion protection", error))?;
            if !self.wait_until(row.id, |instance| !instance.deletion_protection).await? {
                return Ok(Outcome::Protected);
            }
        }
        let deleted = self.client.delete_instance(row.id).await;
        deleted.map_err(|error| ByHandError::cloud("deleting the instance", error))?;
        let ended = |instance: &Instance| {
            matches!(instance.state, InstanceState::Failed | InstanceState::Deleted)
        };
        let gone = self.wait_until(row.id, ended).await?;
        Ok(if gone { Outcome::Removed } else { Outcome::Going })
    }

    fn owner(&self, row: &Row) -> Owner {
        Owner {
            cluster: self.cluster.clone(),
            node: self.node.clone(),
            namespace: row.namespace.clone(),
            name: row.pod.clone(),
            uid: row.uid.clone(),
        }
    }

    /// One instance as it is now; `None` when it is gone. That it does not exist is believed when it was said twice.
    async fn read(&self, id: InstanceId) -> Result<Option<Instance>, ByHandError> {
        let mut misses = Misses::default();
        loop {
            let found = self.client.find_instance(id).await;
            match found.map_err(|error| ByHandError::cloud("reading the instance", error))? {
                Presence::Present(instance) => return Ok(Some(*instance)),
                Presence::Destroyed(_) => return Ok(None),
                Presence::NotFound if misses.note(Instant::now(), LOOK, ABSENCE_READS) => {
                    return Ok(None);
                }
                Presence::NotFound => tokio::time::sleep(LOOK).await,
            }
        }
    }

    /// Waits until an instance is gone or as wanted; false when that takes too long.
    async fn wait_until(
        &self,
        id: InstanceId,
        wanted: impl Fn(&Instance) -> bool,
    ) -> Result<bool, ByHandError> {
        let end = Instant::now() + CONFIRM;
        loop {
            match self.read(id).await? {
                None => return Ok(true),
                Some(instance) if wanted(&instance) => return Ok(true),
                Some(_) if Instant::now() >= end => return Ok(false),
                Some(_) => tokio::time::sleep(LOOK).await,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const NOW: i64 = 10_000;

    fn instance(n: u128, uid: &str, created: i64, tag: Option<(&str, &str)>) -> Arc<Seen> {
        let mut tags = json!({
            "k8s_cluster": "c", "k8s_nodename": "vk", "k8s_namespace": "default", "k8s_podname": "web", "k8s_uid": uid,
        });
        if let Some((tag, value)) = tag {
            tags[tag] = json!(value);
        }
        let value = json!({
            "id": uuid::Uuid::from_u128(n), "name": "web", "state": "running", "brand": "lx", "tags": tags,
            "created": Timestamp::from_second(created).unwrap().to_string(),
        });
        Arc::new(Seen::of(&serde_json::from_value(value).unwrap()).unwrap())
    }

    fn protected(instance: Arc<Seen>) -> Arc<Seen> {
        Arc::new(Seen { deletion_protection: true, ..Arc::unwrap_or_clone(instance) })
    }

    fn pod(uid: &str, patch: Value) -> Pod {
        let mut pod = patch;
        pod["metadata"]["uid"] = json!(uid);
        serde_json::from_value(pod).unwrap()
    }

    #[track_caller]
    fn check(instances: &[Arc<Seen>], pods: &[Pod], expected: &[Standing]) {
        let now = Timestamp::from_second(NOW).unwrap();
        let rows = judge(instances, pods, Duration::from_secs(180), now);
        let found: Vec<Standing> = rows.iter().map(|row| row.standing).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn an_instance_is_an_orphan_only_without_a_pod_of_its_uid() {
        let one = [instance(1, "u1", 0, None)];
        check(&one, &[], &[Standing::Orphan]);
        check(&one, &[pod("u2", json!({ "metadata": { "name": "web" } }))], &[Standing::Orphan]);
        check(&one, &[pod("u1", json!({}))], &[Standing::Wanted]);
        let going = json!({ "metadata": { "deletionTimestamp": "2026-01-01T00:00:00Z" } });
        check(&one, &[pod("u1", going)], &[Standing::Going]);
        check(&one, &[pod("u1", json!({ "status": { "phase": "Failed" } }))], &[Standing::Over]);
    }

    #[test]
    fn a_young_or_protected_one_is_not_touched() {
        check(&[instance(1, "u1", NOW - 179, None)], &[], &[Standing::Young]);
        check(&[instance(1, "u1", NOW + 50, None)], &[], &[Standing::Young]);
        check(&[instance(1, "u1", NOW - 180, None)], &[], &[Standing::Orphan]);
        check(&[protected(instance(1, "u1", 0, None))], &[], &[Standing::Protected]);
        let asked = Some((ownership::PROTECTED, "true"));
        check(&[protected(instance(1, "u1", 0, asked))], &[], &[Standing::Orphan]);
    }

    #[test]
    fn of_twins_the_one_that_every_process_keeps_is_wanted() {
        let two = [instance(2, "u1", 5, None), instance(1, "u1", 9, None)];
        check(&two, &[pod("u1", json!({}))], &[Standing::Wanted, Standing::Twin]);
        let published = json!({ "status": { "containerStatuses": [{
            "name": "c", "image": "", "imageID": "", "ready": true, "restartCount": 0,
            "containerID": format!("triton://{}", uuid::Uuid::from_u128(1)),
        }] } });
        check(&two, &[pod("u1", published)], &[Standing::Twin, Standing::Wanted]);
    }

    #[test]
    fn many_are_removed_only_if_the_operator_says_how_many() {
        let now = Timestamp::from_second(NOW).unwrap();
        let many: Vec<_> = (0..20).map(|n| instance(n, &format!("u{n}"), 0, None)).collect();
        let rows = |pods: &[Pod]| judge(&many, pods, Duration::from_secs(180), now);
        let live: Vec<Pod> = (0..10).map(|n| pod(&format!("u{n}"), json!({}))).collect();
        assert_eq!(allow(&rows(&live), None), Err(Refusal::TooMany { orphans: 10, allowed: 5 }));
        assert_eq!(allow(&rows(&live), Some(9)), Err(Refusal::TooMany { orphans: 10, allowed: 9 }));
        assert_eq!(allow(&rows(&live), Some(10)), Ok(()));
        assert_eq!(allow(&rows(&[]), None), Err(Refusal::NoPods { held: 20, orphans: 20 }));
        assert_eq!(allow(&rows(&[]), Some(20)), Ok(()));
    }
}

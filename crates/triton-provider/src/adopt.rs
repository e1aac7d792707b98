//! Instances of the first Triton provider: whose they are, and how they become ours.
//!
//! The first provider tagged instances with node, namespace and UID, but with no cluster. Nothing is done to such an
//! instance before it carries our tags: it is not counted, not restarted and not deleted. But its pod must not get a
//! second one either, so that pod waits until somebody decides ([`crate::Settings::adopt_first_provider`], or the command
//! `vk-triton adopt`).

pub mod command;
pub(crate) mod gate;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;
use triton_cloudapi::InstanceId;
use triton_cloudapi::instances::{Instance, ListInstances};
use triton_cloudapi::tags::{TagValue, Tags};
use triton_podspec::ownership::{self, FirstOwner, Owner};
use triton_podspec::{annotations, firewall};
use virtual_node::PodKey;

use crate::decide::twins::{is_alive, winner};
use crate::pod::published_instance;
use crate::seen::Seen;

/// How far the clocks of API server and datacenter may be apart, where only ages tell whose an instance is.
const SKEW: SignedDuration = SignedDuration::from_mins(5);

/// An instance that the first provider left on a node.
#[derive(Clone, Debug, PartialEq)]
pub struct Left {
    /// The instance. Its mark has no cluster, and no UID where none is known.
    pub instance: Arc<Seen>,
    /// Whose it is, as far as its tags tell.
    pub owner: FirstOwner,
}

/// What of a pod the matching looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodFacts {
    /// Its identity.
    pub key: PodKey,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// The instance in its published status.
    pub published: Option<InstanceId>,
}

/// How an instance of the first provider stands to a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// It is the pod's: the UID says so, or no UID is known and it bears the pod's name and is not older than the pod.
    Its,
    /// It was made for an earlier pod of that name.
    Earlier,
    /// It bears the pod's name, and neither UID nor age tells which pod of that name it was made for.
    Unclear,
    /// It is another pod's.
    Other,
}

/// What the first provider has left for one pod.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Claim {
    /// The instance that is the pod's. Of several it is the one that every process would keep.
    pub its: Option<Left>,
    /// Further instances of the same pod: they stay as they are, or the pod would have two.
    pub more: Vec<Left>,
    /// Instances that may be the pod's.
    pub unclear: Vec<Left>,
    /// Instances of earlier pods of its name.
    pub earlier: Vec<Left>,
}

/// The filter whose list holds everything that the first provider left on nodes of this name, among others.
#[must_use]
pub fn filter(node: &str) -> ListInstances {
    ListInstances { tags: ownership::first_provider_filter(node), ..ListInstances::default() }
}

/// What of a list the first provider left on this node and is not failed or deleted. Docker instances, which CloudAPI
/// cannot make, are left out.
#[must_use]
pub fn left(instances: &[Instance], node: &str) -> Vec<Left> {
    let mut left: Vec<Left> =
        instances.iter().filter_map(|instance| left_of(instance, node)).collect();
    left.sort_by_key(|left| left.instance.id);
    left
}

/// One instance as one that the first provider left on this node, if it is one.
#[must_use]
pub fn left_of(instance: &Instance, node: &str) -> Option<Left> {
    let owner = ownership::first_owner_of(&instance.tags, &instance.name)?;
    let mark = Owner {
        cluster: String::new(),
        node: owner.node.clone(),
        namespace: owner.namespace.clone(),
        name: owner.name.clone(),
        uid: owner.uid.clone().unwrap_or_default(),
    };
    let seen = Seen::with_owner(instance, mark);
    let is_left = owner.node == node && is_alive(&seen) && !instance.docker;
    is_left.then(|| Left { instance: Arc::new(seen), owner })
}

/// How an instance stands to a pod.
#[must_use]
pub fn relation(left: &Left, pod: &PodFacts) -> Relation {
    let FirstOwner { namespace, name, uid, .. } = &left.owner;
    let same_name = *namespace == pod.key.namespace && *name == pod.key.name;
    match uid {
        Some(uid) if *uid == pod.key.uid && *namespace == pod.key.namespace => Relation::Its,
        // A pod does not change its namespace: somebody has edited the tags.
        Some(uid) if *uid == pod.key.uid => Relation::Unclear,
        Some(_) if same_name => Relation::Earlier,
        None if same_name => match (pod.created, left.instance.created) {
            (Some(pod), Some(instance)) if pod <= instance => Relation::Its,
            (Some(pod), Some(instance)) if pod.duration_since(instance) > SKEW => Relation::Earlier,
            _ => Relation::Unclear,
        },
        _ => Relation::Other,
    }
}

/// What the first provider has left for a pod.
#[must_use]
pub fn claim(left: &[Left], pod: &PodFacts) -> Claim {
    let mut claim = Claim::default();
    for one in left {
        match relation(one, pod) {
            Relation::Its => claim.more.push(one.clone()),
            Relation::Unclear => claim.unclear.push(one.clone()),
            Relation::Earlier => claim.earlier.push(one.clone()),
            Relation::Other => {}
        }
    }
    let its: Vec<Arc<Seen>> = claim.more.iter().map(|left| Arc::clone(&left.instance)).collect();
    if let Some(id) = winner(&its, pod.published).map(|instance| instance.id)
        && let Some(at) = claim.more.iter().position(|left| left.instance.id == id)
    {
        claim.its = Some(claim.more.remove(at));
    }
    claim
}

/// The tags that make an instance a pod's: all that its create would have set for bookkeeping.
#[must_use]
pub fn adoption_tags(owner: &Owner, pod: &Pod) -> Tags {
    let mut tags = ownership::tags(owner);
    let rules = firewall::rules(pod);
    tags.extend(rules.into_iter().map(|rule| (rule.tag.0, TagValue::from(rule.tag.1))));
    if annotations::wants_deletion_protection(pod) {
        tags.extend([ownership::protected_tag()]);
    }
    tags
}

// === impl PodFacts ===

impl PodFacts {
    /// What the matching looks at, of a pod object.
    #[must_use]
    pub fn of(key: &PodKey, pod: &Pod) -> Self {
        Self {
            key: key.clone(),
            created: pod.metadata.creation_timestamp.as_ref().map(|time| time.0),
            published: published_instance(pod),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const UID: &str = "6e2b6c2c-41c2-4a38-9c4f-0b1de5c1f3aa";

    fn instance(n: u128, created: i64, tags: Value) -> Instance {
        let created = Timestamp::from_second(created).unwrap().to_string();
        serde_json::from_value(json!({
            "id": uuid::Uuid::from_u128(n), "name": "web", "state": "running", "brand": "lx", "created": created,
            "tags": tags,
        }))
        .unwrap()
    }

    fn tagged(uid: Option<&str>) -> Value {
        let mut tags =
            json!({ "k8s_nodename": "vk", "k8s_namespace": "default", "k8s_podname": "web" });
        if let Some(uid) = uid {
            tags["k8s_uid"] = json!(uid);
        }
        tags
    }

    fn pod(name: &str, created: i64) -> PodFacts {
        let key = PodKey { namespace: "default".into(), name: name.into(), uid: UID.into() };
        PodFacts { key, created: Some(Timestamp::from_second(created).unwrap()), published: None }
    }

    /// An instance made in second 1000 and a pod made then.
    #[track_caller]
    fn check(uid: Option<&str>, pod: &PodFacts, expected: Relation) {
        let found = left(&[instance(1, 1000, tagged(uid))], "vk").remove(0);
        assert_eq!(relation(&found, pod), expected, "{uid:?} {pod:?}");
    }

    #[test]
    fn the_uid_decides_where_it_is_known() {
        check(Some(UID), &pod("web", 900), Relation::Its);
        check(Some(UID), &pod("renamed", 5000), Relation::Its);
        check(Some("other"), &pod("web", 900), Relation::Earlier);
        check(Some("other"), &pod("web-1", 900), Relation::Other);
        let mut elsewhere = pod("web", 900);
        elsewhere.key.namespace = "shop".into();
        check(Some(UID), &elsewhere, Relation::Unclear);
        check(Some("other"), &elsewhere, Relation::Other);
    }

    #[test]
    fn without_a_uid_an_instance_is_never_older_than_its_pod() {
        check(None, &pod("web", 900), Relation::Its);
        check(None, &pod("web", 1000), Relation::Its);
        check(None, &pod("web", 1001), Relation::Unclear);
        check(None, &pod("web", 1300), Relation::Unclear);
        check(None, &pod("web", 1301), Relation::Earlier);
        check(None, &PodFacts { created: None, ..pod("web", 0) }, Relation::Unclear);
    }

    #[test]
    fn a_name_that_begins_alike_is_another_pods() {
        check(None, &pod("web-1", 900), Relation::Other);
        check(None, &pod("we", 900), Relation::Other);
    }

    #[test]
    fn what_has_a_cluster_or_another_node_was_not_left_by_the_first_provider() {
        let mut ours = tagged(Some(UID));
        ours["k8s_cluster"] = json!("3a4f");
        let mut dead = instance(2, 1000, tagged(None));
        dead.state = triton_cloudapi::instances::InstanceState::Failed;
        assert_eq!(left(&[instance(1, 1000, ours), dead], "vk"), []);
        assert_eq!(left(&[instance(1, 1000, tagged(None))], "vk-2"), []);
    }

    #[test]
    fn of_several_one_is_the_pods_and_it_is_the_same_for_everybody() {
        let all = left(
            &[
                instance(3, 1000, tagged(Some(UID))),
                instance(1, 2000, tagged(Some(UID))),
                instance(2, 1000, tagged(Some(UID))),
                instance(4, 10, tagged(Some("older"))),
            ],
            "vk",
        );
        let mut pod = pod("web", 900);
        let numbers = |left: &[Left]| -> Vec<u128> {
            left.iter().map(|left| left.instance.id.0.as_u128()).collect()
        };
        let found = claim(&all, &pod);
        assert_eq!(numbers(found.its.as_slice()), [2], "the oldest, and of these the lowest id");
        assert_eq!((numbers(&found.more), numbers(&found.earlier)), (vec![1, 3], vec![4]));
        pod.published = Some(InstanceId(uuid::Uuid::from_u128(1)));
        assert_eq!(numbers(claim(&all, &pod).its.as_slice()), [1], "the published one");
    }

    #[test]
    fn an_adopted_instance_gets_every_tag_that_a_new_one_has() {
        let pod: Pod = serde_json::from_value(json!({
            "metadata": { "name": "web", "namespace": "default", "uid": UID,
                "annotations": { "delprotect": "true", "fwenabled": "true", "fwgroup": "web" } },
            "spec": { "containers": [{ "name": "main", "ports": [{ "containerPort": 22 }] }] },
        }))
        .unwrap();
        let owner = Owner::of(&pod, "3a4f", "vk");
        let tags = adoption_tags(&owner, &pod);
        assert_eq!(ownership::owner_of(&tags), Some(owner));
        assert!(ownership::asked_for_protection(&tags));
        assert_eq!(tags["k8s_fwports"].as_str(), Some("tcp-22"));
        assert_eq!(tags["k8s_fwgroup"].as_str(), Some("web"));
    }
}

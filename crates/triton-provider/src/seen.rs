//! An instance as a list showed it, small enough to be kept for ten thousand of them.

use std::collections::HashSet;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;
use triton_cloudapi::instances::{Instance, InstanceState};
use triton_cloudapi::tags::Tags;
use triton_cloudapi::{ImageId, InstanceId};
use triton_podspec::firewall::RULE_TAGS;
use triton_podspec::ownership::{self, Owner};
use triton_podspec::{Likeness, Observed};
use uuid::Uuid;
use virtual_node::PodKey;

/// What is kept of an instance: what decisions, statuses and firewall rules need, and nothing else. Metadata, which
/// may hold secrets, is not kept at all.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Seen {
    /// Identity.
    pub id: InstanceId,
    /// Name.
    pub name: Box<str>,
    /// Where it is in its life.
    pub state: InstanceState,
    /// When it was created.
    pub created: Option<Timestamp>,
    /// Image, if it has one.
    pub image: Option<Arc<ImageId>>,
    /// The compute node that it is on, if that is told.
    pub compute_node: Option<Arc<Uuid>>,
    /// Address of the primary NIC.
    pub primary_ip: Option<IpAddr>,
    /// All addresses; what is no address (`dhcp`) is left out.
    pub ips: Box<[IpAddr]>,
    /// Whether DELETE is refused.
    pub deletion_protection: bool,
    /// Whether its pod asked for deletion protection, by its tags: then that is ours to lift.
    pub asked_for_protection: bool,
    /// Whose it is, by its tags.
    pub mark: Mark,
    /// The tags that firewall rules of ours may be about, as name and value.
    pub rule_tags: RuleTags,
    /// What tells the tags and metadata that came from its pod, and its firewall, from others.
    pub likeness: Likeness,
}

/// The tags that firewall rules of ours may be about, as name and value.
pub type RuleTags = Arc<[(Arc<str>, Arc<str>)]>;

/// Whose an instance is: [`Owner`] with its texts shared.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Mark {
    /// Which node of which cluster.
    pub node: Arc<NodeMark>,
    /// Namespace of the pod.
    pub namespace: Arc<str>,
    /// Name of the pod.
    pub pod: Box<str>,
    /// UID of the pod.
    pub uid: Box<str>,
}

/// One node of one cluster.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NodeMark {
    /// UID of the cluster's `kube-system` namespace.
    pub cluster: Box<str>,
    /// Name of the node.
    pub node: Box<str>,
}

/// Texts that many instances have in common, each kept once.
#[derive(Debug, Default)]
pub struct Shared {
    texts: HashSet<Arc<str>>,
    nodes: HashSet<Arc<NodeMark>>,
    rule_tags: HashSet<RuleTags>,
    images: HashSet<Arc<ImageId>>,
    compute_nodes: HashSet<Arc<Uuid>>,
}

// === impl Seen ===

impl Seen {
    /// What is kept of an instance that carries all ownership tags; `None` without them: then it is nobody's.
    #[must_use]
    pub fn of(instance: &Instance) -> Option<Self> {
        Shared::default().seen(instance)
    }

    /// What is kept of an instance whose owner is known otherwise than by its tags.
    #[must_use]
    pub fn with_owner(instance: &Instance, owner: Owner) -> Self {
        Shared::default().seen_with_owner(instance, owner)
    }

    /// Whether it is this pod's, by the tags it was seen with.
    #[must_use]
    pub fn belongs_to(&self, owner: &Owner) -> bool {
        let Mark { node, uid, .. } = &self.mark;
        // An owner without a UID owns nothing.
        let same =
            *node.cluster == *owner.cluster && *node.node == *owner.node && **uid == *owner.uid;
        same && !uid.is_empty()
    }

    /// Its pod.
    #[must_use]
    pub fn pod_key(&self) -> PodKey {
        let Mark { namespace, pod, uid, .. } = &self.mark;
        PodKey {
            namespace: namespace.as_ref().to_owned(),
            name: pod.as_ref().to_owned(),
            uid: uid.as_ref().to_owned(),
        }
    }
}

impl From<&Seen> for Observed {
    fn from(seen: &Seen) -> Self {
        Self {
            id: seen.id.to_string(),
            name: seen.name.as_ref().to_owned(),
            state: seen.state.clone(),
            image: seen.image.as_ref().map(ToString::to_string),
            primary_ip: seen.primary_ip.map(|ip| ip.to_string()),
            ips: seen.ips.iter().map(ToString::to_string).collect(),
        }
    }
}

// === impl Shared ===

impl Shared {
    /// As [`Seen::of`].
    pub fn seen(&mut self, instance: &Instance) -> Option<Seen> {
        ownership::owner_of(&instance.tags).map(|owner| self.seen_with_owner(instance, owner))
    }

    /// As [`Seen::with_owner`].
    pub fn seen_with_owner(&mut self, instance: &Instance, owner: Owner) -> Seen {
        let mark = self.mark(owner);
        self.seen_with_mark(instance, mark)
    }

    fn seen_with_mark(&mut self, instance: &Instance, mark: Mark) -> Seen {
        Seen {
            id: instance.id,
            name: instance.name.as_str().into(),
            state: instance.state.clone(),
            created: instance.created,
            image: instance.image.map(|image| once(&mut self.images, image)),
            compute_node: instance.compute_node.map(|node| once(&mut self.compute_nodes, node)),
            primary_ip: instance.primary_ip.as_deref().and_then(|ip| ip.parse().ok()),
            ips: instance.ips.iter().filter_map(|ip| ip.parse().ok()).collect(),
            deletion_protection: instance.deletion_protection,
            asked_for_protection: ownership::asked_for_protection(&instance.tags),
            mark,
            rule_tags: self.rule_tags(&instance.tags),
            likeness: Likeness::of_instance(
                &instance.tags,
                &instance.metadata,
                instance.firewall_enabled,
            ),
        }
    }

    fn mark(&mut self, owner: Owner) -> Mark {
        let node = NodeMark { cluster: owner.cluster.into(), node: owner.node.into() };
        let node = match self.nodes.get(&node) {
            Some(found) => Arc::clone(found),
            None => {
                let node = Arc::new(node);
                self.nodes.insert(Arc::clone(&node));
                node
            }
        };
        Mark {
            node,
            namespace: self.text(&owner.namespace),
            pod: owner.name.into(),
            uid: owner.uid.into(),
        }
    }

    fn rule_tags(&mut self, tags: &Tags) -> RuleTags {
        let of_rules = RULE_TAGS.iter().filter_map(|name| {
            let value = tags.get(*name)?;
            Some((self.text(name), self.text(&value.to_string())))
        });
        let found: RuleTags = of_rules.collect();
        match self.rule_tags.get(&found) {
            Some(known) => Arc::clone(known),
            None => {
                self.rule_tags.insert(Arc::clone(&found));
                found
            }
        }
    }

    fn text(&mut self, text: &str) -> Arc<str> {
        if let Some(found) = self.texts.get(text) {
            return Arc::clone(found);
        }
        let new: Arc<str> = text.into();
        self.texts.insert(Arc::clone(&new));
        new
    }
}

/// The one that is kept for all of the same value.
fn once<T: Eq + Hash>(kept: &mut HashSet<Arc<T>>, value: T) -> Arc<T> {
    if let Some(found) = kept.get(&value) {
        return Arc::clone(found);
    }
    let new = Arc::new(value);
    kept.insert(Arc::clone(&new));
    new
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn instance(n: u32) -> Instance {
        let value = json!({
            "id": format!("00000000-0000-4000-8000-{n:012}"),
            "name": format!("web-7c9f8d6b5d-x2x{n:04}-0123456789ab"),
            "state": "running", "brand": "lx", "image": "00000000-0000-4000-8000-00000000001f",
            "ips": ["10.0.0.7", "dhcp"], "primaryIp": "10.0.0.7",
            "created": "2026-01-01T00:00:00Z", "metadata": {"user-data": "canary"},
            "tags": {
                "k8s_cluster": "3a4f1c6e-0d4b-4f57-9a39-5b2f1f5f8e11", "k8s_nodename": "vk-triton",
                "k8s_namespace": "default", "k8s_podname": format!("web-7c9f8d6b5d-x2x{n:04}"),
                "k8s_uid": format!("11111111-0000-4000-8000-{n:012}"), "k8s_fwgroup": "web", "role": "web",
            },
        });
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn what_decisions_need_is_kept_and_nothing_else() {
        let seen = Seen::of(&instance(1)).unwrap();
        assert_eq!(&*seen.name, "web-7c9f8d6b5d-x2x0001-0123456789ab");
        assert_eq!(seen.ips.len(), 1, "`dhcp` is no address");
        assert_eq!(seen.primary_ip, Some("10.0.0.7".parse().unwrap()));
        assert_eq!(seen.rule_tags[..], [("k8s_fwgroup".into(), "web".into())]);
        assert_eq!(seen.pod_key().name, "web-7c9f8d6b5d-x2x0001");
        assert!(!format!("{seen:?}").contains("canary"));
    }

    #[test]
    fn an_instance_without_one_of_the_tags_is_nobodys() {
        for tag in ["k8s_cluster", "k8s_nodename", "k8s_namespace", "k8s_podname", "k8s_uid"] {
            let mut instance = instance(1);
            instance.tags.remove(tag);
            assert_eq!(Seen::of(&instance), None, "without {tag}");
        }
    }

    /// What an instance of a usual pod takes, by the sizes that allocators round up to.
    #[test]
    fn an_instance_takes_no_more_than_four_hundred_bytes() {
        let mut shared = Shared::default();
        let (one, other) = (shared.seen(&instance(1)).unwrap(), shared.seen(&instance(2)).unwrap());
        assert!(Arc::ptr_eq(&one.mark.node, &other.mark.node));
        assert!(Arc::ptr_eq(&one.mark.namespace, &other.mark.namespace));
        assert!(Arc::ptr_eq(&one.rule_tags, &other.rule_tags));
        let block = |bytes: usize| bytes.next_multiple_of(16);
        let counts = 2 * size_of::<usize>();
        let own = block(size_of::<Seen>() + counts)
            + [&one.name, &one.mark.pod, &one.mark.uid]
                .map(|text| block(text.len()))
                .iter()
                .sum::<usize>()
            + block(size_of_val(&*one.ips));
        let entry = size_of::<Arc<Seen>>();
        assert!(
            own + entry <= 400,
            "{own} + {entry} bytes, {} of them the record",
            size_of::<Seen>()
        );
    }
}

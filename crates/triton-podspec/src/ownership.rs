//! Ownership tags: which pod of which node of which cluster an instance belongs to.
//!
//! They are set with the create request, so an instance is never without them, and they are all the provider needs to
//! find its instances again after a restart. They hold no spec and no secret.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Pod;
use serde_json::Value;
use triton_cloudapi::tags::{TagValue, Tags};

/// UID of the cluster's `kube-system` namespace: what tells two clusters of one account apart.
pub const CLUSTER: &str = "k8s_cluster";
/// Name of the node.
pub const NODE: &str = "k8s_nodename";
/// Namespace of the pod.
pub const NAMESPACE: &str = "k8s_namespace";
/// Name of the pod.
pub const POD: &str = "k8s_podname";
/// UID of the pod.
pub const UID: &str = "k8s_uid";

/// Set to `true` with the create when the pod asks for deletion protection: whoever finds the instance without its pod
/// knows then that the protection is ours to lift.
pub const PROTECTED: &str = "k8s_delprotect";

/// The first provider's copy of the pod; read for the pod's name and UID, never written.
const FIRST_PROVIDER_POD: &str = "k8s_pod";

/// Every tag whose name begins so belongs to the provider.
pub const PREFIX: &str = "k8s_";

/// Whose an instance is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Owner {
    /// UID of the cluster's `kube-system` namespace.
    pub cluster: String,
    /// Name of the node.
    pub node: String,
    /// Namespace of the pod.
    pub namespace: String,
    /// Name of the pod.
    pub name: String,
    /// UID of the pod.
    pub uid: String,
}

// === impl Owner ===

impl Owner {
    /// The owner that a pod's instance has, with empty text for what the pod does not say (a manifest has no UID).
    #[must_use]
    pub fn of(pod: &Pod, cluster: &str, node: &str) -> Self {
        Self {
            cluster: cluster.to_owned(),
            node: node.to_owned(),
            namespace: pod.metadata.namespace.clone().unwrap_or_default(),
            name: pod.metadata.name.clone().unwrap_or_default(),
            uid: pod.metadata.uid.clone().unwrap_or_default(),
        }
    }
}

/// The tags that say whose an instance is.
#[must_use]
pub fn tags(owner: &Owner) -> Tags {
    let Owner { cluster, node, namespace, name, uid } = owner;
    [(CLUSTER, cluster), (NODE, node), (NAMESPACE, namespace), (POD, name), (UID, uid)]
        .into_iter()
        .map(|(tag, value)| (tag.to_owned(), TagValue::from(value.as_str())))
        .collect()
}

/// The tag filter that lists all instances of one node of one cluster.
#[must_use]
pub fn filter(cluster: &str, node: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(CLUSTER.to_owned(), cluster.to_owned()), (NODE.to_owned(), node.to_owned())])
}

/// Whose an instance with these tags is; `None` unless every ownership tag is there, is text and is not empty.
///
/// An instance that lost one of its tags is nobody's: it is never deleted.
#[must_use]
pub fn owner_of(tags: &Tags) -> Option<Owner> {
    let text =
        |tag: &str| tags.get(tag)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    Some(Owner {
        cluster: text(CLUSTER)?,
        node: text(NODE)?,
        namespace: text(NAMESPACE)?,
        name: text(POD)?,
        uid: text(UID)?,
    })
}

/// The tag that says that the pod asked for deletion protection.
#[must_use]
pub fn protected_tag() -> (String, TagValue) {
    (PROTECTED.to_owned(), TagValue::from("true"))
}

/// Whether these tags say that the instance's pod asked for deletion protection.
#[must_use]
pub fn asked_for_protection(tags: &Tags) -> bool {
    match tags.get(PROTECTED) {
        Some(TagValue::Bool(asked)) => *asked,
        Some(tag) => tag.as_str() == Some("true"),
        None => false,
    }
}

/// Whose an instance of the first Triton provider is, as far as its tags tell.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FirstOwner {
    /// Name of the node.
    pub node: String,
    /// Namespace of the pod.
    pub namespace: String,
    /// Name of the pod.
    pub name: String,
    /// UID of the pod, if a tag tells it.
    pub uid: Option<String>,
}

/// The tag filter that lists all instances of nodes of this name: of the first provider, which knew no clusters, of this
/// cluster, and of others of the account.
#[must_use]
pub fn first_provider_filter(node: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(NODE.to_owned(), node.to_owned())])
}

/// Whose an instance of the first Triton provider is.
///
/// It has no cluster tag. The pod's name is in a tag, or in the copy of the pod that the tag `k8s_pod` holds, or else is
/// the instance's name, because the first provider called instances after their pods. `None` for instances that have a
/// cluster tag, which belong to that cluster, and for those that name no node or no namespace.
#[must_use]
pub fn first_owner_of(tags: &Tags, instance_name: &str) -> Option<FirstOwner> {
    if tags.contains_key(CLUSTER) {
        return None;
    }
    let text =
        |tag: &str| tags.get(tag)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let copy: Option<Value> =
        text(FIRST_PROVIDER_POD).and_then(|text| serde_json::from_str(&text).ok());
    let in_copy = |field: &str| {
        let value = copy.as_ref()?.get("metadata")?.get(field)?.as_str()?;
        Some(value.to_owned()).filter(|value| !value.is_empty())
    };
    Some(FirstOwner {
        node: text(NODE)?,
        namespace: text(NAMESPACE)?,
        name: text(POD).or_else(|| in_copy("name")).unwrap_or_else(|| instance_name.to_owned()),
        uid: text(UID).or_else(|| in_copy("uid")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner() -> Owner {
        Owner {
            cluster: "b0c5".to_owned(),
            node: "vk-triton".to_owned(),
            namespace: "default".to_owned(),
            name: "web-0".to_owned(),
            uid: "6e2b".to_owned(),
        }
    }

    #[test]
    fn tags_and_owner_are_each_others_inverse() {
        assert_eq!(owner_of(&tags(&owner())), Some(owner()));
    }

    #[test]
    fn the_filter_asks_for_one_node_of_one_cluster() {
        let owned = tags(&owner());
        let asked = [CLUSTER, NODE].map(|tag| (tag.to_owned(), owned[tag].to_string()));
        assert_eq!(filter("b0c5", "vk-triton"), BTreeMap::from(asked));
    }

    #[test]
    fn an_instance_that_lacks_a_tag_is_nobodys() {
        for tag in [CLUSTER, NODE, NAMESPACE, POD, UID] {
            let mut lacking = tags(&owner());
            lacking.remove(tag);
            assert_eq!(owner_of(&lacking), None, "{tag}");
            for odd in [TagValue::Bool(true), TagValue::from("")] {
                lacking.insert(tag.to_owned(), odd);
                assert_eq!(owner_of(&lacking), None, "{tag}");
            }
        }
    }

    /// Tags as the first provider wrote them, and a copy of the pod.
    fn first(copy: &str) -> Tags {
        let mut first = tags(&owner());
        first.remove(CLUSTER);
        first.remove(POD);
        first.insert(FIRST_PROVIDER_POD.to_owned(), TagValue::from(copy));
        first
    }

    #[test]
    fn instances_of_the_first_provider_tell_their_pod() {
        let tags = first(r#"{"metadata":{"name":"web-0","labels":{}},"spec":{}}"#);
        let expected = FirstOwner {
            node: "vk-triton".to_owned(),
            namespace: "default".to_owned(),
            name: "web-0".to_owned(),
            uid: Some("6e2b".to_owned()),
        };
        assert_eq!(first_owner_of(&tags, "alias"), Some(expected));
        assert_eq!(owner_of(&tags), None, "it is not ours before it is adopted");
        assert_eq!(first_owner_of(&super::tags(&owner()), "alias"), None, "it has a cluster");
    }

    #[test]
    fn what_the_tags_do_not_tell_of_the_first_provider_is_not_made_up() {
        #[track_caller]
        fn check(copy: &str, name: &str, uid: Option<&str>) {
            let mut tags = first(copy);
            tags.remove(UID);
            let owner = first_owner_of(&tags, "alias").unwrap();
            assert_eq!((owner.name.as_str(), owner.uid.as_deref()), (name, uid), "{copy}");
        }
        check(r#"{"metadata":{"name":"web-0","uid":"77"}}"#, "web-0", Some("77"));
        for odd in ["", "{", "{}", r#"{"metadata":{"name":"","uid":7}}"#] {
            check(odd, "alias", None);
        }
        for tag in [NODE, NAMESPACE] {
            let mut lacking = first("{}");
            lacking.remove(tag);
            assert_eq!(first_owner_of(&lacking, "alias"), None, "{tag}");
        }
    }

    #[test]
    fn only_a_tag_that_says_so_tells_of_protection() {
        let mut tags = Tags::new();
        assert!(!asked_for_protection(&tags));
        for (value, asked) in [
            (TagValue::from("true"), true),
            (TagValue::Bool(true), true),
            (TagValue::Bool(false), false),
            (TagValue::from("false"), false),
            (TagValue::from(""), false),
        ] {
            tags.insert(PROTECTED.to_owned(), value);
            assert_eq!(asked_for_protection(&tags), asked);
        }
        tags.extend([protected_tag()]);
        assert!(asked_for_protection(&tags));
    }
}

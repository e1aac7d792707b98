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

/// The first provider's copy of the pod; read for the pod's name, never written.
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

/// Whose an instance of the first Triton provider is: it has no cluster tag, so the caller says which cluster it is
/// taken for, and the pod's name is in the pod that a tag `k8s_pod` holds.
///
/// `None` for instances that have a cluster tag: those belong to the cluster that the tag names.
#[must_use]
pub fn owner_of_first_provider(tags: &Tags, cluster: &str) -> Option<Owner> {
    if tags.contains_key(CLUSTER) {
        return None;
    }
    let pod: Value = serde_json::from_str(tags.get(FIRST_PROVIDER_POD)?.as_str()?).ok()?;
    let name = pod.get("metadata")?.get("name")?.as_str()?;
    let mut completed = tags.clone();
    completed.insert(CLUSTER.to_owned(), TagValue::from(cluster));
    completed.insert(POD.to_owned(), TagValue::from(name));
    owner_of(&completed)
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

    #[test]
    fn instances_of_the_first_provider_tell_their_pod() {
        let mut first = tags(&owner());
        first.remove(CLUSTER);
        first.remove(POD);
        let pod = r#"{"metadata":{"name":"web-0","labels":{}},"spec":{}}"#;
        assert_eq!(owner_of_first_provider(&first, "b0c5"), None);
        first.insert(FIRST_PROVIDER_POD.to_owned(), TagValue::from(pod));
        assert_eq!(owner_of_first_provider(&first, "b0c5"), Some(owner()));
        assert_eq!(owner_of(&first), None);
        for odd in ["", "{", "{}", r#"{"metadata":{"name":""}}"#] {
            let mut odd_pod = first.clone();
            odd_pod.insert(FIRST_PROVIDER_POD.to_owned(), TagValue::from(odd));
            assert_eq!(owner_of_first_provider(&odd_pod, "b0c5"), None, "{odd}");
        }
        assert_eq!(owner_of_first_provider(&tags(&owner()), "other"), None);
    }
}

//! A pod as the watch brings it: compact JSON and the few fields by which pods are told apart.

use std::borrow::Cow;
use std::fmt;

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube_client::Resource;
use serde::{Deserialize, Deserializer};

use super::prune::{Pruned, prune};
use crate::provider::PodKey;

/// A pod whose JSON was pruned, and not yet made into a [`Pod`].
///
/// A typed pod takes ten times the room of its JSON (it is mostly fields that are not set), so it is made only for the
/// length of a pass.
#[derive(Clone)]
pub struct RawPod {
    /// Name, namespace, UID and resource version; the rest is in `json`.
    meta: ObjectMeta,
    phase: &'static str,
    /// The controller's UID, if it has one: pods of one controller look alike.
    controller: Option<String>,
    json: Vec<u8>,
}

/// What is read of the JSON at once.
#[derive(Deserialize)]
struct Index<'a> {
    #[serde(borrow, default)]
    metadata: Option<Metadata<'a>>,
    #[serde(borrow, default)]
    status: Option<Status<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata<'a> {
    #[serde(borrow, default)]
    namespace: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    uid: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    owner_references: Option<Vec<Owner<'a>>>,
}

#[derive(Deserialize)]
struct Owner<'a> {
    #[serde(default)]
    controller: Option<bool>,
    #[serde(borrow, default)]
    uid: Option<Cow<'a, str>>,
}

#[derive(Default, Deserialize)]
struct Status<'a> {
    #[serde(borrow, default)]
    phase: Option<Cow<'a, str>>,
}

// === impl RawPod ===

impl RawPod {
    /// The key, `None` if the pod lacks a name, namespace or UID.
    #[must_use]
    pub fn key(&self) -> Option<PodKey> {
        Some(PodKey {
            namespace: self.meta.namespace.clone()?,
            name: self.meta.name.clone()?,
            uid: self.meta.uid.clone()?,
        })
    }

    /// `metadata.uid`.
    #[must_use]
    pub fn uid(&self) -> Option<&str> {
        self.meta.uid.as_deref()
    }

    /// `metadata.resourceVersion`, empty if there is none.
    #[must_use]
    pub fn version(&self) -> &str {
        self.meta.resource_version.as_deref().unwrap_or_default()
    }

    /// `status.phase`; Pending where there is none, Unknown where it is none that Kubernetes knows.
    #[must_use]
    pub fn phase(&self) -> &'static str {
        self.phase
    }

    /// The pod's JSON without its resource version.
    #[must_use]
    pub fn json(&self) -> &[u8] {
        &self.json
    }

    /// UID of the controller that made the pod.
    #[must_use]
    pub fn controller(&self) -> Option<&str> {
        self.controller.as_deref()
    }

    /// The same pod of a typed one.
    ///
    /// # Errors
    /// None that a pod can cause: its types always serialise.
    pub fn of(pod: &Pod) -> Result<Self, serde_json::Error> {
        serde_json::from_value(serde_json::to_value(pod)?)
    }

    fn new(pruned: Pruned) -> Result<Self, serde_json::Error> {
        let Pruned { mut json, version } = pruned;
        json.shrink_to_fit();
        let Index { metadata, status } = serde_json::from_slice(&json)?;
        let Metadata { namespace, name, uid, owner_references } = metadata.unwrap_or_default();
        let controller = owner_references
            .into_iter()
            .flatten()
            .find(|owner| owner.controller == Some(true))
            .and_then(|owner| owner.uid)
            .map(Cow::into_owned);
        let phase = status.unwrap_or_default().phase.map_or("Pending", |phase| known(&phase));
        let meta = ObjectMeta {
            namespace: namespace.map(Cow::into_owned),
            name: name.map(Cow::into_owned),
            uid: uid.map(Cow::into_owned),
            resource_version: version,
            ..ObjectMeta::default()
        };
        Ok(Self { meta, phase, controller, json })
    }
}

impl<'de> Deserialize<'de> for RawPod {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(prune(deserializer)?).map_err(serde::de::Error::custom)
    }
}

impl Resource for RawPod {
    type DynamicType = ();
    type Scope = NamespaceResourceScope;

    fn kind(dt: &()) -> Cow<'_, str> {
        Pod::kind(dt)
    }

    fn group(dt: &()) -> Cow<'_, str> {
        Pod::group(dt)
    }

    fn version(dt: &()) -> Cow<'_, str> {
        Pod::version(dt)
    }

    fn plural(dt: &()) -> Cow<'_, str> {
        Pod::plural(dt)
    }

    fn meta(&self) -> &ObjectMeta {
        &self.meta
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.meta
    }
}

impl fmt::Debug for RawPod {
    /// By name only: its environment may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawPod")
            .field("namespace", &self.meta.namespace)
            .field("name", &self.meta.name)
            .field("uid", &self.meta.uid)
            .field("version", &self.meta.resource_version)
            .field("phase", &self.phase)
            .finish_non_exhaustive()
    }
}

/// The phases that Kubernetes has.
fn known(phase: &str) -> &'static str {
    match phase {
        "" | "Pending" => "Pending",
        "Running" => "Running",
        "Succeeded" => "Succeeded",
        "Failed" => "Failed",
        _ => "Unknown",
    }
}

/// Whether a pod of this phase is over.
#[must_use]
pub fn is_over(phase: &str) -> bool {
    matches!(phase, "Succeeded" | "Failed")
}

#[cfg(test)]
mod tests {
    use kube_client::core::WatchEvent;
    use serde_json::json;

    use super::*;

    fn pod() -> serde_json::Value {
        json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {
                "namespace": "default", "name": "web-0", "uid": "u", "resourceVersion": "5",
                "managedFields": [{"manager": "kubectl"}],
                "ownerReferences": [{"uid": "other"}, {"uid": "rs", "controller": true}],
            },
            "spec": {"containers": [{"name": "a", "image": "b"}]},
            "status": {"phase": "Running"},
        })
    }

    #[track_caller]
    fn check(raw: &RawPod) {
        assert_eq!(raw.key().unwrap().to_string(), "default/web-0 (u)");
        assert_eq!((raw.version(), raw.phase(), raw.controller()), ("5", "Running", Some("rs")));
    }

    #[test]
    fn a_watch_event_brings_one() {
        let line = json!({"type": "ADDED", "object": pod()}).to_string();
        let WatchEvent::Added(raw) = serde_json::from_str::<WatchEvent<RawPod>>(&line).unwrap()
        else {
            panic!("not an addition");
        };
        check(&raw);
        // Written by others, the content may come before the type.
        let line = format!(r#"{{"object":{},"type":"MODIFIED"}}"#, pod());
        let WatchEvent::Modified(raw) = serde_json::from_str(&line).unwrap() else {
            panic!("not a modification");
        };
        check(&raw);
    }

    #[test]
    fn nothing_of_the_spec_is_printed() {
        let raw: RawPod = serde_json::from_value(pod()).unwrap();
        assert!(!format!("{raw:?}").contains("containers"));
    }

    #[test]
    fn a_pod_without_a_status_is_pending() {
        let raw = RawPod::of(&Pod::default()).unwrap();
        assert_eq!((raw.phase(), raw.key()), ("Pending", None));
    }
}

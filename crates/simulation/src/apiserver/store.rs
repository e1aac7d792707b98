//! The objects, their one order of changes, and what Kubernetes does to them on the way in.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{Timestamp, ToSpan as _};
use serde_json::{Value, json};

use super::merge;
use super::refusal::Refusal;
use super::route::Resource;
use crate::ticket::Tickets;

/// What became of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// It is new.
    Added,
    /// It is another than it was.
    Modified,
    /// It is gone.
    Deleted,
}

/// One change of one object.
#[derive(Clone, Debug)]
pub struct Change {
    /// Its place among everything that both APIs see.
    pub ticket: u64,
    /// The version of the whole store after it.
    pub version: u64,
    /// When, by the API server's clock.
    pub at: Timestamp,
    /// What happened.
    pub kind: ChangeKind,
    /// To what kind of object.
    pub resource: Resource,
    /// The object after it, or as it last was.
    pub object: Arc<Value>,
}

/// Which patch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PatchKind {
    Merge,
    Strategic,
}

/// How an object is to be deleted.
#[derive(Clone, Debug, Default)]
pub(crate) struct DeleteOrder {
    pub(crate) grace: Option<i64>,
    pub(crate) uid: Option<String>,
    pub(crate) version: Option<String>,
}

type Key = (Resource, String, String);

/// All objects of the cluster.
#[derive(Debug, Default)]
pub(crate) struct Store {
    objects: BTreeMap<Key, Arc<Value>>,
    version: u64,
    made: u64,
    log: Vec<Change>,
    /// Watches from before this version are told that it is too old.
    compacted: u64,
    tickets: Tickets,
}

/// Grace that a pod gets when nobody says, in seconds.
const DEFAULT_GRACE: i64 = 30;

// === impl Store ===

impl Store {
    pub(crate) fn new(tickets: Tickets) -> Self {
        Self { tickets, ..Self::default() }
    }

    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    pub(crate) fn compacted(&self) -> u64 {
        self.compacted
    }

    /// Forgets what happened so far, as etcd's compaction does.
    pub(crate) fn compact(&mut self) {
        self.compacted = self.version;
    }

    /// All changes after a version, oldest first.
    pub(crate) fn since(&self, version: u64) -> &[Change] {
        let first = self.log.partition_point(|change| change.version <= version);
        &self.log[first..]
    }

    pub(crate) fn get(
        &self,
        resource: Resource,
        namespace: &str,
        name: &str,
    ) -> Option<&Arc<Value>> {
        self.objects.get(&(resource, namespace.to_owned(), name.to_owned()))
    }

    /// All of a kind in the order of their names, as they were at `version`.
    pub(crate) fn list_at(&self, resource: Resource, version: u64) -> Vec<Arc<Value>> {
        if version >= self.version {
            return self
                .objects
                .iter()
                .filter(|((kind, ..), _)| *kind == resource)
                .map(|(_, object)| Arc::clone(object))
                .collect();
        }
        let mut then: BTreeMap<(String, String), Arc<Value>> = BTreeMap::new();
        let past = self.log.iter().take_while(|change| change.version <= version);
        for change in past.filter(|change| change.resource == resource) {
            let key = (
                text(&change.object, "/metadata/namespace"),
                text(&change.object, "/metadata/name"),
            );
            match change.kind {
                ChangeKind::Deleted => drop(then.remove(&key)),
                _ => drop(then.insert(key, Arc::clone(&change.object))),
            }
        }
        then.into_values().collect()
    }

    pub(crate) fn create(
        &mut self,
        resource: Resource,
        namespace: &str,
        mut object: Value,
        now: Timestamp,
    ) -> Result<Arc<Value>, Refusal> {
        let name = text(&object, "/metadata/name");
        if name.is_empty() {
            return Err(Refusal::invalid(resource, "", "metadata.name: Required value"));
        }
        if self.get(resource, namespace, &name).is_some() {
            return Err(Refusal::already_exists(resource, &name));
        }
        self.made += 1;
        let uid = uid(self.made);
        object["apiVersion"] = json!(resource.api_version());
        object["kind"] = json!(resource.kind());
        if !namespace.is_empty() {
            object["metadata"]["namespace"] = json!(namespace);
        }
        object["metadata"]["uid"] = json!(uid);
        object["metadata"]["creationTimestamp"] = json!(seconds(now));
        if resource == Resource::Pods {
            object["metadata"]["generation"] = json!(1);
            object["status"] = json!({ "phase": "Pending", "qosClass": "BestEffort" });
        }
        Ok(self.put(ChangeKind::Added, resource, object, now))
    }

    pub(crate) fn replace(
        &mut self,
        resource: Resource,
        namespace: &str,
        name: &str,
        mut object: Value,
        now: Timestamp,
    ) -> Result<Arc<Value>, Refusal> {
        let Some(held) = self.get(resource, namespace, name).cloned() else {
            // A Lease that is not there is made by writing it, whatever version is written to (its update strategy
            // allows that); anything else is not.
            return match resource {
                Resource::Leases => self.create(resource, namespace, object, now),
                _ => Err(Refusal::not_found(resource, name)),
            };
        };
        check_versions(resource, name, &held, &object)?;
        for field in ["uid", "creationTimestamp", "generation", "namespace"] {
            if let Some(kept) = held["metadata"].get(field) {
                object["metadata"][field] = kept.clone();
            }
        }
        object["apiVersion"] = json!(resource.api_version());
        object["kind"] = json!(resource.kind());
        object["metadata"]["resourceVersion"] = held["metadata"]["resourceVersion"].clone();
        if object == *held {
            return Ok(held);
        }
        Ok(self.put(ChangeKind::Modified, resource, object, now))
    }

    /// Patches the object, or only its status.
    #[expect(clippy::too_many_arguments, reason = "a patch is all of these")]
    pub(crate) fn patch(
        &mut self,
        resource: Resource,
        namespace: &str,
        name: &str,
        kind: PatchKind,
        patch: &Value,
        is_status: bool,
        now: Timestamp,
    ) -> Result<Arc<Value>, Refusal> {
        let held = self.find(resource, namespace, name)?;
        let uid = text(patch, "/metadata/uid");
        if !uid.is_empty() && uid != text(&held, "/metadata/uid") {
            return Err(Refusal::invalid(resource, name, "metadata.uid: field is immutable"));
        }
        check_versions(resource, name, &held, patch)?;
        let mut patched = (*held).clone();
        match kind {
            PatchKind::Merge => merge::json(&mut patched, patch),
            PatchKind::Strategic => merge::strategic(&mut patched, patch),
        }
        // The status is written through its subresource, and nothing else is.
        let mut next = (*held).clone();
        if is_status {
            next["status"] = patched["status"].take();
        } else {
            let status = held.get("status").cloned();
            next = patched;
            for field in ["uid", "creationTimestamp", "generation", "namespace", "name"] {
                if let Some(kept) = held["metadata"].get(field) {
                    next["metadata"][field] = kept.clone();
                }
            }
            if let (Some(status), Resource::Pods | Resource::Nodes) = (status, resource) {
                next["status"] = status;
            }
        }
        if next == *held {
            return Ok(held);
        }
        Ok(self.put(ChangeKind::Modified, resource, next, now))
    }

    /// Deletes; a pod that runs on a node is only marked until its node removes it.
    pub(crate) fn delete(
        &mut self,
        resource: Resource,
        namespace: &str,
        name: &str,
        order: &DeleteOrder,
        now: Timestamp,
    ) -> Result<Arc<Value>, Refusal> {
        let held = self.find(resource, namespace, name)?;
        let differs = |wanted: &Option<String>, path: &str| {
            wanted.as_ref().is_some_and(|wanted| *wanted != text(&held, path))
        };
        if differs(&order.uid, "/metadata/uid")
            || differs(&order.version, "/metadata/resourceVersion")
        {
            return Err(Refusal::conflict(resource, name, "Precondition failed"));
        }
        if resource == Resource::Pods {
            let phase = text(&held, "/status/phase");
            let is_bound = !text(&held, "/spec/nodeName").is_empty();
            let is_over = matches!(phase.as_str(), "Succeeded" | "Failed");
            let own = held.pointer("/spec/terminationGracePeriodSeconds").and_then(Value::as_i64);
            let grace = order.grace.or(own).unwrap_or(DEFAULT_GRACE);
            let grace = if is_bound && !is_over { grace } else { 0 };
            let going =
                held.pointer("/metadata/deletionGracePeriodSeconds").and_then(Value::as_i64);
            if going.is_some_and(|going| going <= grace) {
                return Ok(held);
            }
            // One that goes at once is marked all the same, and those who watch are told both.
            let marked =
                self.put(ChangeKind::Modified, resource, marked(&held, going, grace, now), now);
            if grace > 0 {
                return Ok(marked);
            }
            return Ok(self.put(ChangeKind::Deleted, resource, (*marked).clone(), now));
        }
        Ok(self.put(ChangeKind::Deleted, resource, (*held).clone(), now))
    }

    fn find(&self, resource: Resource, namespace: &str, name: &str) -> Result<Arc<Value>, Refusal> {
        let found = self.get(resource, namespace, name).cloned();
        found.ok_or_else(|| Refusal::not_found(resource, name))
    }

    fn put(
        &mut self,
        kind: ChangeKind,
        resource: Resource,
        mut object: Value,
        now: Timestamp,
    ) -> Arc<Value> {
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        let key = (resource, text(&object, "/metadata/namespace"), text(&object, "/metadata/name"));
        let object = Arc::new(object);
        match kind {
            ChangeKind::Deleted => drop(self.objects.remove(&key)),
            _ => drop(self.objects.insert(key, Arc::clone(&object))),
        }
        let change = Change {
            ticket: self.tickets.draw(),
            version: self.version,
            at: now,
            kind,
            resource,
            object: Arc::clone(&object),
        };
        self.log.push(change);
        object
    }
}

/// The text at a JSON pointer; empty when there is none.
#[must_use]
pub fn text(object: &Value, pointer: &str) -> String {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Who writes may say which object and which version of it they mean.
fn check_versions(
    resource: Resource,
    name: &str,
    held: &Value,
    written: &Value,
) -> Result<(), Refusal> {
    for path in ["/metadata/uid", "/metadata/resourceVersion"] {
        let wanted = text(written, path);
        if !wanted.is_empty() && wanted != text(held, path) {
            return Err(Refusal::conflict(
                resource,
                name,
                "the object has been modified; please apply your changes to the latest version and try again",
            ));
        }
    }
    Ok(())
}

/// A pod that is to go in so many seconds, counted from when it was first asked to.
fn marked(held: &Value, going: Option<i64>, grace: i64, now: Timestamp) -> Value {
    let mut next = held.clone();
    let metadata = &mut next["metadata"];
    let until: Option<Timestamp> = text(held, "/metadata/deletionTimestamp").parse().ok();
    let asked_at = until.zip(going).map_or(now, |(until, going)| until - going.seconds());
    metadata["deletionGracePeriodSeconds"] = json!(grace);
    metadata["deletionTimestamp"] = json!(seconds(asked_at + grace.seconds()));
    if going.is_none() {
        let generation = metadata["generation"].as_i64().unwrap_or_default();
        metadata["generation"] = json!(generation + 1);
    }
    next
}

/// Times are kept in whole seconds (metav1.Time).
fn seconds(at: Timestamp) -> String {
    Timestamp::from_second(at.as_second()).unwrap_or(at).to_string()
}

fn uid(number: u64) -> String {
    uuid::Uuid::from_u128((u128::from(number) << 96) | 0x4000_8000_0000_0000_0001).to_string()
}

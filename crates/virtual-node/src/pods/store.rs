//! The pods of this node as the API server shows them.
//!
//! A synchronous structure with one writer. It is keyed by UID: a pod that was deleted and made again under the same
//! name is two pods, also when the watch reports that as one modification. Pods are held packed; see [`PackedPod`].

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube_runtime::watcher::Event;

use super::packed::{PackedPod, Packer, UnpackError};
use super::raw::{RawPod, is_over};
use crate::provider::PodKey;
use crate::status::hold::Held;

/// All pods that this node has to do with.
#[derive(Debug, Default)]
pub struct Store {
    /// Boxed: a table has up to twice as many places as entries.
    known: HashMap<Arc<str>, Box<Record>>,
    /// The UID of the live pod of each name, by the name's hash: a new UID under an old name ends the old one.
    names: HashMap<u64, Arc<str>>,
    /// Namespaces, each once.
    namespaces: HashSet<Arc<str>>,
    packer: Packer,
    /// UIDs listed since the last `Init`; `None` outside of a relist.
    listing: Option<HashSet<Arc<str>>>,
    synced: bool,
}

/// One pod in the store.
#[derive(Clone, Debug)]
pub struct Record {
    uid: Arc<str>,
    namespace: Arc<str>,
    name: Box<str>,
    /// The last version seen; `None` for what an earlier life of the node left behind.
    pub pod: Option<PackedPod>,
    /// The last version that the watch has brought: an answer to a write of ours may be ahead of it.
    watched: u64,
    /// Whether the API server has it no longer.
    pub departed: bool,
    /// What passes have found out.
    pub memory: Memory,
}

/// One pod, as a pass needs it.
#[derive(Clone, Debug)]
pub struct Known {
    /// Whose.
    pub key: PodKey,
    /// The last version seen; `None` for what an earlier life of the node left behind.
    pub pod: Option<Arc<Pod>>,
    /// Whether the API server has it no longer.
    pub departed: bool,
    /// What passes have found out.
    pub memory: Memory,
}

/// What the node remembers about a pod between two passes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// Since when a terminal pod is being stopped.
    pub stopping_since: Option<Timestamp>,
    /// The provider has confirmed that nothing is left of it.
    pub gone: bool,
    /// Its first status is held back.
    pub held: Option<Held>,
    /// This process has had the pod from the API server itself, and not only from a list: what earlier processes
    /// published is known for sure.
    pub seen_live: bool,
}

// === impl Store ===

impl Store {
    /// Takes one watch event in; returns the UIDs that now deserve a pass.
    pub fn observe(&mut self, event: Event<RawPod>) -> Vec<Arc<str>> {
        match event {
            Event::Init => {
                self.listing = Some(HashSet::new());
                Vec::new()
            }
            Event::InitApply(pod) => {
                let changed = self.apply(&pod);
                if let (Some(listing), Some(uid)) = (&mut self.listing, pod.uid()) {
                    let uid = self.known.get_key_value(uid).map(|(uid, _)| Arc::clone(uid));
                    listing.extend(uid);
                }
                changed
            }
            Event::InitDone => {
                self.synced = true;
                let listed = self.listing.take().unwrap_or_default();
                let mut missing: Vec<Arc<str>> = self
                    .known
                    .iter()
                    .filter(|(uid, known)| !known.departed && !listed.contains(*uid))
                    .map(|(uid, _)| Arc::clone(uid))
                    .collect();
                // The order of a hash map is no order.
                missing.sort_unstable();
                missing.into_iter().filter(|uid| self.depart(uid)).collect()
            }
            Event::Apply(pod) => self.apply(&pod),
            Event::Delete(pod) => {
                let Some(key) = pod.key() else { return Vec::new() };
                // Never seen alive: it may still have been run by an earlier life of the node.
                let uid = self.record(&key);
                let packed = self.packer.pack(&pod);
                if let Some(known) = self.known.get_mut(&uid) {
                    known.pod = Some(packed);
                }
                if self.depart(&uid) { vec![uid] } else { Vec::new() }
            }
        }
    }

    /// Takes in the answer to a write of ours; nothing happens if the watch has brought something newer.
    pub fn refresh(&mut self, pod: &RawPod) {
        let Some(known) = pod.uid().and_then(|uid| self.known.get_mut(uid)) else { return };
        if !known.departed && known.pod.as_ref().is_none_or(|held| is_newer(pod, held)) {
            known.pod = Some(self.packer.pack(pod));
        }
    }

    /// Adds what an earlier life of the node left behind; false if its pod is known.
    pub fn add_orphan(&mut self, key: &PodKey) -> bool {
        if self.known.contains_key(key.uid.as_str()) {
            return false;
        }
        let uid = self.record(key);
        if let Some(known) = self.known.get_mut(&uid) {
            known.departed = true;
        }
        true
    }

    /// The pod with this UID.
    #[must_use]
    pub fn get(&self, uid: &str) -> Option<&Record> {
        self.known.get(uid).map(AsRef::as_ref)
    }

    /// The pod with this UID as a pass begins with it. A terminal pod's grace period begins with the first pass over it.
    pub fn begin(&mut self, uid: &str, now: Timestamp) -> Option<Record> {
        let known = self.known.get_mut(uid)?;
        if known.pod.as_ref().is_some_and(|pod| is_over(pod.phase())) {
            known.memory.stopping_since.get_or_insert(now);
        }
        Some(Record::clone(known))
    }

    /// What passes remember about the pod with this UID.
    pub fn memory_mut(&mut self, uid: &str) -> Option<&mut Memory> {
        self.known.get_mut(uid).map(|known| &mut known.memory)
    }

    /// Drops a departed pod; false if the API server has it after all.
    pub fn forget(&mut self, uid: &str) -> bool {
        let is_live = self.known.get(uid).is_some_and(|known| !known.departed);
        if !is_live {
            self.drop_record(uid);
        }
        !is_live
    }

    /// The pod of this name that the API server has.
    #[must_use]
    pub fn named(&self, namespace: &str, name: &str) -> Option<PackedPod> {
        let uid = self.names.get(&name_hash(namespace, name))?;
        let known = self.known.get(uid)?;
        let is_it = !known.departed && *known.name == *name && *known.namespace == *namespace;
        if is_it { known.pod.clone() } else { None }
    }

    /// The pods that the API server has.
    #[must_use]
    pub fn live(&self) -> Vec<PackedPod> {
        self.known
            .values()
            .filter(|known| !known.departed)
            .filter_map(|known| known.pod.clone())
            .collect()
    }

    /// UIDs of all pods that the node is busy with, departed ones too.
    #[must_use]
    pub fn uids(&self) -> HashSet<String> {
        self.known.keys().map(ToString::to_string).collect()
    }

    /// How many pods there are of each phase; departed ones count as `Departed`.
    #[must_use]
    pub fn phases(&self) -> BTreeMap<&'static str, usize> {
        let mut phases = BTreeMap::new();
        for known in self.known.values() {
            let phase = match (&known.pod, known.departed) {
                (_, true) => "Departed",
                (Some(pod), false) => pod.phase(),
                (None, false) => "Unknown",
            };
            *phases.entry(phase).or_default() += 1;
        }
        phases
    }

    /// Whether a whole list has been seen.
    #[must_use]
    pub fn is_synced(&self) -> bool {
        self.synced
    }

    fn apply(&mut self, pod: &RawPod) -> Vec<Arc<str>> {
        let Some(key) = pod.key() else { return Vec::new() };
        let mut changed = Vec::new();
        match self.known.get_mut(key.uid.as_str()) {
            None => changed.extend(self.replaced_by(&key)),
            Some(known) if !known.departed => match &known.pod {
                // The echo of our own write, or something older than it: that its answer had it first does not mean
                // that a pass has seen it.
                Some(held) if !is_newer(pod, held) => {
                    let version = number(pod.version());
                    if version > known.watched && pod.version() != held.version() {
                        changed.push(Arc::clone(&known.uid));
                    }
                    known.watched = known.watched.max(version);
                    return changed;
                }
                Some(held) if held.is_same(pod) => {
                    // Only somebody's bookkeeping changed.
                    known.watched = number(pod.version());
                    known.pod = Some(self.packer.pack(pod));
                    return changed;
                }
                _ => {}
            },
            Some(_) => {}
        }
        let uid = self.record(&key);
        let packed = self.packer.pack(pod);
        if let Some(known) = self.known.get_mut(&uid) {
            known.watched = number(pod.version());
            known.pod = Some(packed);
            if known.departed {
                // It was not gone after all, so what was found out on its way out does not hold.
                known.departed = false;
                known.memory = Memory::default();
            }
        }
        self.names.insert(name_hash(&key.namespace, &key.name), Arc::clone(&uid));
        changed.push(uid);
        changed
    }

    /// The record of a pod, made if there is none; returns its UID.
    fn record(&mut self, key: &PodKey) -> Arc<str> {
        if let Some((uid, _)) = self.known.get_key_value(key.uid.as_str()) {
            return Arc::clone(uid);
        }
        let uid: Arc<str> = key.uid.as_str().into();
        let namespace = match self.namespaces.get(key.namespace.as_str()) {
            Some(namespace) => Arc::clone(namespace),
            None => {
                let namespace: Arc<str> = key.namespace.as_str().into();
                self.namespaces.insert(Arc::clone(&namespace));
                namespace
            }
        };
        let record = Record {
            uid: Arc::clone(&uid),
            namespace,
            name: key.name.as_str().into(),
            pod: None,
            watched: 0,
            departed: false,
            memory: Memory::default(),
        };
        self.known.insert(Arc::clone(&uid), Box::new(record));
        uid
    }

    fn drop_record(&mut self, uid: &str) {
        let Some(record) = self.known.remove(uid) else { return };
        let name = name_hash(&record.namespace, &record.name);
        if self.names.get(&name).is_some_and(|held| **held == *uid) {
            self.names.remove(&name);
        }
    }

    /// The live pod of the same name: the watch told us of its end by showing its successor.
    fn replaced_by(&mut self, key: &PodKey) -> Option<Arc<str>> {
        let uid = Arc::clone(self.names.get(&name_hash(&key.namespace, &key.name))?);
        let is_it = self.known.get(&uid).is_some_and(|known| {
            !known.departed && *known.name == *key.name && *known.namespace == *key.namespace
        });
        (is_it && self.depart(&uid)).then_some(uid)
    }

    /// Marks a pod as departed; false if nothing is left to do for it, in which case it is dropped.
    fn depart(&mut self, uid: &str) -> bool {
        let Some(known) = self.known.get_mut(uid) else { return false };
        if known.memory.gone {
            self.drop_record(uid);
            return false;
        }
        known.departed = true;
        true
    }
}

// === impl Record ===

impl Record {
    /// Whose.
    #[must_use]
    pub fn key(&self) -> PodKey {
        PodKey {
            namespace: self.namespace.to_string(),
            name: self.name.to_string(),
            uid: self.uid.to_string(),
        }
    }

    /// The pod with its object as a pass needs it.
    ///
    /// # Errors
    /// When the object cannot be read; see [`PackedPod::unpack`].
    pub fn unpack(self) -> Result<Known, UnpackError> {
        let pod = self.pod.as_ref().map(PackedPod::unpack).transpose()?.map(Arc::new);
        Ok(Known { key: self.key(), pod, departed: self.departed, memory: self.memory })
    }

    /// The pod without its object.
    #[must_use]
    pub fn without_pod(self) -> Known {
        Known { key: self.key(), pod: None, departed: self.departed, memory: self.memory }
    }
}

/// `status.phase`, or what the API server means by its absence.
#[must_use]
pub fn phase(pod: &Pod) -> &str {
    pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or("Pending")
}

/// Whether the pod is Succeeded or Failed.
#[must_use]
pub fn is_terminal(pod: &Pod) -> bool {
    is_over(phase(pod))
}

fn name_hash(namespace: &str, name: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (namespace, name).hash(&mut hasher);
    hasher.finish()
}

/// A resource version as a number; 0 for what is none.
fn number(version: &str) -> u64 {
    version.parse().unwrap_or_default()
}

/// Resource versions of one resource can be compared as numbers (KEP-5504); what is no number is taken as newer
/// unless it is equal.
fn is_newer(pod: &RawPod, held: &PackedPod) -> bool {
    let (new, old) = (pod.version(), held.version());
    match (new.parse::<u128>(), old.parse::<u128>()) {
        (Ok(new), Ok(old)) => new > old,
        _ => new != old || new.is_empty(),
    }
}

#[cfg(test)]
mod tests;

//! The pods of this node as the API server shows them.
//!
//! A synchronous structure with one writer. It is keyed by UID: a pod that was deleted and made again under the same
//! name is two pods, also when the watch reports that as one modification.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube_runtime::watcher::Event;

use crate::provider::PodKey;

/// All pods that this node has to do with.
#[derive(Debug, Default)]
pub struct Store {
    known: HashMap<String, Known>,
    /// UIDs listed since the last `Init`; `None` outside of a relist.
    listing: Option<HashSet<String>>,
    synced: bool,
}

/// One pod.
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
}

// === impl Store ===

impl Store {
    /// Takes one watch event in; returns the UIDs that now deserve a pass.
    pub fn observe(&mut self, event: Event<Pod>) -> Vec<String> {
        match event {
            Event::Init => {
                self.listing = Some(HashSet::new());
                Vec::new()
            }
            Event::InitApply(pod) => {
                if let (Some(listing), Some(uid)) = (&mut self.listing, &pod.metadata.uid) {
                    listing.insert(uid.clone());
                }
                self.apply(pod)
            }
            Event::InitDone => {
                self.synced = true;
                let listed = self.listing.take().unwrap_or_default();
                let missing: Vec<String> = self
                    .known
                    .values()
                    .filter(|known| !known.departed && !listed.contains(&known.key.uid))
                    .map(|known| known.key.uid.clone())
                    .collect();
                missing.into_iter().filter(|uid| self.depart(uid)).collect()
            }
            Event::Apply(pod) => self.apply(pod),
            Event::Delete(pod) => {
                let Some(key) = PodKey::of(&pod) else { return Vec::new() };
                let uid = key.uid.clone();
                // Never seen alive: it may still have been run by an earlier life of the node.
                let known = self.known.entry(uid.clone()).or_insert_with(|| Known::new(key));
                known.pod = Some(Arc::new(pod));
                if self.depart(&uid) { vec![uid] } else { Vec::new() }
            }
        }
    }

    /// Takes in the answer to a write of ours; nothing happens if the watch has brought something newer.
    pub fn refresh(&mut self, pod: Pod) {
        let Some(known) = pod.metadata.uid.as_ref().and_then(|uid| self.known.get_mut(uid)) else {
            return;
        };
        if !known.departed && known.pod.as_ref().is_none_or(|held| is_newer(&pod, held)) {
            known.pod = Some(Arc::new(pod));
        }
    }

    /// Adds what an earlier life of the node left behind; false if its pod is known.
    pub fn add_orphan(&mut self, key: PodKey) -> bool {
        if self.known.contains_key(&key.uid) {
            return false;
        }
        self.known.insert(key.uid.clone(), Known { departed: true, ..Known::new(key) });
        true
    }

    /// The pod with this UID.
    #[must_use]
    pub fn get(&self, uid: &str) -> Option<&Known> {
        self.known.get(uid)
    }

    /// The pod with this UID as a pass needs it. A terminal pod's grace period begins with the first pass over it.
    pub fn begin(&mut self, uid: &str, now: Timestamp) -> Option<Known> {
        let known = self.known.get_mut(uid)?;
        if known.pod.as_deref().is_some_and(is_terminal) {
            known.memory.stopping_since.get_or_insert(now);
        }
        Some(known.clone())
    }

    /// What passes remember about the pod with this UID.
    pub fn memory_mut(&mut self, uid: &str) -> Option<&mut Memory> {
        self.known.get_mut(uid).map(|known| &mut known.memory)
    }

    /// Drops a departed pod; false if the API server has it after all.
    pub fn forget(&mut self, uid: &str) -> bool {
        let is_live = self.known.get(uid).is_some_and(|known| !known.departed);
        if !is_live {
            self.known.remove(uid);
        }
        !is_live
    }

    /// The pods that the API server has, by UID.
    #[must_use]
    pub fn live(&self) -> Vec<Arc<Pod>> {
        self.known
            .values()
            .filter(|known| !known.departed)
            .filter_map(|known| known.pod.clone())
            .collect()
    }

    /// UIDs of all pods that the node is busy with, departed ones too.
    #[must_use]
    pub fn uids(&self) -> HashSet<String> {
        self.known.keys().cloned().collect()
    }

    /// How many pods there are of each phase; departed ones count as `Departed`.
    #[must_use]
    pub fn phases(&self) -> BTreeMap<String, usize> {
        let mut phases = BTreeMap::new();
        for known in self.known.values() {
            let phase = match (&known.pod, known.departed) {
                (_, true) => "Departed".to_owned(),
                (Some(pod), false) => phase(pod).to_owned(),
                (None, false) => "Unknown".to_owned(),
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

    fn apply(&mut self, pod: Pod) -> Vec<String> {
        let Some(key) = PodKey::of(&pod) else { return Vec::new() };
        let uid = key.uid.clone();
        let mut changed = match self.known.get_mut(&uid) {
            None => self.replaced_by(&key),
            // The echo of our own write, or something older than it.
            Some(known)
                if !known.departed
                    && known.pod.as_ref().is_some_and(|held| !is_newer(&pod, held)) =>
            {
                return Vec::new();
            }
            Some(_) => Vec::new(),
        };
        let known = self.known.entry(uid.clone()).or_insert_with(|| Known::new(key));
        known.pod = Some(Arc::new(pod));
        if known.departed {
            // It was not gone after all, so what was found out on its way out does not hold.
            known.departed = false;
            known.memory = Memory::default();
        }
        changed.push(uid);
        changed
    }

    /// The live pods of the same name: the watch told us of their end by showing their successor.
    fn replaced_by(&mut self, key: &PodKey) -> Vec<String> {
        let replaced: Vec<String> = self
            .known
            .values()
            .filter(|known| {
                !known.departed
                    && known.key.name == key.name
                    && known.key.namespace == key.namespace
            })
            .map(|known| known.key.uid.clone())
            .collect();
        replaced.into_iter().filter(|uid| self.depart(uid)).collect()
    }

    /// Marks a pod as departed; false if nothing is left to do for it, in which case it is dropped.
    fn depart(&mut self, uid: &str) -> bool {
        let Some(known) = self.known.get_mut(uid) else { return false };
        if known.memory.gone {
            self.known.remove(uid);
            return false;
        }
        known.departed = true;
        true
    }
}

// === impl Known ===

impl Known {
    fn new(key: PodKey) -> Self {
        Self { key, pod: None, departed: false, memory: Memory::default() }
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
    matches!(phase(pod), "Succeeded" | "Failed")
}

/// Resource versions of one resource can be compared as numbers (KEP-5504); what is no number is taken as newer
/// unless it is equal.
fn is_newer(pod: &Pod, held: &Pod) -> bool {
    let version = |pod: &Pod| pod.metadata.resource_version.clone().unwrap_or_default();
    let (new, old) = (version(pod), version(held));
    match (new.parse::<u128>(), old.parse::<u128>()) {
        (Ok(new), Ok(old)) => new > old,
        _ => new != old || new.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(name: &str, uid: &str, version: u32) -> Pod {
        let mut pod = Pod::default();
        pod.metadata.namespace = Some("default".to_owned());
        pod.metadata.name = Some(name.to_owned());
        pod.metadata.uid = Some(uid.to_owned());
        pod.metadata.resource_version = Some(version.to_string());
        pod
    }

    #[track_caller]
    fn check(store: &mut Store, event: Event<Pod>, expected: &[&str]) {
        assert_eq!(store.observe(event), expected);
    }

    #[test]
    fn a_relist_that_lacks_a_pod_means_it_departed() {
        let mut store = Store::default();
        check(&mut store, Event::Init, &[]);
        check(&mut store, Event::InitApply(pod("a", "1", 1)), &["1"]);
        check(&mut store, Event::InitApply(pod("b", "2", 2)), &["2"]);
        assert!(!store.is_synced());
        check(&mut store, Event::InitDone, &[]);
        assert!(store.is_synced());

        check(&mut store, Event::Init, &[]);
        check(&mut store, Event::InitApply(pod("b", "2", 2)), &[]);
        check(&mut store, Event::InitDone, &["1"]);
        assert!(store.get("1").unwrap().departed);
        assert!(!store.get("2").unwrap().departed);
    }

    #[test]
    fn a_relist_cut_short_means_nothing() {
        let mut store = Store::default();
        check(&mut store, Event::Apply(pod("a", "1", 1)), &["1"]);
        check(&mut store, Event::Init, &[]);
        check(&mut store, Event::Init, &[]);
        check(&mut store, Event::InitApply(pod("a", "1", 1)), &[]);
        check(&mut store, Event::InitDone, &[]);
        assert!(!store.get("1").unwrap().departed);
    }

    #[test]
    fn one_name_with_a_new_uid_is_two_pods() {
        let mut store = Store::default();
        check(&mut store, Event::Apply(pod("web-0", "old", 1)), &["old"]);
        check(&mut store, Event::Apply(pod("web-0", "new", 5)), &["old", "new"]);
        assert!(store.get("old").unwrap().departed);
        check(&mut store, Event::Delete(pod("web-0", "old", 4)), &["old"]);
        assert!(
            !store.get("new").unwrap().departed,
            "a late DELETED for the old one does not touch the new one"
        );
    }

    #[test]
    fn echoes_and_older_versions_need_no_pass() {
        let mut store = Store::default();
        check(&mut store, Event::Apply(pod("a", "1", 10)), &["1"]);
        store.refresh(pod("a", "1", 12));
        check(&mut store, Event::Apply(pod("a", "1", 11)), &[]);
        check(&mut store, Event::Apply(pod("a", "1", 12)), &[]);
        check(&mut store, Event::Apply(pod("a", "1", 13)), &["1"]);
        store.refresh(pod("a", "1", 12));
        assert_eq!(
            store.get("1").unwrap().pod.as_ref().unwrap().metadata.resource_version.as_deref(),
            Some("13")
        );
    }

    #[test]
    fn a_pod_of_which_nothing_is_left_is_dropped_when_it_departs() {
        let mut store = Store::default();
        check(&mut store, Event::Apply(pod("a", "1", 1)), &["1"]);
        store.memory_mut("1").unwrap().gone = true;
        check(&mut store, Event::Delete(pod("a", "1", 2)), &[]);
        assert!(store.get("1").is_none());
    }

    #[test]
    fn a_pod_first_seen_when_it_is_deleted_is_stopped() {
        let mut store = Store::default();
        check(&mut store, Event::Delete(pod("a", "1", 2)), &["1"]);
        assert!(store.get("1").unwrap().departed);
    }

    #[test]
    fn a_pod_that_comes_back_is_not_forgotten() {
        let mut store = Store::default();
        check(&mut store, Event::Apply(pod("a", "1", 1)), &["1"]);
        check(&mut store, Event::Delete(pod("a", "1", 2)), &["1"]);
        store.memory_mut("1").unwrap().gone = true;
        check(&mut store, Event::Apply(pod("a", "1", 3)), &["1"]);
        assert_eq!(store.get("1").unwrap().memory, Memory::default());
        assert!(!store.forget("1"));
        check(&mut store, Event::Delete(pod("a", "1", 4)), &["1"]);
        assert!(store.forget("1"));
        assert!(store.get("1").is_none());
    }

    #[test]
    fn a_known_pod_is_no_orphan() {
        let mut store = Store::default();
        check(&mut store, Event::Apply(pod("a", "1", 1)), &["1"]);
        let key = PodKey::of(&pod("a", "1", 1)).unwrap();
        assert!(!store.add_orphan(key.clone()));
        assert!(store.add_orphan(PodKey { uid: "2".to_owned(), ..key }));
        assert_eq!(store.live().len(), 1);
        assert_eq!(
            store.phases(),
            BTreeMap::from([("Pending".to_owned(), 1), ("Departed".to_owned(), 1)])
        );
    }
}

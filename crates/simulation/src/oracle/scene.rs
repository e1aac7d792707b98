//! What is known at a moment of the history.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use triton_sim::{InstanceRecord, InstanceState};
use uuid::Uuid;

use super::Facts;
use crate::apiserver::{ChangeKind, Resource, text};
use crate::history::{Call, Entry, What};

/// A Lease that somebody deletes still binds all who have seen it. A process that has not takes it at once, and its
/// holder learns of that with its next renewal: after 2.4 s, or never if it is cut off, and then its fence closes ten
/// seconds after the renewal before. `docs/reliability/leadership.md` says that this is not promised.
const UNAWARE: SignedDuration = SignedDuration::from_secs(10);

/// Everything up to now.
pub(super) struct Scene<'a> {
    pub(super) facts: &'a Facts,
    pub(super) pods: BTreeMap<String, PodSeen>,
    pub(super) instances: BTreeMap<Uuid, InstanceSeen>,
    /// Creates by pod, oldest first.
    pub(super) creates: BTreeMap<String, Vec<Call>>,
    /// By process and group of calls: what is left of the burst, and since when.
    pub(super) budgets: BTreeMap<(u32, &'static str), (f64, Timestamp)>,
    /// Which process holds the election's Lease, and since when.
    pub(super) leader: Option<(u32, Timestamp)>,
    /// Until when the holder before need not know that it is the holder no more; `None` when it must.
    pub(super) unaware_until: Option<Timestamp>,
    /// When somebody deleted that Lease.
    lease_deleted: Option<Timestamp>,
    /// Which processes ever saw that Lease.
    saw_lease: BTreeSet<u32>,
    pub(super) renewed: Option<Timestamp>,
    /// Since when processes run without a gap; `None` while none does.
    pub(super) running_since: Option<Timestamp>,
    running: BTreeSet<u32>,
    /// Since when nothing was done to the API server or to the way there.
    pub(super) reachable_since: Option<Timestamp>,
}

/// A pod.
#[derive(Clone, Debug)]
pub(super) struct PodSeen {
    pub(super) object: Arc<Value>,
    pub(super) is_gone: bool,
}

/// An instance.
#[derive(Clone, Debug)]
pub(super) struct InstanceSeen {
    pub(super) record: InstanceRecord,
    /// The pod that its first tags named.
    pub(super) made_for: String,
    pub(super) made_at: Timestamp,
    /// The addresses it ever had.
    pub(super) ips: BTreeSet<String>,
    /// Until when it was surely running; `None`: it is now, or never was.
    pub(super) ran_until: Option<Timestamp>,
    /// Since when it is in this state.
    pub(super) state_since: Timestamp,
    /// When it was last seen with the tags of its pod; `None`: now.
    pub(super) owned_until: Option<Timestamp>,
    /// When it ceased to live; `None`: it lives.
    pub(super) died: Option<Timestamp>,
}

// === impl Scene ===

impl<'a> Scene<'a> {
    pub(super) fn new(facts: &'a Facts) -> Self {
        Self {
            facts,
            pods: BTreeMap::new(),
            instances: BTreeMap::new(),
            creates: BTreeMap::new(),
            budgets: BTreeMap::new(),
            leader: None,
            unaware_until: None,
            lease_deleted: None,
            saw_lease: BTreeSet::new(),
            renewed: None,
            running_since: None,
            running: BTreeSet::new(),
            reachable_since: Some(Timestamp::MIN),
        }
    }

    /// The instances that carry this pod's tags and live.
    pub(super) fn living(&self, uid: &str) -> impl Iterator<Item = &InstanceSeen> {
        self.instances.values().filter(move |seen| {
            seen.made_for == uid && seen.died.is_none() && seen.owned_until.is_none()
        })
    }

    pub(super) fn take(&mut self, entry: &Entry) {
        match &entry.what {
            What::Object(change) if change.resource == Resource::Pods => {
                let object = Arc::clone(&change.object);
                let is_gone = change.kind == ChangeKind::Deleted;
                self.pods.insert(text(&object, "/metadata/uid"), PodSeen { object, is_gone });
            }
            What::Object(change) if change.resource == Resource::Leases => {
                let is_deleted = change.kind == ChangeKind::Deleted;
                if text(&change.object, "/metadata/namespace") == "kube-node-lease" {
                    self.renewed = (!is_deleted).then_some(entry.at);
                } else if is_deleted {
                    self.lease_deleted = Some(entry.at);
                }
            }
            What::Object(_) => {}
            What::Call(call) => self.take_call(call, entry.at),
            What::Instance(record) => self.take_instance(record, entry.at),
            What::Shown(id, ips) => {
                if let Some(seen) = self.instances.get_mut(id) {
                    seen.ips.extend(ips.iter().cloned());
                }
            }
            What::Life(id, true) => {
                self.running.insert(*id);
                self.running_since.get_or_insert(entry.at);
            }
            What::Life(id, false) => {
                self.running.remove(id);
                if self.running.is_empty() {
                    self.running_since = None;
                } else {
                    self.running_since = Some(entry.at);
                }
            }
            What::Deed(deed) => {
                let spares = ["Create", "Delete", "Recreate", "Guest", "Instance"];
                let is_cloud = deed.contains("(p ") || deed.contains("(every ");
                if !is_cloud && !spares.iter().any(|kind| deed.starts_with(kind)) {
                    self.reachable_since = None;
                }
            }
            What::Calm => {
                self.reachable_since = Some(entry.at);
                self.running_since = self.running_since.map(|_| entry.at);
            }
        }
    }

    fn take_call(&mut self, call: &Call, at: Timestamp) {
        if let Some(uid) = call.pod.clone().filter(|_| call.is_create()) {
            self.creates.entry(uid).or_default().push(call.clone());
        }
        let election = format!("/leases/vk-triton-{}", self.facts.node);
        let writes = call.is_change() && matches!(call.status, Some(200 | 201));
        let is_election = call.target.contains(&election)
            || (call.method == "POST" && call.target.contains("/namespaces/kube-system/leases"));
        if writes && is_election && self.leader.is_none_or(|(held, _)| held != call.life) {
            self.leader = Some((call.life, at));
            let deleted = self.lease_deleted.filter(|_| !self.saw_lease.contains(&call.life));
            self.unaware_until = deleted.map(|deleted| deleted + UNAWARE);
        }
        if is_election && call.method == "GET" && call.status == Some(200) {
            self.saw_lease.insert(call.life);
        }
    }

    fn take_instance(&mut self, record: &InstanceRecord, at: Timestamp) {
        let is = |name: &str, value: &str| {
            record.tags.get(name).and_then(Value::as_str).is_some_and(|found| found == value)
        };
        let uid = record.tags.get("k8s_uid").and_then(Value::as_str).unwrap_or_default();
        let ours = is("k8s_cluster", &self.facts.cluster) && is("k8s_nodename", &self.facts.node);
        let made_at = record.transitions.first().map_or(at, |first| first.at);
        let seen = self.instances.entry(record.id).or_insert_with(|| InstanceSeen {
            record: record.clone(),
            made_for: if ours { uid.to_owned() } else { String::new() },
            made_at,
            ips: BTreeSet::new(),
            ran_until: None,
            state_since: made_at,
            owned_until: None,
            died: None,
        });
        let was_running = seen.record.state == InstanceState::Running;
        if seen.record.state != record.state {
            seen.state_since = at;
        }
        if record.state == InstanceState::Running {
            seen.ran_until = None;
        } else if was_running {
            seen.ran_until = Some(at);
        }
        let is_owned = ours && uid == seen.made_for;
        seen.owned_until = if is_owned { None } else { Some(seen.owned_until.unwrap_or(at)) };
        let is_dead = matches!(record.state, InstanceState::Deleted | InstanceState::Failed);
        seen.died = is_dead.then(|| seen.died.unwrap_or(at));
        seen.ips.extend(record.ips.iter().map(ToString::to_string));
        seen.record = record.clone();
    }
}

// === impl InstanceSeen ===

impl InstanceSeen {
    /// Whether it ran at any time in the last while.
    pub(super) fn has_run_within(&self, now: Timestamp, within: SignedDuration) -> bool {
        match self.ran_until {
            None => self.record.state == InstanceState::Running,
            Some(until) => now.duration_since(until) <= within,
        }
    }
}

/// `triton://UUID` without the scheme.
pub(super) fn shown_instance(pod: &Value) -> Option<Uuid> {
    let shown = text(pod, "/status/containerStatuses/0/containerID");
    shown.strip_prefix("triton://")?.parse().ok()
}

//! The pods as an API server holds them, and what was ever said about them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod, PodStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::{Value, json};
use tokio::sync::Notify;
use uuid::Uuid;
use virtual_node::PodEvent;

/// All pods, and the promises about their statuses that were broken.
#[derive(Default)]
pub(crate) struct Pods {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    hosted: BTreeMap<String, Hosted>,
    dirty: BTreeSet<String>,
    broken: Vec<String>,
    refuses_writes: bool,
}

/// One pod, also after its end.
#[derive(Clone, Debug)]
pub(crate) struct Hosted {
    /// The object as it is, or last was.
    pub(crate) pod: Arc<Pod>,
    /// The API server has it no longer.
    pub(crate) removed: bool,
    /// The statuses that were written, oldest first.
    pub(crate) written: Vec<PodStatus>,
    /// The events that were recorded.
    pub(crate) events: Vec<PodEvent>,
}

/// A pod `default/NAME` that nothing is wrong with, with `patch` merged over it; lists are replaced. `number` makes its
/// UID.
pub(crate) fn pod(number: u32, name: &str, patch: Value) -> Pod {
    let uid = Uuid::from_u128((u128::from(number) << 96) | 0x4000_8000_0000_0000_0001);
    let mut pod = json!({
        "metadata": {
            "name": name, "namespace": "default", "uid": uid.to_string(),
            "annotations": { "package": "g4-highcpu-1G" },
        },
        "spec": { "containers": [{ "name": "main", "image": "ubuntu-16.04" }] },
    });
    merge(&mut pod, patch);
    serde_json::from_value(pod).unwrap()
}

fn merge(value: &mut Value, patch: Value) {
    match (value, patch) {
        (Value::Object(object), Value::Object(patch)) => {
            for (key, patch) in patch {
                merge(object.entry(key).or_insert(Value::Null), patch);
            }
        }
        (value, patch) => *value = patch,
    }
}

// === impl Pods ===

impl Pods {
    /// Binds a pod to the node and returns its UID.
    pub(crate) fn add(&self, pod: Pod) -> String {
        let uid = pod.metadata.uid.clone().unwrap();
        let hosted =
            Hosted { pod: Arc::new(pod), removed: false, written: Vec::new(), events: Vec::new() };
        self.state().hosted.insert(uid.clone(), hosted);
        self.touch(&uid);
        uid
    }

    /// Orders the removal of a pod, as `kubectl delete` does.
    pub(crate) fn order_removal(&self, uid: &str, grace: Duration, now: Timestamp) {
        self.edit(uid, |pod| {
            let seconds = i64::try_from(grace.as_secs()).unwrap();
            pod.metadata.deletion_grace_period_seconds = Some(seconds);
            pod.metadata.deletion_timestamp = Some(Time(now + grace));
        });
        self.touch(uid);
    }

    /// Sets a label, as `kubectl label` does.
    pub(crate) fn relabel(&self, uid: &str, label: &str, value: &str) {
        self.edit(uid, |pod| {
            let labels = pod.metadata.labels.get_or_insert_default();
            labels.insert(label.to_owned(), value.to_owned());
        });
        self.touch(uid);
    }

    /// Changes the object, as `kubectl edit` does.
    pub(crate) fn change(&self, uid: &str, change: impl FnOnce(&mut Pod)) {
        self.edit(uid, change);
        self.touch(uid);
    }

    /// Removes the object; the node finds that out by itself.
    pub(crate) fn remove(&self, uid: &str) {
        if let Some(hosted) = self.state().hosted.get_mut(uid) {
            hosted.removed = true;
        }
        self.touch(uid);
    }

    /// One pod, whatever became of it.
    pub(crate) fn get(&self, uid: &str) -> Hosted {
        self.state().hosted[uid].clone()
    }

    /// The UIDs of the pods that the API server has.
    pub(crate) fn live(&self) -> Vec<String> {
        let state = self.state();
        state
            .hosted
            .iter()
            .filter(|(_, hosted)| !hosted.removed)
            .map(|(uid, _)| uid.clone())
            .collect()
    }

    /// All pods that there ever were.
    pub(crate) fn all(&self) -> Vec<Hosted> {
        self.state().hosted.values().cloned().collect()
    }

    /// Waits for pods to change and returns their UIDs.
    pub(crate) async fn changed(&self) -> BTreeSet<String> {
        loop {
            let dirty = std::mem::take(&mut self.state().dirty);
            if !dirty.is_empty() {
                return dirty;
            }
            self.changed.notified().await;
        }
    }

    /// Records events.
    pub(crate) fn record(&self, uid: &str, events: Vec<PodEvent>) {
        if let Some(hosted) = self.state().hosted.get_mut(uid) {
            hosted.events.extend(events);
        }
    }

    /// Whether the API server refuses to take statuses.
    pub(crate) fn refuse_writes(&self, refuse: bool) {
        self.state().refuses_writes = refuse;
    }

    /// Writes a status as the node does: absent addresses and times leave what is there, and an end is final. False if
    /// the API server refuses it.
    pub(crate) fn publish(&self, uid: &str, wanted: &PodStatus) -> bool {
        if self.state().refuses_writes {
            return false;
        }
        let mut broken = Vec::new();
        if let Some(hosted) = self.state().hosted.get_mut(uid) {
            let published = hosted.pod.status.clone().unwrap_or_default();
            let status = written(&published, wanted.clone());
            if status == published {
                return true;
            }
            broken = broken_promises(uid, &published, &status);
            hosted.written.push(status.clone());
            Arc::make_mut(&mut hosted.pod).status = Some(status);
        }
        self.state().broken.extend(broken);
        true
    }

    /// Notes that something went wrong for which a scenario must fail.
    pub(crate) fn note_broken(&self, what: String) {
        self.state().broken.push(what);
    }

    /// What went wrong.
    pub(crate) fn broken(&self) -> Vec<String> {
        self.state().broken.clone()
    }

    fn edit(&self, uid: &str, change: impl FnOnce(&mut Pod)) {
        let mut state = self.state();
        let hosted = state.hosted.get_mut(uid).unwrap();
        change(Arc::make_mut(&mut hosted.pod));
    }

    fn touch(&self, uid: &str) {
        self.state().dirty.insert(uid.to_owned());
        self.changed.notify_one();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

// === impl Hosted ===

impl Hosted {
    pub(crate) fn phase(&self) -> &str {
        self.pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or_default()
    }

    /// The pod's reason.
    pub(crate) fn reason(&self) -> &str {
        self.pod.status.as_ref().and_then(|status| status.reason.as_deref()).unwrap_or_default()
    }

    pub(crate) fn container(&self) -> Option<&ContainerStatus> {
        crate::pod::container_status(&self.pod)
    }

    /// Why its container waits, and in which words.
    pub(crate) fn waiting(&self) -> Option<(&str, &str)> {
        let waiting = self.container()?.state.as_ref()?.waiting.as_ref()?;
        Some((waiting.reason.as_deref()?, waiting.message.as_deref().unwrap_or_default()))
    }

    /// How its container ended: exit code and reason.
    pub(crate) fn ended(&self) -> Option<(i32, &str)> {
        let ended = self.container()?.state.as_ref()?.terminated.as_ref()?;
        Some((ended.exit_code, ended.reason.as_deref().unwrap_or_default()))
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.container().is_some_and(|status| status.ready)
    }

    pub(crate) fn restarts(&self) -> i32 {
        self.container().map_or(0, |status| status.restart_count)
    }

    pub(crate) fn count_events(&self, reason: &str) -> usize {
        self.events.iter().filter(|event| event.reason == reason).count()
    }
}

fn written(published: &PodStatus, mut wanted: PodStatus) -> PodStatus {
    if is_over(published) {
        wanted.phase.clone_from(&published.phase);
        wanted.reason.clone_from(&published.reason);
        wanted.message.clone_from(&published.message);
    }
    let old = published.clone();
    wanted.phase = wanted.phase.or(old.phase);
    wanted.start_time = wanted.start_time.or(old.start_time);
    wanted.pod_ip = wanted.pod_ip.or(old.pod_ip);
    wanted.pod_ips = wanted.pod_ips.or(old.pod_ips);
    wanted.host_ip = wanted.host_ip.or(old.host_ip);
    wanted.host_ips = wanted.host_ips.or(old.host_ips);
    wanted.container_statuses = wanted.container_statuses.or(old.container_statuses);
    wanted.conditions = wanted.conditions.or(old.conditions);
    wanted
}

pub(crate) fn is_over(status: &PodStatus) -> bool {
    matches!(status.phase.as_deref(), Some("Succeeded" | "Failed"))
}

/// What no status may ever do, whatever happens.
fn broken_promises(uid: &str, published: &PodStatus, status: &PodStatus) -> Vec<String> {
    let mut broken = Vec::new();
    let rank = |status: &PodStatus| match status.phase.as_deref() {
        Some("Running") => 1,
        Some("Succeeded" | "Failed") => 2,
        _ => 0,
    };
    if rank(status) < rank(published) {
        broken.push(format!("{uid}: from phase {:?} back to {:?}", published.phase, status.phase));
    }
    let container = |status: &PodStatus| status.container_statuses.iter().flatten().next().cloned();
    if let (Some(before), Some(now)) = (container(published), container(status)) {
        if now.restart_count < before.restart_count {
            broken.push(format!(
                "{uid}: {} restarts became {}",
                before.restart_count, now.restart_count
            ));
        }
        let is_running = now.state.as_ref().is_some_and(|state| state.running.is_some());
        if now.ready && !is_running {
            broken.push(format!("{uid}: ready and not running"));
        }
    }
    broken
}

//! What must be true when nothing is done any more: one instance for each pod that wants one, and no other.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use triton_sim::{InstanceRecord, InstanceState};

use crate::apiserver::text;
use crate::life::NODE;
use crate::oracle::Invariant;
use crate::world::is_terminal;

/// Neither deleted nor failed.
pub(crate) fn is_alive(instance: &InstanceRecord) -> bool {
    !matches!(instance.state, InstanceState::Deleted | InstanceState::Failed)
}

/// A tag's text.
pub(crate) fn tag(instance: &InstanceRecord, name: &str) -> String {
    instance.tags.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Compares pods and living instances.
///
/// # Errors
/// The first thing that is not as it should be.
pub(crate) fn instances(
    pods: &[Arc<Value>],
    living: &[InstanceRecord],
    cluster: &str,
) -> Result<(), String> {
    let mut by_uid: BTreeMap<String, Vec<&InstanceRecord>> = BTreeMap::new();
    for instance in living {
        if tag(instance, "k8s_cluster") == cluster && tag(instance, "k8s_nodename") == NODE {
            by_uid.entry(tag(instance, "k8s_uid")).or_default().push(instance);
        }
    }
    for pod in pods {
        let (name, uid) = (text(pod, "/metadata/name"), text(pod, "/metadata/uid"));
        let its = by_uid.remove(&uid).unwrap_or_default();
        if pod.pointer("/metadata/deletionTimestamp").is_some() {
            return Err(format!("pod {name} is still on its way out"));
        }
        if is_terminal(pod) || name.starts_with("broken") {
            if let Some(instance) = its.first() {
                return Err(format!(
                    "orphan: pod {name} has ended, instance {} has not",
                    instance.id
                ));
            }
            continue;
        }
        let is_taken = |stranger: &InstanceRecord| {
            tag(stranger, "k8s_uid").is_empty() && stranger.name.starts_with(&format!("{name}-"))
        };
        if its.is_empty() && living.iter().any(is_taken) {
            // Its name is held by an instance that somebody took the tags from. It is not ours to touch, and CloudAPI
            // gives the name to no other: the pod waits, and an event says for what.
            continue;
        }
        let [instance] = its.as_slice() else {
            return Err(format!("pod {name} has {} instances", its.len()));
        };
        let shown = text(pod, "/status/containerStatuses/0/containerID");
        if shown != format!("triton://{}", instance.id) {
            return Err(format!("pod {name} shows {shown:?}, and has {}", instance.id));
        }
        let is_ready = pod.pointer("/status/containerStatuses/0/ready") == Some(&Value::Bool(true));
        if instance.state != InstanceState::Running
            || text(pod, "/status/phase") != "Running"
            || !is_ready
        {
            let phase = text(pod, "/status/phase");
            return Err(format!(
                "pod {name} is {phase} (ready {is_ready}), its instance {:?}",
                instance.state
            ));
        }
    }
    match by_uid.into_iter().next() {
        Some((uid, instances)) => Err(format!(
            "orphan: {} of pod {uid}, which is gone",
            instances.iter().map(|instance| instance.id.to_string()).collect::<Vec<_>>().join(", ")
        )),
        None => Ok(()),
    }
}

/// Which promise is broken when that does not change.
pub(crate) fn invariant(reason: &str, is_end: bool) -> Invariant {
    if reason.starts_with("orphan") {
        Invariant::S3
    } else if is_end && reason.starts_with("rule") {
        Invariant::S6
    } else {
        Invariant::L1
    }
}

//! What a pass does with a pod.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;

use super::store::{Known, is_terminal};

/// The annotation of mirror pods, which stand for pods that a kubelet runs from files.
pub const MIRROR_ANNOTATION: &str = "kubernetes.io/config.mirror";

/// `spec.terminationGracePeriodSeconds` where the API server has set none.
const DEFAULT_GRACE: Duration = Duration::from_secs(30);

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Bring what runs nearer to the spec.
    Sync,
    /// Bring what runs nearer to nothing.
    Stop {
        /// What is left of the grace period.
        grace_left: Duration,
        /// What follows when nothing is left.
        then: Then,
    },
    /// The pod can never run here.
    Reject {
        /// Reason of status and event.
        reason: &'static str,
        /// One sentence for a person.
        message: &'static str,
    },
    /// Nothing.
    Leave(Why),
}

/// What follows when nothing of a pod is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// Publish the final status and remove the Pod object.
    Remove,
    /// Leave the Pod object and its status: somebody may want to read it.
    Keep,
    /// There is no Pod object any more.
    Forget,
}

/// Why a pod is left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It is a mirror of something that is not ours.
    Mirror,
    /// It is over, and nothing of it is left.
    Over,
    /// It is over and its removal is ordered; others still hold it by finalizers.
    Finalizers,
}

/// Decides.
///
/// A terminal pod is stopped too: Succeeded and Failed pods stay in the cluster for as long as anyone likes, and must
/// not keep something running, or paid for.
#[must_use]
pub fn decide(known: &Known, run_daemonsets: bool, now: Timestamp) -> Decision {
    let Some(pod) = known.pod.as_deref() else {
        return Decision::Stop { grace_left: Duration::ZERO, then: Then::Forget };
    };
    if known.departed {
        return Decision::Stop { grace_left: Duration::ZERO, then: Then::Forget };
    }
    if pod
        .metadata
        .annotations
        .as_ref()
        .is_some_and(|annotations| annotations.contains_key(MIRROR_ANNOTATION))
    {
        return Decision::Leave(Why::Mirror);
    }
    if let Some(deadline) = &pod.metadata.deletion_timestamp {
        let finalizers =
            pod.metadata.finalizers.as_ref().is_some_and(|finalizers| !finalizers.is_empty());
        if known.memory.gone && finalizers && pod.metadata.deletion_grace_period_seconds == Some(0)
        {
            return Decision::Leave(Why::Finalizers);
        }
        return Decision::Stop { grace_left: grace_left(pod, deadline.0, now), then: Then::Remove };
    }
    if is_terminal(pod) {
        if known.memory.gone {
            return Decision::Leave(Why::Over);
        }
        let passed =
            known.memory.stopping_since.map_or(Duration::ZERO, |since| between(since, now));
        let grace_left = spec_grace(pod).saturating_sub(passed);
        return Decision::Stop { grace_left, then: Then::Keep };
    }
    if !run_daemonsets && is_of_daemonset(pod) {
        return Decision::Reject {
            reason: "DaemonSetNotSupported",
            message: "this node is not a machine and does not run DaemonSets; keep the DaemonSet away from it with a node \
                      affinity such as `type NotIn [virtual-kubelet]`, or let the node run DaemonSets",
        };
    }
    Decision::Sync
}

/// `deletionTimestamp` is the moment of the request plus the grace period.
fn grace_left(pod: &Pod, deadline: Timestamp, now: Timestamp) -> Duration {
    let granted = pod.metadata.deletion_grace_period_seconds.map_or(DEFAULT_GRACE, seconds);
    between(now, deadline).min(granted)
}

fn spec_grace(pod: &Pod) -> Duration {
    let spec = pod.spec.as_ref();
    spec.and_then(|spec| spec.termination_grace_period_seconds).map_or(DEFAULT_GRACE, seconds)
}

fn seconds(seconds: i64) -> Duration {
    Duration::from_secs(u64::try_from(seconds).unwrap_or_default())
}

/// The time from one moment to a later one, zero if it is not later.
fn between(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}

fn is_of_daemonset(pod: &Pod) -> bool {
    let owners = pod.metadata.owner_references.as_deref().unwrap_or_default();
    owners.iter().any(|owner| owner.controller == Some(true) && owner.kind == "DaemonSet")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::super::store::Memory;
    use super::*;
    use crate::provider::PodKey;

    const NOW: i64 = 1_000_000;

    fn now() -> Timestamp {
        Timestamp::from_second(NOW).unwrap()
    }

    fn at(second: i64) -> String {
        Timestamp::from_second(second).unwrap().to_string()
    }

    fn known(pod: Value) -> Known {
        let pod = serde_json::from_value(pod).unwrap();
        let key =
            PodKey { namespace: "default".to_owned(), name: "a".to_owned(), uid: "1".to_owned() };
        Known { key, pod: Some(Arc::new(pod)), departed: false, memory: Memory::default() }
    }

    #[track_caller]
    fn check(known: &Known, expected: Decision) {
        assert_eq!(decide(known, false, now()), expected);
    }

    fn stop(seconds: u64, then: Then) -> Decision {
        Decision::Stop { grace_left: Duration::from_secs(seconds), then }
    }

    #[test]
    fn a_pod_that_is_wanted_is_synced() {
        check(&known(json!({})), Decision::Sync);
        check(&known(json!({ "status": { "phase": "Running" } })), Decision::Sync);
    }

    #[test]
    fn a_terminal_pod_is_stopped_but_not_removed() {
        for phase in ["Succeeded", "Failed"] {
            let mut pod = known(
                json!({ "spec": { "containers": [], "terminationGracePeriodSeconds": 60 }, "status": { "phase": phase } }),
            );
            check(&pod, stop(60, Then::Keep));
            pod.memory.stopping_since = Some(Timestamp::from_second(NOW - 45).unwrap());
            check(&pod, stop(15, Then::Keep));
            pod.memory.gone = true;
            check(&pod, Decision::Leave(Why::Over));
        }
    }

    #[test]
    fn grace_is_what_is_left_of_it() {
        for (deadline, granted, left) in
            [(NOW + 20, 30, 20), (NOW + 20, 5, 5), (NOW, 30, 0), (NOW - 100, 30, 0)]
        {
            let pod = known(
                json!({ "metadata": { "deletionTimestamp": at(deadline), "deletionGracePeriodSeconds": granted } }),
            );
            check(&pod, stop(left, Then::Remove));
        }
    }

    #[test]
    fn a_terminal_pod_that_is_deleted_is_removed() {
        let pod = known(json!({
            "metadata": { "deletionTimestamp": at(NOW), "deletionGracePeriodSeconds": 0, "finalizers": ["a.io/b"] },
            "status": { "phase": "Failed" },
        }));
        check(&pod, stop(0, Then::Remove));
    }

    #[test]
    fn finalizers_of_others_are_waited_for_quietly() {
        let mut pod = known(json!({
            "metadata": { "deletionTimestamp": at(NOW), "deletionGracePeriodSeconds": 0, "finalizers": ["a.io/b"] },
        }));
        pod.memory.gone = true;
        check(&pod, Decision::Leave(Why::Finalizers));
    }

    #[test]
    fn a_departed_pod_is_stopped_at_once() {
        let mut pod = known(json!({ "status": { "phase": "Running" } }));
        pod.departed = true;
        check(&pod, stop(0, Then::Forget));
        pod.pod = None;
        check(&pod, stop(0, Then::Forget));
    }

    #[test]
    fn mirror_pods_are_never_ours() {
        let pod = json!({ "metadata": { "annotations": { "kubernetes.io/config.mirror": "x" }, "deletionTimestamp": at(NOW) } });
        check(&known(pod), Decision::Leave(Why::Mirror));
    }

    #[test]
    fn daemonsets_are_run_only_if_asked_for() {
        let pod = known(json!({ "metadata": { "ownerReferences": [
            { "apiVersion": "apps/v1", "kind": "DaemonSet", "name": "d", "uid": "u", "controller": true }
        ] } }));
        assert!(matches!(
            decide(&pod, false, now()),
            Decision::Reject { reason: "DaemonSetNotSupported", .. }
        ));
        assert_eq!(decide(&pod, true, now()), Decision::Sync);
    }
}

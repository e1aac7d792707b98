//! When a pod's first status may wait.
//!
//! A status write is what a node costs the API server, and a pod that is on its way to run needs just one: the one
//! that says so. "It is being made" is worth a write of its own only when the making takes so long that somebody may
//! look.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Pod, PodStatus};
use tokio::time::Instant;

/// How long "it is being made" is held back. Longer than the interval of the provider's lists, so that what runs at
/// once is seen to run first.
pub const MADE: Duration = Duration::from_secs(2);

/// How long "it waits for its turn" is held back.
pub const IN_LINE: Duration = Duration::from_secs(10);

/// Reasons to wait that are no trouble, in the kubelet's words.
const ON_ITS_WAY: [&str; 2] = ["ContainerCreating", "PodInitializing"];

/// A first status that is held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// Since when.
    since: Instant,
    /// Something was made for the pod.
    made: bool,
}

// === impl Held ===

impl Held {
    /// When it is published at the latest.
    #[must_use]
    pub fn until(&self) -> Instant {
        self.since + if self.made { MADE } else { IN_LINE }
    }
}

/// Whether `wanted` is held back, given how it was held `before`; `None` means that it is published now.
///
/// Only the first status of a pod waits, only one that says nothing but that the pod is on its way, and not where a
/// clock starts with it (`activeDeadlineSeconds` counts from the published start).
#[must_use]
pub fn hold(pod: &Pod, wanted: &PodStatus, before: Option<Held>, now: Instant) -> Option<Held> {
    let published = pod.status.as_ref().is_some_and(|status| status.start_time.is_some());
    let has_deadline = pod.spec.as_ref().is_some_and(|spec| spec.active_deadline_seconds.is_some());
    if published || has_deadline || wanted.phase.as_deref() != Some("Pending") {
        return None;
    }
    let containers = wanted.container_statuses.as_deref().unwrap_or_default();
    let on_its_way = containers.iter().all(|container| {
        let waiting = container.state.as_ref().and_then(|state| state.waiting.as_ref());
        let reason = waiting.and_then(|waiting| waiting.reason.as_deref());
        reason.is_some_and(|reason| ON_ITS_WAY.contains(&reason))
    });
    if !on_its_way {
        return None;
    }
    let made = containers.iter().any(|container| container.container_id.is_some());
    let held = before.filter(|held| held.made == made).unwrap_or(Held { since: now, made });
    (held.until() > now).then_some(held)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pod(value: Value) -> Pod {
        serde_json::from_value(value).unwrap()
    }

    fn status(reason: &str, id: Option<&str>) -> PodStatus {
        serde_json::from_value(json!({
            "phase": "Pending",
            "containerStatuses": [{
                "name": "a", "image": "b", "imageID": "", "ready": false, "restartCount": 0,
                "containerID": id, "state": {"waiting": {"reason": reason}},
            }],
        }))
        .unwrap()
    }

    #[track_caller]
    fn check(pod: &Pod, wanted: &PodStatus, held_at_first: bool) {
        assert_eq!(hold(pod, wanted, None, Instant::now()).is_some(), held_at_first);
    }

    #[tokio::test(start_paused = true)]
    async fn only_a_first_status_without_news_waits() {
        let fresh = pod(json!({"status": {"phase": "Pending"}}));
        let creating = status("ContainerCreating", None);
        check(&fresh, &creating, true);
        check(&fresh, &status("QuotaExceeded", None), false);
        check(&pod(json!({"status": {"startTime": "2026-01-01T00:00:00Z"}})), &creating, false);
        let deadline = json!({"spec": {"containers": [], "activeDeadlineSeconds": 5}});
        check(&pod(deadline), &creating, false);
        for phase in ["Running", "Failed", "Succeeded"] {
            let wanted = PodStatus { phase: Some(phase.to_owned()), ..creating.clone() };
            check(&fresh, &wanted, false);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn it_waits_longer_in_line_than_when_it_is_made() {
        let fresh = pod(json!({}));
        let now = Instant::now();
        let in_line = status("ContainerCreating", None);
        let held = hold(&fresh, &in_line, None, now);
        assert_eq!(held.unwrap().until(), now + IN_LINE);
        let later = now + IN_LINE - Duration::from_secs(1);
        assert_eq!(hold(&fresh, &in_line, held, later), held, "counted from the first time");
        assert_eq!(hold(&fresh, &in_line, held, now + IN_LINE), None);
        // Its turn has come: now it is being made.
        let made = status("ContainerCreating", Some("triton://1"));
        let held = hold(&fresh, &made, held, later);
        assert_eq!(held.unwrap().until(), later + MADE);
        assert_eq!(hold(&fresh, &made, held, later + MADE), None);
    }
}

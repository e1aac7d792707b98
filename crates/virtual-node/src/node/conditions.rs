//! The node's conditions.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::NodeCondition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::health::PROVIDER_UNAVAILABLE;

/// The condition that says whether pods can be run.
pub const READY: &str = "Ready";

/// The conditions that never trouble a node without disks, memory or routes of its own, with the reasons and messages
/// that the kubelet uses.
const ALWAYS_FALSE: [(&str, &str, &str); 4] = [
    ("MemoryPressure", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    ("DiskPressure", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    ("PIDPressure", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    ("NetworkUnavailable", "RouteCreated", "the provider routes to its pods"),
];

/// All conditions of the node, given those that are published and what troubles the provider.
///
/// `lastTransitionTime` moves only when a status changes; `lastHeartbeatTime` is `now` for all.
#[must_use]
pub fn conditions(
    published: &[NodeCondition],
    trouble: Option<&str>,
    now: Timestamp,
) -> Vec<NodeCondition> {
    let ready = match trouble {
        None => (READY, "True", "KubeletReady", "the node is ready"),
        Some(message) => (READY, "False", PROVIDER_UNAVAILABLE, message),
    };
    ALWAYS_FALSE
        .iter()
        .map(|&(type_, reason, message)| (type_, "False", reason, message))
        .chain([ready])
        .map(|(type_, status, reason, message)| {
            let since = published
                .iter()
                .find(|condition| condition.type_ == type_ && condition.status == status)
                .and_then(|condition| condition.last_transition_time.clone());
            NodeCondition {
                type_: type_.to_owned(),
                status: status.to_owned(),
                reason: Some(reason.to_owned()),
                message: Some(message.to_owned()),
                last_heartbeat_time: Some(Time(now)),
                last_transition_time: since.or(Some(Time(now))),
            }
        })
        .collect()
}

/// Whether someone else, such as the node controller, says otherwise about a condition of ours.
#[must_use]
pub fn are_contradicted(published: &[NodeCondition], wanted: &[NodeCondition]) -> bool {
    wanted.iter().any(|ours| {
        !published.iter().any(|theirs| {
            theirs.type_ == ours.type_
                && theirs.status == ours.status
                && theirs.reason == ours.reason
                && theirs.message == ours.message
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn ready(conditions: &[NodeCondition]) -> &NodeCondition {
        conditions.iter().find(|condition| condition.type_ == "Ready").unwrap()
    }

    #[test]
    fn transition_time_moves_only_when_the_status_changes() {
        let first = conditions(&[], None, at(100));
        let second = conditions(&first, None, at(200));
        assert_eq!(ready(&second).last_transition_time, Some(Time(at(100))));
        assert_eq!(ready(&second).last_heartbeat_time, Some(Time(at(200))));

        let third = conditions(&second, Some("CloudAPI refuses the key"), at(300));
        assert_eq!(ready(&third).status, "False");
        assert_eq!(ready(&third).reason.as_deref(), Some("ProviderUnavailable"));
        assert_eq!(ready(&third).last_transition_time, Some(Time(at(300))));
        assert_eq!(third[0].last_transition_time, Some(Time(at(100))), "the others did not change");
    }

    #[test]
    fn what_the_node_controller_wrote_is_noticed() {
        let ours = conditions(&[], None, at(100));
        assert!(!are_contradicted(&ours, &ours));
        let mut theirs = ours.clone();
        theirs[0].status = "Unknown".to_owned();
        assert!(are_contradicted(&theirs, &ours));
        assert!(are_contradicted(&[], &ours));
    }
}

//! The node's conditions.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::NodeCondition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::health::Verdict;
use crate::config::OutageSigns;

/// The reason of the provider's condition while it does not answer, and of the event that says so.
pub const UNAVAILABLE: &str = "ProviderUnavailable";

/// The reason of the provider's condition while it answers, and of the event that says so.
pub const AVAILABLE: &str = "ProviderAvailable";

/// The reason of the provider's condition before anything is known.
pub const NOT_SEEN: &str = "ProviderNotSeen";

/// The condition that says whether the node does its work. An outage of the provider does not change it: a node that
/// is not Ready has its pods evicted, and what runs them runs on.
pub const READY: &str = "Ready";

/// The conditions that never trouble a node without disks, memory or routes of its own, with the reasons and messages
/// that the kubelet uses.
const ALWAYS_FALSE: [(&str, &str, &str); 4] = [
    ("MemoryPressure", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    ("DiskPressure", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    ("PIDPressure", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    ("NetworkUnavailable", "RouteCreated", "the provider routes to its pods"),
];

/// All conditions of the node, given those that are published and what is believed of the provider.
///
/// `lastTransitionTime` moves only when a status changes; `lastHeartbeatTime` is `now` for all.
#[must_use]
pub fn conditions(
    published: &[NodeCondition],
    signs: &OutageSigns,
    verdict: &Verdict,
    now: Timestamp,
) -> Vec<NodeCondition> {
    let ready = (READY, "True", "KubeletReady", "the node is ready");
    let type_ = signs.condition.as_str();
    let known = published.iter().find(|condition| condition.type_ == type_);
    let provider = match (verdict, known) {
        (Verdict::Reachable, _) => (type_, "True", AVAILABLE, "the provider answers"),
        (Verdict::Unreachable { message }, _) => (type_, "False", UNAVAILABLE, message.as_str()),
        // What an earlier process found out is better than nothing.
        (Verdict::NotYet, Some(known)) => (
            type_,
            known.status.as_str(),
            known.reason.as_deref().unwrap_or_default(),
            known.message.as_deref().unwrap_or_default(),
        ),
        (Verdict::NotYet, None) => {
            (type_, "Unknown", NOT_SEEN, "the provider has not answered yet")
        }
    };
    ALWAYS_FALSE
        .iter()
        .map(|&(type_, reason, message)| (type_, "False", reason, message))
        .chain([provider, ready])
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

    fn conditions(
        published: &[NodeCondition],
        verdict: &Verdict,
        now: Timestamp,
    ) -> Vec<NodeCondition> {
        super::conditions(published, &OutageSigns::default(), verdict, now)
    }

    fn unreachable(message: &str) -> Verdict {
        Verdict::Unreachable { message: message.to_owned() }
    }

    fn find<'a>(conditions: &'a [NodeCondition], type_: &str) -> &'a NodeCondition {
        conditions.iter().find(|condition| condition.type_ == type_).unwrap()
    }

    #[test]
    fn transition_time_moves_only_when_the_status_changes() {
        let first = conditions(&[], &Verdict::Reachable, at(100));
        let second = conditions(&first, &Verdict::Reachable, at(200));
        let provider = find(&second, "ProviderReachable");
        assert_eq!(provider.last_transition_time, Some(Time(at(100))));
        assert_eq!(provider.last_heartbeat_time, Some(Time(at(200))));

        let third = conditions(&second, &unreachable("the key is refused"), at(300));
        let provider = find(&third, "ProviderReachable");
        assert_eq!(
            (provider.status.as_str(), provider.reason.as_deref()),
            ("False", Some(UNAVAILABLE))
        );
        assert_eq!(provider.message.as_deref(), Some("the key is refused"));
        assert_eq!(provider.last_transition_time, Some(Time(at(300))));
        assert_eq!(third[0].last_transition_time, Some(Time(at(100))), "the others did not change");
    }

    #[test]
    fn a_node_is_ready_whatever_its_provider_does() {
        for verdict in [Verdict::NotYet, Verdict::Reachable, unreachable("no route")] {
            assert_eq!(find(&conditions(&[], &verdict, at(1)), READY).status, "True");
        }
    }

    #[test]
    fn before_anything_is_known_the_last_process_is_believed() {
        let new = conditions(&[], &Verdict::NotYet, at(1));
        assert_eq!(find(&new, "ProviderReachable").status, "Unknown");
        for earlier in [Verdict::Reachable, unreachable("no route")] {
            let published = conditions(&[], &earlier, at(1));
            let next = conditions(&published, &Verdict::NotYet, at(2));
            assert!(!are_contradicted(&published, &next));
        }
    }

    #[test]
    fn what_the_node_controller_wrote_is_noticed() {
        let ours = conditions(&[], &Verdict::Reachable, at(100));
        assert!(!are_contradicted(&ours, &ours));
        let mut theirs = ours.clone();
        theirs[0].status = "Unknown".to_owned();
        assert!(are_contradicted(&theirs, &ours));
        assert!(are_contradicted(&[], &ours));
    }
}

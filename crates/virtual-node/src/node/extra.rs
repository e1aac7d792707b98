//! Conditions of the Node that other parts than its keeper know of.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::NodeCondition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

/// What the parts of the node say of themselves; the keeper publishes it with its next round. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct ExtraConditions(Arc<Mutex<BTreeMap<&'static str, Extra>>>);

/// One such condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Extra {
    holds: bool,
    reason: &'static str,
    message: String,
}

// === impl Extra ===

impl Extra {
    /// It holds.
    pub(crate) fn yes(reason: &'static str, message: impl Into<String>) -> Self {
        Self { holds: true, reason, message: message.into() }
    }

    /// It does not hold.
    pub(crate) fn no(reason: &'static str, message: impl Into<String>) -> Self {
        Self { holds: false, reason, message: message.into() }
    }

    fn status(&self) -> &'static str {
        if self.holds { "True" } else { "False" }
    }
}

// === impl ExtraConditions ===

impl ExtraConditions {
    /// Says how a condition stands from now on.
    pub(crate) fn set(&self, type_: &'static str, extra: Extra) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(type_, extra);
    }

    /// All that were ever set, given those that are published: `lastTransitionTime` moves only when a status changes.
    pub(crate) fn all(&self, published: &[NodeCondition], now: Timestamp) -> Vec<NodeCondition> {
        let extras = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let one = |(type_, extra): (&&'static str, &Extra)| {
            let same = published
                .iter()
                .find(|condition| condition.type_ == *type_ && condition.status == extra.status());
            NodeCondition {
                type_: (*type_).to_owned(),
                status: extra.status().to_owned(),
                reason: Some(extra.reason.to_owned()),
                message: Some(extra.message.clone()),
                last_heartbeat_time: Some(Time(now)),
                last_transition_time: same
                    .and_then(|condition| condition.last_transition_time.clone())
                    .or(Some(Time(now))),
            }
        };
        extras.iter().map(one).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_that_was_set_is_published_until_it_is_set_otherwise() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let extras = ExtraConditions::default();
        assert_eq!(extras.all(&[], at(1)), []);
        extras.set("Held", Extra::yes("TooMany", "7"));
        let first = extras.all(&[], at(1));
        assert_eq!((first[0].type_.as_str(), first[0].status.as_str()), ("Held", "True"));
        extras.set("Held", Extra::yes("TooMany", "8"));
        let second = extras.all(&first, at(2));
        assert_eq!(second[0].message.as_deref(), Some("8"));
        assert_eq!(second[0].last_transition_time, Some(Time(at(1))));
        extras.set("Held", Extra::no("None", ""));
        let third = extras.all(&second, at(3));
        assert_eq!(
            (third[0].status.as_str(), &third[0].last_transition_time),
            ("False", &Some(Time(at(3))))
        );
    }
}

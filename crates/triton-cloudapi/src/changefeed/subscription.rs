//! What to be told of: the one message that a client of the changefeed sends.

use std::collections::BTreeSet;

use serde_json::json;

use crate::ids::InstanceId;

/// A part of an instance whose change can be subscribed to.
///
/// One unknown name makes the server ignore the whole subscription without a word, so there is no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum SubResource {
    /// Its name.
    Alias,
    /// Its metadata.
    CustomerMetadata,
    /// It is gone.
    Destroyed,
    /// Its NICs.
    Nics,
    /// The account it belongs to.
    OwnerUuid,
    /// The compute node it is on: it was placed, or has migrated.
    ServerUuid,
    /// Its state.
    State,
    /// Its tags.
    Tags,
}

/// Which changes of which instances to be told of. The default is everything.
///
/// ```
/// use triton_cloudapi::changefeed::{SubResource, Subscription};
///
/// let subscription = Subscription::default().only([SubResource::State]);
/// assert_eq!(subscription.to_message(), r#"{"resource":"vm","subResources":["state"]}"#);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    sub_resources: BTreeSet<SubResource>,
    instances: BTreeSet<InstanceId>,
}

// === impl SubResource ===

impl SubResource {
    /// All there are.
    pub const ALL: [Self; 8] = [
        Self::Alias,
        Self::CustomerMetadata,
        Self::Destroyed,
        Self::Nics,
        Self::OwnerUuid,
        Self::ServerUuid,
        Self::State,
        Self::Tags,
    ];

    /// The wire text.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Alias => "alias",
            Self::CustomerMetadata => "customer_metadata",
            Self::Destroyed => "destroyed",
            Self::Nics => "nics",
            Self::OwnerUuid => "owner_uuid",
            Self::ServerUuid => "server_uuid",
            Self::State => "state",
            Self::Tags => "tags",
        }
    }
}

// === impl Subscription ===

impl Default for Subscription {
    /// Every change of every instance of the account.
    fn default() -> Self {
        Self { sub_resources: SubResource::ALL.into(), instances: BTreeSet::new() }
    }
}

impl Subscription {
    /// Only changes of these parts. None at all means all of them: nobody subscribes to nothing.
    #[must_use]
    pub fn only(mut self, sub_resources: impl IntoIterator<Item = SubResource>) -> Self {
        self.sub_resources = sub_resources.into_iter().collect();
        if self.sub_resources.is_empty() {
            self.sub_resources = SubResource::ALL.into();
        }
        self
    }

    /// Only changes of these instances. None at all means all of the account, also those that are yet to be created.
    #[must_use]
    pub fn of(mut self, instances: impl IntoIterator<Item = InstanceId>) -> Self {
        self.instances = instances.into_iter().collect();
        self
    }

    /// The text frame to send.
    #[must_use]
    pub fn to_message(&self) -> String {
        let sub_resources: Vec<&str> =
            self.sub_resources.iter().map(|part| part.as_str()).collect();
        let mut message = json!({ "resource": "vm", "subResources": sub_resources });
        // To the server an empty list is a filter that lets nothing through.
        if !self.instances.is_empty() {
            message["vms"] = json!(self.instances);
        }
        message.to_string()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[track_caller]
    fn check(subscription: &Subscription, expected: Value) {
        assert_eq!(serde_json::from_str::<Value>(&subscription.to_message()).unwrap(), expected);
    }

    #[test]
    fn by_default_everything_is_told_of() {
        let all = [
            "alias",
            "customer_metadata",
            "destroyed",
            "nics",
            "owner_uuid",
            "server_uuid",
            "state",
            "tags",
        ];
        let everything = json!({"resource": "vm", "subResources": all});
        check(&Subscription::default(), everything.clone());
        check(&Subscription::default().only([]).of([]), everything);
    }

    #[test]
    fn parts_and_instances_narrow_it() {
        let id = "00000000-0000-4000-8000-000000000001";
        check(
            &Subscription::default()
                .only([SubResource::State, SubResource::Nics])
                .of([id.parse().unwrap()]),
            json!({"resource": "vm", "subResources": ["nics", "state"], "vms": [id]}),
        );
    }
}

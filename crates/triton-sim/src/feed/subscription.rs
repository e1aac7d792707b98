//! What a client of the changefeed asks for.

use std::collections::BTreeSet;

use serde_json::Value;
use uuid::Uuid;

/// A subscription that was accepted; the last one of a connection counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Subscription {
    sub_resources: BTreeSet<String>,
    /// Compared letter by letter, as the real one does: a UUID in capitals names nobody.
    instances: Option<BTreeSet<String>>,
}

/// The names a subscription may hold; one other and the whole of it is ignored.
const SUB_RESOURCES: [&str; 8] = [
    "alias",
    "customer_metadata",
    "destroyed",
    "nics",
    "owner_uuid",
    "server_uuid",
    "state",
    "tags",
];

// === impl Subscription ===

impl Subscription {
    /// Reads a text frame; `None` is ignored without a word, as CloudAPI does.
    pub(crate) fn read(text: &[u8]) -> Option<Self> {
        let message: Value = serde_json::from_slice(text).ok()?;
        if message.get("resource")?.as_str()? != "vm" {
            return None;
        }
        let names = message.get("subResources")?.as_array()?;
        let known = |name: &&str| SUB_RESOURCES.contains(name);
        let sub_resources = names.iter().map(|name| name.as_str().filter(known).map(str::to_owned));
        let instances = match message.get("vms") {
            Some(Value::Array(ids)) => Some(ids.iter().map(read_id).collect::<Option<_>>()?),
            None | Some(Value::Null | Value::Bool(false)) => None,
            // What JavaScript takes for false is no filter.
            Some(Value::String(text)) if text.is_empty() => None,
            Some(Value::Number(number)) if number.as_f64() == Some(0.0) => None,
            Some(_) => return None,
        };
        Some(Self { sub_resources: sub_resources.collect::<Option<_>>()?, instances })
    }

    /// Whether a change of these parts of this instance is wanted.
    pub(crate) fn wants(&self, id: Uuid, sub_resources: &[&str]) -> bool {
        sub_resources.iter().any(|name| self.sub_resources.contains(*name))
            && self.instances.as_ref().is_none_or(|ids| ids.contains(&id.to_string()))
    }
}

fn read_id(value: &Value) -> Option<String> {
    let text = value.as_str()?;
    let is_dashed = text.len() == 36 && text.parse::<Uuid>().is_ok();
    is_dashed.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: Uuid = Uuid::from_u128(0xabcd);

    /// Whether a change of `state` and `tags` of [`ID`] is wanted; `None` for a subscription that is ignored.
    #[track_caller]
    fn check(text: &str, expected: Option<bool>) {
        let subscription = Subscription::read(text.as_bytes());
        let wants = subscription.map(|s| s.wants(ID, &["state", "tags", "zone_state"]));
        assert_eq!(wants, expected, "{text}");
    }

    #[test]
    fn subscriptions_filter_by_part_and_instance() {
        check(r#"{"resource":"vm","subResources":["state"]}"#, Some(true));
        check(r#"{"resource":"vm","subResources":["alias","nics"]}"#, Some(false));
        check(r#"{"resource":"vm","subResources":[]}"#, Some(false));
        let with =
            |vms: &str| format!(r#"{{"resource":"vm","subResources":["tags"],"vms":{vms}}}"#);
        check(&with(&format!(r#"["{ID}"]"#)), Some(true));
        check(&with(&format!(r#"["{}"]"#, Uuid::nil())), Some(false));
        check(&with(&format!(r#"["{}"]"#, ID.to_string().to_uppercase())), Some(false));
        check(&with("[]"), Some(false));
        check(&with("null"), Some(true));
    }

    #[test]
    fn what_is_not_valid_is_ignored() {
        check("{", None);
        check("null", None);
        check("[]", None);
        check(r#"{"resource":"volume","subResources":["state"]}"#, None);
        check(r#"{"resource":"vm"}"#, None);
        check(r#"{"resource":"vm","subResources":"state"}"#, None);
        check(r#"{"resource":"vm","subResources":["state","zone_state"]}"#, None);
        check(r#"{"resource":"vm","subResources":["state"],"vms":["web"]}"#, None);
        check(r#"{"resource":"vm","subResources":["state"],"vms":"x"}"#, None);
    }
}

//! Metadata: what the guest of an instance can read, and the calls about it.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Index;

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use super::{keys, path, tag_requests};
use crate::answer::json;
use crate::endpoint::{Endpoint, Group};
use crate::ids::InstanceId;
use crate::request::{Request, RequestError};
use crate::secret::{REDACTED, Secret};

pub(super) const LIST: Endpoint = Endpoint::read("ListMachineMetadata", Group::Machines);
pub(super) const ADD: Endpoint = Endpoint::set("AddMachineMetadata", Group::Machines);
pub(super) const DELETE_ALL: Endpoint = Endpoint::set("DeleteAllMachineMetadata", Group::Machines);
pub(super) const GET: Endpoint = Endpoint::read("GetMachineMetadata", Group::Machines);
pub(super) const DELETE: Endpoint = Endpoint::set("DeleteMachineMetadata", Group::Machines);

/// An instance's metadata, by key.
///
/// Values are text except where foreign tools stored something else. They hold what the guest must know, passwords
/// among it, so neither `Debug` nor `Serialize` shows them: [`Metadata::exposed`] does.
#[derive(Clone, Default, PartialEq)]
pub struct Metadata {
    /// In the order of keys. Not a tree: thousands of these are held, each with few entries.
    entries: Vec<(String, Value)>,
}

/// Metadata that serializes as it is.
#[derive(Clone, Copy)]
pub struct Exposed<'a>(&'a Metadata);

// === impl Metadata ===

impl Metadata {
    /// A value.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        let index = self.entries.binary_search_by(|(entry, _)| entry.as_str().cmp(key)).ok()?;
        self.entries.get(index).map(|(_, value)| value)
    }

    /// Whether there is such a key.
    #[must_use]
    pub fn contains_key(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// A value that is text.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<&str> {
        self.get(key)?.as_str()
    }

    /// Keys, in order.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &str> {
        self.entries.iter().map(|(key, _)| key.as_str())
    }

    /// Keys and values, in the order of keys.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Value)> {
        self.entries.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// How many keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Passwords by user; there are some only if credentials were asked for.
    #[must_use]
    pub fn credentials(&self) -> BTreeMap<String, Secret> {
        let credentials = self.get("credentials").and_then(Value::as_object).into_iter().flatten();
        credentials
            .filter_map(|(user, secret)| Some((user.clone(), secret.as_str()?.into())))
            .collect()
    }

    /// The same, serializing with its values.
    #[must_use]
    pub fn exposed(&self) -> Exposed<'_> {
        Exposed(self)
    }
}

impl FromIterator<(String, Value)> for Metadata {
    /// Of entries with the same key the last one stays.
    fn from_iter<I: IntoIterator<Item = (String, Value)>>(entries: I) -> Self {
        let entries: BTreeMap<_, _> = entries.into_iter().collect();
        Self { entries: entries.into_iter().collect() }
    }
}

impl Index<&str> for Metadata {
    type Output = Value;

    /// The value, or null where there is none.
    fn index(&self, key: &str) -> &Value {
        self.get(key).unwrap_or(&Value::Null)
    }
}

impl fmt::Debug for Metadata {
    /// Keys only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.keys()).finish()
    }
}

impl Serialize for Metadata {
    /// Keys, and `<redacted>` for each value.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.len()))?;
        for key in self.keys() {
            map.serialize_entry(key, REDACTED)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Metadata {
    /// Anything but an object is no metadata.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;

        impl<'de> Visitor<'de> for Entries {
            type Value = Metadata;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("metadata")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Metadata, A::Error> {
                let mut entries: Vec<(String, Value)> = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.reserve_exact(1);
                    entries.push(entry);
                }
                let is_sorted = entries.is_sorted_by(|(one, _), (other, _)| one < other);
                Ok(if is_sorted { Metadata { entries } } else { entries.into_iter().collect() })
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Metadata, A::Error> {
                while seq.next_element::<serde::de::IgnoredAny>()?.is_some() {}
                Ok(Metadata::default())
            }

            crate::lenient::scalars_become!(Metadata::default());
        }

        deserializer.deserialize_any(Entries)
    }
}

// === impl Exposed ===

impl Serialize for Exposed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter())
    }
}

/// ListMachineMetadata.
///
/// # Errors
///
/// [`RequestError`].
pub fn list_metadata(id: InstanceId) -> Result<Request<Metadata>, RequestError> {
    LIST.get(&path(id).fixed("metadata"), json)
}

/// ListMachineMetadata with the passwords that the server made for the guest: see [`Metadata::credentials`].
///
/// # Errors
///
/// [`RequestError`].
pub fn list_metadata_with_credentials(id: InstanceId) -> Result<Request<Metadata>, RequestError> {
    LIST.get(&path(id).fixed("metadata").query("credentials", "true"), json)
}

/// AddMachineMetadata (the manual: UpdateMachineMetadata). The answer is what the metadata will be, seconds later.
///
/// # Errors
///
/// [`RequestError::ReservedKey`]; [`RequestError::Invalid`] for `credentials` and `…_pw`, which the server would drop; and
/// [`RequestError::Empty`] for nothing to add.
pub fn add_metadata(
    id: InstanceId,
    metadata: &BTreeMap<String, String>,
) -> Result<Request<Metadata>, RequestError> {
    if metadata.is_empty() {
        return Err(RequestError::Empty { what: "the metadata to add" });
    }
    let mut body = Map::new();
    for (key, value) in metadata {
        keys::check_changed_metadata(key)?;
        body.insert(key.clone(), value.as_str().into());
    }
    ADD.post(&path(id).fixed("metadata"), &Value::Object(body), json)
}

/// DeleteAllMachineMetadata; `root_authorized_keys` and `administrator_pw` stay.
///
/// # Errors
///
/// [`RequestError`].
pub fn delete_all_metadata(id: InstanceId) -> Result<Request<()>, RequestError> {
    DELETE_ALL.delete(&path(id).fixed("metadata"))
}

/// GetMachineMetadata: one value as text. A value that is no text is a 404.
///
/// # Errors
///
/// [`RequestError::Empty`] for an empty key, which would be all.
pub fn get_metadata(id: InstanceId, key: &str) -> Result<Request<String>, RequestError> {
    let target = path(id).fixed("metadata").named("the metadata key", key)?;
    Ok(GET.get(&target, tag_requests::plain_text)?.accepting_text())
}

/// DeleteMachineMetadata, one key. That it is not there is success.
///
/// # Errors
///
/// [`RequestError::Empty`] for an empty key, which would delete all; [`RequestError::Invalid`] for those that the server
/// keeps.
pub fn delete_metadata(id: InstanceId, key: &str) -> Result<Request<()>, RequestError> {
    if matches!(key, "credentials" | "administrator_pw" | "root_authorized_keys") {
        return Err(RequestError::invalid("the metadata key", key, "CloudAPI never deletes it"));
    }
    DELETE.delete(&path(id).fixed("metadata").named("the metadata key", key)?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(value: Value) -> Metadata {
        serde_json::from_str(&value.to_string()).unwrap()
    }

    #[test]
    fn values_are_shown_to_who_asks_for_them_by_name() {
        let text = r#"{"n":1,"credentials":{"root":"canary-5f1c"},"a":"canary-5f1c"}"#;
        let metadata: Metadata = serde_json::from_str(text).unwrap();
        assert_eq!(metadata.text("a"), Some("canary-5f1c"));
        assert_eq!((metadata.text("n"), metadata["n"].as_i64()), (None, Some(1)));
        assert!(metadata["absent"].is_null());
        assert_eq!(metadata.keys().collect::<Vec<_>>(), ["a", "credentials", "n"]);
        assert_eq!(metadata.credentials()["root"].expose(), "canary-5f1c");
        let hidden = serde_json::to_string(&metadata).unwrap();
        for shown in [format!("{metadata:?}"), hidden] {
            assert!(!shown.contains("canary") && shown.contains("credentials"), "{shown}");
        }
        let exposed = serde_json::to_value(metadata.exposed()).unwrap();
        assert_eq!(exposed, serde_json::from_str::<Value>(text).unwrap());
    }

    #[test]
    fn what_is_no_object_is_no_metadata() {
        for odd in [json!(null), json!("x"), json!([1, {}]), json!(5), json!(-1), json!(true)] {
            assert!(read(odd.clone()).is_empty(), "{odd}");
        }
        assert_eq!(read(json!({"a": "b", "c": null})).len(), 2);
    }

    #[test]
    fn keys_that_would_be_lost_are_not_sent() {
        let id = InstanceId(uuid::Uuid::nil());
        let add = |key: &str| add_metadata(id, &BTreeMap::from([(key.to_owned(), String::new())]));
        for key in keys::RESERVED.into_iter().chain(["credentials", "root_pw", ""]) {
            assert!(add(key).is_err(), "{key}");
        }
        assert!(add("user-script").is_ok());
        for key in ["credentials", "administrator_pw", "root_authorized_keys", ""] {
            assert!(delete_metadata(id, key).is_err(), "{key}");
        }
    }
}

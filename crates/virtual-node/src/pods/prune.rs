//! Copies a pod's JSON without what nobody here reads.
//!
//! A pod as the API server sends it is half bookkeeping: `managedFields` says who last set which field, and one
//! annotation of kubectl repeats the whole manifest. The copy is made while the answer is read, field by field, so
//! that neither is ever held, and fields that are newer than this crate's types stay.

use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// The annotation in which `kubectl apply` keeps the whole manifest.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// What came of a copy.
#[derive(Debug, Default)]
pub(super) struct Pruned {
    /// JSON without blanks.
    pub(super) json: Vec<u8>,
    /// `metadata.resourceVersion`, which is not in `json`: it changes without anything else changing.
    pub(super) version: Option<String>,
}

/// Where in a pod a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Pod,
    Metadata,
    Annotations,
    Version,
    Elsewhere,
}

/// Copies one value.
struct Copy<'a> {
    into: &'a mut Pruned,
    place: Place,
}

/// Reads one key: writes it, and says where its value is; `None` if the field is left out.
struct Key<'a> {
    into: &'a mut Pruned,
    place: Place,
    first: &'a mut bool,
}

/// Copies a pod.
pub(super) fn prune<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Pruned, D::Error> {
    let mut pruned = Pruned::default();
    Copy { into: &mut pruned, place: Place::Pod }.deserialize(deserializer)?;
    Ok(pruned)
}

// === impl Place ===

impl Place {
    /// Where the value of `key` is; `None` if it is left out.
    fn of(self, key: &str) -> Option<Self> {
        match (self, key) {
            (Self::Metadata, "managedFields") | (Self::Annotations, LAST_APPLIED) => None,
            (Self::Metadata, "resourceVersion") => Some(Self::Version),
            (Self::Pod, "metadata") => Some(Self::Metadata),
            (Self::Metadata, "annotations") => Some(Self::Annotations),
            _ => Some(Self::Elsewhere),
        }
    }
}

// === impl Copy ===

impl Copy<'_> {
    /// Writes a text, number or truth value.
    fn plain<T: serde::Serialize + ?Sized, E: Error>(self, value: &T) -> Result<(), E> {
        serde_json::to_writer(&mut self.into.json, value).map_err(E::custom)
    }
}

impl<'de> DeserializeSeed<'de> for Copy<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Copy<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.place {
            Place::Pod => "a pod",
            Place::Version => "a resource version",
            Place::Metadata | Place::Annotations | Place::Elsewhere => "a value",
        })
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.plain(&value)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.plain(&value)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.plain(&value)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.plain(&value)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        if self.place == Place::Version {
            self.into.version = Some(value.to_owned());
            return Ok(());
        }
        self.plain(value)
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.into.json.extend_from_slice(b"null");
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        self.into.json.push(b'[');
        let mut first = true;
        loop {
            let end = self.into.json.len();
            if !std::mem::take(&mut first) {
                self.into.json.push(b',');
            }
            let element = Copy { into: &mut *self.into, place: Place::Elsewhere };
            if elements.next_element_seed(element)?.is_none() {
                self.into.json.truncate(end);
                self.into.json.push(b']');
                return Ok(());
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        self.into.json.push(b'{');
        let mut first = true;
        loop {
            let key = Key { into: &mut *self.into, place: self.place, first: &mut first };
            match fields.next_key_seed(key)? {
                None => {
                    self.into.json.push(b'}');
                    return Ok(());
                }
                Some(None) => drop(fields.next_value::<IgnoredAny>()?),
                Some(Some(place)) => {
                    fields.next_value_seed(Copy { into: &mut *self.into, place })?;
                }
            }
        }
    }
}

// === impl Key ===

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = Option<Place>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = Option<Place>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field's name")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
        let place = self.place.of(key);
        if place.is_some_and(|place| place != Place::Version) {
            if !std::mem::take(self.first) {
                self.into.json.push(b',');
            }
            serde_json::to_writer(&mut self.into.json, key).map_err(E::custom)?;
            self.into.json.push(b':');
        }
        Ok(place)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[track_caller]
    fn check(given: Value, expected: Value) {
        let text = given.to_string();
        let pruned = prune(&mut serde_json::Deserializer::from_str(&text)).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&pruned.json).unwrap(), expected);
        // Also when the value has been read into memory before, as serde does with some enums.
        let again = prune(given).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&again.json).unwrap(), expected);
        assert_eq!(again.version, pruned.version);
    }

    #[test]
    fn bookkeeping_is_left_out_and_everything_else_stays() {
        check(
            json!({
                "metadata": {
                    "resourceVersion": "7", "managedFields": [{"fieldsV1": {"f:a": {}}}], "uid": "u",
                    "annotations": {LAST_APPLIED: "{}", "a/b": "quote \" and \u{1f980}\n"},
                },
                "spec": {"a": [], "b": [1, -2, 0.5, true, null, {}], "newerThanWe": {"managedFields": 1}},
            }),
            json!({
                "metadata": {"uid": "u", "annotations": {"a/b": "quote \" and \u{1f980}\n"}},
                "spec": {"a": [], "b": [1, -2, 0.5, true, null, {}], "newerThanWe": {"managedFields": 1}},
            }),
        );
    }

    #[test]
    fn the_version_is_told_apart() {
        let pod = json!({"metadata": {"resourceVersion": "7"}, "resourceVersion": "8"});
        let pruned = prune(pod).unwrap();
        assert_eq!(pruned.version.as_deref(), Some("7"));
        assert_eq!(pruned.json, br#"{"metadata":{},"resourceVersion":"8"}"#);
    }

    #[test]
    fn what_is_first_and_left_out_leaves_no_comma() {
        check(json!({"metadata": {"managedFields": 1}}), json!({"metadata": {}}));
        check(
            json!({"metadata": {"managedFields": 1, "name": "a"}}),
            json!({"metadata": {"name": "a"}}),
        );
    }
}

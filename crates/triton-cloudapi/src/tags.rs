//! Tags: an instance's searchable labels, with typed values.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Number, Value};

/// Tags by name.
pub type Tags = BTreeMap<String, TagValue>;

/// A tag's value: CloudAPI keeps the JSON type it was given (manual, "Instance tags").
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum TagValue {
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(Number),
    /// Text.
    String(String),
    /// Something the manual does not allow but a server sent; kept, never sent.
    Other(Value),
}

// === impl TagValue ===

impl TagValue {
    /// The text, if the value is text.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }
}

impl fmt::Display for TagValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => value.fmt(f),
            Self::Number(value) => value.fmt(f),
            Self::String(value) => value.fmt(f),
            Self::Other(value) => value.fmt(f),
        }
    }
}

impl From<&str> for TagValue {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<String> for TagValue {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}

impl From<bool> for TagValue {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for TagValue {
    fn from(value: i64) -> Self {
        Self::Number(value.into())
    }
}

impl<'de> Deserialize<'de> for TagValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyValue;

        impl<'de> Visitor<'de> for AnyValue {
            type Value = TagValue;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a tag's value")
            }

            fn visit_str<E>(self, text: &str) -> Result<TagValue, E> {
                Ok(text.into())
            }

            fn visit_string<E>(self, text: String) -> Result<TagValue, E> {
                Ok(text.into())
            }

            fn visit_bool<E>(self, value: bool) -> Result<TagValue, E> {
                Ok(value.into())
            }

            fn visit_i64<E>(self, value: i64) -> Result<TagValue, E> {
                Ok(value.into())
            }

            fn visit_u64<E>(self, value: u64) -> Result<TagValue, E> {
                Ok(TagValue::Number(value.into()))
            }

            fn visit_f64<E>(self, value: f64) -> Result<TagValue, E> {
                Ok(Number::from_f64(value).map_or(TagValue::Other(Value::Null), TagValue::Number))
            }

            fn visit_unit<E>(self) -> Result<TagValue, E> {
                Ok(TagValue::Other(Value::Null))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<TagValue, A::Error> {
                Value::deserialize(SeqAccessDeserializer::new(seq)).map(TagValue::Other)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<TagValue, A::Error> {
                Value::deserialize(MapAccessDeserializer::new(map)).map(TagValue::Other)
            }
        }

        deserializer.deserialize_any(AnyValue)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_keep_their_type_there_and_back() {
        let text = r#"{"a":"b","f":1.5,"l":[1],"m":{"x":null},"n":-3,"t":true,"u":7,"z":null}"#;
        let tags: Tags = serde_json::from_str(text).unwrap();
        assert_eq!(tags["a"], "b".into());
        assert_eq!((&tags["n"], &tags["t"]), (&TagValue::from(-3), &TagValue::from(true)));
        assert_eq!(tags["l"], TagValue::Other(json!([1])));
        assert_eq!(tags["z"], TagValue::Other(Value::Null));
        assert_eq!(serde_json::to_string(&tags).unwrap(), text);
        assert_eq!(serde_json::from_value::<Tags>(json!({"u": 7})).unwrap()["u"].to_string(), "7");
    }
}

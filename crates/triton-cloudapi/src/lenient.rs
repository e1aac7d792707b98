//! Reading fields as servers really send them: what is null, absent or of another type becomes the empty value.
//!
//! The fields of an instance go through [`Scalar`], which allocates nothing it does not keep, since lists of them are
//! long; those of rarer things through [`or_default`].

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::{DeserializeOwned, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// The visits of whatever is neither list nor object.
macro_rules! scalars_become {
    ($value:expr) => {
        fn visit_str<Error>(self, _: &str) -> Result<Self::Value, Error> {
            Ok($value)
        }

        fn visit_bool<Error>(self, _: bool) -> Result<Self::Value, Error> {
            Ok($value)
        }

        fn visit_u64<Error>(self, _: u64) -> Result<Self::Value, Error> {
            Ok($value)
        }

        fn visit_i64<Error>(self, _: i64) -> Result<Self::Value, Error> {
            Ok($value)
        }

        fn visit_f64<Error>(self, _: f64) -> Result<Self::Value, Error> {
            Ok($value)
        }

        fn visit_unit<Error>(self) -> Result<Self::Value, Error> {
            Ok($value)
        }
    };
}

pub(crate) use scalars_become;

/// The value if it is a `T`, else its default.
pub(crate) fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned + Default,
{
    Ok(serde_json::from_value(Value::deserialize(deserializer)?).unwrap_or_default())
}

/// Text, or empty.
pub(crate) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    text_if_any(deserializer).map(Option::unwrap_or_default)
}

/// Text, if it is some.
pub(crate) fn text_if_any<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<String>, D::Error> {
    Scalar::deserialize(deserializer).map(Scalar::into_text)
}

/// Text that is more than nothing.
pub(crate) fn text_if_not_empty<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<String>, D::Error> {
    text_if_any(deserializer).map(|text| text.filter(|text| !text.is_empty()))
}

/// What a text says, if it says a `T`.
pub(crate) fn parsed<'de, D: Deserializer<'de>, T: FromStr>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    Scalar::deserialize(deserializer).map(|scalar| scalar.parse())
}

/// What a text says; an empty text is what a `T` is made of if it is no text.
pub(crate) fn text_as<'de, D: Deserializer<'de>, T: for<'a> From<&'a str>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(match Scalar::deserialize(deserializer)? {
        Scalar::Text(text) => T::from(&text),
        _ => T::from(""),
    })
}

/// A number from 0 on. A whole number may come as `1024.0`; one that is negative or broken is as good as absent.
pub(crate) fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    Ok(match Scalar::deserialize(deserializer)? {
        Scalar::Whole(number) => Some(number),
        Scalar::Real(number) if number >= 0.0 => Some(number as u64),
        _ => None,
    })
}

/// A number that may be negative.
pub(crate) fn signed<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    Ok(match Scalar::deserialize(deserializer)? {
        Scalar::Whole(number) => i64::try_from(number).ok(),
        Scalar::Real(number) => Some(number as i64),
        _ => None,
    })
}

/// A boolean, which may come as text.
pub(crate) fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(match Scalar::deserialize(deserializer)? {
        Scalar::Flag(flag) => flag,
        Scalar::Text(text) => text == "true",
        _ => false,
    })
}

/// The texts of a list.
pub(crate) fn texts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    deserializer.deserialize_any(List { keep: Scalar::into_text, element: PhantomData })
}

/// The texts of a list, or one text that stands for a list of itself.
pub(crate) fn text_or_texts<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<String>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::String(text) => vec![text],
        list => texts(list).unwrap_or_default(),
    })
}

/// What the texts of a list say, where they say a `T`.
pub(crate) fn parsed_list<'de, D: Deserializer<'de>, T: FromStr>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    let keep = |scalar: Scalar<'de>| scalar.parse();
    deserializer.deserialize_any(List { keep, element: PhantomData })
}

/// The objects of a list.
pub(crate) fn objects<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    let keep = |object: Object<T>| object.0;
    deserializer.deserialize_any(List { keep, element: PhantomData })
}

/// Any JSON value, of which only what has no parts is kept.
enum Scalar<'de> {
    Text(Cow<'de, str>),
    Whole(u64),
    Real(f64),
    Flag(bool),
    Other,
}

/// A `T` if it is an object at all.
struct Object<T>(Option<T>);

/// A list of elements, of which not all are kept; anything but a list is empty.
struct List<E, F> {
    keep: F,
    element: PhantomData<E>,
}

// === impl Scalar ===

impl Scalar<'_> {
    fn into_text(self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text.into_owned()),
            _ => None,
        }
    }

    fn parse<T: FromStr>(&self) -> Option<T> {
        match self {
            Self::Text(text) => text.parse().ok(),
            _ => None,
        }
    }
}

impl<'de> Deserialize<'de> for Scalar<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyValue;

        impl<'de> Visitor<'de> for AnyValue {
            type Value = Scalar<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("anything")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Scalar::Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Scalar::Text(Cow::Owned(text.to_owned())))
            }

            fn visit_string<E>(self, text: String) -> Result<Self::Value, E> {
                Ok(Scalar::Text(Cow::Owned(text)))
            }

            fn visit_bool<E>(self, flag: bool) -> Result<Self::Value, E> {
                Ok(Scalar::Flag(flag))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
                Ok(Scalar::Whole(number))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
                Ok(u64::try_from(number).map_or(Scalar::Real(number as f64), Scalar::Whole))
            }

            fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
                Ok(Scalar::Real(number))
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Scalar::Other)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
                skip_seq(seq).map(|()| Scalar::Other)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                skip_map(map).map(|()| Scalar::Other)
            }
        }

        deserializer.deserialize_any(AnyValue)
    }
}

// === impl Object ===

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct IfObject<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for IfObject<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("anything")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                let object = serde::de::value::MapAccessDeserializer::new(map);
                T::deserialize(object).map(|object| Object(Some(object)))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
                skip_seq(seq).map(|()| Object(None))
            }

            scalars_become!(Object(None));
        }

        deserializer.deserialize_any(IfObject(PhantomData))
    }
}

// === impl List ===

impl<'de, E: Deserialize<'de>, T, F: Fn(E) -> Option<T>> Visitor<'de> for List<E, F> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut kept = Vec::new();
        while let Some(element) = seq.next_element()? {
            if let Some(element) = (self.keep)(element) {
                // Room is made for one at a time: there are few, and thousands of such lists are held.
                kept.reserve_exact(1);
                kept.push(element);
            }
        }
        Ok(kept)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        skip_map(map).map(|()| Vec::new())
    }

    scalars_become!(Vec::new());
}

fn skip_seq<'de, A: SeqAccess<'de>>(mut seq: A) -> Result<(), A::Error> {
    while seq.next_element::<IgnoredAny>()?.is_some() {}
    Ok(())
}

fn skip_map<'de, A: MapAccess<'de>>(mut map: A) -> Result<(), A::Error> {
    while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
    Ok(())
}

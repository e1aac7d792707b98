//! What faults make of the JSON of an answer.

use bytes::Bytes;
use serde_json::{Map, Value, json};
use std::time::Duration;

use super::script::Piece;
use crate::faults::{FaultKind, Strike};

/// A state that no manual names.
const STRANGE_STATE: &str = "hibernating";
/// A field that no manual names.
const STRANGE_FIELD: &str = "sim_unheard_of";
/// Bytes that are no UTF-8, wherever they begin.
const GARBAGE: &[u8] = &[0xff, 0xfe, 0x00, 0x9f, 0x92, 0x96, 0xff, 0x80];

/// The body that goes out. Faults of the contents come first, then those of the text, then those of its end.
pub(super) fn mangle(mut body: Value, strikes: &[Strike]) -> Vec<Piece> {
    let find = |kind| strikes.iter().find(|strike| strike.kind == kind);
    for strike in strikes {
        distort(&mut body, strike.kind);
    }
    let text = match find(FaultKind::DuplicateKeys) {
        Some(_) => with_duplicate_keys(&body),
        None => body.to_string(),
    };
    let text = match find(FaultKind::DeepNesting) {
        Some(strike) => with_deep_nesting(&body, text, strike.size),
        None => text,
    };
    let bytes = Bytes::from(text);
    if find(FaultKind::EmptyBody).is_some() {
        return Vec::new();
    }
    if find(FaultKind::GarbageBody).is_some() {
        return vec![Piece::Bytes(Bytes::from_static(GARBAGE))];
    }
    if find(FaultKind::EndlessBody).is_some() {
        const EVERY: Duration = Duration::from_millis(10);
        return vec![Piece::Bytes(bytes.slice(..1)), Piece::BlanksForEver(EVERY)];
    }
    if find(FaultKind::TruncatedJson).is_some() {
        return vec![Piece::Bytes(bytes.slice(..bytes.len() / 2))];
    }
    match find(FaultKind::LargeBody) {
        Some(strike) => vec![Piece::Bytes(bytes), Piece::Blanks(strike.size)],
        None => vec![Piece::Bytes(bytes)],
    }
}

fn distort(body: &mut Value, kind: FaultKind) {
    match kind {
        FaultKind::WrongTypes => each_field(body, |value| *value = of_another_type(value)),
        FaultKind::NullFields => each_field(body, |value| *value = Value::Null),
        FaultKind::MissingFields => {
            if let Some(object) = first_object(body) {
                object.retain(|key, _| key == "id");
            }
        }
        FaultKind::UnknownState => {
            if let Some(object) = first_object(body) {
                object.insert("state".to_owned(), json!(STRANGE_STATE));
            }
        }
        FaultKind::OddInstance => {
            if let Some(object) = first_object(body) {
                make_odd(object);
            }
        }
        FaultKind::ExtraFields => add_fields(body),
        _ => {}
    }
}

/// The object itself, or the first of a list.
fn first_object(body: &mut Value) -> Option<&mut Map<String, Value>> {
    match body {
        Value::Object(object) => Some(object),
        Value::Array(items) => items.first_mut().and_then(Value::as_object_mut),
        _ => None,
    }
}

/// Everything that CloudAPI is known to show of some instance somewhere, at once.
fn make_odd(instance: &mut Map<String, Value>) {
    for absent in ["image", "primaryIp", "nics", "compute_node", "brand"] {
        instance.remove(absent);
    }
    let odd = [
        ("memory", Value::Null),
        ("disk", json!(0)),
        ("networks", json!([null])),
        ("ips", json!(["dhcp"])),
        ("package", json!("")),
    ];
    instance.extend(odd.map(|(key, value)| (key.to_owned(), value)));
}

fn each_field(body: &mut Value, change: impl Fn(&mut Value)) {
    let fields = first_object(body).into_iter().flatten();
    fields.filter(|(key, _)| *key != "id").for_each(|(_, value)| change(value));
}

fn of_another_type(value: &Value) -> Value {
    match value {
        Value::Null => json!({}),
        Value::Bool(flag) => json!(flag.to_string()),
        Value::Number(number) => json!(number.to_string()),
        Value::String(text) => json!(text.len()),
        Value::Array(items) => json!({ "items": items }),
        Value::Object(fields) => fields.keys().cloned().collect(),
    }
}

fn add_fields(body: &mut Value) {
    match body {
        Value::Object(object) => {
            object.values_mut().for_each(add_fields);
            object.insert(STRANGE_FIELD.to_owned(), json!({ "deep": [1, null, "two"] }));
        }
        Value::Array(items) => items.iter_mut().for_each(add_fields),
        _ => {}
    }
}

/// The text of the body, in which the first object has each of its keys twice.
fn with_duplicate_keys(body: &Value) -> String {
    match body {
        Value::Object(object) => {
            let twice = object.iter().map(|(key, value)| {
                let key = json!(key);
                format!("{key}:null,{key}:{value}")
            });
            format!("{{{}}}", twice.collect::<Vec<String>>().join(","))
        }
        Value::Array(items) => {
            let first = items.first().map(with_duplicate_keys);
            let rest = items.iter().skip(1).map(Value::to_string);
            format!("[{}]", first.into_iter().chain(rest).collect::<Vec<String>>().join(","))
        }
        other => other.to_string(),
    }
}

/// The text of a body, in which the first object begins with a field that is nested deeply.
fn with_deep_nesting(body: &Value, mut text: String, depth: u64) -> String {
    let depth = usize::try_from(depth).unwrap_or(usize::MAX);
    let nested = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let (at, object) = match body {
        Value::Object(object) => (1, object),
        Value::Array(items) => match items.first() {
            Some(Value::Object(object)) => (2, object),
            _ => return nested,
        },
        _ => return nested,
    };
    let comma = if object.is_empty() { "" } else { "," };
    text.insert_str(at, &format!("\"{STRANGE_FIELD}\":{nested}{comma}"));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strike(kind: FaultKind, size: u64) -> Strike {
        Strike { kind, delay: Duration::ZERO, size }
    }

    #[track_caller]
    fn check(kinds: &[FaultKind], body: Value, expected: &str) {
        let strikes: Vec<Strike> = kinds.iter().map(|kind| strike(*kind, 3)).collect();
        let pieces = mangle(body, &strikes);
        let text = pieces.iter().map(|piece| match piece {
            Piece::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Piece::Blanks(count) => format!("<{count} blanks>"),
            Piece::BlanksForEver(_) => "<blanks>".to_owned(),
            other => format!("{other:?}"),
        });
        assert_eq!(text.collect::<String>(), expected, "{kinds:?}");
    }

    #[test]
    fn each_kind_has_its_way() {
        use FaultKind::{
            DeepNesting, DuplicateKeys, EmptyBody, EndlessBody, ExtraFields, LargeBody,
            MissingFields, NullFields, OddInstance, TruncatedJson, UnknownState, WrongTypes,
        };
        let object = || json!({ "a": 1, "id": "x" });
        check(&[], object(), r#"{"a":1,"id":"x"}"#);
        check(&[WrongTypes], object(), r#"{"a":"1","id":"x"}"#);
        check(&[NullFields], object(), r#"{"a":null,"id":"x"}"#);
        check(&[MissingFields], object(), r#"{"id":"x"}"#);
        check(&[UnknownState], json!([{ "state": "running" }]), r#"[{"state":"hibernating"}]"#);
        check(&[ExtraFields], json!([{}]), r#"[{"sim_unheard_of":{"deep":[1,null,"two"]}}]"#);
        check(
            &[OddInstance],
            json!({ "id": "x", "image": "y", "memory": 1 }),
            r#"{"disk":0,"id":"x","ips":["dhcp"],"memory":null,"networks":[null],"package":""}"#,
        );
        check(&[DuplicateKeys], json!([{ "a": 1 }, 2]), r#"[{"a":null,"a":1},2]"#);
        check(&[DeepNesting], json!([{ "a": 1 }]), r#"[{"sim_unheard_of":[[[]]],"a":1}]"#);
        check(&[DeepNesting], json!({}), r#"{"sim_unheard_of":[[[]]]}"#);
        check(&[DeepNesting], json!([]), "[[[]]]");
        check(&[DeepNesting], json!(["{"]), "[[[]]]");
        check(&[DeepNesting], json!({ "{": "{" }), r#"{"sim_unheard_of":[[[]]],"{":"{"}"#);
        check(&[TruncatedJson], json!([1, 2, 3]), "[1,");
        check(&[EmptyBody], object(), "");
        check(&[LargeBody], json!([]), "[]<3 blanks>");
        check(&[EndlessBody], json!([7]), "[<blanks>");
    }

    #[test]
    fn only_the_first_of_a_list_is_odd() {
        let body = json!([{ "a": 1, "id": "x" }, { "a": 1, "id": "y" }]);
        check(&[FaultKind::NullFields], body, r#"[{"a":null,"id":"x"},{"a":1,"id":"y"}]"#);
    }

    #[test]
    fn several_compose() {
        let kinds = [FaultKind::UnknownState, FaultKind::DuplicateKeys, FaultKind::LargeBody];
        let expected = r#"{"state":null,"state":"hibernating"}<3 blanks>"#;
        check(&kinds, json!({ "state": "running" }), expected);
    }

    #[test]
    fn other_types_are_other() {
        let values = [json!(null), json!(true), json!(1), json!("x"), json!([1]), json!({})];
        for value in values {
            let other = of_another_type(&value);
            assert_ne!(std::mem::discriminant(&value), std::mem::discriminant(&other), "{value}");
        }
    }
}

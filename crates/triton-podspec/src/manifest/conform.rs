//! A document held against the shape of its type: what is of no use is found and left out.

use serde_json::{Map, Value};

use super::tree::{Content, Node};
use crate::diagnostic::{Findings, quote};
use crate::nearest::did_you_mean;
use crate::rules;
use crate::shape::Shape;

/// The value as the type can read it; fields of other names and values of other types are found and left out.
pub(crate) fn conform(node: &Node, shape: &Shape, path: &str, findings: &mut Findings) -> Value {
    match (shape, &node.content) {
        (_, Content::Scalar(Value::Null)) => Value::Null,
        (Shape::Struct { fields, .. }, Content::Map(entries)) => {
            let mut object = Map::new();
            for (key, value) in entries {
                let path = format!("{path}.{}", key.name);
                match fields.get(key.name.as_str()) {
                    Some(shape) => {
                        object.insert(key.name.clone(), conform(value, shape, &path, findings));
                    }
                    None => findings.add(
                        &rules::UNKNOWN_FIELD,
                        path,
                        format!(
                            "Kubernetes knows no field {} here{}",
                            quote(&key.name),
                            did_you_mean(&key.name, fields.keys().copied())
                        ),
                    ),
                }
            }
            Value::Object(object)
        }
        (Shape::List(inner), Content::List(elements)) => elements
            .iter()
            .enumerate()
            .map(|(at, value)| conform(value, inner, &format!("{path}[{at}]"), findings))
            .filter(|value| !value.is_null())
            .collect(),
        (Shape::Map(inner), Content::Map(entries)) => {
            let mut object = Map::new();
            for (key, value) in entries {
                let path = format!("{path}['{}']", key.name);
                let value = conform(value, inner, &path, findings);
                // A label without a value is an empty one.
                let empty = value.is_null() && matches!(**inner, Shape::Text);
                object.insert(key.name.clone(), if empty { Value::from("") } else { value });
            }
            Value::Object(object)
        }
        (_, Content::Scalar(value)) if takes(shape, value) => value.clone(),
        (Shape::Any, _) => node.value(),
        _ => {
            findings.add(&rules::WRONG_TYPE, path, wrong(shape, node));
            Value::Null
        }
    }
}

fn takes(shape: &Shape, value: &Value) -> bool {
    match shape {
        Shape::Text | Shape::Time => value.is_string(),
        Shape::Integer => value.is_i64() || value.is_u64(),
        Shape::Number => value.is_number(),
        Shape::Bool => value.is_boolean(),
        Shape::TextOrNumber => value.is_string() || value.is_number(),
        Shape::Any => true,
        Shape::Struct { .. } | Shape::List(_) | Shape::Map(_) => false,
    }
}

fn wrong(shape: &Shape, node: &Node) -> String {
    let wanted = match shape {
        Shape::Struct { .. } | Shape::Map(_) => "an object",
        Shape::List(_) => "a list",
        Shape::Text | Shape::Time => "text",
        Shape::Integer => "a whole number",
        Shape::Number => "a number",
        Shape::Bool => "true or false",
        Shape::TextOrNumber => "text or a number",
        Shape::Any => "anything",
    };
    let found = match &node.content {
        Content::List(_) => "a list".to_owned(),
        Content::Map(_) => "an object".to_owned(),
        Content::Scalar(Value::String(text)) => format!("the text {}", quote(text)),
        Content::Scalar(value) => value.to_string(),
    };
    let hint = match (shape, &node.content) {
        (Shape::Text | Shape::Time, Content::Scalar(Value::Bool(value))) => {
            format!(": put it in quotes, \"{value}\"")
        }
        (Shape::Text | Shape::Time, Content::Scalar(Value::Number(_))) => {
            ": put it in quotes".to_owned()
        }
        (Shape::Bool | Shape::Integer | Shape::Number, Content::Scalar(Value::String(_))) => {
            ": remove the quotes".to_owned()
        }
        (Shape::List(_), Content::Scalar(_) | Content::Map(_)) => {
            ": begin each element with a dash".to_owned()
        }
        _ => String::new(),
    };
    format!("is {found}, and {wanted} is expected{hint}")
}

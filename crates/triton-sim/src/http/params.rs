//! Parameters: path, query and body in one map, as CloudAPI merges them.

use serde_json::{Map, Value};

use crate::refusal::Refusal;

/// The merged parameters of a request.
///
/// The body overrides path and query, and the path overrides the query, so a body key called `machine` changes the
/// target of a call. That is how the real one behaves, and a client has to know.
#[derive(Debug, Clone, Default)]
pub(crate) struct Params(Map<String, Value>);

// === impl Params ===

impl Params {
    /// Merges what a request holds; `body` is `Null` when it says nothing.
    pub(crate) fn merge(path: Map<String, Value>, query: Option<&str>, body: Value) -> Self {
        let mut params = Map::new();
        for (key, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            insert_repeatable(&mut params, &key, &value);
        }
        params.extend(path);
        match body {
            Value::Null => {}
            Value::Object(body) => params.extend(body),
            // Anything else takes the place of everything; of an array the indices are the keys.
            Value::Array(items) => {
                params = items
                    .into_iter()
                    .enumerate()
                    .map(|(index, item)| (index.to_string(), item))
                    .collect();
            }
            _ => params.clear(),
        }
        Self(params)
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key).filter(|value| !value.is_null())
    }

    /// The parameter, if it is a string that is not empty.
    pub(crate) fn str(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    /// Whether the parameter is JSON `true`, and nothing that looks like it.
    pub(crate) fn is_json_true(&self, key: &str) -> bool {
        self.get(key) == Some(&Value::Bool(true))
    }

    /// A boolean, or its text.
    pub(crate) fn bool(&self, key: &str) -> Option<bool> {
        match self.get(key)? {
            Value::Bool(flag) => Some(*flag),
            Value::String(text) if text == "true" => Some(true),
            Value::String(text) if text == "false" => Some(false),
            _ => None,
        }
    }

    /// Whether JavaScript would take the parameter for true: `false` as text is.
    pub(crate) fn is_truthy(&self, key: &str) -> bool {
        match self.get(key) {
            None | Some(Value::Bool(false)) => false,
            Some(Value::String(text)) => !text.is_empty(),
            Some(Value::Number(number)) => number.as_f64() != Some(0.0),
            Some(_) => true,
        }
    }

    /// The strings of an array, or the one there is.
    pub(crate) fn strings(&self, key: &str) -> Option<Vec<String>> {
        match self.get(key)? {
            Value::String(text) => Some(vec![text.clone()]),
            Value::Array(items) => {
                Some(items.iter().filter_map(Value::as_str).map(str::to_owned).collect())
            }
            _ => None,
        }
    }

    /// A whole number, or its text.
    pub(crate) fn number(&self, key: &str) -> Option<Result<u64, Refusal>> {
        let value = self.get(key)?;
        let number = value.as_u64().or_else(|| value.as_str().and_then(|text| text.parse().ok()));
        Some(number.ok_or_else(|| Refusal::invalid_argument(format!("{key} must be a number"))))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.0.iter()
    }
}

/// A repeated key becomes an array.
pub(super) fn insert_repeatable(params: &mut Map<String, Value>, key: &str, value: &str) {
    let value = Value::String(value.to_owned());
    match params.get_mut(key) {
        None => {
            params.insert(key.to_owned(), value);
        }
        Some(Value::Array(items)) => items.push(value),
        Some(first) => *first = Value::Array(vec![first.take(), value]),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(query: &str, body: Value, expected: Value) {
        let path = json!({ "machine": "path" }).as_object().unwrap().clone();
        let params = Params::merge(path, Some(query), body);
        assert_eq!(Value::Object(params.0), expected);
    }

    #[test]
    fn the_body_overrides_the_path_which_overrides_the_query() {
        check("machine=query&a=1", Value::Null, json!({ "machine": "path", "a": "1" }));
        let body = json!({ "machine": "body", "a": 2 });
        check("a=1", body, json!({ "machine": "body", "a": 2 }));
        check("a=1", json!([7]), json!({ "0": 7 }));
        check("a=1", json!("x"), json!({}));
    }

    #[test]
    fn repeated_keys_make_an_array_and_dots_mean_nothing() {
        check(
            "a=1&a=2&a=3&tag.k=v",
            Value::Null,
            json!({ "machine": "path", "a": ["1", "2", "3"], "tag.k": "v" }),
        );
    }

    #[test]
    fn truth_depends_on_who_asks() {
        let params = Params(
            json!({ "a": "false", "b": true, "c": "true", "d": "" }).as_object().unwrap().clone(),
        );
        assert!(params.is_truthy("a") && !params.is_truthy("d") && !params.is_truthy("e"));
        assert!(params.is_json_true("b") && !params.is_json_true("c"));
        assert_eq!(
            (params.bool("a"), params.bool("c"), params.bool("d")),
            (Some(false), Some(true), None)
        );
    }
}

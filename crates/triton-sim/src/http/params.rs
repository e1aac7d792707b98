//! Parameters: path, query and body in one map, as CloudAPI merges them.

use http::{HeaderMap, header};
use serde_json::{Map, Value};

use crate::refusal::Refusal;

/// A longer body is refused with 413.
pub(crate) const BODY_BYTES_MAX: usize = 100_000;

/// The merged parameters of a request.
///
/// The body overrides path and query, and the path overrides the query, so a body key called `machine` changes the
/// target of a call. That is how the real one behaves, and a client has to know.
#[derive(Debug, Clone, Default)]
pub(crate) struct Params(Map<String, Value>);

// === impl Params ===

impl Params {
    /// Merges what a request holds.
    ///
    /// # Errors
    /// 400 InvalidContent for JSON that is not.
    pub(crate) fn merge(
        path: Map<String, Value>,
        query: Option<&str>,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<Self, Refusal> {
        let mut params = Map::new();
        for (key, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            insert_repeatable(&mut params, &key, &value);
        }
        params.extend(path);
        match read_body(headers, body)? {
            Value::Object(body) => params.extend(body),
            // An array takes the place of everything, its indices being the keys.
            Value::Array(items) => {
                params = items
                    .into_iter()
                    .enumerate()
                    .map(|(index, item)| (index.to_string(), item))
                    .collect();
            }
            _ => {}
        }
        Ok(Self(params))
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
fn insert_repeatable(params: &mut Map<String, Value>, key: &str, value: &str) {
    let value = Value::String(value.to_owned());
    match params.get_mut(key) {
        None => {
            params.insert(key.to_owned(), value);
        }
        Some(Value::Array(items)) => items.push(value),
        Some(first) => *first = Value::Array(vec![first.take(), value]),
    }
}

/// A body of another type is not refused but ignored.
fn read_body(headers: &HeaderMap, body: &[u8]) -> Result<Value, Refusal> {
    let content_type =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match media_type.as_str() {
        _ if body.is_empty() => Ok(Value::Null),
        "application/json" => serde_json::from_slice(body)
            .map_err(|error| Refusal::new(400, "InvalidContent", format!("Invalid JSON: {error}"))),
        "application/x-www-form-urlencoded" => {
            let mut params = Map::new();
            form_urlencoded::parse(body)
                .for_each(|(key, value)| insert_repeatable(&mut params, &key, &value));
            Ok(Value::Object(params))
        }
        _ => Ok(Value::Null),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(query: &str, content_type: &str, body: &str, expected: Value) {
        let path = json!({ "machine": "path" }).as_object().unwrap().clone();
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, content_type.parse().unwrap());
        let params = Params::merge(path, Some(query), &headers, body.as_bytes()).unwrap();
        assert_eq!(Value::Object(params.0), expected);
    }

    #[test]
    fn the_body_overrides_the_path_which_overrides_the_query() {
        check("machine=query&a=1", "application/json", "", json!({ "machine": "path", "a": "1" }));
        check(
            "a=1",
            "application/json",
            r#"{"machine":"body","a":2}"#,
            json!({ "machine": "body", "a": 2 }),
        );
        check("a=1", "application/json; charset=utf-8", "[7]", json!({ "0": 7 }));
    }

    #[test]
    fn a_body_of_another_type_is_ignored() {
        check("", "text/plain", r#"{"a":2}"#, json!({ "machine": "path" }));
        check(
            "",
            "application/x-www-form-urlencoded",
            "a=2&b=x+y",
            json!({ "machine": "path", "a": "2", "b": "x y" }),
        );
    }

    #[test]
    fn repeated_keys_make_an_array_and_dots_mean_nothing() {
        check(
            "a=1&a=2&a=3&tag.k=v",
            "x/y",
            "",
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

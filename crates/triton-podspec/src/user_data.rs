//! The metadata key `user-data`: the environment as JSON.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// `{"env_vars":{…}}` with the names in order, always valid JSON, also without any variable.
pub(crate) fn user_data(environment: BTreeMap<String, String>) -> String {
    let variables: Map<String, Value> =
        environment.into_iter().map(|(name, value)| (name, Value::String(value))).collect();
    Value::Object(Map::from_iter([("env_vars".to_owned(), Value::Object(variables))])).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(environment: &[(&str, &str)], expected: &str) {
        let environment = environment
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        assert_eq!(user_data(environment), expected);
    }

    #[test]
    fn user_data_is_always_valid_json() {
        check(&[], r#"{"env_vars":{}}"#);
        check(&[("foo", "bar"), ("bar", "baz")], r#"{"env_vars":{"bar":"baz","foo":"bar"}}"#);
        check(&[("q", "\"\n")], r#"{"env_vars":{"q":"\"\n"}}"#);
    }
}

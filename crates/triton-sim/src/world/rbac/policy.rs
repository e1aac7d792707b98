//! Policies: named lists of rules.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::Rule;
use crate::refusal::Refusal;

/// A policy of an account.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Policy {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    /// Sorted, as the directory keeps them.
    pub(crate) rules: Vec<String>,
    pub(crate) description: Option<String>,
}

// === impl Policy ===

impl Policy {
    /// The rules in a `rules` parameter: a string, an array, or the JSON text of an array.
    ///
    /// # Errors
    /// 409 InvalidArgument for text that is no rule, and for a rule that is there twice.
    pub(crate) fn read_rules(rules: &Value) -> Result<Vec<String>, Refusal> {
        let parsed = rules.as_str().and_then(|text| serde_json::from_str::<Value>(text).ok());
        let items = match parsed.as_ref().unwrap_or(rules) {
            Value::Array(items) => items.clone(),
            one => vec![one.clone()],
        };
        let text_of = |item: Value| item.as_str().map_or_else(|| item.to_string(), str::to_owned);
        let mut rules: Vec<String> = items.into_iter().map(text_of).collect();
        let errors: Vec<String> = rules
            .iter()
            .filter_map(|rule| Rule::parse(rule).err().map(|error| error.to_string()))
            .collect();
        if !errors.is_empty() {
            return Err(Refusal::invalid_argument(errors.join(", ")));
        }
        rules.sort();
        match rules.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(Refusal::invalid_argument(format!("{} is not unique", pair[0]))),
            None => Ok(rules),
        }
    }

    /// CloudAPI's policy object.
    pub(crate) fn to_json(&self) -> Value {
        let mut body = Map::new();
        body.insert("name".to_owned(), json!(self.name));
        body.insert("id".to_owned(), json!(self.id));
        body.insert("rules".to_owned(), json!(self.rules));
        if let Some(description) = &self.description {
            body.insert("description".to_owned(), json!(description));
        }
        Value::Object(body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(rules: &Value, expected: Result<&[&str], &str>) {
        match (Policy::read_rules(rules), expected) {
            (Ok(rules), Ok(expected)) => assert_eq!(rules, expected),
            (Err(refusal), Err(expected)) => {
                assert_eq!((refusal.status, refusal.code), (409, "InvalidArgument"));
                assert!(refusal.message.contains(expected), "{}", refusal.message);
            }
            (found, _) => panic!("{rules}: {found:?}"),
        }
    }

    #[test]
    fn rules_come_in_three_shapes() {
        check(&json!("CAN a"), Ok(&["CAN a"]));
        check(&json!(["CAN b", "CAN a"]), Ok(&["CAN a", "CAN b"]));
        check(&json!(r#"["CAN a"]"#), Ok(&["CAN a"]));
        check(&json!(["CAN a", "CAN a"]), Err("is not unique"));
        check(&json!(["CAN a", "may b"]), Err("expecting CAN"));
        check(&json!([7]), Err("Parse error"));
    }
}

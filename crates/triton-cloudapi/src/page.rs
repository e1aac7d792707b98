//! A list of which one odd element does not spoil the rest.

use serde::de::DeserializeOwned;
use serde_json::Value;

/// The elements of a list that could be read, and what is known of those that could not.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    /// What could be read, in the server's order.
    pub items: Vec<T>,
    /// What could not.
    pub odd: Vec<OddItem>,
}

/// An element of a list that could not be read. It exists: whoever counts must count it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OddItem {
    /// Place in the list, from 0.
    pub index: usize,
    /// Its `id`, where at least that is text.
    pub id: Option<String>,
    /// What is wrong with it. Holds no value of its metadata.
    pub reason: String,
}

// === impl Page ===

impl<T> Page<T> {
    /// Elements the server sent, odd ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.items.len() + self.odd.len()
    }

    /// Whether the server sent no element at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T: DeserializeOwned> Page<T> {
    /// Reads each element by itself.
    #[must_use]
    pub fn from_values(values: Vec<Value>) -> Self {
        let mut page = Self { items: Vec::with_capacity(values.len()), odd: Vec::new() };
        for (index, value) in values.into_iter().enumerate() {
            let id = value.get("id").and_then(Value::as_str).map(str::to_owned);
            match T::deserialize(value) {
                Ok(item) => page.items.push(item),
                Err(error) => page.odd.push(OddItem { index, id, reason: error.to_string() }),
            }
        }
        page
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::networks::Network;

    #[test]
    fn an_odd_element_is_told_of_and_the_others_are_kept() {
        let id = "00000000-0000-4000-8000-000000000001";
        let page = Page::<Network>::from_values(vec![
            json!({"id": id, "name": "good"}),
            json!({"id": id}),
            json!("not even an object"),
        ]);
        assert_eq!(page.items.len(), 1);
        assert_eq!(page.len(), 3);
        assert_eq!(page.odd[0].id.as_deref(), Some(id));
        assert_eq!((page.odd[0].index, page.odd[1].index), (1, 2));
        assert_eq!(page.odd[1].id, None);
    }
}

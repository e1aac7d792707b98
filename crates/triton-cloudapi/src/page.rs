//! A list of which one odd element does not spoil the rest.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::request::RequestError;
use crate::unreadable::Unreadable;

/// Elements of a page: the most the server gives, and its default.
pub const PAGE_MAX: u32 = 1000;

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
    /// Reads a list: all at once if that goes well, which it nearly always does, else each element by itself.
    ///
    /// # Errors
    ///
    /// What is wrong with a body that is no list at all.
    pub fn from_json(body: &[u8]) -> Result<Self, serde_json::Error> {
        if let Ok(mut items) = serde_json::from_slice::<Vec<T>>(body) {
            // Pages are kept for long, and a growing list reserves up to twice its length.
            items.shrink_to_fit();
            return Ok(Self { items, odd: Vec::new() });
        }
        serde_json::from_slice(body).map(Self::from_values)
    }

    /// Reads one element a line.
    #[must_use]
    pub fn from_json_lines(body: &[u8]) -> Self {
        let mut page = Self { items: Vec::new(), odd: Vec::new() };
        let lines = body.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
        for (index, line) in lines.enumerate() {
            match serde_json::from_slice(line) {
                Ok(item) => page.items.push(item),
                Err(error) => page.odd.push(OddItem {
                    index,
                    id: None,
                    reason: Unreadable::new(&error).to_string(),
                }),
            }
        }
        page
    }

    /// Reads each element by itself.
    #[must_use]
    pub fn from_values(values: Vec<Value>) -> Self {
        let mut page = Self { items: Vec::with_capacity(values.len()), odd: Vec::new() };
        for (index, value) in values.into_iter().enumerate() {
            let id = value.get("id").and_then(Value::as_str).map(str::to_owned);
            match T::deserialize(value) {
                Ok(item) => page.items.push(item),
                Err(error) => page.odd.push(OddItem {
                    index,
                    id,
                    reason: Unreadable::new(&error).to_string(),
                }),
            }
        }
        page
    }
}

/// Whether a page can be of this size.
pub(crate) fn check_limit(limit: Option<u32>) -> Result<(), RequestError> {
    match limit {
        Some(limit) if !(1..=PAGE_MAX).contains(&limit) => {
            Err(RequestError::invalid("limit", limit, "a page has 1 to 1000 elements"))
        }
        _ => Ok(()),
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

    #[test]
    fn a_list_is_read_alike_all_at_once_and_one_by_one() {
        let id = "00000000-0000-4000-8000-000000000001";
        let good = format!(r#"[{{"id": "{id}", "name": "a"}}, {{"id": "{id}", "name": "b"}}]"#);
        let page = Page::<Network>::from_json(good.as_bytes()).unwrap();
        assert_eq!(page, Page::from_values(serde_json::from_str(&good).unwrap()));
        assert_eq!((page.items.len(), page.odd.len()), (2, 0));
        let page = Page::<Network>::from_json(br#"[{"id": 5}, 7, null]"#).unwrap();
        assert_eq!((page.items.len(), page.odd.len()), (0, 3));
        assert!(Page::<Network>::from_json(b"{}").is_err());
        assert!(Page::<Network>::from_json(b"[{\"id\":").is_err());
    }

    #[test]
    fn a_stream_that_breaks_off_is_read_up_to_there() {
        let page = Page::<u32>::from_json_lines(b"1\n\n2\r\nthree\n4");
        assert_eq!(page.items, [1, 2, 4]);
        assert_eq!((page.odd.len(), page.odd[0].index), (1, 2));
    }
}

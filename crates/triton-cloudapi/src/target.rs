//! A request's path and query, percent-encoded.

use std::fmt::{Display, Write as _};

use crate::request::RequestError;

/// A path relative to the account, and a query.
///
/// Everything but RFC 3986's unreserved characters is encoded, so what is signed is what goes on the wire.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    text: String,
    has_query: bool,
}

// === impl Target ===

impl Target {
    /// Starts with a fixed path, `/machines`.
    pub(crate) fn new(path: &str) -> Self {
        Self { text: path.to_owned(), has_query: false }
    }

    /// Adds a segment that may hold anything, also a slash.
    pub(crate) fn segment(mut self, segment: impl Display) -> Self {
        self.text.push('/');
        encode_into(&mut self.text, &segment.to_string());
        self
    }

    /// Adds a segment that names something: text without which the path would be about something else.
    pub(crate) fn named(self, what: &'static str, name: &str) -> Result<Self, RequestError> {
        match name {
            "" => Err(RequestError::Empty { what }),
            // RFC 3986, 5.2.4: whoever handles the path on its way may take these out, percent-encoded or not.
            "." | ".." => Err(RequestError::invalid(what, name, "a path cannot hold it")),
            _ => Ok(self.segment(name)),
        }
    }

    /// Adds a fixed segment.
    pub(crate) fn fixed(mut self, segment: &str) -> Self {
        self.text.push('/');
        self.text.push_str(segment);
        self
    }

    /// Adds a query parameter.
    pub(crate) fn query(mut self, name: &str, value: impl Display) -> Self {
        self.text.push(if self.has_query { '&' } else { '?' });
        self.has_query = true;
        encode_into(&mut self.text, name);
        self.text.push('=');
        encode_into(&mut self.text, &value.to_string());
        self
    }

    /// Adds a query parameter if there is a value.
    pub(crate) fn query_if(self, name: &str, value: Option<impl Display>) -> Self {
        match value {
            Some(value) => self.query(name, value),
            None => self,
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }
}

/// Percent-encodes all but RFC 3986's unreserved characters.
pub(crate) fn encode_into(buffer: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            buffer.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(buffer, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_in_a_segment_stays_in_it() {
        let target = Target::new("/machines").segment("a/b c?ü").fixed("tags");
        assert_eq!(target.as_str(), "/machines/a%2Fb%20c%3F%C3%BC/tags");
    }

    #[test]
    fn a_name_that_would_change_the_path_is_refused() {
        let named = |name| Target::new("/keys").named("the key's name", name);
        assert_eq!(named("a/..").unwrap().as_str(), "/keys/a%2F..");
        for name in ["", ".", ".."] {
            assert!(named(name).is_err(), "{name}");
        }
    }

    #[test]
    fn a_query_begins_once() {
        let target = Target::new("/machines")
            .query("tag.a=b", "c&d")
            .query_if("x", None::<u32>)
            .query("limit", 5);
        assert_eq!(target.as_str(), "/machines?tag.a%3Db=c%26d&limit=5");
    }
}

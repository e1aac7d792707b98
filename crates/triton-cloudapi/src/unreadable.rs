//! What is wrong with an answer's JSON, without the values in it.

use std::fmt;

use serde_json::error::Category;

/// Why an answer cannot be read. serde's own message quotes the value it tripped over, which may be metadata.
#[derive(Debug, thiserror::Error)]
#[error("{what}{}", Place(*line, *column))]
pub(crate) struct Unreadable {
    what: String,
    line: usize,
    column: usize,
}

/// Line and column; line 0 is none, as with values that were JSON before.
struct Place(usize, usize);

// === impl Unreadable ===

impl Unreadable {
    pub(crate) fn new(error: &serde_json::Error) -> Self {
        let what = match error.classify() {
            Category::Eof => {
                "the JSON ends too early (was the answer cut off on its way?)".to_owned()
            }
            Category::Syntax => "it is not JSON".to_owned(),
            Category::Data => shape(&error.to_string()),
            Category::Io => "it could not be read".to_owned(),
        };
        Self { what, line: error.line(), column: error.column() }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => Ok(()),
            line => write!(f, ", at line {line} column {}", self.1),
        }
    }
}

/// serde's words about a value of the wrong type, such as ``invalid type: string "x", expected u32 at line 1``, without
/// the value and the place.
fn shape(text: &str) -> String {
    let text = text.rsplit_once(" at line ").map_or(text, |(text, _)| text);
    for kind in ["invalid type", "invalid value", "invalid length"] {
        if let Some(rest) = text.strip_prefix(kind) {
            let found = rest.trim_start_matches(": ").split([' ', ',']).next().unwrap_or_default();
            let expected =
                rest.rsplit_once(", expected ").map_or("something else", |(_, what)| what);
            return format!("it has a {found} where {expected} is expected");
        }
    }
    // Words of serde's and of ours that name what is missing and quote nothing.
    for kind in ["missing field", "duplicate field", "the instance's "] {
        if text.starts_with(kind) {
            return text.to_owned();
        }
    }
    // Messages of our own parsers and of others may quote what they found.
    "it has another shape than the manual says".to_owned()
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "read by serde alone")]
    struct Thing {
        id: uuid::Uuid,
        size: u32,
    }

    #[track_caller]
    fn check(json: &str, expected: &str) {
        let error = serde_json::from_str::<Thing>(json).unwrap_err();
        assert_eq!(Unreadable::new(&error).to_string(), expected);
    }

    #[test]
    fn the_place_and_the_kind_are_told_and_no_value() {
        let id = "00000000-0000-4000-8000-000000000001";
        check(
            r#"{"id":"#,
            "the JSON ends too early (was the answer cut off on its way?), at line 1 column 6",
        );
        check("<html>secret</html>", "it is not JSON, at line 1 column 1");
        check(
            &format!(r#"{{"id":"{id}","size":"secret, expected, x"}}"#),
            "it has a string where u32 is expected, at line 1 column 73",
        );
        check(&format!(r#"{{"id":"{id}"}}"#), "missing field `size`, at line 1 column 45");
        check(
            r#"{"id":"secret"}"#,
            "it has another shape than the manual says, at line 1 column 14",
        );
    }
}

//! JSON to documents with places, without the detour through YAML.
//!
//! `serde_json` reads; the places are found by going along the text behind it, which is known to be JSON by then.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::tree::{Content, Key, Node, Span};
use super::yaml::{DEPTH_MAX, Malformed, NODES_MAX, duplicates};

/// The documents of a text that begins as JSON does for kubectl, with a brace; `None` when it is no JSON after all:
/// then it may be YAML.
pub(crate) fn read(text: &str) -> Option<(Vec<Node<'_>>, Vec<Malformed>)> {
    if !text.trim_start().starts_with('{') {
        return None;
    }
    let behind =
        Behind { text, at: Cell::new(0), nodes: Cell::new(0), problems: RefCell::default() };
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let mut documents = Vec::new();
    while behind.next() < text.len() {
        let value = Value { behind: &behind, depth: 0 };
        documents.push(value.deserialize(&mut deserializer).ok()?);
    }
    deserializer.end().ok()?;
    Some((documents, behind.problems.into_inner()))
}

/// Goes along the text behind the deserializer.
struct Behind<'a> {
    text: &'a str,
    /// All before it has been read.
    at: Cell<usize>,
    nodes: Cell<usize>,
    problems: RefCell<Vec<Malformed>>,
}

// === impl Behind ===

impl Behind<'_> {
    /// Where the next token begins that is no comma and no colon.
    fn next(&self) -> usize {
        let rest = &self.text.as_bytes()[self.at.get()..];
        let between = rest.iter().take_while(|byte| b" \t\r\n,:".contains(byte)).count();
        self.at.set(self.at.get() + between);
        self.at.get()
    }

    /// Over an opening or a closing bracket.
    fn bracket(&self) -> usize {
        let at = self.next();
        self.at.set(self.text.len().min(at + 1));
        at
    }

    /// Over a text, of which the bytes between the quotes are known to be as many if nothing in it is escaped.
    fn text(&self, plain: Option<usize>) -> Span {
        let start = self.next();
        let bytes = self.text.as_bytes();
        let end = plain.map_or_else(
            || {
                let mut at = start + 1;
                while at < bytes.len() && bytes[at] != b'"' {
                    at += if bytes[at] == b'\\' { 2 } else { 1 };
                }
                at + 1
            },
            |length| start + length + 2,
        );
        self.at.set(bytes.len().min(end));
        start..self.at.get()
    }

    /// Over a number or a word.
    fn word(&self) -> Span {
        let start = self.next();
        let rest = &self.text.as_bytes()[start..];
        let length = rest.iter().take_while(|byte| !b" \t\r\n,:]}".contains(byte)).count();
        self.at.set(start + length);
        start..start + length
    }
}

/// A value that is to be read.
struct Value<'b, 'a> {
    behind: &'b Behind<'a>,
    depth: usize,
}

// === impl Value ===

impl<'a> Value<'_, 'a> {
    fn word<E>(self, content: Content<'a>) -> Result<Node<'a>, E> {
        Ok(Node { span: self.behind.word(), content })
    }

    /// One level further in.
    fn below<E: Error>(&self) -> Result<usize, E> {
        if self.depth >= DEPTH_MAX {
            return Err(E::custom("it is nested too deep"));
        }
        Ok(self.depth + 1)
    }
}

impl<'a> DeserializeSeed<'a> for Value<'_, 'a> {
    type Value = Node<'a>;

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<Node<'a>, D::Error> {
        let nodes = self.behind.nodes.get() + 1;
        self.behind.nodes.set(nodes);
        if nodes > NODES_MAX {
            return Err(D::Error::custom("it has too many values"));
        }
        deserializer.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for Value<'_, 'a> {
    type Value = Node<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Node<'a>, E> {
        self.word(Content::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Node<'a>, E> {
        self.word(Content::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Node<'a>, E> {
        self.word(Content::Number(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Node<'a>, E> {
        self.word(Content::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Node<'a>, E> {
        let number = serde_json::Number::from_f64(value).map_or(Content::Null, Content::Number);
        self.word(number)
    }

    fn visit_borrowed_str<E: Error>(self, text: &'a str) -> Result<Node<'a>, E> {
        let span = self.behind.text(Some(text.len()));
        Ok(Node { span, content: Content::Text(Cow::Borrowed(text)) })
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Node<'a>, E> {
        let span = self.behind.text(None);
        Ok(Node { span, content: Content::Text(Cow::Owned(text.to_owned())) })
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut list: A) -> Result<Node<'a>, A::Error> {
        let depth = self.below()?;
        let start = self.behind.bracket();
        let mut elements = Vec::new();
        while let Some(element) = list.next_element_seed(Value { behind: self.behind, depth })? {
            elements.push(element);
        }
        let end = self.behind.bracket() + 1;
        Ok(Node { span: start..end, content: Content::List(elements) })
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Node<'a>, A::Error> {
        let depth = self.below()?;
        let start = self.behind.bracket();
        let mut entries = Vec::new();
        while let Some(key) = map.next_key_seed(Name(self.behind))? {
            let value = map.next_value_seed(Value { behind: self.behind, depth })?;
            entries.push((key, value));
        }
        let end = self.behind.bracket() + 1;
        self.behind.problems.borrow_mut().extend(duplicates(&entries));
        Ok(Node { span: start..end, content: Content::Map(entries) })
    }
}

/// A key that is to be read.
struct Name<'b, 'a>(&'b Behind<'a>);

// === impl Name ===

impl<'a> DeserializeSeed<'a> for Name<'_, 'a> {
    type Value = Key<'a>;

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<Key<'a>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'a> Visitor<'a> for Name<'_, 'a> {
    type Value = Key<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E: Error>(self, name: &'a str) -> Result<Key<'a>, E> {
        Ok(Key { span: self.0.text(Some(name.len())), name: Cow::Borrowed(name) })
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Key<'a>, E> {
        Ok(Key { span: self.0.text(None), name: Cow::Owned(name.to_owned()) })
    }
}

#[cfg(test)]
mod tests {
    use super::super::yaml;
    use super::*;

    /// Every place and what stands there.
    fn places(node: &Node<'_>, text: &str, out: &mut Vec<String>) {
        match &node.content {
            Content::List(elements) => elements.iter().for_each(|it| places(it, text, out)),
            Content::Map(entries) => {
                for (key, value) in entries {
                    out.push(format!("{} {}", key.span.start, &text[key.span.clone()]));
                    places(value, text, out);
                }
            }
            _ => out.push(format!("{} {}", node.span.start, &text[node.span.clone()])),
        }
    }

    #[test]
    fn values_and_places_are_those_that_the_yaml_reader_finds() {
        for text in [
            r#"{"a": 1, "b": [true, null, -2.5e3, "x"], "c": {}, "d": [ ], "e": {"f": [[1], {"g": ""}]}}"#,
            "{\n\t\"a\" : \"with \\\"quotes\\\" and é\",\r\n\"k\\u0061y\" : [ 1 , \"\\\\\" , 2 ]\n}\n",
            " \n{\"a\":{\"b\":\"ü\",\"c\":false}} ",
        ] {
            let (json, problems) = read(text).unwrap();
            assert!(problems.is_empty());
            let (yaml, problems) = yaml::read(text);
            assert!(problems.is_empty(), "{problems:?}");
            assert_eq!(json, yaml, "{text}");
            let all = |documents: &[Node<'_>]| {
                let mut out = Vec::new();
                documents.iter().for_each(|node| places(node, text, &mut out));
                out
            };
            assert_eq!(all(&json), all(&yaml), "{text}");
        }
    }

    #[test]
    fn documents_may_follow_one_another() {
        let (documents, _) = read("{\"a\":1}{\"b\":2}\n{\"c\":3}").unwrap();
        assert_eq!(documents.len(), 3);
        assert_eq!(documents[2].entry("c").unwrap().0.span, 16..19);
    }

    #[test]
    fn what_only_looks_like_json_is_left_to_the_yaml_reader() {
        for text in [
            "{a: 1}",
            "{\"a\": 1}\n---\n{\"a\": 2}",
            "{{ .Values.x }}",
            "{\"a\": 1,}",
            "{\"a\": 1},",
            "[1]",
            "",
        ] {
            assert!(read(text).is_none(), "{text}");
        }
        assert!(read(&"{\"a\":".repeat(101)).is_none());
    }
}

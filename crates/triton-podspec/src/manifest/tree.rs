//! A YAML or JSON document with the place of everything in it.

use std::ops::Range;

use serde_json::{Map, Value};

/// Bytes of the text.
pub type Span = Range<usize>;

/// A value and where it is.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) span: Span,
    pub(crate) content: Content,
}

#[derive(Clone, Debug)]
pub(crate) enum Content {
    /// Null, a boolean, a number or text.
    Scalar(Value),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

/// The key of a field and where it is.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) span: Span,
    pub(crate) name: String,
}

// === impl Node ===

impl Node {
    /// The field of that name, of a map.
    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        self.entry(name).map(|(_, node)| node)
    }

    pub(crate) fn entry(&self, name: &str) -> Option<(&Key, &Self)> {
        let Content::Map(entries) = &self.content else { return None };
        entries.iter().find(|(key, _)| key.name == name).map(|(key, node)| (key, node))
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Scalar(Value::String(text)) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn elements(&self) -> &[Self] {
        match &self.content {
            Content::List(elements) => elements,
            _ => &[],
        }
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(&self.content, Content::Scalar(Value::Null))
    }

    /// What to point at for the whole value: itself, or the first thing in it.
    pub(crate) fn head(&self) -> Span {
        match &self.content {
            Content::Scalar(_) => self.span.clone(),
            Content::Map(entries) => {
                entries.first().map_or_else(|| self.span.clone(), |(key, _)| key.span.clone())
            }
            Content::List(elements) => {
                elements.first().map_or_else(|| self.span.clone(), Self::head)
            }
        }
    }

    /// The value without its places. The depth is bounded where the text is read.
    pub(crate) fn value(&self) -> Value {
        match &self.content {
            Content::Scalar(value) => value.clone(),
            Content::List(elements) => elements.iter().map(Self::value).collect(),
            Content::Map(entries) => Value::Object(
                entries.iter().map(|(key, node)| (key.name.clone(), node.value())).collect::<Map<
                    String,
                    Value,
                >>(
                ),
            ),
        }
    }
}

/// What a field path such as `spec.containers[0].env` or `metadata.annotations['a/b']` points at: the field, or
/// the nearest one around it that is there.
pub(crate) fn locate(root: &Node, path: &str) -> Span {
    let mut node = root;
    let mut span = root.head();
    for step in steps(path) {
        match step {
            Step::Field(name) => {
                let Some((key, value)) = node.entry(name) else { break };
                let scalar = matches!(value.content, Content::Scalar(_)) && !value.is_null();
                // A block of text is long: its key is enough.
                let end = if scalar && value.span.end - key.span.start < 120 {
                    value.span.end.max(key.span.end)
                } else {
                    key.span.end
                };
                // An alias stands where its text is not.
                span = if end > key.span.start { key.span.start..end } else { key.span.clone() };
                node = value;
            }
            Step::Index(index) => {
                let Some(element) = node.elements().get(index) else { break };
                span = element.head();
                node = element;
            }
        }
    }
    span
}

enum Step<'a> {
    Field(&'a str),
    Index(usize),
}

fn steps(path: &str) -> impl Iterator<Item = Step<'_>> {
    let mut rest = path;
    std::iter::from_fn(move || {
        if let Some(inner) = rest.strip_prefix("['") {
            let end = inner.find("']")?;
            rest = &inner[end + 2..];
            return Some(Step::Field(&inner[..end]));
        }
        if let Some(inner) = rest.strip_prefix('[') {
            let (index, after) = inner.split_once(']')?;
            rest = after;
            return index.parse().ok().map(Step::Index);
        }
        rest = rest.strip_prefix('.').unwrap_or(rest);
        if rest.is_empty() {
            return None;
        }
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        rest = after;
        Some(Step::Field(name))
    })
}

//! A YAML or JSON document with the place of everything in it. Text that stands in the document as it is meant is
//! borrowed from it.

use std::borrow::Cow;
use std::ops::Range;

use serde_json::Number;

/// Bytes of the text.
pub type Span = Range<usize>;

/// A value and where it is.
#[derive(Clone, Debug)]
pub(crate) struct Node<'a> {
    pub(crate) span: Span,
    pub(crate) content: Content<'a>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Content<'a> {
    Null,
    Bool(bool),
    Number(Number),
    Text(Cow<'a, str>),
    List(Vec<Node<'a>>),
    Map(Vec<(Key<'a>, Node<'a>)>),
}

/// The key of a field and where it is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Key<'a> {
    pub(crate) span: Span,
    pub(crate) name: Cow<'a, str>,
}

// === impl Node ===

/// What is said counts, not where.
impl PartialEq for Node<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.content == other.content
    }
}

impl<'a> Node<'a> {
    /// The field of that name, of a map.
    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        self.entry(name).map(|(_, node)| node)
    }

    pub(crate) fn entry(&self, name: &str) -> Option<(&Key<'a>, &Self)> {
        let Content::Map(entries) = &self.content else { return None };
        entries.iter().find(|(key, _)| key.name == name).map(|(key, node)| (key, node))
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Text(text) => Some(text),
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
        matches!(&self.content, Content::Null)
    }

    /// What to point at for the whole value: itself, or the first thing in it.
    pub(crate) fn head(&self) -> Span {
        match &self.content {
            Content::Map(entries) => {
                entries.first().map_or_else(|| self.span.clone(), |(key, _)| key.span.clone())
            }
            Content::List(elements) => {
                elements.first().map_or_else(|| self.span.clone(), Self::head)
            }
            _ => self.span.clone(),
        }
    }
}

/// What a field path such as `spec.containers[0].env` or `metadata.annotations['a/b']` points at: the field, or
/// the nearest one around it that is there.
pub(crate) fn locate(root: &Node<'_>, path: &str) -> Span {
    let mut node = root;
    let mut span = root.head();
    for step in steps(path) {
        match step {
            Step::Field(name) => {
                let Some((key, value)) = node.entry(name) else { break };
                let scalar = matches!(
                    value.content,
                    Content::Bool(_) | Content::Number(_) | Content::Text(_)
                );
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

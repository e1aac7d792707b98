//! A document read as a type: what is of no use is found and left out, and nothing is copied but what the type keeps.

use std::cell::RefCell;
use std::fmt;

use serde::de::value::Error;
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer as _};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde_json::Number;

use super::tree::{Content, Key, Node};
use crate::diagnostic::{Findings, quote};
use crate::nearest::did_you_mean;
use crate::rules;
use crate::shape::Shape;

/// The value as the type reads it; fields of other names and values of other types are found and left out, and so are,
/// without a word, the nodes of `left`.
pub(crate) fn conform<T: DeserializeOwned + Default>(
    node: &Node<'_>,
    shape: &Shape,
    path: &str,
    left: &[Option<&Node<'_>>],
    findings: &mut Findings,
) -> T {
    let gathered = Gathered { findings: RefCell::new(Findings::default()), left };
    let top = Path::Top(path);
    let read = gathered
        .fits(node, shape, &top)
        .then(|| T::deserialize(Reader { node, shape, path: &top, gathered: &gathered }));
    for diagnostic in gathered.findings.into_inner().into_vec() {
        findings.push(diagnostic);
    }
    match read {
        None => T::default(),
        Some(Ok(value)) => value,
        Some(Err(error)) => {
            findings.add(&rules::WRONG_TYPE, path, format!("cannot be read: {error}"));
            T::default()
        }
    }
}

/// A field path; it is written only when there is something to say.
#[derive(Clone, Copy)]
enum Path<'p> {
    Top(&'p str),
    Field(&'p Path<'p>, &'p str),
    Entry(&'p Path<'p>, &'p str),
    Element(&'p Path<'p>, usize),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Top(path) => f.write_str(path),
            Self::Field(before, name) => write!(f, "{before}.{name}"),
            Self::Entry(before, key) => write!(f, "{before}['{key}']"),
            Self::Element(before, at) => write!(f, "{before}[{at}]"),
        }
    }
}

/// What was found, and what is not looked at.
struct Gathered<'g> {
    findings: RefCell<Findings>,
    left: &'g [Option<&'g Node<'g>>],
}

// === impl Gathered ===

impl Gathered<'_> {
    /// Whether there is a value that the type can read; a value of another type is found.
    fn fits(&self, node: &Node<'_>, shape: &Shape, path: &Path<'_>) -> bool {
        if node.is_null() || self.leaves(node) {
            return false;
        }
        let fits = takes(shape, &node.content);
        if !fits {
            self.wrong(path, wrong(shape, node));
        }
        fits
    }

    fn leaves(&self, node: &Node<'_>) -> bool {
        self.left.iter().flatten().any(|left| std::ptr::eq(*left, node))
    }

    fn wrong(&self, path: &Path<'_>, message: String) {
        self.findings.borrow_mut().add(&rules::WRONG_TYPE, path.to_string(), message);
    }
}

/// A value that fits the shape.
#[derive(Clone, Copy)]
struct Reader<'r, 'a> {
    node: &'r Node<'a>,
    shape: &'r Shape,
    path: &'r Path<'r>,
    gathered: &'r Gathered<'r>,
}

// === impl Reader ===

impl Reader<'_, '_> {
    /// A number of 32 bits; what is out of its range is found, and taken for the end of the range.
    fn small(&self, number: &Number) -> i32 {
        let whole = number.as_i64().or_else(|| number.is_u64().then_some(i64::MAX));
        match whole.map(i32::try_from) {
            Some(Ok(small)) => small,
            _ => {
                let message =
                    format!("is {number}, and a whole number up to {} is expected", i32::MAX);
                self.gathered.wrong(self.path, message);
                if number.as_f64().is_some_and(|number| number < 0.0) { i32::MIN } else { i32::MAX }
            }
        }
    }
}

impl<'de> Deserializer<'de> for Reader<'_, '_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let Self { shape, path, gathered, .. } = self;
        match &self.node.content {
            Content::Null => visitor.visit_unit(),
            Content::Bool(value) => visitor.visit_bool(*value),
            // Of all types only a port (`IntOrString`) asks for anything; quantities see to that below.
            Content::Number(number) if matches!(shape, Shape::Any | Shape::TextOrNumber) => {
                visitor.visit_i32(self.small(number))
            }
            Content::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
                (Some(number), ..) => visitor.visit_u64(number),
                (_, Some(number), _) => visitor.visit_i64(number),
                (.., number) => visitor.visit_f64(number.unwrap_or_default()),
            },
            Content::Text(text) => visitor.visit_str(text),
            Content::List(elements) => {
                let inner = if let Shape::List(inner) = shape { inner } else { shape };
                let rest = elements.iter().enumerate();
                visitor.visit_seq(Elements { rest, shape: inner, path, gathered })
            }
            Content::Map(entries) => visitor.visit_map(Entries {
                rest: entries.iter(),
                value: None,
                shape,
                path,
                gathered,
            }),
        }
    }

    fn deserialize_i32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.node.content {
            Content::Number(number) => visitor.visit_i32(self.small(number)),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        let shape = if name == "Quantity" { &Shape::Number } else { self.shape };
        visitor.visit_newtype_struct(Reader { shape, ..self })
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct enum identifier ignored_any
    }
}

struct Elements<'r, 'a> {
    rest: std::iter::Enumerate<std::slice::Iter<'r, Node<'a>>>,
    shape: &'r Shape,
    path: &'r Path<'r>,
    gathered: &'r Gathered<'r>,
}

impl<'de> SeqAccess<'de> for Elements<'_, '_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        let Self { shape, gathered, .. } = *self;
        for (at, node) in self.rest.by_ref() {
            let path = Path::Element(self.path, at);
            if gathered.fits(node, shape, &path) {
                return seed.deserialize(Reader { node, shape, path: &path, gathered }).map(Some);
            }
        }
        Ok(None)
    }
}

struct Entries<'r, 'a> {
    rest: std::slice::Iter<'r, (Key<'a>, Node<'a>)>,
    /// What the key was given for: the value if it is of use.
    value: Option<(Path<'r>, &'r Shape, Option<&'r Node<'a>>)>,
    shape: &'r Shape,
    path: &'r Path<'r>,
    gathered: &'r Gathered<'r>,
}

impl<'de> MapAccess<'de> for Entries<'_, '_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        for (key, node) in self.rest.by_ref() {
            let name = &*key.name;
            let (path, shape) = match self.shape {
                Shape::Struct { fields, .. } => {
                    let path = Path::Field(self.path, name);
                    let Some(shape) = fields.get(name) else {
                        self.gathered.findings.borrow_mut().add(
                            &rules::UNKNOWN_FIELD,
                            path.to_string(),
                            format!(
                                "Kubernetes knows no field {} here{}",
                                quote(name),
                                did_you_mean(name, fields.keys().copied())
                            ),
                        );
                        continue;
                    };
                    (path, shape)
                }
                Shape::Map(inner) => (Path::Entry(self.path, name), &**inner),
                other => (Path::Field(self.path, name), other),
            };
            let fits = self.gathered.fits(node, shape, &path);
            // A label without a value is an empty one.
            let is_empty = matches!((self.shape, shape), (Shape::Map(_), Shape::Text));
            if fits || is_empty {
                self.value = Some((path, shape, fits.then_some(node)));
                return seed.deserialize(name.into_deserializer()).map(Some);
            }
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        match self.value.take() {
            Some((path, shape, Some(node))) => {
                seed.deserialize(Reader { node, shape, path: &path, gathered: self.gathered })
            }
            _ => seed.deserialize("".into_deserializer()),
        }
    }
}

fn takes(shape: &Shape, content: &Content<'_>) -> bool {
    match (shape, content) {
        (Shape::Any, _)
        | (Shape::Struct { .. } | Shape::Map(_), Content::Map(_))
        | (Shape::List(_), Content::List(_))
        | (Shape::Bool, Content::Bool(_))
        | (Shape::Number, Content::Number(_))
        | (Shape::Text, Content::Text(_))
        | (Shape::TextOrNumber, Content::Text(_) | Content::Number(_)) => true,
        (Shape::Integer, Content::Number(number)) => number.is_i64() || number.is_u64(),
        (Shape::Time, Content::Text(text)) => text.parse::<jiff::Timestamp>().is_ok(),
        _ => false,
    }
}

fn wrong(shape: &Shape, node: &Node<'_>) -> String {
    let wanted = match shape {
        Shape::Struct { .. } | Shape::Map(_) => "an object",
        Shape::List(_) => "a list",
        Shape::Text => "text",
        Shape::Time => "a time such as \"2026-01-31T12:00:00Z\"",
        Shape::Integer => "a whole number",
        Shape::Number => "a number",
        Shape::Bool => "true or false",
        Shape::TextOrNumber => "text or a number",
        Shape::Any => "anything",
    };
    let found = match &node.content {
        Content::List(_) => "a list".to_owned(),
        Content::Map(_) => "an object".to_owned(),
        Content::Text(text) => format!("the text {}", quote(text)),
        Content::Bool(value) => value.to_string(),
        Content::Number(value) => value.to_string(),
        Content::Null => "null".to_owned(),
    };
    let hint = match (shape, &node.content) {
        (Shape::Text, Content::Bool(value)) => {
            format!(": put it in quotes, \"{value}\"")
        }
        (Shape::Text, Content::Number(_)) => ": put it in quotes".to_owned(),
        (Shape::Bool | Shape::Integer | Shape::Number, Content::Text(_)) => {
            ": remove the quotes".to_owned()
        }
        (Shape::List(_), Content::List(_)) => String::new(),
        (Shape::List(_), _) => ": begin each element with a dash".to_owned(),
        _ => String::new(),
    };
    format!("is {found}, and {wanted} is expected{hint}")
}

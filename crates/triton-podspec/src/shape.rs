//! Which fields a type of Kubernetes has, learnt from how it reads itself.
//!
//! The types of `k8s-openapi` ignore fields that they do not know and stop at the first one of a wrong type without
//! saying where. [`Shape::of`] lets a type read from a source that has every field and notes what it asks for: so the
//! field table is complete by test, and the linter knows misspelt fields by their path.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{
    self, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor,
};

/// What a value of a type looks like as JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// An object with these fields.
    Struct {
        /// Name of the type, as `PodSpec`.
        name: &'static str,
        /// Its fields by their JSON names.
        fields: BTreeMap<&'static str, Shape>,
    },
    /// A list.
    List(Box<Shape>),
    /// An object with any keys.
    Map(Box<Shape>),
    /// Text.
    Text,
    /// A point in time, as text.
    Time,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// `true` or `false`.
    Bool,
    /// Text or a number: a port by number or name, a quantity.
    TextOrNumber,
    /// Anything.
    Any,
}

/// A type that reads itself in a way that this module does not know.
#[derive(Debug)]
pub struct UnknownShape(String);

// === impl Shape ===

impl Shape {
    /// The shape of a type.
    ///
    /// # Errors
    ///
    /// When the type reads itself in an unusual way, as one that contains itself would.
    pub fn of<T: de::DeserializeOwned>() -> Result<Self, UnknownShape> {
        let mut shape = Self::Any;
        T::deserialize(Tracer { shape: &mut shape, depth: 0 })?;
        Ok(shape)
    }

    /// The field of that name, of an object.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Struct { fields, .. } => fields.get(name),
            _ => None,
        }
    }
}

/// Levels of objects and lists that are followed; a type that contains itself ends here.
const DEPTH_MAX: usize = 40;

/// Gives every value that is asked for, and notes what that was.
struct Tracer<'a> {
    shape: &'a mut Shape,
    depth: usize,
}

// === impl Tracer ===

impl Tracer<'_> {
    fn below(&mut self) -> Result<usize, UnknownShape> {
        if self.depth >= DEPTH_MAX {
            return Err(UnknownShape("it contains itself".to_owned()));
        }
        Ok(self.depth + 1)
    }
}

macro_rules! plain {
    ($($method:ident $shape:ident $visit:ident $value:expr;)+) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, UnknownShape> {
            *self.shape = Shape::$shape;
            visitor.$visit($value)
        }
    )+};
}

impl<'de> Deserializer<'de> for Tracer<'_> {
    type Error = UnknownShape;

    plain! {
        deserialize_bool Bool visit_bool true;
        deserialize_i8 Integer visit_i64 1;
        deserialize_i16 Integer visit_i64 1;
        deserialize_i32 Integer visit_i64 1;
        deserialize_i64 Integer visit_i64 1;
        deserialize_u8 Integer visit_u64 1;
        deserialize_u16 Integer visit_u64 1;
        deserialize_u32 Integer visit_u64 1;
        deserialize_u64 Integer visit_u64 1;
        deserialize_f32 Number visit_f64 1.0;
        deserialize_f64 Number visit_f64 1.0;
        deserialize_char Text visit_str "x";
        deserialize_str Text visit_str "x";
        deserialize_string Text visit_str "x";
        deserialize_bytes Text visit_str "x";
        deserialize_byte_buf Text visit_str "x";
        deserialize_identifier Text visit_str "x";
    }

    fn deserialize_any<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, UnknownShape> {
        self.depth = self.below()?;
        *self.shape = Shape::Any;
        visitor.visit_str("1")
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(
        self,
        visitor: V,
    ) -> Result<V::Value, UnknownShape> {
        visitor.visit_unit()
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, UnknownShape> {
        visitor.visit_some(self)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, UnknownShape> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, UnknownShape> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, UnknownShape> {
        match name {
            "Time" | "MicroTime" => {
                *self.shape = Shape::Time;
                visitor.visit_newtype_struct("2026-01-02T03:04:05.000006Z".into_deserializer())
            }
            "Quantity" | "IntOrString" => {
                let mut inner = Shape::Any;
                let value = visitor
                    .visit_newtype_struct(Tracer { shape: &mut inner, depth: self.depth })?;
                *self.shape = Shape::TextOrNumber;
                Ok(value)
            }
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, UnknownShape> {
        let depth = self.below()?;
        let mut element = Shape::Any;
        let value = visitor.visit_seq(One { shape: Some(&mut element), depth })?;
        *self.shape = Shape::List(Box::new(element));
        Ok(value)
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, UnknownShape> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, UnknownShape> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, UnknownShape> {
        let depth = self.below()?;
        let mut element = Shape::Any;
        let value = visitor.visit_map(One { shape: Some(&mut element), depth })?;
        *self.shape = Shape::Map(Box::new(element));
        Ok(value)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        mut self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, UnknownShape> {
        let depth = self.below()?;
        // Whole objects insist on their own words here.
        let is_object = ["apiVersion", "kind"].iter().all(|field| fields.contains(field));
        let mut found = BTreeMap::new();
        let value =
            visitor.visit_map(Fields { rest: fields, is_object, found: &mut found, depth })?;
        *self.shape = Shape::Struct { name, fields: found };
        Ok(value)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        _: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, UnknownShape> {
        Err(UnknownShape(format!("{name} is an enum")))
    }
}

/// Every field once.
struct Fields<'a> {
    rest: &'static [&'static str],
    is_object: bool,
    found: &'a mut BTreeMap<&'static str, Shape>,
    depth: usize,
}

impl<'de> MapAccess<'de> for Fields<'_> {
    type Error = UnknownShape;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, UnknownShape> {
        while let Some((&field @ ("apiVersion" | "kind"), rest)) = self.rest.split_first()
            && self.is_object
        {
            self.found.insert(field, Shape::Text);
            self.rest = rest;
        }
        let Some(field) = self.rest.first() else { return Ok(None) };
        seed.deserialize((*field).into_deserializer()).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(
        &mut self,
        seed: V,
    ) -> Result<V::Value, UnknownShape> {
        let Some((field, rest)) = self.rest.split_first() else {
            return Err(UnknownShape("a value without a field was asked for".to_owned()));
        };
        let mut shape = Shape::Any;
        let value = seed.deserialize(Tracer { shape: &mut shape, depth: self.depth })?;
        self.rest = rest;
        self.found.insert(field, shape);
        Ok(value)
    }
}

/// One element of a list or a map.
struct One<'a> {
    shape: Option<&'a mut Shape>,
    depth: usize,
}

impl<'de> SeqAccess<'de> for One<'_> {
    type Error = UnknownShape;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, UnknownShape> {
        let Some(shape) = self.shape.take() else { return Ok(None) };
        seed.deserialize(Tracer { shape, depth: self.depth }).map(Some)
    }
}

impl<'de> MapAccess<'de> for One<'_> {
    type Error = UnknownShape;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, UnknownShape> {
        if self.shape.is_none() {
            return Ok(None);
        }
        seed.deserialize("x".into_deserializer()).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(
        &mut self,
        seed: V,
    ) -> Result<V::Value, UnknownShape> {
        let Some(shape) = self.shape.take() else {
            return Err(UnknownShape("a value without a key was asked for".to_owned()));
        };
        seed.deserialize(Tracer { shape, depth: self.depth })
    }
}

// === impl UnknownShape ===

impl fmt::Display for UnknownShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the type cannot be traced: {}", self.0)
    }
}

impl std::error::Error for UnknownShape {}

impl de::Error for UnknownShape {
    fn custom<T: fmt::Display>(problem: T) -> Self {
        Self(problem.to_string())
    }
}

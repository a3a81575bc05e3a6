//! The arguments of a function, which come as a list and are read as a tuple.

use std::fmt;

use serde::de::{self, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

use super::DeserializeError;
use super::deserializer::Deserializer;
use super::source::Source;
use crate::term::handover;

/// Reads a list as whatever has elements.
pub(super) struct Arguments<'a, 'de, S>(pub(super) &'a mut Deserializer<'de, S>);

impl<'de, S: Source<'de>> de::Deserializer<'de> for Arguments<'_, 'de, S> {
    type Error = DeserializeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
        de::Deserializer::deserialize_seq(self.0, visitor)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
        // Reads no element, and so complains of any.
        self.deserialize_any(NoElements(visitor))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DeserializeError> {
        if handover::is_reserved(name) {
            return de::Deserializer::deserialize_newtype_struct(self.0, name, visitor);
        }
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit_struct seq
        tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// Takes no elements as `()`.
struct NoElements<V>(V);

impl<'de, V: Visitor<'de>> Visitor<'de> for NoElements<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no arguments")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<V::Value, A::Error> {
        self.0.visit_unit()
    }
}

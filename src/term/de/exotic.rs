//! How terms that serde has no word for pass through serde's own buffers.
//!
//! Untagged and internally tagged enums and flattened structs are first read into a buffer of serde's, whatever
//! they hold, and then from there. The buffer knows numbers, text, bytes, sequences, maps and newtype structs. A pid
//! goes through it as a newtype struct in a newtype struct in bytes, which are the pid in the external format:
//! nothing else looks like that.

use std::fmt;

use bytes::Bytes;
use serde::de::{self, Deserializer, Visitor};
use serde::forward_to_deserialize_any;

use super::DeserializeError;
use crate::term::Term;
use crate::term::etf::{self, Encoded};

/// Shows `term` to a visitor that did not ask for it.
pub(super) fn visit<'de, V: Visitor<'de>>(term: &Term, visitor: V) -> Result<V::Value, DeserializeError> {
    let encoded = Encoded::from_term(term).map_err(DeserializeError::new)?;
    visitor.visit_newtype_struct(Wrapped { bytes: encoded.bytes(), wrappers: 1 })
}

/// The bytes of a term in so many newtype structs.
struct Wrapped<'a> {
    bytes: &'a Bytes,
    wrappers: u8,
}

impl<'de> Deserializer<'de> for Wrapped<'_> {
    type Error = DeserializeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
        match self.wrappers.checked_sub(1) {
            Some(wrappers) => visitor.visit_newtype_struct(Wrapped { wrappers, ..self }),
            None => visitor.visit_bytes(self.bytes),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// Takes what [`visit`] has shown to a buffer, from within its outer newtype struct.
pub(super) struct Unwrap;

impl<'de> Visitor<'de> for Unwrap {
    type Value = Term;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a term")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<Term, D::Error> {
        inner.deserialize_bytes(self)
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Term, E> {
        let bytes = Bytes::copy_from_slice(bytes);
        etf::Reader::new(&bytes, &[]).term().map_err(E::custom)
    }
}

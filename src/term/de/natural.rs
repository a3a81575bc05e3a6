//! Terms from other formats and from serde's own buffers: the inverse of what such a format is given.
//!
//! Sequences become lists, text becomes binaries, nothing becomes `nil`. What comes from a term through one of serde's
//! buffers keeps more: atoms stay atoms, because the deserializer never lends their text, and what only Erlang has is
//! [wrapped](super::exotic). That a tuple is no list the buffer cannot tell.

use std::fmt;

use bytes::Bytes;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::DEFAULT_DEPTH_LIMIT;
use super::exotic::Unwrap;
use crate::atom;
use crate::term::{Atom, Integer, Map, Term, handover};

/// Reads whatever another format has as a term.
#[derive(Clone, Copy)]
pub(super) struct Natural {
    depth: u32,
}

impl Natural {
    pub(super) fn new() -> Natural {
        Natural { depth: DEFAULT_DEPTH_LIMIT }
    }

    fn deeper<E: Error>(self) -> Result<Natural, E> {
        let too_deep = || E::custom(format_args!("nested deeper than {DEFAULT_DEPTH_LIMIT} levels"));
        self.depth.checked_sub(1).map(|depth| Natural { depth }).ok_or_else(too_deep)
    }
}

impl<'de> DeserializeSeed<'de> for Natural {
    type Value = Term;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Term, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Natural {
    type Value = Term;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any term")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Term, E> {
        Ok(Term::from(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Term, E> {
        Ok(Term::from(value))
    }

    fn visit_i128<E: Error>(self, value: i128) -> Result<Term, E> {
        Ok(Term::from(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Term, E> {
        Ok(Term::from(value))
    }

    fn visit_u128<E: Error>(self, value: u128) -> Result<Term, E> {
        Ok(Term::from(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Term, E> {
        Ok(Term::Float(value))
    }

    fn visit_char<E: Error>(self, value: char) -> Result<Term, E> {
        Ok(Term::Integer(Integer::from(u32::from(value))))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Term, E> {
        if handover::is_reading() {
            return Atom::new(value).map(Term::Atom).map_err(E::custom);
        }
        Ok(Term::from(value))
    }

    fn visit_borrowed_str<E: Error>(self, value: &'de str) -> Result<Term, E> {
        Ok(Term::from(value))
    }

    fn visit_bytes<E: Error>(self, value: &[u8]) -> Result<Term, E> {
        Ok(Term::Binary(Bytes::copy_from_slice(value)))
    }

    fn visit_byte_buf<E: Error>(self, value: Vec<u8>) -> Result<Term, E> {
        Ok(Term::Binary(value.into()))
    }

    fn visit_none<E: Error>(self) -> Result<Term, E> {
        Ok(Term::from(atom!("undefined")))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Term, D::Error> {
        self.deeper()?.deserialize(deserializer)
    }

    fn visit_unit<E: Error>(self) -> Result<Term, E> {
        Ok(Term::from(atom!("nil")))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<Term, D::Error> {
        inner.deserialize_any(Unwrap)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Term, A::Error> {
        let seed = self.deeper()?;
        let mut elements = Vec::new();
        while let Some(element) = sequence.next_element_seed(seed)? {
            elements.push(element);
        }
        Ok(Term::list(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Term, A::Error> {
        let seed = self.deeper()?;
        let mut pairs = Vec::new();
        while let Some(pair) = map.next_entry_seed(seed, seed)? {
            pairs.push(pair);
        }
        Ok(Term::Map(Map::from_iter(pairs)))
    }
}

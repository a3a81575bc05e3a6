//! Going through the parts of tuples, lists and maps, and into the variants of enums.

use std::borrow::Cow;

use serde::de::value::{BorrowedStrDeserializer, StrDeserializer, UnitDeserializer};
use serde::de::{self, DeserializeSeed, Visitor};

use super::deserializer::Deserializer;
use super::error::Segment;
use super::source::{Kind, ListPart, Source};
use super::{DeserializeError, Reason};
use crate::term::naming::{STRUCT_KEY, record_tag, variant_of_atom};

/// The elements of a tuple (those after the tag, in a tagged one) or of a list.
pub(super) struct Elements<'a, 'de, S> {
    de: &'a mut Deserializer<'de, S>,
    part: ListPart<'de>,
    is_list: bool,
    read: usize,
}

impl<'a, 'de, S: Source<'de>> Elements<'a, 'de, S> {
    pub(super) fn of_tuple(de: &'a mut Deserializer<'de, S>, count: usize) -> Self {
        Elements { de, part: ListPart::Elements(count), is_list: false, read: 0 }
    }

    pub(super) fn of_list(de: &'a mut Deserializer<'de, S>, part: ListPart<'de>) -> Self {
        Elements { de, part, is_list: true, read: 0 }
    }

    /// Makes the next element the next term of the deserializer, if there is one.
    fn advance(&mut self) -> Result<bool, DeserializeError> {
        loop {
            match &mut self.part {
                ListPart::End => return Ok(false),
                ListPart::Bytes(bytes) => match bytes.split_first() {
                    Some((first, rest)) => {
                        self.de.set_byte(*first);
                        *bytes = rest;
                        return Ok(true);
                    }
                    None => self.part = ListPart::End,
                },
                ListPart::Elements(count) => match count.checked_sub(1) {
                    Some(left) => {
                        *count = left;
                        return Ok(true);
                    }
                    None if self.is_list => self.part = self.de.source.next_list_part()?,
                    None => self.part = ListPart::End,
                },
            }
        }
    }

    /// Makes sure that all elements have been read.
    pub(super) fn end(mut self) -> Result<(), DeserializeError> {
        let expected = self.read;
        let offset = self.de.source.offset();
        while self.advance()? {
            self.de.skip()?;
            self.read += 1;
        }
        if self.read > expected {
            return Err(DeserializeError::new(Reason::Arity { expected, found: self.read }).at(offset));
        }
        self.de.source.leave();
        Ok(())
    }
}

impl<'de, S: Source<'de>> de::SeqAccess<'de> for &mut Elements<'_, 'de, S> {
    type Error = DeserializeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, DeserializeError> {
        if !self.advance()? {
            return Ok(None);
        }
        let index = self.read;
        self.read += 1;
        let offset = self.de.source.offset();
        match seed.deserialize(&mut *self.de) {
            Ok(value) => Ok(Some(value)),
            Err(error) => Err(error.at(offset).within(Segment::Element(index))),
        }
    }

    fn size_hint(&self) -> Option<usize> {
        match self.part {
            ListPart::End => Some(0),
            ListPart::Elements(count) => Some(count),
            ListPart::Bytes(bytes) => Some(bytes.len()),
        }
    }
}

/// The pairs of a map.
pub(super) struct Entries<'a, 'de, S> {
    de: &'a mut Deserializer<'de, S>,
    pairs: usize,
    left: usize,
    /// Whether only keys that can be the name of a field matter.
    fields_only: bool,
}

impl<'a, 'de, S: Source<'de>> Entries<'a, 'de, S> {
    pub(super) fn new(de: &'a mut Deserializer<'de, S>, pairs: usize, fields_only: bool) -> Self {
        Entries { de, pairs, left: pairs, fields_only }
    }

    /// Makes sure that all pairs have been read.
    pub(super) fn end(self) -> Result<(), DeserializeError> {
        if self.left > 0 {
            let expected = self.pairs - self.left;
            return Err(DeserializeError::new(Reason::Arity { expected, found: self.pairs }));
        }
        self.de.source.leave();
        Ok(())
    }
}

impl<'de, S: Source<'de>> de::MapAccess<'de> for &mut Entries<'_, 'de, S> {
    type Error = DeserializeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, DeserializeError> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        let offset = self.de.source.offset();
        self.de.key = None;
        if self.fields_only && !matches!(self.de.kind()?, Kind::Atom | Kind::Binary) {
            // No field has such a name; as other unknown fields it is ignored, unless the type forbids them.
            self.de.skip()?;
            return seed.deserialize(StrDeserializer::new("a key that is no atom")).map(Some);
        }
        let outside = std::mem::replace(&mut self.de.atom_as_text, true);
        let key = seed.deserialize(&mut *self.de);
        self.de.atom_as_text = outside;
        key.map(Some).map_err(|error| error.at(offset))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, DeserializeError> {
        let offset = self.de.source.offset();
        let key = self.de.key.take();
        // A module's name may be read as text.
        let names_module = key.as_ref().is_some_and(|key| key.as_str() == STRUCT_KEY);
        let outside = std::mem::replace(&mut self.de.atom_as_text, names_module);
        let value = seed.deserialize(&mut *self.de);
        self.de.atom_as_text = outside;
        value.map_err(|error| {
            let segment = match key {
                Some(key) => Segment::Key(key.as_str().into()),
                None => Segment::Element(self.pairs - self.left - 1),
            };
            error.at(offset).within(segment)
        })
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

/// A variant of an enum: its tag has been read, its payload is next.
pub(super) struct Variant<'a, 'de, S> {
    de: &'a mut Deserializer<'de, S>,
    tag: Tag<'de>,
    /// How many elements of the tuple follow the tag; `None` if there is no tuple.
    payload: Option<usize>,
}

enum Tag<'de> {
    Known(&'static str),
    Unknown(Cow<'de, str>),
}

impl Tag<'_> {
    fn segment(&self) -> Segment {
        match self {
            Tag::Known(name) => Segment::Variant((*name).into()),
            Tag::Unknown(name) => Segment::Variant((&**name).into()),
        }
    }
}

impl<'a, 'de, S: Source<'de>> Variant<'a, 'de, S> {
    pub(super) fn new(
        de: &'a mut Deserializer<'de, S>,
        name: &'static str,
        variants: &'static [&'static str],
        tag: Cow<'de, str>,
        payload: Option<usize>,
    ) -> Self {
        let tag = match variant_of_atom(name, variants, &tag) {
            Some(known) => Tag::Known(known),
            None => Tag::Unknown(tag),
        };
        Variant { de, tag, payload }
    }

    /// The error of a payload that is not of `expected` elements.
    fn arity(&self, expected: usize) -> DeserializeError {
        let found = self.payload.unwrap_or(0);
        DeserializeError::new(Reason::Arity { expected, found }).within(self.tag.segment())
    }
}

impl<'de, S: Source<'de>> de::EnumAccess<'de> for Variant<'_, 'de, S> {
    type Error = DeserializeError;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), DeserializeError> {
        let variant: Result<V::Value, DeserializeError> = match &self.tag {
            Tag::Known(name) | Tag::Unknown(Cow::Borrowed(name)) => {
                seed.deserialize(BorrowedStrDeserializer::new(name))
            }
            Tag::Unknown(Cow::Owned(name)) => seed.deserialize(StrDeserializer::new(name)),
        };
        Ok((variant?, self))
    }
}

impl<'de, S: Source<'de>> de::VariantAccess<'de> for Variant<'_, 'de, S> {
    type Error = DeserializeError;

    fn unit_variant(self) -> Result<(), DeserializeError> {
        let Some(payload) = self.payload else { return Ok(()) };
        // What is tagged with no known variant has been taken by `#[serde(other)]`, whatever is in it.
        if matches!(self.tag, Tag::Known(_)) {
            // To Erlang `{get}` and `get` are as different as any two terms.
            return Err(match payload {
                0 => {
                    DeserializeError::mismatch(&"the name alone", "a tuple of it").within(self.tag.segment())
                }
                _ => self.arity(0),
            });
        }
        for _ in 0..payload {
            self.de.skip()?;
        }
        self.de.source.leave();
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, DeserializeError> {
        match self.payload {
            Some(1) => {
                let offset = self.de.source.offset();
                let value = seed.deserialize(&mut *self.de);
                let value = value.map_err(|error| error.at(offset).within(self.tag.segment()))?;
                self.de.source.leave();
                Ok(value)
            }
            // Erlang's `ok` is `Ok(())`, and its `error` is `Err(())`.
            None if matches!(self.tag, Tag::Known("Ok" | "Err")) => seed.deserialize(UnitDeserializer::new()),
            _ => Err(self.arity(1)),
        }
    }

    fn tuple_variant<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, DeserializeError> {
        match self.payload {
            Some(payload) if payload == length => {
                let value = self.de.visit_elements(payload, visitor);
                value.map_err(|error| error.within(self.tag.segment()))
            }
            _ => Err(self.arity(length)),
        }
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DeserializeError> {
        let value = match (self.payload, &self.tag) {
            (Some(payload), Tag::Known(name)) if record_tag(name).is_some() => {
                if payload != fields.len() {
                    return Err(self.arity(fields.len()));
                }
                self.de.visit_elements(payload, visitor)
            }
            (Some(1), _) => {
                let value = self.de.visit_fields(visitor);
                self.de.source.leave();
                value
            }
            _ => return Err(self.arity(1)),
        };
        value.map_err(|error| error.within(self.tag.segment()))
    }
}

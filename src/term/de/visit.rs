//! Showing the next term to a visitor, by the kind of term.

use std::borrow::Cow;

use serde::de::{Expected, Visitor};

use super::DeserializeError;
use super::access::{Elements, Entries};
use super::deserializer::{Deserializer, Key};
use super::source::{Kind, ListPart, Source};
use crate::term::handover::{self, Handed, name};
use crate::term::{Integer, Term};

impl<'de, S: Source<'de>> Deserializer<'de, S> {
    /// The text of a binary, of a charlist, and in a key of an atom.
    pub(super) fn text(&mut self, expected: &dyn Expected) -> Result<Cow<'de, str>, DeserializeError> {
        let offset = self.source.offset();
        match self.kind()? {
            Kind::Binary => match str::from_utf8(self.source.binary()?) {
                Ok(text) => Ok(Cow::Borrowed(text)),
                Err(_) => Err(DeserializeError::mismatch(expected, "a binary that is not UTF-8").at(offset)),
            },
            Kind::List => {
                let mut text = String::new();
                self.small_integers(expected, |code_point| {
                    let character = u32::try_from(code_point).ok().and_then(char::from_u32);
                    character.map(|character| text.push(character)).is_some()
                })?;
                Ok(Cow::Owned(text))
            }
            Kind::Atom if self.atom_as_text => self.source.atom_name(),
            _ => Err(self.mismatch(expected)),
        }
    }

    pub(super) fn byte_list(&mut self, expected: &dyn Expected) -> Result<Vec<u8>, DeserializeError> {
        let mut bytes = Vec::new();
        self.small_integers(expected, |byte| u8::try_from(byte).map(|byte| bytes.push(byte)).is_ok())?;
        Ok(bytes)
    }

    /// Goes through a list of integers that `take` accepts, if they all are.
    pub(super) fn small_integers(
        &mut self,
        expected: &dyn Expected,
        mut take: impl FnMut(i64) -> bool,
    ) -> Result<(), DeserializeError> {
        let mut part = self.source.open_list()?;
        loop {
            match part {
                ListPart::End => break,
                ListPart::Bytes(bytes) => {
                    if !bytes.iter().all(|byte| take(i64::from(*byte))) {
                        return Err(DeserializeError::mismatch(expected, Kind::List));
                    }
                    break;
                }
                ListPart::Elements(count) => {
                    for _ in 0..count {
                        let offset = self.source.offset();
                        let taken = match self.source.kind()? {
                            Kind::Integer => self.source.integer()?.as_i64().is_some_and(&mut take),
                            _ => false,
                        };
                        if !taken {
                            return Err(DeserializeError::mismatch(expected, Kind::List).at(offset));
                        }
                    }
                    part = self.source.next_list_part()?;
                }
            }
        }
        self.source.leave();
        Ok(())
    }

    pub(super) fn visit_text<V: Visitor<'de>>(
        &mut self,
        text: Cow<'de, str>,
        visitor: V,
    ) -> Result<V::Value, DeserializeError> {
        if self.atom_as_text {
            self.key = Some(Key::Text(text.clone()));
        }
        match text {
            Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
            Cow::Owned(text) => visitor.visit_string(text),
        }
    }

    /// Shows an atom to a visitor that may keep its text for later. It is never lent: that tells it from a binary,
    /// see [`natural`](super::natural).
    pub(super) fn visit_atom<V: Visitor<'de>>(
        &mut self,
        atom: Cow<'de, str>,
        visitor: V,
    ) -> Result<V::Value, DeserializeError> {
        let value = visitor.visit_str(&atom);
        if self.atom_as_text {
            self.key = Some(Key::Text(atom));
        }
        value
    }

    pub(super) fn visit_integer<V: Visitor<'de>>(
        &mut self,
        visitor: V,
    ) -> Result<V::Value, DeserializeError> {
        let offset = self.source.offset();
        let small = match self.byte.take() {
            Some(byte) => Some(i64::from(byte)),
            None => self.source.small_integer()?,
        };
        let value = if let Some(small) = small {
            // serde's way: only negative numbers are signed.
            match u64::try_from(small) {
                Ok(unsigned) => visitor.visit_u64(unsigned),
                Err(_) => visitor.visit_i64(small),
            }
        } else if self.kind()? == Kind::Integer {
            Self::visit_wide_integer(&self.source.integer()?, visitor)
        } else {
            Err(self.mismatch(&visitor))
        };
        value.map_err(|error| error.at(offset))
    }

    fn visit_wide_integer<V: Visitor<'de>>(
        integer: &Integer,
        visitor: V,
    ) -> Result<V::Value, DeserializeError> {
        if let Ok(value) = i64::try_from(integer) {
            visitor.visit_i64(value)
        } else if let Ok(value) = u64::try_from(integer) {
            visitor.visit_u64(value)
        } else if let Ok(value) = i128::try_from(integer) {
            visitor.visit_i128(value)
        } else if let Ok(value) = u128::try_from(integer) {
            visitor.visit_u128(value)
        } else {
            Err(DeserializeError::mismatch(&visitor, "an integer of more than 128 bits"))
        }
    }

    /// Hands a value over to the visitor of one of the term types.
    pub(super) fn hand_over<V: Visitor<'de>>(
        &mut self,
        wanted: &str,
        visitor: V,
    ) -> Result<V::Value, DeserializeError> {
        let offset = self.source.offset();
        let fits = match wanted {
            name::ENCODED => {
                let encoded = self.encoded()?;
                return handover::give(Handed::Encoded(encoded), || visitor.visit_unit());
            }
            name::TERM => true,
            name::ATOM => self.kind()? == Kind::Atom,
            name::PID => self.kind()? == Kind::Pid,
            name::PORT => self.kind()? == Kind::Port,
            name::REFERENCE => self.kind()? == Kind::Reference,
            name::INTEGER => self.kind()? == Kind::Integer,
            name::MAP => self.kind()? == Kind::Map,
            name::TUPLE => self.kind()? == Kind::Tuple,
            name::LIST | name::IMPROPER_LIST => self.kind()? == Kind::List,
            name::BINARY if self.kind()? == Kind::List => {
                let bytes = self.byte_list(&visitor)?;
                return handover::give(Handed::Term(Term::Binary(bytes.into())), || visitor.visit_unit());
            }
            name::BINARY => self.kind()? == Kind::Binary,
            name::BIT_STRING => self.kind()? == Kind::BitString,
            name::FUN => self.kind()? == Kind::Fun,
            name::RECORD => self.kind()? == Kind::Record,
            _ => false,
        };
        if !fits {
            return Err(self.mismatch(&visitor));
        }
        let term = self.term()?;
        if self.atom_as_text
            && let Term::Atom(atom) = &term
        {
            self.key = Some(Key::Atom(atom.clone()));
        }
        handover::give(Handed::Term(term), || visitor.visit_unit())
            .map_err(|error: DeserializeError| error.at(offset))
    }

    /// Enters the tuple of a record and reads its tag.
    pub(super) fn open_record(
        &mut self,
        tag: &str,
        expected: &dyn Expected,
    ) -> Result<usize, DeserializeError> {
        let offset = self.source.offset();
        if self.kind()? != Kind::Tuple {
            return Err(self.mismatch(expected));
        }
        let arity = self.source.open_tuple()?;
        let Some(fields) = arity.checked_sub(1) else {
            return Err(DeserializeError::mismatch(expected, "an empty tuple").at(offset));
        };
        if self.kind()? != Kind::Atom {
            return Err(self.mismatch(&format_args!("the atom `{tag}`").to_string().as_str()));
        }
        let found = self.source.atom_name()?;
        if found != tag {
            let found = format_args!("a tuple that starts with `{found}`").to_string();
            return Err(DeserializeError::mismatch(expected, found).at(offset));
        }
        Ok(fields)
    }

    pub(super) fn visit_tuple<V: Visitor<'de>>(
        &mut self,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, DeserializeError> {
        if self.kind()? != Kind::Tuple {
            return Err(self.mismatch(&visitor));
        }
        let offset = self.source.offset();
        let arity = self.source.open_tuple()?;
        if arity != length {
            let found = format_args!("a tuple of {arity} elements").to_string();
            return Err(DeserializeError::mismatch(&visitor, found).at(offset));
        }
        self.visit_elements(arity, visitor)
    }

    /// Reads the rest of an open tuple.
    pub(super) fn visit_elements<V: Visitor<'de>>(
        &mut self,
        count: usize,
        visitor: V,
    ) -> Result<V::Value, DeserializeError> {
        self.deeper(|this| {
            let mut elements = Elements::of_tuple(this, count);
            let value = visitor.visit_seq(&mut elements)?;
            elements.end()?;
            Ok(value)
        })
    }

    pub(super) fn visit_list<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, DeserializeError> {
        let part = self.source.open_list()?;
        self.deeper(|this| {
            let mut elements = Elements::of_list(this, part);
            let value = visitor.visit_seq(&mut elements)?;
            elements.end()?;
            Ok(value)
        })
    }

    /// Reads a map whose keys are the names of fields.
    pub(super) fn visit_fields<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, DeserializeError> {
        if self.kind()? == Kind::Map { self.visit_map(true, visitor) } else { Err(self.mismatch(&visitor)) }
    }

    pub(super) fn visit_map<V: Visitor<'de>>(
        &mut self,
        fields_only: bool,
        visitor: V,
    ) -> Result<V::Value, DeserializeError> {
        let pairs = self.source.open_map()?;
        self.deeper(|this| {
            let mut entries = Entries::new(this, pairs, fields_only);
            let value = visitor.visit_map(&mut entries)?;
            entries.end()?;
            Ok(value)
        })
    }
}

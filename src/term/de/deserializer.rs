//! The state of reading Rust values from terms: where it is, how deep, and what was asked for last.

use std::borrow::Cow;

use serde::de::Expected;

use super::source::{Kind, Source};
use super::{DeserializeError, Options, Reason};
use crate::term::etf::Encoded;
use crate::term::{Atom, Integer, Term};

/// Reads Rust values from a [`Source`].
#[derive(Debug)]
pub(crate) struct Deserializer<'de, S> {
    pub(super) source: S,
    limit: u32,
    /// How many levels may still be entered.
    depth: u32,
    /// An element of a list that came as bytes; it is read before what is in `source`.
    pub(super) byte: Option<u8>,
    /// Whether an atom is text here, as in the key of a map.
    pub(super) atom_as_text: bool,
    /// The last text or atom read while `atom_as_text`.
    pub(super) key: Option<Key<'de>>,
}

/// A key of a map that was read as text, kept for messages.
#[derive(Debug)]
pub(super) enum Key<'de> {
    Text(Cow<'de, str>),
    Atom(Atom),
}

impl Key<'_> {
    pub(super) fn as_str(&self) -> &str {
        match self {
            Key::Text(text) => text,
            Key::Atom(atom) => atom.as_str(),
        }
    }
}

impl<'de, S: Source<'de>> Deserializer<'de, S> {
    pub(crate) fn new(source: S, options: Options) -> Deserializer<'de, S> {
        let limit = options.depth_limit;
        Deserializer { source, limit, depth: limit, byte: None, atom_as_text: false, key: None }
    }

    pub(crate) fn into_source(self) -> S {
        self.source
    }

    pub(super) fn set_byte(&mut self, byte: u8) {
        self.byte = Some(byte);
    }

    pub(super) fn kind(&self) -> Result<Kind, DeserializeError> {
        if self.byte.is_some() { Ok(Kind::Integer) } else { self.source.kind() }
    }

    pub(super) fn integer(&mut self) -> Result<Integer, DeserializeError> {
        match self.byte.take() {
            Some(byte) => Ok(Integer::from(byte)),
            None => self.source.integer(),
        }
    }

    pub(super) fn skip(&mut self) -> Result<(), DeserializeError> {
        match self.byte.take() {
            Some(_) => Ok(()),
            None => self.source.skip(),
        }
    }

    pub(super) fn term(&mut self) -> Result<Term, DeserializeError> {
        match self.byte.take() {
            Some(byte) => Ok(Term::from(byte)),
            None => self.source.term(),
        }
    }

    pub(super) fn encoded(&mut self) -> Result<Encoded, DeserializeError> {
        match self.byte.take() {
            Some(byte) => Encoded::from_term(&Term::from(byte)).map_err(DeserializeError::new),
            None => self.source.encoded(),
        }
    }

    /// Runs `read` one level deeper.
    pub(super) fn deeper<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, DeserializeError>,
    ) -> Result<T, DeserializeError> {
        let Some(depth) = self.depth.checked_sub(1) else {
            return Err(DeserializeError::new(Reason::TooDeep { limit: self.limit }));
        };
        let outside = std::mem::replace(&mut self.depth, depth);
        let value = read(self);
        self.depth = outside;
        value
    }

    /// The error that the next term is not what is `expected`.
    #[cold]
    pub(super) fn mismatch(&mut self, expected: &dyn Expected) -> DeserializeError {
        let offset = self.source.offset();
        let kind = match self.kind() {
            Ok(kind) => kind,
            Err(error) => return error.at(offset),
        };
        let error = match kind {
            Kind::Atom => match self.source.atom_name() {
                Ok(atom) => DeserializeError::mismatch(expected, format_args!("the atom `{atom}`")),
                Err(error) => error,
            },
            Kind::Integer => match self.integer().map(|integer| integer.as_i64()) {
                Ok(Some(integer)) => {
                    DeserializeError::mismatch(expected, format_args!("the integer {integer}"))
                }
                Ok(None) => DeserializeError::mismatch(expected, "an integer of more than 64 bits"),
                Err(error) => error,
            },
            kind => DeserializeError::mismatch(expected, kind),
        };
        error.at(offset)
    }
}

//! Where the deserializer reads from: terms in the external format, or a [`Term`].
//!
//! Both are gone through in the same way, from front to back: the parts of a tuple follow its header. What is
//! open is left again with `leave_*` once all its parts are read.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use super::{DeserializeError, Reason};
use crate::term::etf::{Encoded, ListHeader, Reader, tag};
use crate::term::{Atom, Integer, Term};

/// What kind of term comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Integer,
    Float,
    Atom,
    Reference,
    Fun,
    Port,
    Pid,
    Tuple,
    Record,
    Map,
    List,
    Binary,
    BitString,
}

impl Kind {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Kind::Integer => "an integer",
            Kind::Float => "a float",
            Kind::Atom => "an atom",
            Kind::Reference => "a reference",
            Kind::Fun => "a fun",
            Kind::Port => "a port",
            Kind::Pid => "a pid",
            Kind::Tuple => "a tuple",
            Kind::Record => "a native record",
            Kind::Map => "a map",
            Kind::List => "a list",
            Kind::Binary => "a binary",
            Kind::BitString => "a bit string",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How a list goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ListPart<'de> {
    /// It is at its end.
    End,
    /// So many elements, to be read one by one. After them ask again.
    Elements(usize),
    /// So many small integers, all here, and then the end.
    Bytes(&'de [u8]),
}

/// Terms, read from front to back. A method that asks for a kind fails when another kind comes next.
pub(crate) trait Source<'de> {
    fn kind(&self) -> Result<Kind, DeserializeError>;
    /// Where the next term starts, if that is known.
    fn offset(&self) -> Option<usize>;

    /// An integer, if one comes next that is small; `None` if anything else does.
    fn small_integer(&mut self) -> Result<Option<i64>, DeserializeError>;
    fn integer(&mut self) -> Result<Integer, DeserializeError>;
    fn float(&mut self) -> Result<f64, DeserializeError>;
    fn atom_name(&mut self) -> Result<Cow<'de, str>, DeserializeError>;
    fn peek_atom_name(&self) -> Result<Cow<'de, str>, DeserializeError>;
    fn binary(&mut self) -> Result<&'de [u8], DeserializeError>;
    fn open_tuple(&mut self) -> Result<usize, DeserializeError>;
    fn open_list(&mut self) -> Result<ListPart<'de>, DeserializeError>;
    /// After the elements of a list; an error if its tail is no list.
    fn next_list_part(&mut self) -> Result<ListPart<'de>, DeserializeError>;
    fn open_map(&mut self) -> Result<usize, DeserializeError>;
    /// After the last part of a tuple, list or map has been read.
    fn leave(&mut self);

    fn skip(&mut self) -> Result<(), DeserializeError>;
    fn term(&mut self) -> Result<Term, DeserializeError>;
    fn encoded(&mut self) -> Result<Encoded, DeserializeError>;
}

/// Terms in the external format.
#[derive(Debug)]
pub(crate) struct Bytes<'de> {
    reader: Reader<'de>,
    /// The atoms of the reader, if they can be shared with a part of what is read.
    atoms: Option<&'de Arc<[Atom]>>,
}

impl<'de> Bytes<'de> {
    pub(crate) fn of_reader(reader: Reader<'de>) -> Bytes<'de> {
        Bytes { reader, atoms: None }
    }

    pub(crate) fn of_encoded(encoded: &'de Encoded) -> Bytes<'de> {
        Bytes { reader: encoded.reader(), atoms: encoded.shared_atoms() }
    }

    pub(crate) fn into_reader(self) -> Reader<'de> {
        self.reader
    }
}

impl<'de> Source<'de> for Bytes<'de> {
    fn kind(&self) -> Result<Kind, DeserializeError> {
        Ok(match self.reader.peek_tag() {
            Some(tag::SMALL_INTEGER | tag::INTEGER | tag::SMALL_BIG | tag::LARGE_BIG) => Kind::Integer,
            Some(tag::NEW_FLOAT | tag::FLOAT) => Kind::Float,
            Some(
                tag::ATOM_CACHE_REF | tag::SMALL_ATOM_UTF8 | tag::ATOM_UTF8 | tag::SMALL_ATOM | tag::ATOM,
            ) => Kind::Atom,
            Some(tag::NEWER_REFERENCE | tag::NEW_REFERENCE | tag::REFERENCE) => Kind::Reference,
            Some(tag::NEW_FUN | tag::EXPORT) => Kind::Fun,
            Some(tag::V4_PORT | tag::NEW_PORT | tag::PORT) => Kind::Port,
            Some(tag::NEW_PID | tag::PID) => Kind::Pid,
            Some(tag::SMALL_TUPLE | tag::LARGE_TUPLE) => Kind::Tuple,
            Some(tag::RECORD) => Kind::Record,
            Some(tag::MAP) => Kind::Map,
            Some(tag::NIL | tag::STRING | tag::LIST) => Kind::List,
            Some(tag::BINARY) => Kind::Binary,
            // A bit string of whole bytes is a binary.
            Some(tag::BIT_BINARY) => {
                if self.reader.clone().binary_slice().is_ok() {
                    Kind::Binary
                } else {
                    Kind::BitString
                }
            }
            // The reader knows best what is wrong.
            _ => return Err(self.reader.clone().skip().err().map_or_else(nothing_left, Into::into)),
        })
    }

    fn offset(&self) -> Option<usize> {
        Some(self.reader.offset())
    }

    fn small_integer(&mut self) -> Result<Option<i64>, DeserializeError> {
        match self.reader.peek_tag() {
            Some(tag::SMALL_INTEGER | tag::INTEGER) => Ok(Some(self.reader.i64()?)),
            _ => Ok(None),
        }
    }

    fn integer(&mut self) -> Result<Integer, DeserializeError> {
        Ok(self.reader.integer()?)
    }

    fn float(&mut self) -> Result<f64, DeserializeError> {
        Ok(self.reader.float()?)
    }

    fn atom_name(&mut self) -> Result<Cow<'de, str>, DeserializeError> {
        Ok(self.reader.atom_name()?)
    }

    fn peek_atom_name(&self) -> Result<Cow<'de, str>, DeserializeError> {
        Ok(self.reader.clone().atom_name()?)
    }

    fn binary(&mut self) -> Result<&'de [u8], DeserializeError> {
        Ok(self.reader.binary_slice()?)
    }

    fn open_tuple(&mut self) -> Result<usize, DeserializeError> {
        Ok(self.reader.tuple_header()?)
    }

    fn open_list(&mut self) -> Result<ListPart<'de>, DeserializeError> {
        Ok(match self.reader.list_header()? {
            ListHeader::Nil => ListPart::End,
            ListHeader::List(length) => ListPart::Elements(length),
            ListHeader::String(bytes) => ListPart::Bytes(bytes),
        })
    }

    fn next_list_part(&mut self) -> Result<ListPart<'de>, DeserializeError> {
        match self.kind()? {
            Kind::List => self.open_list(),
            kind => Err(improper(kind).at(self.offset())),
        }
    }

    fn open_map(&mut self) -> Result<usize, DeserializeError> {
        Ok(self.reader.map_header()?)
    }

    fn leave(&mut self) {}

    fn skip(&mut self) -> Result<(), DeserializeError> {
        Ok(self.reader.skip()?)
    }

    fn term(&mut self) -> Result<Term, DeserializeError> {
        // The terms that are asked for most need not all that a nested one does.
        Ok(match self.reader.peek_tag() {
            Some(tag::NEW_PID) => Term::Pid(self.reader.pid()?),
            Some(tag::ATOM_CACHE_REF | tag::SMALL_ATOM_UTF8) => Term::Atom(self.reader.atom()?),
            Some(tag::NEWER_REFERENCE) => Term::Reference(self.reader.reference()?),
            Some(tag::BINARY) => Term::Binary(self.reader.binary()?),
            _ => self.reader.term()?,
        })
    }

    fn encoded(&mut self) -> Result<Encoded, DeserializeError> {
        let bytes = self.reader.raw_term()?;
        let atoms = match self.atoms {
            Some(shared) => Some(shared.clone()),
            None if self.reader.atoms().is_empty() => None,
            None => Some(self.reader.atoms().into()),
        };
        Ok(Encoded::new(bytes, atoms))
    }
}

/// The error of a read after the last term.
#[cold]
pub(super) fn nothing_left() -> DeserializeError {
    DeserializeError::new(Reason::NothingLeft)
}

/// The error of a list with such a tail.
#[cold]
pub(super) fn improper(tail: Kind) -> DeserializeError {
    DeserializeError::new(Reason::ImproperList { tail: tail.as_str() })
}

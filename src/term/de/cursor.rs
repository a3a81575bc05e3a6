//! Goes through a [`Term`] from front to back, as a reader does through bytes.

use std::borrow::Cow;
use std::slice;

use smallvec::SmallVec;

use super::DeserializeError;
use super::source::{Kind, ListPart, Source, improper, nothing_left};
use crate::term::etf::Encoded;
use crate::term::{Integer, Term};

/// Reads a term, part by part.
#[derive(Debug)]
pub(crate) struct Cursor<'de> {
    /// The parts still to be read of all that is open, outermost first.
    open: SmallVec<[slice::Iter<'de, Term>; 8]>,
}

impl<'de> Cursor<'de> {
    pub(crate) fn new(term: &'de Term) -> Cursor<'de> {
        let mut open = SmallVec::new();
        open.push(slice::from_ref(term).iter());
        Cursor { open }
    }

    fn peek(&self) -> Result<&'de Term, DeserializeError> {
        self.open.last().and_then(|parts| parts.as_slice().first()).ok_or_else(nothing_left)
    }

    fn next(&mut self) -> Result<&'de Term, DeserializeError> {
        self.open.last_mut().and_then(Iterator::next).ok_or_else(nothing_left)
    }

    /// Reads the next term with `read`, which gives nothing for a term of another kind than `expected`.
    fn read<T>(
        &mut self,
        expected: Kind,
        read: impl FnOnce(&'de Term) -> Option<T>,
    ) -> Result<T, DeserializeError> {
        let term = self.peek()?;
        let Some(value) = read(term) else {
            return Err(DeserializeError::mismatch(&expected.as_str(), kind_of(term)));
        };
        self.next()?;
        Ok(value)
    }

    fn open(&mut self, parts: &'de [Term]) -> usize {
        self.open.push(parts.iter());
        parts.len()
    }
}

pub(super) fn kind_of(term: &Term) -> Kind {
    match term {
        Term::Integer(_) => Kind::Integer,
        Term::Float(_) => Kind::Float,
        Term::Atom(_) => Kind::Atom,
        Term::Reference(_) => Kind::Reference,
        Term::Fun(_) => Kind::Fun,
        Term::Port(_) => Kind::Port,
        Term::Pid(_) => Kind::Pid,
        Term::Tuple(_) => Kind::Tuple,
        Term::Record(_) => Kind::Record,
        Term::Map(_) => Kind::Map,
        Term::List(_) | Term::ImproperList(_) => Kind::List,
        Term::Binary(_) => Kind::Binary,
        Term::BitString(_) => Kind::BitString,
    }
}

impl<'de> Source<'de> for Cursor<'de> {
    fn kind(&self) -> Result<Kind, DeserializeError> {
        self.peek().map(kind_of)
    }

    fn offset(&self) -> Option<usize> {
        None
    }

    fn small_integer(&mut self) -> Result<Option<i64>, DeserializeError> {
        let Term::Integer(integer) = self.peek()? else { return Ok(None) };
        let small = integer.as_i64();
        if small.is_some() {
            self.next()?;
        }
        Ok(small)
    }

    fn integer(&mut self) -> Result<Integer, DeserializeError> {
        self.read(Kind::Integer, |term| match term {
            Term::Integer(integer) => Some(integer.clone()),
            _ => None,
        })
    }

    fn float(&mut self) -> Result<f64, DeserializeError> {
        self.read(Kind::Float, |term| match term {
            Term::Float(float) => Some(*float),
            _ => None,
        })
    }

    fn atom_name(&mut self) -> Result<Cow<'de, str>, DeserializeError> {
        self.read(Kind::Atom, |term| term.as_atom().map(|atom| Cow::Borrowed(atom.as_str())))
    }

    fn peek_atom_name(&self) -> Result<Cow<'de, str>, DeserializeError> {
        match self.peek()? {
            Term::Atom(atom) => Ok(Cow::Borrowed(atom.as_str())),
            other => Err(DeserializeError::mismatch(&Kind::Atom.as_str(), kind_of(other))),
        }
    }

    fn binary(&mut self) -> Result<&'de [u8], DeserializeError> {
        self.read(Kind::Binary, |term| match term {
            Term::Binary(bytes) => Some(&**bytes),
            _ => None,
        })
    }

    fn open_tuple(&mut self) -> Result<usize, DeserializeError> {
        let elements = self.read(Kind::Tuple, Term::as_tuple)?;
        Ok(self.open(elements))
    }

    fn open_list(&mut self) -> Result<ListPart<'de>, DeserializeError> {
        let (length, parts) = self.read(Kind::List, |term| match term {
            Term::List(list) => Some((list.len(), &**list)),
            Term::ImproperList(list) => Some((list.elements().len(), list.0.as_slice())),
            _ => None,
        })?;
        self.open(parts);
        Ok(if length == 0 { ListPart::End } else { ListPart::Elements(length) })
    }

    fn next_list_part(&mut self) -> Result<ListPart<'de>, DeserializeError> {
        // A proper list has nothing after its elements, an improper one its tail.
        match self.peek() {
            Ok(tail) => Err(improper(kind_of(tail))),
            Err(_) => Ok(ListPart::End),
        }
    }

    fn open_map(&mut self) -> Result<usize, DeserializeError> {
        let map = self.read(Kind::Map, |term| match term {
            Term::Map(map) => Some(map),
            _ => None,
        })?;
        self.open(map.0.as_slice());
        Ok(map.len())
    }

    fn leave(&mut self) {
        self.open.pop();
    }

    fn skip(&mut self) -> Result<(), DeserializeError> {
        self.next().map(drop)
    }

    fn term(&mut self) -> Result<Term, DeserializeError> {
        self.next().cloned()
    }

    fn encoded(&mut self) -> Result<Encoded, DeserializeError> {
        Encoded::from_term(self.next()?).map_err(DeserializeError::new)
    }
}

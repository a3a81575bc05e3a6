//! Where the serializer writes to: a [`Writer`], or a [`Term`] under construction.
//!
//! Both are fed in the same order: what is opened, its parts, what is closed.

use std::collections::HashSet;
use std::ops::Range;

use foldhash::fast::RandomState;

use super::SerializeError;
use crate::term::etf::{self, Encoded, Writer};
use crate::term::{Atom, Integer, List, Map, Term, Tuple};

/// What kind of term is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Of exactly so many elements.
    Tuple(usize),
    /// Of as many elements as will come.
    Record,
    List,
    Map,
}

/// Terms, written from front to back.
pub(crate) trait Sink {
    /// What is open.
    type Open;
    /// A state to go back to.
    type Mark: Copy;

    fn integer(&mut self, value: i64);
    fn big_integer(&mut self, value: Integer) -> Result<(), SerializeError>;
    fn float(&mut self, value: f64) -> Result<(), SerializeError>;
    fn atom(&mut self, atom: &Atom);
    fn binary(&mut self, bytes: &[u8]) -> Result<(), SerializeError>;
    fn term(&mut self, term: Term) -> Result<(), SerializeError>;
    fn encoded(&mut self, encoded: &Encoded) -> Result<(), SerializeError>;

    fn open(&mut self, shape: Shape) -> Result<Self::Open, SerializeError>;
    /// `count` elements or pairs have come. `keys` are the places of a map's keys, if they may be equal.
    fn close(
        &mut self,
        shape: Shape,
        open: Self::Open,
        count: usize,
        keys: &[Range<usize>],
    ) -> Result<(), SerializeError>;

    /// How much is written.
    fn position(&self) -> usize;
    fn mark(&self) -> Self::Mark;
    fn rollback(&mut self, mark: Self::Mark);
}

impl Sink for &mut Writer {
    type Open = Option<etf::Open>;
    type Mark = etf::Mark;

    fn integer(&mut self, value: i64) {
        self.i64(value);
    }

    fn big_integer(&mut self, value: Integer) -> Result<(), SerializeError> {
        Ok(Writer::integer(self, &value)?)
    }

    fn float(&mut self, value: f64) -> Result<(), SerializeError> {
        Ok(Writer::float(self, value)?)
    }

    fn atom(&mut self, atom: &Atom) {
        Writer::atom(self, atom);
    }

    fn binary(&mut self, bytes: &[u8]) -> Result<(), SerializeError> {
        Ok(Writer::binary(self, bytes)?)
    }

    fn term(&mut self, term: Term) -> Result<(), SerializeError> {
        Ok(Writer::term(self, &term)?)
    }

    fn encoded(&mut self, encoded: &Encoded) -> Result<(), SerializeError> {
        Ok(encoded.write_to(self)?)
    }

    fn open(&mut self, shape: Shape) -> Result<Option<etf::Open>, SerializeError> {
        Ok(match shape {
            Shape::Tuple(arity) => {
                self.tuple_header(arity)?;
                None
            }
            Shape::Record => Some(self.open_tuple()),
            Shape::List => Some(self.open_list()),
            Shape::Map => Some(self.open_map()),
        })
    }

    fn close(
        &mut self,
        shape: Shape,
        open: Option<etf::Open>,
        count: usize,
        keys: &[Range<usize>],
    ) -> Result<(), SerializeError> {
        match (shape, open) {
            (Shape::Tuple(announced), _) if announced != count => {
                return Err(SerializeError::TupleLength { announced, written: count });
            }
            (_, Some(open)) => Writer::close(self, open, count)?,
            (_, None) => {}
        }
        if keys.len() > 1 && !are_distinct(self, keys) {
            return Err(SerializeError::DuplicateKey);
        }
        Ok(())
    }

    fn position(&self) -> usize {
        self.len()
    }

    fn mark(&self) -> etf::Mark {
        Writer::mark(self)
    }

    fn rollback(&mut self, mark: etf::Mark) {
        Writer::rollback(self, mark);
    }
}

/// Whether the bytes at these places differ, which rise. Equal terms that this crate writes are of equal bytes but
/// for maps; a key with a large binary in it, which is not copied, counts as distinct.
fn are_distinct(writer: &Writer, keys: &[Range<usize>]) -> bool {
    let mut seen = HashSet::with_capacity_and_hasher(keys.len(), RandomState::default());
    let mut pieces = writer.pieces();
    let (mut piece, mut start) = (pieces.next().unwrap_or_default(), 0);
    keys.iter().all(|key| {
        while start + piece.len() <= key.start {
            let Some(next) = pieces.next() else { return true };
            start += piece.len();
            piece = next;
        }
        let key = key.start.checked_sub(start).and_then(|from| piece.get(from..key.end.checked_sub(start)?));
        key.is_none_or(|key| seen.insert(key))
    })
}

/// Makes a [`Term`]: values that are complete wait for what they are part of.
#[derive(Debug, Default)]
pub(crate) struct Builder {
    values: Vec<Term>,
}

impl Builder {
    /// The one term that was written.
    pub(crate) fn finish(mut self) -> Option<Term> {
        self.values.pop()
    }
}

impl Sink for Builder {
    type Open = usize;
    type Mark = usize;

    fn integer(&mut self, value: i64) {
        self.values.push(Term::from(value));
    }

    fn big_integer(&mut self, value: Integer) -> Result<(), SerializeError> {
        self.values.push(Term::Integer(value));
        Ok(())
    }

    fn float(&mut self, value: f64) -> Result<(), SerializeError> {
        if !value.is_finite() {
            return Err(etf::EncodeError::NotFinite.into());
        }
        self.values.push(Term::Float(value));
        Ok(())
    }

    fn atom(&mut self, atom: &Atom) {
        self.values.push(Term::Atom(atom.clone()));
    }

    fn binary(&mut self, bytes: &[u8]) -> Result<(), SerializeError> {
        self.values.push(Term::Binary(bytes::Bytes::copy_from_slice(bytes)));
        Ok(())
    }

    fn term(&mut self, term: Term) -> Result<(), SerializeError> {
        self.values.push(term);
        Ok(())
    }

    fn encoded(&mut self, encoded: &Encoded) -> Result<(), SerializeError> {
        self.values.push(encoded.to_term()?);
        Ok(())
    }

    fn open(&mut self, _: Shape) -> Result<usize, SerializeError> {
        Ok(self.values.len())
    }

    fn close(
        &mut self,
        shape: Shape,
        open: usize,
        count: usize,
        _: &[Range<usize>],
    ) -> Result<(), SerializeError> {
        let parts = self.values.drain(open..);
        let term = match shape {
            Shape::Tuple(announced) if announced != count => {
                return Err(SerializeError::TupleLength { announced, written: count });
            }
            Shape::Tuple(_) | Shape::Record => Term::Tuple(Tuple::from_iter(parts)),
            Shape::List => Term::List(List::from_iter(parts)),
            Shape::Map => {
                let mut pairs = Vec::with_capacity(count);
                let mut parts = parts;
                while let (Some(key), Some(value)) = (parts.next(), parts.next()) {
                    pairs.push((key, value));
                }
                drop(parts);
                Term::Map(Map::from_distinct(pairs).map_err(|_| SerializeError::DuplicateKey)?)
            }
        };
        self.values.push(term);
        Ok(())
    }

    fn position(&self) -> usize {
        self.values.len()
    }

    fn mark(&self) -> usize {
        self.values.len()
    }

    fn rollback(&mut self, mark: usize) {
        self.values.truncate(mark);
    }
}

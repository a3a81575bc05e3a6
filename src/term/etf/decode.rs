//! Reading a whole term, however deep, and passing over one.
//!
//! A stranger can nest terms as deep as there are bytes, so there is no recursion here. Values that are complete
//! wait on one stack for the term they are part of; a second stack has the terms that are still open. When the
//! last part of an open term is there, its parts are moved off the first stack into the term, which then is a
//! value itself. So a term costs one allocation, and a count in the input reserves no more than a few places.

use std::sync::Arc;

use super::parse::{FunHead, RecordHead};
use super::reader::Reader;
use super::{DecodeError, DecodeErrorKind, tag};
use crate::term::{
    BitString, Elements, Fun, ImproperList, List, LocalFun, Map, Record, Reference, Term, Tuple,
};

type Kind = DecodeErrorKind;

/// How many values a term makes room for before they are there, at most.
const RESERVED: usize = 16;

/// A term of which parts are still to come.
struct Open {
    what: What,
    /// How many parts are to come.
    missing: usize,
    /// Where its parts begin on the stack of values.
    start: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Tuple,
    /// Its elements, and then it waits for its tail.
    List,
    Tail,
    Map,
    Fun,
    Record,
}

/// The terms under construction.
#[derive(Default)]
struct Stack<'a> {
    values: Vec<Term>,
    open: Vec<Open>,
    // Of the open terms of one kind each; with where they begin, if they can turn out wrong at their end.
    maps: Vec<&'a [u8]>,
    funs: Vec<(&'a [u8], FunHead)>,
    records: Vec<RecordHead>,
}

impl<'a> Reader<'a> {
    /// Reads one term, of whatever kind.
    ///
    /// Takes memory in proportion to the bytes read, and no stack in proportion to depth.
    ///
    /// # Errors
    /// If there is no term, or a malformed one, or one deeper than the [limit](super::DecodeLimits).
    pub fn term(&mut self) -> Result<Term, DecodeError> {
        let start = self.rest;
        let mut item = start;
        self.parse_term(&mut item).map_err(|kind| {
            self.rest = start;
            let reading = item.first().map_or("term", |tag| tag::describe(*tag));
            self.error(item, reading, kind)
        })
    }

    /// `item` is set to where the term begins that is being read, for errors.
    fn parse_term(&mut self, item: &mut &'a [u8]) -> Result<Term, Kind> {
        let mut stack = Stack::default();
        loop {
            *item = self.rest;
            let value = match self.parse_u8()? {
                // What lists are full of: no detour.
                tag::SMALL_INTEGER => Term::from(self.parse_u8()?),
                tag::INTEGER => Term::from(self.parse_i32()?),
                tag @ (tag::SMALL_TUPLE | tag::LARGE_TUPLE) => match self.parse_arity(tag)? {
                    0 => Term::Tuple(Tuple::default()),
                    arity => {
                        stack.open(What::Tuple, arity, self.max_depth)?;
                        continue;
                    }
                },
                tag::NIL => stack.end_list(&[]),
                tag::STRING => {
                    let bytes = self.parse_string()?;
                    stack.end_list(bytes)
                }
                tag::LIST => {
                    match self.parse_list_length()? {
                        // A list of no elements is its tail.
                        0 => {}
                        length => stack.open_list(length, self.max_depth)?,
                    }
                    continue;
                }
                tag::MAP => match self.parse_map_size()? {
                    0 => Term::Map(Map::default()),
                    pairs => {
                        stack.open(What::Map, 2 * pairs, self.max_depth)?;
                        stack.maps.push(*item);
                        continue;
                    }
                },
                tag::NEW_FUN => {
                    let head = self.parse_fun_head()?;
                    if head.free > 0 {
                        stack.open(What::Fun, head.free, self.max_depth)?;
                        stack.funs.push((*item, head));
                        continue;
                    }
                    self.local_fun(head, Elements::EMPTY)?
                }
                tag::RECORD => {
                    let head = self.parse_record_head()?;
                    if !head.fields.is_empty() {
                        stack.open(What::Record, head.fields.len(), self.max_depth)?;
                        stack.records.push(head);
                        continue;
                    }
                    record(head, Elements::EMPTY)
                }
                tag => self.parse_leaf(tag)?,
            };
            let Some(open) = stack.open.last_mut() else { return Ok(value) };
            stack.values.push(value);
            open.missing -= 1;
            if open.missing == 0
                && let Some(term) = self.close(&mut stack, item)?
            {
                return Ok(term);
            }
        }
    }

    /// A term that has no other terms in it.
    fn parse_leaf(&mut self, tag: u8) -> Result<Term, Kind> {
        Ok(match tag {
            tag::SMALL_INTEGER | tag::INTEGER | tag::SMALL_BIG | tag::LARGE_BIG => {
                Term::Integer(self.parse_integer(tag)?)
            }
            tag::ATOM_CACHE_REF | tag::SMALL_ATOM_UTF8 | tag::ATOM_UTF8 | tag::SMALL_ATOM | tag::ATOM => {
                Term::Atom(self.parse_atom_name_after(tag)?.into_atom()?)
            }
            tag::BINARY | tag::BIT_BINARY => {
                let (bytes, bits) = self.parse_bits(tag)?;
                let bytes = self.shared(bytes);
                if bits == 8 {
                    Term::Binary(bytes)
                } else {
                    Term::BitString(BitString::new(bytes, bits).ok_or(Kind::BitCount { bits })?)
                }
            }
            tag::NEW_FLOAT | tag::FLOAT => Term::Float(self.parse_float(tag)?),
            tag::NEW_PID | tag::PID => Term::Pid(self.parse_pid_after(tag)?),
            tag::V4_PORT | tag::NEW_PORT | tag::PORT => Term::Port(self.parse_port(tag)?),
            tag::NEWER_REFERENCE | tag::NEW_REFERENCE | tag::REFERENCE => {
                Term::Reference(self.parse_reference(tag)?)
            }
            tag::EXPORT => Term::Fun(Fun::External(Arc::new(self.parse_external_fun()?))),
            found => return Err(Kind::UnknownTag { found }),
        })
    }

    /// Completes the innermost open term, whose parts are all there, and those around it that this completes.
    /// Gives the outermost one.
    fn close(&self, stack: &mut Stack<'a>, item: &mut &'a [u8]) -> Result<Option<Term>, Kind> {
        while let Some(open) = stack.open.last_mut().filter(|open| open.missing == 0) {
            let Open { what, start, .. } = *open;
            let value = match what {
                What::List => {
                    open.what = What::Tail;
                    open.missing = 1;
                    break;
                }
                What::Tuple => Term::Tuple(Tuple(stack.take(start))),
                What::Tail => Term::ImproperList(ImproperList(stack.take(start))),
                What::Map => {
                    *item = stack.maps.pop().unwrap_or_default();
                    sort_pairs(stack.values.get_mut(start..).unwrap_or_default())?;
                    Term::Map(Map(stack.take(start)))
                }
                What::Fun => {
                    let (at, head) = stack.funs.pop().ok_or(Kind::FunSize)?;
                    *item = at;
                    self.local_fun(head, stack.take(start))?
                }
                What::Record => {
                    let head = stack.records.pop().ok_or(Kind::Truncated)?;
                    record(head, stack.take(start))
                }
            };
            stack.open.pop();
            let Some(open) = stack.open.last_mut() else { return Ok(Some(value)) };
            open.missing -= 1;
            stack.values.push(value);
        }
        Ok(None)
    }

    fn local_fun(&self, head: FunHead, free: Elements) -> Result<Term, Kind> {
        if self.rest.len() != head.left {
            return Err(Kind::FunSize);
        }
        Ok(Term::Fun(Fun::Local(Arc::new(LocalFun {
            module: head.module,
            arity: head.arity,
            uniq: head.uniq,
            index: head.index,
            old_index: head.old_index,
            old_uniq: head.old_uniq,
            pid: head.pid,
            free,
        }))))
    }

    /// Passes over one term, of whatever kind, without making one of it.
    ///
    /// Sees what [`term`](Reader::term) would see but keys that come twice, the size of funs and the depth.
    ///
    /// # Errors
    /// If there is no term, or a malformed one.
    pub fn skip(&mut self) -> Result<(), DecodeError> {
        let start = self.rest;
        let mut item = start;
        self.skip_term(&mut item).map_err(|kind| {
            self.rest = start;
            let reading = item.first().map_or("term", |tag| tag::describe(*tag));
            self.error(item, reading, kind)
        })
    }

    fn skip_term(&mut self, item: &mut &'a [u8]) -> Result<(), Kind> {
        // To pass over a tree only the number of terms to come is needed, not where they belong. It stays below
        // the number of bytes left.
        let mut missing = 1;
        while missing > 0 {
            *item = self.rest;
            missing -= 1;
            missing += self.skip_head()?;
            if missing > self.rest.len() {
                return Err(Kind::Truncated);
            }
        }
        Ok(())
    }

    /// Whether the next term has no more than so many parts, itself and the parts of parts included. Of one that is
    /// malformed that may be said or not.
    #[must_use]
    pub fn has_few_parts(&self, most: usize) -> bool {
        let mut reader = self.clone();
        let mut missing = 1;
        for _ in 0..most {
            match reader.skip_head() {
                Ok(more) => missing += more,
                Err(_) => return true,
            }
            missing -= 1;
            if missing == 0 {
                return true;
            }
        }
        false
    }

    /// Passes over a term up to the terms in it, and gives their number.
    #[inline]
    pub(super) fn skip_head(&mut self) -> Result<usize, Kind> {
        match self.parse_u8()? {
            tag::SMALL_INTEGER => self.parse_u8().map(|_| 0),
            tag::INTEGER => self.parse_i32().map(|_| 0),
            tag @ (tag::SMALL_TUPLE | tag::LARGE_TUPLE) => self.parse_arity(tag),
            tag::NIL => Ok(0),
            tag::STRING => self.parse_string().map(|_| 0),
            tag::LIST => self.parse_list_length().map(|length| length + 1),
            tag::MAP => self.parse_map_size().map(|pairs| 2 * pairs),
            tag::NEW_FUN => self.parse_fun_head().map(|head| head.free),
            tag::RECORD => self.parse_record_head().map(|head| head.fields.len()),
            tag @ (tag::SMALL_BIG | tag::LARGE_BIG) => self.parse_big(tag).map(|_| 0),
            tag @ (tag::BINARY | tag::BIT_BINARY) => self.parse_bits(tag).map(|_| 0),
            tag @ (tag::ATOM_CACHE_REF
            | tag::SMALL_ATOM_UTF8
            | tag::ATOM_UTF8
            | tag::SMALL_ATOM
            | tag::ATOM) => self.parse_atom_name_after(tag).map(|_| 0),
            tag @ (tag::NEW_PID | tag::PID) => self.parse_pid_parts(tag).map(|_| 0),
            tag @ (tag::V4_PORT | tag::NEW_PORT | tag::PORT) => self.parse_port_parts(tag).map(|_| 0),
            tag @ (tag::NEWER_REFERENCE | tag::NEW_REFERENCE | tag::REFERENCE) => {
                self.parse_reference_parts(tag, &mut [0; Reference::MAX_WORDS]).map(|_| 0)
            }
            tag::EXPORT => self.parse_external_fun_parts().map(|_| 0),
            tag @ (tag::NEW_FLOAT | tag::FLOAT) => self.parse_float(tag).map(|_| 0),
            found => Err(Kind::UnknownTag { found }),
        }
    }
}

impl Stack<'_> {
    fn open(&mut self, what: What, parts: usize, max_depth: usize) -> Result<(), Kind> {
        if self.open.len() >= max_depth {
            return Err(Kind::TooDeep { limit: max_depth });
        }
        // A few at once, so that short terms don't grow the stack step by step.
        self.values.reserve(parts.min(RESERVED));
        self.open.push(Open { what, missing: parts, start: self.values.len() });
        Ok(())
    }

    /// Begins a list, or goes on with one if this is its tail.
    fn open_list(&mut self, length: usize, max_depth: usize) -> Result<(), Kind> {
        match self.open.last_mut() {
            Some(open) if open.what == What::Tail => {
                open.what = What::List;
                open.missing = length;
                Ok(())
            }
            _ => self.open(What::List, length, max_depth),
        }
    }

    /// A proper list that ends with `bytes`: a new one, or the open one if this is its tail.
    fn end_list(&mut self, bytes: &[u8]) -> Term {
        let bytes = bytes.iter().map(|byte| Term::from(*byte));
        match self.open.pop_if(|open| open.what == What::Tail) {
            Some(open) => {
                self.values.extend(bytes);
                Term::List(List(self.take(open.start)))
            }
            None if bytes.len() == 0 => Term::NIL,
            None => Term::List(List(bytes.collect())),
        }
    }

    /// The values from `start` on.
    fn take(&mut self, start: usize) -> Elements {
        Elements::drain(&mut self.values, start)
    }
}

/// Puts the pairs of a map in order.
fn sort_pairs(pairs: &mut [Term]) -> Result<(), Kind> {
    let (pairs, _) = pairs.as_chunks_mut::<2>();
    if pairs.is_sorted_by(|[a, _], [b, _]| a < b) {
        return Ok(());
    }
    pairs.sort_unstable_by(|[a, _], [b, _]| a.cmp(b));
    if pairs.is_sorted_by(|[a, _], [b, _]| a < b) { Ok(()) } else { Err(Kind::DuplicateKey) }
}

fn record(head: RecordHead, values: Elements) -> Term {
    Term::Record(Arc::new(Record {
        module: head.module,
        name: head.name,
        exported: head.exported,
        fields: head.fields,
        values,
    }))
}

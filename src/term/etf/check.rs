//! Making sure that a term is well-formed without making one of it.
//!
//! A BEAM closes the connection on which a malformed term comes, and whoever receives a message may count on it that
//! it is one. To see that of most terms, a number is enough, as in [`Reader::skip`]; only a map has to be remembered
//! until its last key has been seen, and a fun until its end.

use std::borrow::Cow;

use super::reader::Reader;
use super::{DecodeError, DecodeErrorKind, tag};
use crate::term::Term;

type Kind = DecodeErrorKind;

/// A term that has to be looked at when its parts have been.
struct Open<'a> {
    /// Where it begins.
    item: &'a [u8],
    /// How many parts are missing of the term around it.
    outer: usize,
    what: What,
}

enum What {
    /// A map of two pairs or more, whose keys must differ: how many pairs are to come, and where its keys begin.
    Map { pairs: usize, keys: usize },
    /// A fun: how many bytes must be left after it.
    Fun { left: usize },
}

/// A key of a map, only to be compared. Most are atoms, of which no [`Atom`](crate::term::Atom) is made for it.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Key<'a> {
    Atom(Cow<'a, str>),
    Other(Term),
}

/// The terms that are open, innermost last.
#[derive(Default)]
struct Stack<'a> {
    open: Vec<Open<'a>>,
    /// Of all open maps.
    keys: Vec<Key<'a>>,
}

impl<'a> Reader<'a> {
    /// Passes over one term, of whatever kind, and sees all that [`term`](Reader::term) would see but its depth.
    ///
    /// # Errors
    /// If there is no term, or a malformed one.
    pub fn check(&mut self) -> Result<(), DecodeError> {
        let start = self.rest;
        let mut item = start;
        self.check_term(&mut item).map_err(|kind| {
            self.rest = start;
            let reading = item.first().map_or("term", |tag| tag::describe(*tag));
            self.error(item, reading, kind)
        })
    }

    fn check_term(&mut self, item: &mut &'a [u8]) -> Result<(), Kind> {
        let mut stack = Stack::default();
        let mut missing = 1;
        loop {
            if missing == 0 {
                match self.end_of_parts(&mut stack, item)? {
                    Some(more) => missing = more,
                    None => return Ok(()),
                }
                continue;
            }
            *item = self.rest;
            missing -= 1;
            match self.rest.first() {
                Some(&tag::MAP) => {
                    self.parse_u8()?;
                    match self.parse_map_size()? {
                        pairs @ ..2 => missing += 2 * pairs,
                        pairs => {
                            let what = What::Map { pairs, keys: stack.keys.len() };
                            stack.open.push(Open { item, outer: missing, what });
                            missing = 0;
                        }
                    }
                }
                Some(&tag::NEW_FUN) => {
                    self.parse_u8()?;
                    let head = self.parse_fun_head()?;
                    let what = What::Fun { left: head.left };
                    stack.open.push(Open { item, outer: missing, what });
                    missing = head.free;
                }
                _ => missing += self.skip_head()?,
            }
            if missing > self.rest.len() {
                return Err(Kind::Truncated);
            }
        }
    }

    /// What is missing after the parts of the innermost open term have been passed; `None` if there is no open one.
    fn end_of_parts(&mut self, stack: &mut Stack<'a>, item: &mut &'a [u8]) -> Result<Option<usize>, Kind> {
        let Some(Open { item: begin, outer, what }) = stack.open.last_mut() else { return Ok(None) };
        *item = begin;
        match what {
            What::Map { pairs: pairs @ 1.., .. } => {
                *pairs -= 1;
                let key = self.key()?;
                stack.keys.push(key);
                return Ok(Some(1));
            }
            What::Map { keys, .. } => {
                let keys = *keys;
                let own = stack.keys.get_mut(keys..).unwrap_or_default();
                if !own.is_sorted_by(|a, b| a < b) {
                    own.sort_unstable();
                    if !own.is_sorted_by(|a, b| a < b) {
                        return Err(Kind::DuplicateKey);
                    }
                }
                stack.keys.truncate(keys);
            }
            What::Fun { left } => {
                if self.rest.len() != *left {
                    return Err(Kind::FunSize);
                }
            }
        }
        let outer = *outer;
        stack.open.pop();
        Ok(Some(outer))
    }

    fn key(&mut self) -> Result<Key<'a>, Kind> {
        match self.rest.first() {
            Some(
                &(tag::ATOM_CACHE_REF | tag::SMALL_ATOM_UTF8 | tag::ATOM_UTF8 | tag::SMALL_ATOM | tag::ATOM),
            ) => Ok(Key::Atom(self.parse_atom_name()?.into())),
            // Keys in keys are nothing to be afraid of: each is decoded once.
            _ => self.term().map(Key::Other).map_err(|error| error.kind),
        }
    }
}

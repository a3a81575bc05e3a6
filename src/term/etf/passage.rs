//! Sending a term on without decoding it.
//!
//! The bytes of a received term name atoms by their places in the header it came with. It goes on with another
//! header, so those places are written anew, and with them the sizes of the funs around. Everything between is
//! passed on as it is: shared if it is much, else copied.
//!
//! On the way all is checked. A BEAM closes the connection on which a malformed term comes, so what a peer sent
//! malformed must end here.

use super::parse::AtomName;
use super::reader::Reader;
use super::writer::{SHARE_THRESHOLD, Writer};
use super::{DecodeError, DecodeErrorKind, EncodeError, MAX_INTEGER_BYTES, tag};
use crate::term::Term;

/// The bytes of `NEW_FUN_EXT` from the size to the module.
const FUN_FIXED: usize = 4 + 1 + 16 + 4 + 4;

/// A term on its way from a reader to a writer.
pub(super) struct Passage<'r, 'w> {
    reader: Reader<'r>,
    writer: &'w mut Writer,
    // From here on up to where the reader is, bytes are to be passed on as they are.
    run: &'r [u8],
    // Where the term begins that is being read.
    item: &'r [u8],
    open: Vec<Open<'r>>,
    // Of all open maps.
    keys: Vec<Term>,
}

/// A term that has to be looked at when its parts have passed.
struct Open<'r> {
    item: &'r [u8],
    // How many parts are missing of the term around it.
    outer: usize,
    what: What,
}

enum What {
    /// A map of two pairs or more, whose keys must differ.
    Map { pairs: usize, keys: usize },
    /// A fun, whose size must be right: there and here.
    Fun { left: usize, size: Option<Size> },
}

/// Where the size of a fun is to be written, and how much was written before it.
struct Size {
    at: usize,
    before: usize,
}

enum Stop {
    Kind(DecodeErrorKind),
    Error(EncodeError),
}

impl From<DecodeErrorKind> for Stop {
    fn from(kind: DecodeErrorKind) -> Stop {
        Stop::Kind(kind)
    }
}

impl From<DecodeError> for Stop {
    fn from(error: DecodeError) -> Stop {
        Stop::Error(error.into())
    }
}

impl From<EncodeError> for Stop {
    fn from(error: EncodeError) -> Stop {
        Stop::Error(error)
    }
}

impl<'r, 'w> Passage<'r, 'w> {
    pub(super) fn new(reader: Reader<'r>, writer: &'w mut Writer) -> Passage<'r, 'w> {
        let start = reader.rest;
        Passage { reader, writer, run: start, item: start, open: Vec::new(), keys: Vec::new() }
    }

    /// Passes one term. After an error a part of it has been written.
    pub(super) fn pass(&mut self) -> Result<(), EncodeError> {
        self.parts().map_err(|stop| match stop {
            Stop::Error(error) => error,
            Stop::Kind(kind) => {
                let reading = self.item.first().map_or("term", |tag| tag::describe(*tag));
                self.reader.error(self.item, reading, kind).into()
            }
        })
    }

    fn parts(&mut self) -> Result<(), Stop> {
        // As in `Reader::skip`, a number is enough to know of most terms.
        let mut missing = 1;
        loop {
            if missing == 0 {
                match self.end_of_parts()? {
                    Some(more) => missing = more,
                    None => break,
                }
                continue;
            }
            missing = self.head(missing - 1)?;
            if missing > self.reader.rest.len() {
                return Err(DecodeErrorKind::Truncated.into());
            }
        }
        self.flush();
        Ok(())
    }

    /// What is missing after the parts of the innermost open term have passed; `None` if there is no open one.
    fn end_of_parts(&mut self) -> Result<Option<usize>, Stop> {
        let Some(Open { item, outer, what }) = self.open.last_mut() else { return Ok(None) };
        let outer = *outer;
        self.item = item;
        match what {
            What::Map { pairs: pairs @ 1.., .. } => {
                *pairs -= 1;
                self.key()?;
                return Ok(Some(1));
            }
            What::Map { keys, .. } => {
                let keys = *keys;
                check_distinct(self.keys.get_mut(keys..).unwrap_or_default())?;
                self.keys.truncate(keys);
            }
            What::Fun { left, size } => {
                if self.reader.rest.len() != *left {
                    return Err(DecodeErrorKind::FunSize.into());
                }
                if let Some(Size { at, before }) = size.take() {
                    self.flush();
                    self.writer.patch(at, self.writer.len() - before)?;
                }
            }
        }
        self.open.pop();
        Ok(Some(outer))
    }

    /// Passes a key of a map, which is decoded to be compared with the others.
    fn key(&mut self) -> Result<(), Stop> {
        let before = self.reader.rest;
        let key = self.reader.term()?;
        // Other keys than the simplest are written anew from what was decoded. To pass through them as through
        // other parts would mean to go twice through a key, and so ever more often through keys in keys in keys.
        let as_it_is = before.first().is_some_and(|tag| is_simple(*tag));
        if !as_it_is {
            self.flush_to(before);
            self.writer.term(&key)?;
            self.run = self.reader.rest;
        }
        self.keys.push(key);
        Ok(())
    }

    /// Passes a term up to its parts. Gives how many parts are missing then, given how many were before.
    fn head(&mut self, missing: usize) -> Result<usize, Stop> {
        self.item = self.reader.rest;
        let Some(&tag) = self.item.first() else { return Err(DecodeErrorKind::Truncated.into()) };
        match tag {
            tag::MAP => {
                self.reader.parse_u8()?;
                match self.reader.parse_map_size()? {
                    pairs @ ..2 => Ok(missing + 2 * pairs),
                    pairs => {
                        let keys = self.keys.len();
                        self.open.push(Open {
                            item: self.item,
                            outer: missing,
                            what: What::Map { pairs, keys },
                        });
                        Ok(0)
                    }
                }
            }
            tag::NEW_FUN => self.fun(missing),
            tag::RECORD => {
                if !self.writer.native_records() {
                    return Err(EncodeError::NativeRecord.into());
                }
                let fields = self.reader.clone().skip_head()?;
                self.with_atoms(1 + 4 + 1, 2 + fields)?;
                Ok(missing + fields)
            }
            tag::ATOM_CACHE_REF => {
                self.atom()?;
                Ok(missing)
            }
            tag::NEW_PID | tag::PID | tag::V4_PORT | tag::NEW_PORT | tag::PORT | tag::REFERENCE => {
                self.with_atoms(1, 1)?;
                Ok(missing)
            }
            tag::NEWER_REFERENCE | tag::NEW_REFERENCE => {
                self.with_atoms(1 + 2, 1)?;
                Ok(missing)
            }
            tag::EXPORT => {
                self.with_atoms(1, 2)?;
                Ok(missing)
            }
            tag::LARGE_BIG => {
                self.reader.parse_u8()?;
                let (_, digits) = self.reader.parse_big(tag)?;
                if digits.len() > MAX_INTEGER_BYTES {
                    return Err(EncodeError::IntegerTooLarge { bytes: digits.len() }.into());
                }
                Ok(missing)
            }
            _ => Ok(missing + self.reader.skip_head()?),
        }
    }

    fn fun(&mut self, missing: usize) -> Result<usize, Stop> {
        let mut after = self.reader.clone();
        after.parse_u8()?;
        let head = after.parse_fun_head()?;
        let mut size = None;
        if self.has_refs() {
            self.reader.parse_u8()?;
            self.flush();
            let before = self.writer.len();
            size = Some(Size { at: self.writer.placeholder(), before });
            self.reader.parse_u32()?;
            self.run = self.reader.rest;
            self.reader.parse_bytes(FUN_FIXED - 4)?;
            self.atom()?;
            self.reader.parse_i64()?;
            self.reader.parse_i64()?;
            self.reader.parse_u8()?;
            self.atom()?;
        }
        self.reader.rest = after.rest;
        self.open.push(Open { item: self.item, outer: missing, what: What::Fun { left: head.left, size } });
        Ok(head.free)
    }

    /// Passes the head of a term in which `count` atoms stand after `fixed` bytes, then perhaps other bytes.
    fn with_atoms(&mut self, fixed: usize, count: usize) -> Result<(), Stop> {
        let mut after = self.reader.clone();
        after.skip_head()?;
        if self.has_refs() {
            self.reader.parse_bytes(fixed)?;
            for _ in 0..count {
                self.atom()?;
            }
        }
        self.reader.rest = after.rest;
        Ok(())
    }

    fn atom(&mut self) -> Result<(), Stop> {
        let before = self.reader.rest;
        if let AtomName::Known(atom) = self.reader.parse_atom_name()? {
            self.flush_to(before);
            self.writer.atom(atom);
            self.run = self.reader.rest;
        }
        Ok(())
    }

    fn has_refs(&self) -> bool {
        !self.reader.atoms.is_empty()
    }

    /// Passes on what has been read.
    fn flush(&mut self) {
        self.flush_to(self.reader.rest);
    }

    fn flush_to(&mut self, end: &'r [u8]) {
        let run = self.run.get(..self.run.len() - end.len()).unwrap_or_default();
        if run.len() < SHARE_THRESHOLD {
            self.writer.raw(run);
        } else {
            self.writer.raw_shared(&self.reader.shared(run));
        }
        self.run = end;
    }
}

/// Whether terms with this tag hold no other terms, no references to atoms, and nothing that not all nodes take.
fn is_simple(tag: u8) -> bool {
    matches!(
        tag,
        tag::SMALL_INTEGER
            | tag::INTEGER
            | tag::SMALL_BIG
            | tag::NEW_FLOAT
            | tag::SMALL_ATOM_UTF8
            | tag::ATOM_UTF8
            | tag::BINARY
            | tag::BIT_BINARY
    )
}

fn check_distinct(keys: &mut [Term]) -> Result<(), DecodeErrorKind> {
    if !keys.is_sorted_by(|a, b| a < b) {
        keys.sort_unstable();
        if !keys.is_sorted_by(|a, b| a < b) {
            return Err(DecodeErrorKind::DuplicateKey);
        }
    }
    Ok(())
}

//! Reading terms from bytes, one after the other or piece by piece.
//!
//! [`Reader::term`] reads whatever is there. The other methods ask for one kind of term and take every form that
//! kind has on the wire, so that a program (or serde) can go through a message without making a [`Term`] of it:
//! headers give the number of elements, which are then read in turn.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;

use super::{DecodeError, DecodeErrorKind, DecodeLimits, tag};
use crate::term::{Atom, Integer, Pid, Port, Reference};

/// Reads terms from bytes.
///
/// Binaries are not copied: they are slices of the bytes they are read from, and keep those alive.
///
/// A read that fails leaves the reader where it was, so another kind can be asked for.
///
/// ```
/// use bytes::Bytes;
/// use erlnode::term::etf::Reader;
///
/// // {ok, <<"hi">>}
/// let bytes = Bytes::from_static(&[104, 2, 119, 2, b'o', b'k', 109, 0, 0, 0, 2, b'h', b'i']);
/// let mut reader = Reader::new(&bytes, &[]);
/// assert_eq!(reader.tuple_header()?, 2);
/// assert_eq!(reader.atom()?, "ok");
/// assert_eq!(reader.binary()?, "hi");
/// assert!(reader.is_empty());
/// # Ok::<(), erlnode::term::etf::DecodeError>(())
/// ```
#[derive(Clone)]
pub struct Reader<'a> {
    pub(super) bytes: &'a Bytes,
    // Always a part of `bytes` which ends where that ends.
    pub(super) rest: &'a [u8],
    pub(super) atoms: &'a [Atom],
    pub(super) max_depth: usize,
}

/// How a list begins: a reader's next step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListHeader<'a> {
    /// `[]`, and nothing to read.
    Nil,
    /// A whole list of integers from 0 to 255, as one byte each.
    String(&'a [u8]),
    /// So many elements (one at least) are to be read, and then a tail: [`Reader::list_header`] once more, or any
    /// other term if the list is improper.
    List(usize),
}

impl<'a> Reader<'a> {
    /// A reader of the terms in `bytes`, without [version](Reader::version) byte.
    ///
    /// `atoms` are those of the distribution header that stood before the terms, in its order; elsewhere there
    /// are none.
    #[must_use]
    pub fn new(bytes: &'a Bytes, atoms: &'a [Atom]) -> Reader<'a> {
        Reader { bytes, rest: bytes, atoms, max_depth: usize::MAX }
    }

    /// The same with the [`max_depth`](DecodeLimits::max_depth) of `limits`.
    #[must_use]
    pub fn with_limits(bytes: &'a Bytes, atoms: &'a [Atom], limits: &DecodeLimits) -> Reader<'a> {
        Reader { max_depth: limits.max_depth.unwrap_or(usize::MAX), ..Reader::new(bytes, atoms) }
    }

    /// How many bytes have been read.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.bytes.len() - self.rest.len()
    }

    /// Whether all bytes have been read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The bytes not yet read.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The atoms of the distribution header.
    #[must_use]
    pub fn atoms(&self) -> &'a [Atom] {
        self.atoms
    }

    /// The [tag](super::tag) of the next term; `None` at the end.
    #[must_use]
    pub fn peek_tag(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// Reads the version byte, 131, which stands before a term that stands alone.
    ///
    /// # Errors
    /// [`DecodeErrorKind::Version`] for any other byte, [`DecodeErrorKind::Truncated`] if there is none.
    pub fn version(&mut self) -> Result<(), DecodeError> {
        self.read("version", |reader| match reader.parse_u8()? {
            tag::VERSION => Ok(()),
            found => Err(DecodeErrorKind::Version { found }),
        })
    }

    /// Reads an atom.
    ///
    /// # Errors
    /// If there is something else, or something malformed.
    pub fn atom(&mut self) -> Result<Atom, DecodeError> {
        self.read("atom", Reader::parse_atom)
    }

    /// Reads the name of an atom, without making an [`Atom`].
    ///
    /// # Errors
    /// If there is something else, or something malformed.
    pub fn atom_name(&mut self) -> Result<Cow<'a, str>, DecodeError> {
        self.read("atom", |reader| reader.parse_atom_name().map(Into::into))
    }

    /// Reads a pid.
    ///
    /// # Errors
    /// If there is something else, or something malformed.
    pub fn pid(&mut self) -> Result<Pid, DecodeError> {
        self.read("pid", Reader::parse_pid)
    }

    /// Reads a port.
    ///
    /// # Errors
    /// If there is something else, or something malformed.
    pub fn port(&mut self) -> Result<Port, DecodeError> {
        self.read("port", |reader| {
            let tag = reader.parse_u8()?;
            reader.parse_port(tag)
        })
    }

    /// Reads a reference.
    ///
    /// # Errors
    /// If there is something else, or something malformed.
    pub fn reference(&mut self) -> Result<Reference, DecodeError> {
        self.read("reference", |reader| {
            let tag = reader.parse_u8()?;
            reader.parse_reference(tag)
        })
    }

    /// Reads an integer of any size.
    ///
    /// # Errors
    /// If there is something else, or something malformed.
    pub fn integer(&mut self) -> Result<Integer, DecodeError> {
        self.read("integer", |reader| {
            let tag = reader.parse_u8()?;
            reader.parse_integer(tag)
        })
    }

    /// Reads an integer that fits in an `i64`.
    ///
    /// # Errors
    /// [`DecodeErrorKind::IntegerOutOfRange`] if it does not fit; or if there is something else.
    pub fn i64(&mut self) -> Result<i64, DecodeError> {
        self.read("integer", Reader::parse_i64)
    }

    /// Reads a float. An integer is no float.
    ///
    /// # Errors
    /// If there is something else, or something malformed.
    pub fn float(&mut self) -> Result<f64, DecodeError> {
        self.read("float", |reader| {
            let tag = reader.parse_u8()?;
            reader.parse_float(tag)
        })
    }

    /// Reads a binary, as a slice of the bytes read from.
    ///
    /// # Errors
    /// [`DecodeErrorKind::NotWholeBytes`] for a bit string; or if there is something else.
    pub fn binary(&mut self) -> Result<Bytes, DecodeError> {
        let bytes = self.binary_slice()?;
        Ok(self.shared(bytes))
    }

    /// Reads a binary, borrowed.
    ///
    /// # Errors
    /// [`DecodeErrorKind::NotWholeBytes`] for a bit string; or if there is something else.
    pub fn binary_slice(&mut self) -> Result<&'a [u8], DecodeError> {
        self.read("binary", |reader| {
            let tag = reader.parse_u8()?;
            match reader.parse_bits(tag)? {
                (bytes, 8) => Ok(bytes),
                _ => Err(DecodeErrorKind::NotWholeBytes),
            }
        })
    }

    /// Passes over one term, of whatever kind, and gives its bytes, as a slice of the bytes read from.
    ///
    /// # Errors
    /// As [`skip`](Reader::skip).
    pub fn raw_term(&mut self) -> Result<Bytes, DecodeError> {
        let start = self.rest;
        self.skip()?;
        let term = start.get(..start.len() - self.rest.len()).unwrap_or_default();
        Ok(self.shared(term))
    }

    /// Reads the beginning of a tuple and gives the number of its elements, which are to be read next.
    ///
    /// There are at least as many bytes left as elements announced.
    ///
    /// # Errors
    /// If there is something else, or the bytes cannot hold that many elements.
    pub fn tuple_header(&mut self) -> Result<usize, DecodeError> {
        self.read("tuple", |reader| {
            let tag = reader.parse_u8()?;
            reader.parse_arity(tag)
        })
    }

    /// Reads the beginning of a list, or the tail of one.
    ///
    /// ```
    /// use bytes::Bytes;
    /// use erlnode::term::etf::{ListHeader, Reader};
    ///
    /// // [ok] and "hi", each a list in its own form
    /// let bytes = Bytes::from_static(&[108, 0, 0, 0, 1, 119, 2, b'o', b'k', 106, 107, 0, 2, b'h', b'i']);
    /// let mut reader = Reader::new(&bytes, &[]);
    /// assert_eq!(reader.list_header()?, ListHeader::List(1));
    /// assert_eq!(reader.atom()?, "ok");
    /// assert_eq!(reader.list_header()?, ListHeader::Nil);
    /// assert_eq!(reader.list_header()?, ListHeader::String(b"hi"));
    /// # Ok::<(), erlnode::term::etf::DecodeError>(())
    /// ```
    ///
    /// # Errors
    /// If there is something else, or the bytes cannot hold that many elements.
    pub fn list_header(&mut self) -> Result<ListHeader<'a>, DecodeError> {
        self.read("list", |reader| {
            loop {
                let header = match reader.parse_u8()? {
                    tag::NIL => ListHeader::Nil,
                    tag::STRING => match reader.parse_string()? {
                        [] => ListHeader::Nil,
                        bytes => ListHeader::String(bytes),
                    },
                    tag::LIST => match reader.parse_list_length()? {
                        // A list of no elements is its tail.
                        0 => continue,
                        length => ListHeader::List(length),
                    },
                    found => return Err(DecodeErrorKind::UnexpectedTag { found }),
                };
                return Ok(header);
            }
        })
    }

    /// Reads the beginning of a map and gives the number of its pairs, which are to be read next: key, value, key,
    /// value. Whether a key comes twice is for the caller to see.
    ///
    /// # Errors
    /// If there is something else, or the bytes cannot hold that many pairs.
    pub fn map_header(&mut self) -> Result<usize, DecodeError> {
        self.read("map", |reader| match reader.parse_u8()? {
            tag::MAP => reader.parse_map_size(),
            found => Err(DecodeErrorKind::UnexpectedTag { found }),
        })
    }

    /// A part of the bytes being read, shared instead of copied.
    // The only place that calls `slice_ref`, which panics on a foreign slice: what is given here comes from `rest`.
    pub(super) fn shared(&self, part: &'a [u8]) -> Bytes {
        self.bytes.slice_ref(part)
    }

    /// Lets `parse` read; on an error says where it was and goes back there.
    pub(super) fn read<T>(
        &mut self,
        reading: &'static str,
        parse: impl FnOnce(&mut Reader<'a>) -> Result<T, DecodeErrorKind>,
    ) -> Result<T, DecodeError> {
        let start = self.rest;
        parse(self).map_err(|kind| {
            self.rest = start;
            self.error(start, reading, kind)
        })
    }

    /// The error of a term that begins where `item` does.
    #[cold]
    pub(super) fn error(&self, item: &[u8], reading: &'static str, kind: DecodeErrorKind) -> DecodeError {
        DecodeError { offset: self.bytes.len() - item.len(), tag: item.first().copied(), reading, kind }
    }
}

impl fmt::Debug for Reader<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader")
            .field("offset", &self.offset())
            .field("rest", &self.rest.len())
            .field("atoms", &self.atoms.len())
            .finish()
    }
}

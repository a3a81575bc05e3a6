//! Writing terms to bytes, whole or piece by piece.
//!
//! [`Writer::term`] writes a [`Term`](crate::term::Term). The other methods write one kind of term, or the
//! beginning of one whose parts are written next, so that a program (or serde) needs no `Term` to send something.
//!
//! What is written stands in one buffer, but for large binaries: those are only remembered, with their place, and
//! go from their owner's memory to the socket.

use std::fmt;

use bytes::{Bytes, BytesMut};
use num_bigint::Sign;

use super::atoms::AtomTable;
use super::{EncodeError, MAX_INTEGER_BYTES, tag};
use crate::term::{Atom, BitString, Integer, MAX_ATOM_CHARACTERS, Pid, Port, Reference};

/// Binaries of so many bytes or more are shared, not copied: 4 KiB.
///
/// One more piece in a write costs about as much as copying this much.
pub const SHARE_THRESHOLD: usize = 4096;

/// A distribution header has at most so many atoms.
pub const MAX_ATOM_REFS: usize = 255;

/// Writes terms to bytes.
///
/// ```
/// use erlnode::{atom, term::etf::Writer};
///
/// // {ok, <<"hi">>}
/// let mut writer = Writer::new();
/// writer.tuple_header(2)?;
/// writer.atom(&atom!("ok"));
/// writer.binary(b"hi")?;
/// assert_eq!(writer.to_bytes(), [104, 2, 119, 2, b'o', b'k', 109, 0, 0, 0, 2, b'h', b'i'][..]);
/// # Ok::<(), erlnode::term::etf::EncodeError>(())
/// ```
///
/// # Atoms
/// An atom is written in full, or, after [`with_atom_refs`](Writer::with_atom_refs), as its place among the
/// [`atoms`](Writer::atoms) of all that is written until [`clear`](Writer::clear); those are then to be put in
/// the distribution header that is sent before.
///
/// # After an error
/// What was written before the error stays. [`mark`](Writer::mark) first to be able to
/// [`rollback`](Writer::rollback).
#[derive(Default)]
pub struct Writer {
    buffer: BytesMut,
    shared: Vec<Shared>,
    // The length of all of `shared`.
    shared_length: usize,
    atom_refs: bool,
    atoms: AtomTable,
    no_native_records: bool,
}

/// A binary that belongs in the midst of the buffer.
struct Shared {
    at: usize,
    bytes: Bytes,
}

/// A state of a [`Writer`] to go back to.
#[derive(Debug, Clone, Copy)]
pub struct Mark {
    buffer: usize,
    shared: usize,
    shared_length: usize,
    atoms: usize,
}

/// A tuple, list or map the number of whose parts is not known yet; [`Writer::close`] takes it.
#[derive(Debug)]
#[must_use = "what is opened has to be closed"]
pub struct Open {
    // Where its tag is in the buffer.
    at: usize,
    list: bool,
}

impl Writer {
    /// A writer that writes atoms in full.
    #[must_use]
    pub fn new() -> Writer {
        Writer::default()
    }

    /// A writer that writes the first 255 different atoms as references to a distribution header.
    #[must_use]
    pub fn with_atom_refs() -> Writer {
        Writer { atom_refs: true, ..Writer::default() }
    }

    /// Says how atoms are written from now on: as references to a distribution header, or in full. What was written
    /// before is forgotten.
    pub fn set_atom_refs(&mut self, atom_refs: bool) {
        self.clear();
        self.atom_refs = atom_refs;
    }

    /// Says whether the receiver knows native records, as OTP 29 does; if not, one is an error. It does by default.
    pub fn set_native_records(&mut self, known: bool) {
        self.no_native_records = !known;
    }

    /// Whether native records may be written.
    #[must_use]
    pub fn native_records(&self) -> bool {
        !self.no_native_records
    }

    /// How many bytes are written, the shared ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.buffer.len() + self.shared_length
    }

    /// Whether nothing is written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The atoms written as references, each in the place of its number.
    #[must_use]
    pub fn atoms(&self) -> &[Atom] {
        self.atoms.as_slice()
    }

    /// All that is written, in order: pieces of the buffer and shared binaries, none empty.
    pub fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        let ends = self.shared.iter().map(|shared| (shared.at, &shared.bytes[..]));
        ends.chain([(self.buffer.len(), &[][..])])
            .scan(0, |start, (end, shared)| {
                let piece = self.buffer.get(*start..end).unwrap_or_default();
                *start = end;
                Some([piece, shared])
            })
            .flatten()
            .filter(|piece| !piece.is_empty())
    }

    /// Moves all that is written to the end of `pieces`, without copying, and clears.
    pub fn take_pieces(&mut self, pieces: &mut impl Extend<Bytes>) {
        let mut start = 0;
        for Shared { at, bytes } in self.shared.drain(..) {
            let piece = self.buffer.split_to(at - start).freeze();
            start = at;
            pieces.extend([piece, bytes].into_iter().filter(|piece| !piece.is_empty()));
        }
        let piece = self.buffer.split().freeze();
        pieces.extend(Some(piece).filter(|piece| !piece.is_empty()));
        self.clear();
    }

    /// A copy of all that is written, in one piece.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        let mut all = BytesMut::with_capacity(self.len());
        self.pieces().for_each(|piece| all.extend_from_slice(piece));
        all.freeze()
    }

    /// All that is written, in one piece, which is a copy only if there are shared binaries.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        if self.shared.is_empty() { self.buffer.freeze() } else { self.to_bytes() }
    }

    /// Forgets what is written, but keeps the memory for what comes next.
    pub fn clear(&mut self) {
        self.buffer.clear();
        self.shared.clear();
        self.shared_length = 0;
        self.atoms.truncate(0);
    }

    /// The present state, for [`rollback`](Writer::rollback).
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark {
            buffer: self.buffer.len(),
            shared: self.shared.len(),
            shared_length: self.shared_length,
            atoms: self.atoms.as_slice().len(),
        }
    }

    /// Forgets what was written since `mark`, which must be of this writer and of after the last
    /// [`clear`](Writer::clear).
    pub fn rollback(&mut self, mark: Mark) {
        self.buffer.truncate(mark.buffer);
        self.shared.truncate(mark.shared);
        self.shared_length = mark.shared_length;
        self.atoms.truncate(mark.atoms);
    }

    /// Writes `bytes` as they are.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Writes `bytes` as they are: shared if they are [many](SHARE_THRESHOLD), else copied.
    pub fn raw_shared(&mut self, bytes: &Bytes) {
        if bytes.len() < SHARE_THRESHOLD {
            self.buffer.extend_from_slice(bytes);
        } else {
            self.shared_length += bytes.len();
            self.shared.push(Shared { at: self.buffer.len(), bytes: bytes.clone() });
        }
    }

    /// Writes the version byte, 131, which stands before a term that stands alone.
    pub fn version(&mut self) {
        self.raw(&[tag::VERSION]);
    }

    /// Writes an atom.
    pub fn atom(&mut self, atom: &Atom) {
        if self.atom_refs
            && let Some(number) = self.atoms.number(atom, MAX_ATOM_REFS)
        {
            self.raw(&[tag::ATOM_CACHE_REF, number]);
            return;
        }
        let name = atom.as_str().as_bytes();
        match u8::try_from(name.len()) {
            Ok(length) => self.raw(&[tag::SMALL_ATOM_UTF8, length]),
            Err(_) => {
                const { assert!(MAX_ATOM_CHARACTERS * 4 <= u16::MAX as usize) };
                let [.., high, low] = name.len().to_be_bytes();
                self.raw(&[tag::ATOM_UTF8, high, low]);
            }
        }
        self.raw(name);
    }

    /// Writes a pid.
    pub fn pid(&mut self, pid: &Pid) {
        self.raw(&[tag::NEW_PID]);
        self.atom(&pid.node);
        self.word(pid.id);
        self.word(pid.serial);
        self.word(pid.creation.0);
    }

    /// Writes a port.
    pub fn port(&mut self, port: &Port) {
        self.raw(&[tag::V4_PORT]);
        self.atom(&port.node);
        self.raw(&port.id.to_be_bytes());
        self.word(port.creation.0);
    }

    /// Writes a reference.
    pub fn reference(&mut self, reference: &Reference) {
        let words = reference.words();
        let [.., count] = words.len().to_be_bytes();
        self.raw(&[tag::NEWER_REFERENCE, 0, count]);
        self.atom(reference.node());
        self.word(reference.creation().0);
        for word in words {
            self.word(*word);
        }
    }

    /// Writes an integer.
    ///
    /// # Errors
    /// [`EncodeError::IntegerTooLarge`] if it has more than [`MAX_INTEGER_BYTES`].
    pub fn integer(&mut self, value: &Integer) -> Result<(), EncodeError> {
        if let Some(small) = value.as_i64() {
            self.i64(small);
        } else if let Some(big) = value.as_big() {
            let (sign, digits) = big.to_bytes_le();
            self.big(sign == Sign::Minus, &digits)?;
        }
        Ok(())
    }

    /// Writes an integer.
    pub fn i64(&mut self, value: i64) {
        if let Ok(small) = u8::try_from(value) {
            self.raw(&[tag::SMALL_INTEGER, small]);
        } else if let Ok(small) = i32::try_from(value) {
            let [a, b, c, d] = small.to_be_bytes();
            self.raw(&[tag::INTEGER, a, b, c, d]);
        } else {
            let digits = value.unsigned_abs().to_le_bytes();
            let count = digits.iter().rposition(|digit| *digit != 0).map_or(0, |last| last + 1);
            let [.., length] = count.to_be_bytes();
            self.raw(&[tag::SMALL_BIG, length, u8::from(value < 0)]);
            self.raw(digits.get(..count).unwrap_or(&digits));
        }
    }

    fn big(&mut self, negative: bool, digits: &[u8]) -> Result<(), EncodeError> {
        if digits.len() > MAX_INTEGER_BYTES {
            return Err(EncodeError::IntegerTooLarge { bytes: digits.len() });
        }
        match u8::try_from(digits.len()) {
            Ok(length) => self.raw(&[tag::SMALL_BIG, length]),
            Err(_) => self.tag_and_count(tag::LARGE_BIG, digits.len())?,
        }
        self.raw(&[u8::from(negative)]);
        self.raw(digits);
        Ok(())
    }

    /// Writes a float.
    ///
    /// # Errors
    /// [`EncodeError::NotFinite`] if it is infinite or not a number.
    pub fn float(&mut self, value: f64) -> Result<(), EncodeError> {
        if !value.is_finite() {
            return Err(EncodeError::NotFinite);
        }
        self.raw(&[tag::NEW_FLOAT]);
        self.raw(&value.to_be_bytes());
        Ok(())
    }

    /// Writes a binary, copied.
    ///
    /// # Errors
    /// [`EncodeError::TooLarge`] if it has more than 2³² - 1 bytes.
    pub fn binary(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        self.tag_and_count(tag::BINARY, bytes.len())?;
        self.raw(bytes);
        Ok(())
    }

    /// Writes a binary: shared if it is [large](SHARE_THRESHOLD), else copied.
    ///
    /// # Errors
    /// [`EncodeError::TooLarge`] if it has more than 2³² - 1 bytes.
    pub fn shared_binary(&mut self, bytes: &Bytes) -> Result<(), EncodeError> {
        self.tag_and_count(tag::BINARY, bytes.len())?;
        self.raw_shared(bytes);
        Ok(())
    }

    /// Writes a bit string: shared if it is [large](SHARE_THRESHOLD), else copied.
    ///
    /// # Errors
    /// [`EncodeError::TooLarge`] if it has more than 2³² - 1 bytes.
    pub fn bit_string(&mut self, bits: &BitString) -> Result<(), EncodeError> {
        self.tag_and_count(tag::BIT_BINARY, bits.bytes().len())?;
        self.raw(&[bits.last_bits()]);
        self.raw_shared(bits.bytes());
        Ok(())
    }

    /// Writes the beginning of a tuple, whose `arity` elements are to be written next.
    ///
    /// # Errors
    /// [`EncodeError::TooLarge`] if there are more than 2³² - 1.
    pub fn tuple_header(&mut self, arity: usize) -> Result<(), EncodeError> {
        match u8::try_from(arity) {
            Ok(small) => {
                self.raw(&[tag::SMALL_TUPLE, small]);
                Ok(())
            }
            Err(_) => self.tag_and_count(tag::LARGE_TUPLE, arity),
        }
    }

    /// Writes the beginning of a list, whose `length` elements are to be written next, and then its tail, which is
    /// [`nil`](Writer::nil) for a proper list.
    ///
    /// # Errors
    /// [`EncodeError::TooLarge`] if there are more than 2³² - 1.
    pub fn list_header(&mut self, length: usize) -> Result<(), EncodeError> {
        // A list of no elements is its tail.
        if length == 0 { Ok(()) } else { self.tag_and_count(tag::LIST, length) }
    }

    /// Writes `[]`, the empty list and the tail of others.
    pub fn nil(&mut self) {
        self.raw(&[tag::NIL]);
    }

    /// Writes the list of the integers that `bytes` are.
    ///
    /// # Errors
    /// [`EncodeError::TooLarge`] if there are more than 2³² - 1.
    pub fn byte_list(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        match u16::try_from(bytes.len()) {
            Ok(0) => self.nil(),
            Ok(length) => {
                self.raw(&[tag::STRING]);
                self.raw(&length.to_be_bytes());
                self.raw(bytes);
            }
            Err(_) => {
                self.list_header(bytes.len())?;
                for byte in bytes {
                    self.raw(&[tag::SMALL_INTEGER, *byte]);
                }
                self.nil();
            }
        }
        Ok(())
    }

    /// Writes the beginning of a map, whose `size` pairs are to be written next: key, value, key, value. No key may
    /// come twice.
    ///
    /// # Errors
    /// [`EncodeError::TooLarge`] if there are more than 2³² - 1.
    pub fn map_header(&mut self, size: usize) -> Result<(), EncodeError> {
        self.tag_and_count(tag::MAP, size)
    }

    /// Begins a tuple the number of whose elements is not known yet.
    pub fn open_tuple(&mut self) -> Open {
        self.open(tag::LARGE_TUPLE)
    }

    /// Begins a proper list the number of whose elements is not known yet.
    pub fn open_list(&mut self) -> Open {
        self.open(tag::LIST)
    }

    /// Begins a map the number of whose pairs is not known yet.
    pub fn open_map(&mut self) -> Open {
        self.open(tag::MAP)
    }

    /// Ends what was opened: `count` elements or pairs were written since. Writes the tail of a list.
    ///
    /// # Errors
    /// [`EncodeError::TooLarge`] if there are more than 2³² - 1.
    pub fn close(&mut self, open: Open, count: usize) -> Result<(), EncodeError> {
        if open.list && count == 0 {
            self.buffer.truncate(open.at);
        } else {
            self.patch(open.at + 1, count)?;
        }
        if open.list {
            self.nil();
        }
        Ok(())
    }

    fn open(&mut self, tag: u8) -> Open {
        let at = self.buffer.len();
        self.raw(&[tag, 0, 0, 0, 0]);
        Open { at, list: tag == tag::LIST }
    }

    /// Writes a 32-bit number that is known only later, and gives its place for [`patch`](Writer::patch).
    pub(super) fn placeholder(&mut self) -> usize {
        let at = self.buffer.len();
        self.word(0);
        at
    }

    /// Puts `count` in a place where a 32-bit number was written.
    pub(super) fn patch(&mut self, at: usize, count: usize) -> Result<(), EncodeError> {
        let count = u32::try_from(count).map_err(|_| EncodeError::TooLarge { count })?;
        if let Some(place) = self.buffer.get_mut(at..).and_then(|rest| rest.first_chunk_mut()) {
            *place = count.to_be_bytes();
        }
        Ok(())
    }

    pub(super) fn tag_and_count(&mut self, tag: u8, count: usize) -> Result<(), EncodeError> {
        let [a, b, c, d] = u32::try_from(count).map_err(|_| EncodeError::TooLarge { count })?.to_be_bytes();
        self.raw(&[tag, a, b, c, d]);
        Ok(())
    }

    pub(super) fn word(&mut self, word: u32) {
        self.raw(&word.to_be_bytes());
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer")
            .field("len", &self.len())
            .field("shared", &self.shared.len())
            .field("atoms", &self.atoms.as_slice().len())
            .finish()
    }
}

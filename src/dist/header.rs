//! The distribution header: which atoms a message uses, by their places in a cache.
//!
//! Where both nodes have `DIST_HDR_ATOM_CACHE`, every message starts with it. Terms then hold `82, Index` instead of an
//! atom: the atom of that reference in the header.
//!
//! | 1     | 1    | 1              | n/2 + 1 or 0 | n                | rest                     |
//! | ----- | ---- | -------------- | ------------ | ---------------- | ------------------------ |
//! | `131` | `68` | n = references | `Flags`      | `AtomCacheRefs`  | control message, payload |
//!
//! `Flags`, absent if n is 0, has four bits for each reference, the lower half of a byte first, then four bits for all:
//!
//! | Bit 3           | Bits 2, 1, 0   |          | after the last reference: bit 0     |
//! | --------------- | -------------- | -------- | ----------------------------------- |
//! | `NewCacheEntry` | `SegmentIndex` |          | `LongAtoms`: `Length` has two bytes  |
//!
//! `AtomCacheRefs`: a byte for a reference to an entry that the receiver knows, and for a new one
//!
//! | 1                      | 1 or 2   | Length     |
//! | ---------------------- | -------- | ---------- |
//! | `InternalSegmentIndex` | `Length` | `AtomText` |
//!
//! The number of an entry is `SegmentIndex` × 256 + `InternalSegmentIndex`, so there are 2048, and a new one takes the
//! place of the old. Which atom goes where is up to the sender; the receiver reads the references from first to last.
//!
//! Reference: ERTS User's Guide, "External Term Format", [Distribution Header][1].
//!
//! [1]: https://www.erlang.org/doc/apps/erts/erl_ext_dist.html#distribution-header

use bytes::{BufMut, BytesMut};
use nom::bytes::complete::take;
use nom::number::complete::{be_u8, be_u16};
use nom::{IResult, Parser as _};

/// How many entries the cache of one direction has.
pub const CACHE_ENTRIES: usize = 2048;

/// How many references a header can have. A message may use more atoms; the others are written in full.
pub const MAX_REFERENCES: usize = 255;

const NEW_CACHE_ENTRY: u8 = 8;
const SEGMENT_INDEX: u8 = 7;
const LONG_ATOMS: u8 = 1;

/// A reference of a header, as it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AtomCacheRef<'a> {
    /// The number of the entry, below [`CACHE_ENTRIES`].
    pub(crate) entry: u16,
    /// The text of a new entry.
    pub(crate) new: Option<&'a [u8]>,
}

/// The references of a header, to be read one after the other.
#[derive(Debug, Clone)]
pub(crate) struct AtomCacheRefs<'a> {
    flags: &'a [u8],
    count: u8,
    next: u8,
    long_atoms: bool,
    rest: &'a [u8],
}

impl<'a> AtomCacheRefs<'a> {
    /// Reads the head of a header, which starts with the number of references.
    pub(crate) fn decode(input: &'a [u8]) -> Result<AtomCacheRefs<'a>, HeaderError> {
        let (rest, count) = be_u8(input).map_err(cut)?;
        if count == 0 {
            return Ok(AtomCacheRefs { flags: &[], count, next: 0, long_atoms: false, rest });
        }
        let (rest, flags) = take(usize::from(count) / 2 + 1)(rest).map_err(cut)?;
        let long_atoms = nibble(flags, count) & LONG_ATOMS != 0;
        Ok(AtomCacheRefs { flags, count, next: 0, long_atoms, rest })
    }

    /// How many references the header has.
    pub(crate) fn count(&self) -> usize {
        usize::from(self.count)
    }

    /// Whether any of the references is a new entry.
    pub(crate) fn has_new_entries(&self) -> bool {
        (0..self.count).any(|index| nibble(self.flags, index) & NEW_CACHE_ENTRY != 0)
    }

    /// Reads the next reference; `None` after the last.
    pub(crate) fn next(&mut self) -> Result<Option<AtomCacheRef<'a>>, HeaderError> {
        if self.next == self.count {
            return Ok(None);
        }
        let flags = nibble(self.flags, self.next);
        let (rest, index) = be_u8(self.rest).map_err(cut)?;
        let (rest, new) = if flags & NEW_CACHE_ENTRY == 0 {
            (rest, None)
        } else {
            let (rest, text) = self.text(rest).map_err(cut)?;
            (rest, Some(text))
        };
        self.rest = rest;
        self.next += 1;
        Ok(Some(AtomCacheRef { entry: u16::from_be_bytes([flags & SEGMENT_INDEX, index]), new }))
    }

    /// What stands after the header; only right after the last reference.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    fn text(&self, input: &'a [u8]) -> IResult<&'a [u8], &'a [u8]> {
        let (rest, length) =
            if self.long_atoms { be_u16(input)? } else { be_u8.map(u16::from).parse(input)? };
        take(length)(rest)
    }
}

/// A reference of a header, as it is written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewRef<'a> {
    /// The number of the entry.
    pub(crate) entry: u16,
    /// The text, if the receiver is to make a new entry.
    pub(crate) new: Option<&'a str>,
}

/// Appends a header, from the number of references on; at most [`MAX_REFERENCES`].
pub(crate) fn encode(references: &[NewRef<'_>], out: &mut BytesMut) {
    let count = u8::try_from(references.len()).unwrap_or(u8::MAX);
    out.put_u8(count);
    if count == 0 {
        return;
    }
    let long_atoms = references.iter().filter_map(|r| r.new).any(|text| text.len() > usize::from(u8::MAX));
    let nibbles = references
        .iter()
        .map(|reference| {
            let [segment, _] = reference.entry.to_be_bytes();
            segment | if reference.new.is_some() { NEW_CACHE_ENTRY } else { 0 }
        })
        .chain([if long_atoms { LONG_ATOMS } else { 0 }]);
    let mut low = None;
    for nibble in nibbles {
        match low.take() {
            None => low = Some(nibble),
            Some(low) => out.put_u8(low | nibble << 4),
        }
    }
    if let Some(low) = low {
        out.put_u8(low);
    }
    for reference in references {
        let [_, index] = reference.entry.to_be_bytes();
        out.put_u8(index);
        if let Some(text) = reference.new {
            // An atom has at most 1020 bytes.
            let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
            match u8::try_from(length) {
                Ok(length) if !long_atoms => out.put_u8(length),
                _ => out.put_u16(length),
            }
            out.put_slice(text.as_bytes());
        }
    }
}

/// What is wrong with a distribution header.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// The packet ends before the header does.
    #[error("the distribution header is cut short")]
    TooShort,
    /// A reference to an entry that was never sent.
    #[error("the distribution header refers to entry {entry} of the atom cache, which was never sent")]
    UnknownEntry {
        /// The entry.
        entry: u16,
    },
    /// A new atom is not UTF-8.
    #[error("the distribution header has an atom that is not UTF-8, for entry {entry}")]
    NotUtf8 {
        /// The entry.
        entry: u16,
    },
    /// A new atom has more than 255 characters.
    #[error("the distribution header has an atom of more than 255 characters, for entry {entry}")]
    AtomTooLong {
        /// The entry.
        entry: u16,
    },
}

fn cut(_: nom::Err<nom::error::Error<&[u8]>>) -> HeaderError {
    HeaderError::TooShort
}

/// The four flag bits of a reference.
fn nibble(flags: &[u8], index: u8) -> u8 {
    let byte = flags.get(usize::from(index / 2)).copied().unwrap_or_default();
    if index.is_multiple_of(2) { byte & 15 } else { byte >> 4 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn references(input: &[u8]) -> (Vec<AtomCacheRef<'_>>, &[u8]) {
        let mut references = AtomCacheRefs::decode(input).unwrap();
        let all = std::iter::from_fn(|| references.next().unwrap()).collect();
        (all, references.rest())
    }

    #[test]
    fn a_header_without_references_is_one_byte() {
        assert_eq!(references(b"\x00rest"), (vec![], &b"rest"[..]));
        let mut out = BytesMut::new();
        encode(&[], &mut out);
        assert_eq!(out[..], [0]);
    }

    #[test]
    fn what_is_written_is_read() {
        let long = "å".repeat(255);
        for texts in [vec![], vec!["one"], vec!["one", "two", ""], vec!["a", &long], vec!["x"; 255]] {
            for known in [false, true] {
                let written: Vec<NewRef<'_>> = (0u16..)
                    .zip(&texts)
                    .map(|(i, text)| NewRef { entry: i * 8, new: (!known).then_some(text) })
                    .collect();
                let mut out = BytesMut::new();
                encode(&written, &mut out);
                out.put_slice(b"rest");
                let (read, rest) = references(&out);
                assert_eq!(rest, b"rest");
                assert_eq!(read.len(), written.len());
                for (read, written) in read.iter().zip(&written) {
                    assert_eq!((read.entry, read.new), (written.entry, written.new.map(str::as_bytes)));
                }
                let header = AtomCacheRefs::decode(&out).unwrap();
                assert_eq!(header.has_new_entries(), !known && !texts.is_empty());
            }
        }
    }

    #[test]
    fn a_header_that_is_cut_short_is_refused() {
        let mut out = BytesMut::new();
        encode(&[NewRef { entry: 2047, new: Some("atom") }, NewRef { entry: 1, new: None }], &mut out);
        for length in 0..out.len() {
            let read = || {
                let mut references = AtomCacheRefs::decode(&out[..length])?;
                while references.next()?.is_some() {}
                Ok(())
            };
            assert_eq!(read(), Err(HeaderError::TooShort), "{length}");
        }
    }
}

//! A term left in the external format: decoded later, by whom it concerns, or sent on as it is.
//!
//! What a node receives goes through several hands before somebody looks inside; what it forwards nobody looks
//! into at all. So a payload stays a slice of the buffer it was received in. All it needs besides are the atoms of
//! the distribution header it came with, for in its bytes they are only numbers.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use super::passage::Passage;
use super::{DecodeError, EncodeError, ListHeader, Reader, Writer, tag};
use crate::term::{Atom, Term};

/// One term in the external format, without version byte, and the atoms that its bytes refer to.
///
/// It need not be a valid one: whoever reads it finds out.
#[derive(Clone)]
pub struct Encoded {
    bytes: Bytes,
    atoms: Option<Arc<[Atom]>>,
}

impl Encoded {
    /// The term that begins at the start of `bytes`, whose references to atoms mean `atoms`.
    #[must_use]
    pub fn new(bytes: Bytes, atoms: Option<Arc<[Atom]>>) -> Encoded {
        Encoded { bytes, atoms }
    }

    /// Encodes `term`, with its atoms in full.
    ///
    /// # Errors
    /// As [`Writer::term`].
    pub fn from_term(term: &Term) -> Result<Encoded, EncodeError> {
        let mut writer = Writer::new();
        writer.term(term)?;
        Ok(Encoded { bytes: writer.into_bytes(), atoms: None })
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The atoms that the bytes refer to.
    #[must_use]
    pub fn atoms(&self) -> &[Atom] {
        self.atoms.as_deref().unwrap_or_default()
    }

    /// The atoms, to be shared with a part of this term.
    pub(crate) fn shared_atoms(&self) -> Option<&Arc<[Atom]>> {
        self.atoms.as_ref()
    }

    /// A reader of the term.
    #[must_use]
    pub fn reader(&self) -> Reader<'_> {
        Reader::new(&self.bytes, self.atoms())
    }

    /// Decodes the term.
    ///
    /// # Errors
    /// If it is malformed.
    pub fn to_term(&self) -> Result<Term, DecodeError> {
        self.reader().term()
    }

    /// The elements of a list, each still encoded.
    ///
    /// # Errors
    /// [`DecodeError`] if it is no proper list, or not a well-formed one.
    pub fn list_elements(&self) -> Result<Vec<Encoded>, DecodeError> {
        let mut reader = self.reader();
        let mut elements = Vec::new();
        // A tail is read as the list that it is.
        loop {
            match reader.list_header()? {
                ListHeader::Nil => return Ok(elements),
                ListHeader::String(bytes) => {
                    elements.extend(bytes.iter().map(|&byte| {
                        let bytes = Bytes::copy_from_slice(&[tag::SMALL_INTEGER, byte]);
                        Encoded { bytes, atoms: None }
                    }));
                    return Ok(elements);
                }
                ListHeader::List(count) => {
                    for _ in 0..count {
                        let start = reader.offset();
                        reader.skip()?;
                        let bytes = self.bytes.slice(start..reader.offset());
                        elements.push(Encoded { bytes, atoms: self.atoms.clone() });
                    }
                }
            }
        }
    }

    /// Writes the term in the external format, with the atoms of `writer` in place of its own. Large parts are
    /// shared, not copied.
    ///
    /// # Errors
    /// [`EncodeError::Malformed`] if it is malformed, [`EncodeError::NativeRecord`] if the receiver
    /// [knows none](Writer::set_native_records), [`EncodeError::IntegerTooLarge`] if it may not. Nothing is written
    /// then.
    pub fn write_to(&self, writer: &mut Writer) -> Result<(), EncodeError> {
        let mark = writer.mark();
        let written = Passage::new(self.reader(), writer).pass();
        if written.is_err() {
            writer.rollback(mark);
        }
        written
    }
}

impl fmt::Debug for Encoded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encoded")
            .field("bytes", &self.bytes.len())
            .field("atoms", &self.atoms().len())
            .finish()
    }
}

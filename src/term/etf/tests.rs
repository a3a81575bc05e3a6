//! What is read and written, byte for byte, and what nobody can make of it.

mod depth;
mod encoded;
mod forms;
mod hostile;
mod properties;
mod standalone;
mod vectors;
mod writing;

use bytes::Bytes;

use super::{DecodeError, DecodeErrorKind, Reader, Writer};
use crate::term::Term;

/// Reads one term without version byte, which must be all there is; `skip` has to agree on where it ends.
fn read(bytes: &[u8]) -> Result<Term, DecodeError> {
    let bytes = Bytes::copy_from_slice(bytes);
    let mut reader = Reader::new(&bytes, &[]);
    let term = reader.term()?;
    assert!(reader.is_empty(), "{bytes:?}");
    let mut reader = Reader::new(&bytes, &[]);
    reader.skip()?;
    assert!(reader.is_empty(), "{bytes:?}");
    Ok(term)
}

/// Writes one term without version byte.
fn written(term: &Term) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.term(term).unwrap();
    let bytes = writer.to_bytes();
    assert_eq!(writer.len(), bytes.len());
    bytes.to_vec()
}

fn kind_of(bytes: &[u8]) -> DecodeErrorKind {
    read(bytes).map(|_| ()).expect_err("malformed bytes were read").kind
}

/// `tag`, a 32-bit count, and `rest`.
fn counted(tag: u8, count: u32, rest: &[u8]) -> Vec<u8> {
    [&[tag], &count.to_be_bytes()[..], rest].concat()
}

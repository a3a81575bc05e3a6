//! Rust types in: whatever implements [`Deserialize`] from terms.

mod access;
mod arguments;
mod cursor;
mod deserializer;
mod error;
mod exotic;
mod natural;
mod source;
mod terms;
mod types;
mod visit;

use serde::Deserialize;

use self::arguments::Arguments;
use self::cursor::Cursor;
use self::deserializer::Deserializer;
pub use self::error::{DeserializeError, Reason};
use self::source::{Bytes, Source};
pub(super) use self::terms::{HandedOver, ask};
use super::etf::{Encoded, Reader};
use super::{Term, handover};

/// How deep values may be nested by default: 128 tuples, lists, maps, structs, enums and options in one another.
///
/// What is read into Rust types recurses as the types do; this keeps it well within the smallest stacks in use.
/// Terms that are read as [`Term`] or [`Encoded`], or are ignored, may be of any depth: that takes no recursion.
pub const DEFAULT_DEPTH_LIMIT: u32 = 128;

/// How Rust values are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// How deep values may be nested. Too much for the thread's stack ends the program.
    pub depth_limit: u32,
}

impl Default for Options {
    fn default() -> Options {
        Options { depth_limit: DEFAULT_DEPTH_LIMIT }
    }
}

/// Reads a Rust value from a term; text and bytes may be borrowed from it.
///
/// # Errors
/// If the term is not one of a `T`; see [`DeserializeError`].
pub fn from_term<'de, T: Deserialize<'de>>(term: &'de Term) -> Result<T, DeserializeError> {
    from_term_with(term, Options::default())
}

/// [`from_term`] with other options.
///
/// # Errors
/// As [`from_term`].
pub fn from_term_with<'de, T: Deserialize<'de>>(
    term: &'de Term,
    options: Options,
) -> Result<T, DeserializeError> {
    read(Cursor::new(term), options).map(|(value, _)| value)
}

/// Reads a Rust value from a term in the external format; text and bytes may be borrowed from it.
///
/// # Errors
/// If the term is not one of a `T`, or malformed; see [`DeserializeError`].
pub fn from_encoded<'de, T: Deserialize<'de>>(encoded: &'de Encoded) -> Result<T, DeserializeError> {
    from_encoded_with(encoded, Options::default())
}

/// [`from_encoded`] with other options.
///
/// # Errors
/// As [`from_encoded`].
pub fn from_encoded_with<'de, T: Deserialize<'de>>(
    encoded: &'de Encoded,
    options: Options,
) -> Result<T, DeserializeError> {
    read(Bytes::of_encoded(encoded), options).map(|(value, _)| value)
}

/// Reads a Rust value from the next term of `reader`; text and bytes may be borrowed from what that reads.
///
/// # Errors
/// As [`from_encoded`]. The reader is then where it was.
pub fn from_reader<'de, T: Deserialize<'de>>(reader: &mut Reader<'de>) -> Result<T, DeserializeError> {
    from_reader_with(reader, Options::default())
}

/// [`from_reader`] with other options.
///
/// # Errors
/// As [`from_reader`].
pub fn from_reader_with<'de, T: Deserialize<'de>>(
    reader: &mut Reader<'de>,
    options: Options,
) -> Result<T, DeserializeError> {
    let (value, bytes) = read(Bytes::of_reader(reader.clone()), options)?;
    *reader = bytes.into_reader();
    Ok(value)
}

/// Reads the arguments of a function, a list, as a tuple, or as anything else that has elements; none as `()`.
///
/// ```
/// use erlnode::term::{Term, de, etf::Encoded};
///
/// let arguments = Encoded::from_term(&Term::list([Term::from(1), Term::from("two")]))?;
/// let (number, text): (i64, &str) = de::arguments_from_encoded(&arguments, de::Options::default())?;
/// assert_eq!((number, text), (1, "two"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If it is no list, or not of as many elements; or as [`from_encoded`].
pub fn arguments_from_encoded<'de, T: Deserialize<'de>>(
    encoded: &'de Encoded,
    options: Options,
) -> Result<T, DeserializeError> {
    arguments(Bytes::of_encoded(encoded), options)
}

/// Reads the arguments of a function, as [`arguments_from_encoded`] does, from a term.
///
/// # Errors
/// As [`arguments_from_encoded`].
pub fn arguments_from_term<'de, T: Deserialize<'de>>(
    term: &'de Term,
    options: Options,
) -> Result<T, DeserializeError> {
    arguments(Cursor::new(term), options)
}

fn read<'de, T: Deserialize<'de>, S: Source<'de>>(
    source: S,
    options: Options,
) -> Result<(T, S), DeserializeError> {
    let mut deserializer = Deserializer::new(source, options);
    let value = handover::reading(|| T::deserialize(&mut deserializer))?;
    Ok((value, deserializer.into_source()))
}

fn arguments<'de, T: Deserialize<'de>, S: Source<'de>>(
    source: S,
    options: Options,
) -> Result<T, DeserializeError> {
    let mut deserializer = Deserializer::new(source, options);
    handover::reading(|| T::deserialize(Arguments(&mut deserializer)))
}

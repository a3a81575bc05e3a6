//! Rust types out: terms from whatever implements [`Serialize`].

mod compound;
mod error;
mod names;
mod natural;
mod serializer;
mod sink;
mod terms;

use serde::Serialize;

pub use self::error::SerializeError;
use self::serializer::Serializer;
use self::sink::Builder;
use super::etf::{Encoded, Mark, Writer};
use super::{List, Term};

/// How deep values may be nested by default: 128 tuples, lists, maps and structs in one another.
///
/// What is written from Rust types recurses as the types do; this keeps it well within the smallest stacks in use.
/// Values in a [`Term`] or [`Encoded`] don't count: they are written without recursion.
pub const DEFAULT_DEPTH_LIMIT: u32 = 128;

/// How Rust values are written.
///
/// ```
/// use erlnode::{atom, term::{Term, ser}};
///
/// let options = ser::Options { nothing: ser::Nothing::Nil, ..ser::Options::default() };
/// assert_eq!(ser::to_term_with(&None::<i64>, options)?, Term::from(atom!("nil")));
/// # Ok::<(), ser::SerializeError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// What `None` is written as.
    pub nothing: Nothing,
    /// How deep values may be nested.
    pub depth_limit: u32,
}

impl Default for Options {
    fn default() -> Options {
        Options { nothing: Nothing::default(), depth_limit: DEFAULT_DEPTH_LIMIT }
    }
}

/// What `None` is written as. Both are read as `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Nothing {
    /// The atom `undefined`, as is usual in Erlang.
    #[default]
    Undefined,
    /// The atom `nil`, as is usual in Elixir.
    Nil,
}

/// The term of a Rust value.
///
/// # Errors
/// If the value has no term; see [`SerializeError`].
pub fn to_term<T: Serialize + ?Sized>(value: &T) -> Result<Term, SerializeError> {
    to_term_with(value, Options::default())
}

/// [`to_term`] with other options.
///
/// # Errors
/// As [`to_term`].
pub fn to_term_with<T: Serialize + ?Sized>(value: &T, options: Options) -> Result<Term, SerializeError> {
    let builder = Serializer::new(Builder::default(), options).write(value)?;
    Ok(builder.finish().unwrap_or_default())
}

/// The term of a Rust value, in the external format.
///
/// # Errors
/// As [`to_term`].
pub fn to_encoded<T: Serialize + ?Sized>(value: &T) -> Result<Encoded, SerializeError> {
    to_encoded_with(value, Options::default())
}

/// [`to_encoded`] with other options.
///
/// # Errors
/// As [`to_term`].
pub fn to_encoded_with<T: Serialize + ?Sized>(
    value: &T,
    options: Options,
) -> Result<Encoded, SerializeError> {
    let mut writer = Writer::new();
    to_writer_with(&mut writer, value, options)?;
    Ok(Encoded::new(writer.into_bytes(), None))
}

/// Writes the term of a Rust value to the end of what is in `writer`.
///
/// # Errors
/// As [`to_term`]; nothing is written then.
pub fn to_writer<T: Serialize + ?Sized>(writer: &mut Writer, value: &T) -> Result<(), SerializeError> {
    to_writer_with(writer, value, Options::default())
}

/// [`to_writer`] with other options.
///
/// # Errors
/// As [`to_writer`].
pub fn to_writer_with<T: Serialize + ?Sized>(
    writer: &mut Writer,
    value: &T,
    options: Options,
) -> Result<(), SerializeError> {
    whole(writer, |writer| Serializer::new(writer, options).write(value).map(drop))
}

/// The arguments of a function, as a list: the elements of a tuple or a list; none are `()`.
///
/// ```
/// use erlnode::term::{Term, ser};
///
/// let arguments = ser::arguments_to_term(&(1, "two"), ser::Options::default())?;
/// assert_eq!(&arguments[..], [Term::from(1), Term::from("two")]);
/// assert!(ser::arguments_to_term(&(), ser::Options::default())?.is_empty());
/// # Ok::<(), ser::SerializeError>(())
/// ```
///
/// # Errors
/// [`SerializeError::Arguments`] if it is anything else; or as [`to_term`].
pub fn arguments_to_term<T: Serialize + ?Sized>(value: &T, options: Options) -> Result<List, SerializeError> {
    let builder = Serializer::new(Builder::default(), options).for_arguments().write(value)?;
    match builder.finish() {
        Some(Term::List(list)) => Ok(list),
        _ => Err(SerializeError::Arguments { found: "another term" }),
    }
}

/// Writes the arguments of a function as [`arguments_to_term`] gives them. A [`Term`] or [`Encoded`] is not looked
/// into, and should be a list.
///
/// # Errors
/// As [`arguments_to_term`]; nothing is written then.
pub fn arguments_to_writer<T: Serialize + ?Sized>(
    writer: &mut Writer,
    value: &T,
    options: Options,
) -> Result<(), SerializeError> {
    whole(writer, |writer| Serializer::new(writer, options).for_arguments().write(value).map(drop))
}

/// Writes the whole or nothing, even if a `Serialize` implementation panics.
fn whole(
    writer: &mut Writer,
    write: impl FnOnce(&mut Writer) -> Result<(), SerializeError>,
) -> Result<(), SerializeError> {
    struct Whole<'a> {
        writer: &'a mut Writer,
        before: Option<Mark>,
    }
    impl Drop for Whole<'_> {
        fn drop(&mut self) {
            if let Some(mark) = self.before {
                self.writer.rollback(mark);
            }
        }
    }
    let mut whole = Whole { before: Some(writer.mark()), writer };
    write(whole.writer)?;
    whole.before = None;
    Ok(())
}

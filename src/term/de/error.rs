//! Why a term could not be read as a Rust type.

use std::fmt;

use serde::de::{self, Expected, Unexpected};

use super::source::Kind;
use crate::term::etf::{DecodeError, EncodeError};

/// Why a term could not be read as a Rust type: what was expected, what was found, and where.
///
/// ```
/// use std::collections::HashMap;
/// use erlnode::term::{from_term, to_term};
///
/// #[derive(Debug, serde::Deserialize)]
/// struct User {
///     name: String,
/// }
///
/// let term = to_term(&vec![HashMap::from([("name", 42)])])?;
/// let error = from_term::<Vec<User>>(&term).unwrap_err();
/// assert_eq!(error.to_string(), "expected a string, found the integer 42, in [0].name");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct DeserializeError(Box<Inner>);

struct Inner {
    reason: Reason,
    offset: Option<usize>,
    // Innermost first.
    path: Vec<Segment>,
}

/// What is wrong, without the place.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// The bytes are no well-formed term.
    #[error(transparent)]
    Malformed(#[from] DecodeError),
    /// A value read by way of serde's buffers could not be taken into the external format.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The term is of another type than the one asked for, or its value does not fit.
    #[error("expected {expected}, found {found}")]
    Mismatch {
        /// What the Rust type wants.
        expected: Box<str>,
        /// What stands there.
        found: Box<str>,
    },
    /// Elements of a tuple, list or map that the Rust type has no place for.
    #[error("expected {expected} elements, found {found}")]
    Arity {
        /// How many the Rust type takes.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// A list ends in something that is no list.
    #[error("expected a proper list, found one whose tail is {tail}")]
    ImproperList {
        /// What the tail is.
        tail: &'static str,
    },
    /// The Rust values nest deeper than the limit.
    #[error("nested deeper than {limit} levels")]
    TooDeep {
        /// The limit that was set.
        limit: u32,
    },
    /// A `Deserialize` implementation asked for more than is there.
    #[error("no term is left")]
    NothingLeft,
    /// A field of the Rust type that the map does not have.
    #[error("the field `{field}` is missing")]
    MissingField {
        /// The field's name.
        field: &'static str,
    },
    /// A map has a key which the Rust type forbids, or does so twice.
    #[error("the field `{field}` is {}", if *.twice { "there twice" } else { "not known" })]
    UnexpectedField {
        /// The key.
        field: Box<str>,
        /// Whether it is there twice.
        twice: bool,
    },
    /// An atom or a tagged tuple that is no variant of the enum.
    #[error("no variant is called `{variant}`, they are {}", Names(.expected))]
    UnknownVariant {
        /// The atom.
        variant: Box<str>,
        /// The names of the variants.
        expected: &'static [&'static str],
    },
    /// What a `Deserialize` implementation said.
    #[error("{0}")]
    Message(Box<str>),
}

/// A step from the whole term to the place of the error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Segment {
    Element(usize),
    Key(Box<str>),
    Variant(Box<str>),
}

struct Names(&'static [&'static str]);

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, name) in self.0.iter().enumerate() {
            write!(f, "{}`{name}`", if index == 0 { "" } else { ", " })?;
        }
        if self.0.is_empty() { f.write_str("none") } else { Ok(()) }
    }
}

impl DeserializeError {
    /// What is wrong.
    #[must_use]
    pub fn reason(&self) -> &Reason {
        &self.0.reason
    }

    /// Where the term in question starts, in bytes from the start of the encoded term. Not known for a
    /// [`Term`](crate::term::Term), which has no bytes.
    #[must_use]
    pub fn offset(&self) -> Option<usize> {
        self.0.offset
    }

    /// The way to the term in question, as `users[3].name`; empty if it is the whole term.
    #[must_use]
    pub fn path(&self) -> String {
        Path(&self.0.path).to_string()
    }

    pub(crate) fn new(reason: impl Into<Reason>) -> DeserializeError {
        DeserializeError(Box::new(Inner { reason: reason.into(), offset: None, path: Vec::new() }))
    }

    pub(crate) fn mismatch(expected: &dyn Expected, found: impl fmt::Display) -> DeserializeError {
        DeserializeError::new(Reason::Mismatch {
            expected: expected.to_string().into(),
            found: found.to_string().into(),
        })
    }

    pub(crate) fn at(mut self, offset: Option<usize>) -> DeserializeError {
        // The innermost place counts, and it is the first to speak.
        if self.0.offset.is_none() && self.0.path.is_empty() {
            self.0.offset = offset;
        }
        self
    }

    pub(crate) fn within(mut self, segment: Segment) -> DeserializeError {
        self.0.path.push(segment);
        self
    }
}

struct Path<'a>(&'a [Segment]);

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, segment) in self.0.iter().rev().enumerate() {
            match segment {
                Segment::Element(element) => write!(f, "[{element}]")?,
                Segment::Key(name) | Segment::Variant(name) => {
                    write!(f, "{}{name}", if index == 0 { "" } else { "." })?;
                }
            }
        }
        Ok(())
    }
}

impl fmt::Display for DeserializeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.reason)?;
        if !self.0.path.is_empty() {
            write!(f, ", in {}", Path(&self.0.path))?;
        }
        match (&self.0.reason, self.0.offset) {
            // It tells the place itself.
            (Reason::Malformed(_), _) | (_, None) => Ok(()),
            (_, Some(offset)) => write!(f, ", at byte {offset}"),
        }
    }
}

impl fmt::Debug for DeserializeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeserializeError")
            .field("reason", &self.0.reason)
            .field("offset", &self.0.offset)
            .field("path", &self.path())
            .finish()
    }
}

impl std::error::Error for DeserializeError {}

impl From<DecodeError> for DeserializeError {
    fn from(error: DecodeError) -> DeserializeError {
        let offset = error.offset;
        DeserializeError::new(error).at(Some(offset))
    }
}

impl de::Error for DeserializeError {
    fn custom<T: fmt::Display>(message: T) -> DeserializeError {
        DeserializeError::new(Reason::Message(message.to_string().into()))
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> DeserializeError {
        DeserializeError::mismatch(expected, Found(found))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> DeserializeError {
        DeserializeError::mismatch(expected, Found(found))
    }

    fn invalid_length(length: usize, expected: &dyn Expected) -> DeserializeError {
        DeserializeError::mismatch(expected, format_args!("{length} elements"))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> DeserializeError {
        DeserializeError::new(Reason::UnknownVariant { variant: variant.into(), expected })
    }

    fn unknown_field(field: &str, _: &'static [&'static str]) -> DeserializeError {
        DeserializeError::new(Reason::UnexpectedField { field: field.into(), twice: false })
    }

    fn missing_field(field: &'static str) -> DeserializeError {
        DeserializeError::new(Reason::MissingField { field })
    }

    fn duplicate_field(field: &'static str) -> DeserializeError {
        DeserializeError::new(Reason::UnexpectedField { field: field.into(), twice: true })
    }
}

/// serde's words for what was found, in Erlang's.
struct Found<'a>(Unexpected<'a>);

impl fmt::Display for Found<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Unexpected::Bool(value) => write!(f, "the atom `{value}`"),
            Unexpected::Unsigned(value) => write!(f, "the integer {value}"),
            Unexpected::Signed(value) => write!(f, "the integer {value}"),
            Unexpected::Str(_) => Kind::Binary.fmt(f),
            Unexpected::Bytes(_) => Kind::Binary.fmt(f),
            Unexpected::Seq => f.write_str("a list or a tuple"),
            Unexpected::Map => Kind::Map.fmt(f),
            Unexpected::Unit => f.write_str("nothing"),
            Unexpected::NewtypeStruct => f.write_str("a term only Erlang has"),
            other => other.fmt(f),
        }
    }
}

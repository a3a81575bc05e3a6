//! Why a Rust value has no term.

use std::fmt;

use serde::ser;

use crate::term::etf::{DecodeError, EncodeError};

/// Why a Rust value could not be written as a term.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SerializeError {
    /// The external format has no such term.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// A term that came in the external format, and had to be decoded, is malformed.
    #[error("a malformed term cannot be passed on: {0}")]
    Malformed(#[from] DecodeError),
    /// A name of more than 255 characters, which no atom can have.
    #[error("the name `{name}` is too long for an atom")]
    AtomTooLong {
        /// The name.
        name: Box<str>,
    },
    /// The values nest deeper than the limit.
    #[error("nested deeper than {limit} levels")]
    TooDeep {
        /// The limit that was set.
        limit: u32,
    },
    /// A tuple has not as many elements as its `Serialize` implementation announced.
    #[error("a tuple of {announced} elements was announced and {written} were written")]
    TupleLength {
        /// How many were announced.
        announced: usize,
        /// How many came.
        written: usize,
    },
    /// Two keys of a map are the same term. A BEAM closes the connection on which such a map comes.
    #[error("a key stands twice in a map")]
    DuplicateKey,
    /// The arguments of a function are neither a tuple nor a list.
    #[error("arguments are a tuple, a list or `()`, not {found}")]
    Arguments {
        /// What they are.
        found: &'static str,
    },
    /// A term type came by way of a buffer of serde's, which lost it: in an internally tagged enum.
    #[error("a term cannot pass through serde's buffers")]
    Buffered,
    /// The error of a part was dropped by the `Serialize` implementation of the whole.
    #[error("a part could not be written")]
    PartFailed,
    /// What a `Serialize` implementation said.
    #[error("{0}")]
    Message(Box<str>),
}

impl ser::Error for SerializeError {
    fn custom<T: fmt::Display>(message: T) -> SerializeError {
        SerializeError::Message(message.to_string().into())
    }
}

//! Binaries as fields of Rust types, without copying.

use std::fmt;
use std::ops::Deref;

use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Term;
use super::de::{HandedOver, ask};
use super::handover::{self, Handed, name};

/// A binary, shared with the message it came in.
///
/// serde alone reads bytes by copying or by borrowing them. This is a slice of the message's buffer, which it keeps
/// alive; and when sent, a large one is not copied either. It is written and read as [`Bytes`], and derefs to them. For
/// a field that is to be `Bytes` itself there are [`serialize`] and [`deserialize`]:
///
/// ```
/// use bytes::Bytes;
/// use erlnode::term::{Binary, from_encoded, to_encoded};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Chunk {
///     offset: u64,
///     #[serde(with = "erlnode::term::binary")]
///     data: Bytes,
/// }
///
/// let message = to_encoded(&Chunk { offset: 0, data: Bytes::from_static(b"data") })?;
/// let chunk: Chunk = from_encoded(&message)?;
/// assert_eq!(chunk.data, "data");
/// assert!(message.bytes().as_ptr_range().contains(&chunk.data.as_ptr()));
///
/// let (tag, data): (String, Binary) = from_encoded(&to_encoded(&("a", Binary::from("data")))?)?;
/// assert_eq!((&*tag, &*data), ("a", &Bytes::from("data")));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Binary(pub Bytes);

impl From<Bytes> for Binary {
    fn from(bytes: Bytes) -> Binary {
        Binary(bytes)
    }
}

impl From<Vec<u8>> for Binary {
    fn from(bytes: Vec<u8>) -> Binary {
        Binary(bytes.into())
    }
}

impl From<String> for Binary {
    fn from(text: String) -> Binary {
        Binary(text.into())
    }
}

impl From<&'static [u8]> for Binary {
    fn from(bytes: &'static [u8]) -> Binary {
        Binary(Bytes::from_static(bytes))
    }
}

impl From<&'static str> for Binary {
    fn from(text: &'static str) -> Binary {
        Binary(text.into())
    }
}

impl From<Binary> for Bytes {
    fn from(binary: Binary) -> Bytes {
        binary.0
    }
}

impl From<Binary> for Term {
    fn from(binary: Binary) -> Term {
        Term::Binary(binary.0)
    }
}

impl Deref for Binary {
    type Target = Bytes;

    fn deref(&self) -> &Bytes {
        &self.0
    }
}

impl fmt::Debug for Binary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Binary {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize(&self.0, serializer)
    }
}

impl<'de> Deserialize<'de> for Binary {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Binary, D::Error> {
        ask(deserializer)
    }
}

impl HandedOver for Binary {
    const NAME: &'static str = name::BINARY;
    const WHAT: &'static str = "a binary";

    fn from_term(term: Term) -> Option<Binary> {
        if let Term::Binary(bytes) = term { Some(Binary(bytes)) } else { None }
    }

    fn from_natural(term: Term) -> Option<Binary> {
        match term {
            // Some formats have no bytes, but sequences of numbers.
            Term::List(list) => list
                .iter()
                .map(|byte| if let Term::Integer(byte) = byte { u8::try_from(byte).ok() } else { None })
                .collect::<Option<Vec<u8>>>()
                .map(Binary::from),
            term => Self::from_term(term),
        }
    }
}

/// Writes a field that is a binary: for `#[serde(with = "erlnode::term::binary")]`.
///
/// # Errors
/// Those of the serializer.
pub fn serialize<S: Serializer>(bytes: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
    struct Plain<'a>(&'a Bytes);
    impl Serialize for Plain<'_> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_bytes(self.0)
        }
    }
    handover::offer(Handed::Term(Term::Binary(bytes.clone())), || {
        serializer.serialize_newtype_struct(name::BINARY, &Plain(bytes))
    })
}

/// Reads a field that is a binary: for `#[serde(with = "erlnode::term::binary")]`.
///
/// # Errors
/// If there is no binary.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
    Binary::deserialize(deserializer).map(Bytes::from)
}

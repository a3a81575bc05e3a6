//! Erlang terms: the values that nodes exchange.
//!
//! [`Term`] can hold any of them. Compound terms are immutable and shared, so cloning one is cheap; binaries are
//! slices of the buffer they came in. Most programs meet terms through serde, see [`mapping`], and need a `Term` only
//! for what has no Rust type.

// What comes from the network must not be able to panic here.
#![warn(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::cast_possible_truncation)]

#[cfg(test)]
pub(crate) mod arbitrary;
mod atom;
pub mod binary;
mod bitstring;
mod chardata;
mod creation;
pub mod de;
mod elements;
pub mod etf;
mod format;
mod fun;
mod handover;
mod integer;
pub mod io_lib;
mod list;
mod map;
pub mod mapping;
mod naming;
mod order;
pub mod parse;
mod pid;
mod port;
mod record;
mod reference;
pub mod ser;
mod tuple;

use std::sync::Arc;

use bytes::Bytes;

pub use self::atom::{Atom, AtomTooLong, MAX_ATOM_CHARACTERS};
pub use self::binary::Binary;
pub use self::bitstring::BitString;
pub use self::chardata::CharEncoding;
pub use self::creation::Creation;
pub use self::de::{DeserializeError, from_encoded, from_reader, from_term};
pub(crate) use self::elements::Elements;
pub use self::fun::{ExternalFun, Fun, LocalFun};
pub use self::integer::{Integer, IntegerOutOfRange};
pub use self::list::{ImproperList, List};
pub use self::map::Map;
pub use self::pid::Pid;
pub use self::port::Port;
pub use self::record::Record;
pub use self::reference::Reference;
pub use self::ser::{SerializeError, to_encoded, to_term, to_writer};
pub use self::tuple::Tuple;

/// Any Erlang term.
///
/// `==` is Erlang's `=:=`; [`erlang_eq`](Term::erlang_eq) is Erlang's `==`, to which `1` and `1.0` are equal. `Ord`
/// is the order of map keys, consistent with `==`; [`erlang_cmp`](Term::erlang_cmp) is the order of Erlang's `<`.
#[derive(Clone)]
pub enum Term {
    /// An integer of any size.
    Integer(Integer),
    /// A float; on the wire it must be finite.
    Float(f64),
    /// An atom; `true`, `false`, `nil` and `undefined` are atoms too.
    Atom(Atom),
    /// A reference.
    Reference(Reference),
    /// A fun.
    Fun(Fun),
    /// A port identifier.
    Port(Port),
    /// A process identifier.
    Pid(Pid),
    /// A tuple.
    Tuple(Tuple),
    /// A native record of OTP 29.
    Record(Arc<Record>),
    /// A map.
    Map(Map),
    /// A proper list; a charlist is a list of integers.
    List(List),
    /// A list with a tail that is not a list.
    ImproperList(ImproperList),
    /// A binary: Elixir's strings are binaries of UTF-8.
    Binary(Bytes),
    /// A bit string that is not a whole number of bytes.
    BitString(BitString),
}

impl Term {
    /// The empty list, `[]`.
    pub const NIL: Term = Term::List(List::NIL);

    /// A tuple of `elements`.
    #[must_use]
    pub fn tuple(elements: impl IntoIterator<Item = Term>) -> Term {
        Term::Tuple(elements.into_iter().collect())
    }

    /// A proper list of `elements`.
    #[must_use]
    pub fn list(elements: impl IntoIterator<Item = Term>) -> Term {
        Term::List(elements.into_iter().collect())
    }

    /// The list of the code points of `text`: a string in Erlang, a charlist in Elixir.
    #[must_use]
    pub fn charlist(text: &str) -> Term {
        Term::list(text.chars().map(|character| Term::from(u32::from(character))))
    }

    /// The atom, if it is one.
    #[must_use]
    pub fn as_atom(&self) -> Option<&Atom> {
        if let Term::Atom(atom) = self { Some(atom) } else { None }
    }

    /// The pid, if it is one.
    #[must_use]
    pub fn as_pid(&self) -> Option<&Pid> {
        if let Term::Pid(pid) = self { Some(pid) } else { None }
    }

    /// The tuple's elements, if it is one.
    #[must_use]
    pub fn as_tuple(&self) -> Option<&[Term]> {
        if let Term::Tuple(tuple) = self { Some(tuple) } else { None }
    }

    /// The list's elements, if it is a proper list.
    #[must_use]
    pub fn as_list(&self) -> Option<&[Term]> {
        if let Term::List(list) = self { Some(list) } else { None }
    }

    /// Whether it is the atom `name`.
    #[must_use]
    pub fn is_atom(&self, name: &str) -> bool {
        matches!(self, Term::Atom(atom) if atom == name)
    }
}

/// `[]`.
impl Default for Term {
    fn default() -> Term {
        Term::NIL
    }
}

macro_rules! from_integer {
    ($($kind:ty)*) => { $(
        impl From<$kind> for Term {
            fn from(value: $kind) -> Term {
                Term::Integer(Integer::from(value))
            }
        }
    )* };
}
from_integer!(i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize);

macro_rules! from_variant {
    ($($kind:ty => $variant:ident),* $(,)?) => { $(
        impl From<$kind> for Term {
            fn from(value: $kind) -> Term {
                Term::$variant(value)
            }
        }
    )* };
}
from_variant!(
    Integer => Integer, f64 => Float, Atom => Atom, Reference => Reference, Fun => Fun, Port => Port, Pid => Pid,
    Tuple => Tuple, Map => Map, List => List, ImproperList => ImproperList, Bytes => Binary, BitString => BitString,
);

impl From<bool> for Term {
    fn from(value: bool) -> Term {
        Term::Atom(if value { crate::atom!("true") } else { crate::atom!("false") })
    }
}

impl From<Record> for Term {
    fn from(value: Record) -> Term {
        Term::Record(Arc::new(value))
    }
}

/// A binary, as serde makes of a `&str`.
impl From<&str> for Term {
    fn from(text: &str) -> Term {
        Term::Binary(Bytes::copy_from_slice(text.as_bytes()))
    }
}

/// A binary, as serde makes of a `String`.
impl From<String> for Term {
    fn from(text: String) -> Term {
        Term::Binary(Bytes::from(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_term_is_five_words() {
        assert_eq!(size_of::<Term>(), 40);
    }
}

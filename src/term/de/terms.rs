//! [`Deserialize`] of the term types themselves.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::natural::Natural;
use crate::term::etf::Encoded;
use crate::term::handover::{self, Handed, name};
use crate::term::{
    Atom, BitString, Fun, ImproperList, Integer, List, Map, Pid, Port, Record, Reference, Term, Tuple,
    parse::parse,
};

/// A type that our deserializer hands over.
pub(crate) trait HandedOver: Sized {
    /// The reserved name to ask for it.
    const NAME: &'static str;
    /// What it is, for messages.
    const WHAT: &'static str;

    fn from_term(term: Term) -> Option<Self>;

    /// From what another format gave.
    fn from_natural(term: Term) -> Option<Self> {
        Self::from_term(term)
    }

    fn from_handed(handed: Handed) -> Option<Self> {
        match handed {
            Handed::Term(term) => Self::from_term(term),
            Handed::Encoded(encoded) => Self::from_term(encoded.to_term().ok()?),
        }
    }
}

/// Asks our deserializer for a `T`, and any other for what is nearest to it.
pub(crate) fn ask<'de, T: HandedOver, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    deserializer.deserialize_newtype_struct(T::NAME, Wanted(PhantomData))
}

struct Wanted<T>(PhantomData<T>);

impl<'de, T: HandedOver> Visitor<'de> for Wanted<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::WHAT)
    }

    fn visit_unit<E: Error>(self) -> Result<T, E> {
        let Some(handed) = handover::take_given() else { return natural(Natural::new().visit_unit()?) };
        T::from_handed(handed)
            .ok_or_else(|| E::custom(format_args!("expected {}, found another term", T::WHAT)))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        natural(deserializer.deserialize_any(Natural::new())?)
    }

    // What a foreign deserializer that ignores newtype structs may give right away.
    fn visit_bool<E: Error>(self, value: bool) -> Result<T, E> {
        natural(Natural::new().visit_bool(value)?)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<T, E> {
        natural(Natural::new().visit_i64(value)?)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<T, E> {
        natural(Natural::new().visit_u64(value)?)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<T, E> {
        natural(Natural::new().visit_f64(value)?)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<T, E> {
        natural(Natural::new().visit_str(value)?)
    }

    fn visit_borrowed_str<E: Error>(self, value: &'de str) -> Result<T, E> {
        natural(Natural::new().visit_borrowed_str(value)?)
    }

    fn visit_bytes<E: Error>(self, value: &[u8]) -> Result<T, E> {
        natural(Natural::new().visit_bytes(value)?)
    }

    fn visit_none<E: Error>(self) -> Result<T, E> {
        natural(Natural::new().visit_none()?)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, sequence: A) -> Result<T, A::Error> {
        natural(Natural::new().visit_seq(sequence)?)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        natural(Natural::new().visit_map(map)?)
    }
}

fn natural<T: HandedOver, E: Error>(term: Term) -> Result<T, E> {
    T::from_natural(term).ok_or_else(|| E::custom(format_args!("expected {}, found something else", T::WHAT)))
}

macro_rules! deserialize {
    ($($kind:ident)*) => { $(
        impl<'de> Deserialize<'de> for $kind {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<$kind, D::Error> {
                ask(deserializer)
            }
        }
    )* };
}
deserialize!(
    Term Encoded Atom Pid Port Reference Integer Map Tuple List ImproperList BitString Fun Record
);

/// What another format has been given as text is read back from it. Erlang's own text stays text.
fn parsed(term: Term) -> Term {
    match term {
        Term::Binary(text) if !handover::is_reading() => {
            let parsed = str::from_utf8(&text).ok().and_then(|text| parse(text).ok());
            // Lists and maps are not given as text.
            parsed.filter(|term| !matches!(term, Term::List(_) | Term::Map(_))).unwrap_or(Term::Binary(text))
        }
        term => term,
    }
}

macro_rules! handed_over {
    ($($kind:ident, $name:ident, $what:literal;)*) => { $(
        impl HandedOver for $kind {
            const NAME: &'static str = name::$name;
            const WHAT: &'static str = $what;

            fn from_term(term: Term) -> Option<$kind> {
                if let Term::$kind(value) = term { Some(value) } else { None }
            }

            fn from_natural(term: Term) -> Option<$kind> {
                Self::from_term(parsed(term))
            }
        }
    )* };
}
handed_over!(
    Pid, PID, "a pid";
    Port, PORT, "a port";
    Reference, REFERENCE, "a reference";
    Map, MAP, "a map";
    List, LIST, "a proper list";
    ImproperList, IMPROPER_LIST, "an improper list";
    BitString, BIT_STRING, "a bit string";
    Fun, FUN, "a fun";
);

impl HandedOver for Term {
    const NAME: &'static str = name::TERM;
    const WHAT: &'static str = "any term";

    fn from_term(term: Term) -> Option<Term> {
        Some(term)
    }
}

impl HandedOver for Encoded {
    const NAME: &'static str = name::ENCODED;
    const WHAT: &'static str = "any term";

    fn from_term(term: Term) -> Option<Encoded> {
        Self::from_term(&term).ok()
    }

    fn from_handed(handed: Handed) -> Option<Encoded> {
        match handed {
            Handed::Encoded(encoded) => Some(encoded),
            Handed::Term(term) => Self::from_term(&term).ok(),
        }
    }
}

impl HandedOver for Atom {
    const NAME: &'static str = name::ATOM;
    const WHAT: &'static str = "an atom";

    fn from_term(term: Term) -> Option<Atom> {
        if let Term::Atom(atom) = term { Some(atom) } else { None }
    }

    fn from_natural(term: Term) -> Option<Atom> {
        match term {
            Term::Binary(text) if !handover::is_reading() => Atom::new(str::from_utf8(&text).ok()?).ok(),
            term => Self::from_term(term),
        }
    }
}

impl HandedOver for Integer {
    const NAME: &'static str = name::INTEGER;
    const WHAT: &'static str = "an integer";

    fn from_term(term: Term) -> Option<Integer> {
        if let Term::Integer(integer) = term { Some(integer) } else { None }
    }

    fn from_natural(term: Term) -> Option<Integer> {
        Self::from_term(parsed(term))
    }
}

impl HandedOver for Tuple {
    const NAME: &'static str = name::TUPLE;
    const WHAT: &'static str = "a tuple";

    fn from_term(term: Term) -> Option<Tuple> {
        if let Term::Tuple(tuple) = term { Some(tuple) } else { None }
    }

    fn from_natural(term: Term) -> Option<Tuple> {
        match term {
            Term::List(list) => Some(Tuple(list.0)),
            term => Self::from_term(term),
        }
    }
}

impl HandedOver for Record {
    const NAME: &'static str = name::RECORD;
    const WHAT: &'static str = "a native record";

    fn from_term(term: Term) -> Option<Record> {
        if let Term::Record(record) = term { Some(Arc::unwrap_or_clone(record)) } else { None }
    }
}

//! [`Serialize`] of the term types themselves.

use serde::ser::{Error, Serialize, Serializer};

use super::natural::Natural;
use crate::term::etf::Encoded;
use crate::term::handover::{self, Handed, name};
use crate::term::{
    Atom, BitString, Fun, ImproperList, Integer, List, Map, Pid, Port, Record, Reference, Term, Tuple,
};

/// Offers a term to our serializer, and what is nearest to it to others.
fn offer<T, S>(name: &'static str, value: &T, serializer: S) -> Result<S::Ok, S::Error>
where
    T: Clone,
    Term: From<T>,
    S: Serializer,
{
    let term = Term::from(value.clone());
    handover::offer(Handed::Term(term), || serializer.serialize_newtype_struct(name, &Offered(value)))
}

struct Offered<'a, T>(&'a T);

impl<T: Clone> Serialize for Offered<'_, T>
where
    Term: From<T>,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Natural::new(&Term::from(self.0.clone())).serialize(serializer)
    }
}

macro_rules! serialize {
    ($($kind:ident => $name:ident),* $(,)?) => { $(
        impl Serialize for $kind {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                offer(name::$name, self, serializer)
            }
        }
    )* };
}
serialize!(
    Term => TERM, Atom => ATOM, Pid => PID, Port => PORT, Reference => REFERENCE, Integer => INTEGER, Map => MAP,
    Tuple => TUPLE, List => LIST, ImproperList => IMPROPER_LIST, BitString => BIT_STRING, Fun => FUN,
    Record => RECORD,
);

impl Serialize for Encoded {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct Decoded<'a>(&'a Encoded);
        impl Serialize for Decoded<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let term = self.0.to_term().map_err(S::Error::custom)?;
                Natural::new(&term).serialize(serializer)
            }
        }
        handover::offer(Handed::Encoded(self.clone()), || {
            serializer.serialize_newtype_struct(name::ENCODED, &Decoded(self))
        })
    }
}

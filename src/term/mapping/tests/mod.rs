//! Each row of the table, in both directions; and what goes through serde's buffers.

mod limits;
mod properties;
mod terms;
mod types;
mod values;

use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::atom;
use crate::term::etf::Encoded;
use crate::term::{Atom, Creation, Map, Pid, Reference, Term, from_encoded, from_term, to_encoded, to_term};

fn a(name: &str) -> Term {
    Term::Atom(Atom::new(name).unwrap())
}

fn i(value: i64) -> Term {
    Term::from(value)
}

fn t<const N: usize>(elements: [Term; N]) -> Term {
    Term::tuple(elements)
}

fn l<const N: usize>(elements: [Term; N]) -> Term {
    Term::list(elements)
}

fn m<const N: usize>(pairs: [(Term, Term); N]) -> Term {
    Term::Map(Map::from_iter(pairs))
}

fn pid() -> Pid {
    Pid { node: atom!("rust@host"), id: 12, serial: 3, creation: Creation(77) }
}

fn reference() -> Reference {
    Reference::new(atom!("rust@host"), Creation(77), &[1, 2, 3]).unwrap()
}

/// `value` is written as `term`, and read from it.
#[track_caller]
fn both<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: T, term: Term) {
    assert_eq!(to_term(&value).unwrap(), term);
    assert_eq!(to_encoded(&value).unwrap().to_term().unwrap(), term);
    reads(&term, value);
}

/// `value` is read from `term`.
#[track_caller]
fn reads<T: DeserializeOwned + PartialEq + Debug>(term: &Term, value: T) {
    assert_eq!(from_term::<T>(term).unwrap(), value);
    assert_eq!(from_encoded::<T>(&Encoded::from_term(term).unwrap()).unwrap(), value);
}

/// No `T` is read from `term`. Gives the message.
#[track_caller]
fn refuses<T: DeserializeOwned + Debug>(term: &Term) -> String {
    let encoded = from_encoded::<T>(&Encoded::from_term(term).unwrap()).unwrap_err();
    let error = from_term::<T>(term).unwrap_err();
    assert_eq!(encoded.reason(), error.reason());
    assert_eq!(encoded.path(), error.path());
    error.to_string()
}

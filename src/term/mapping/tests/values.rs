//! Plain values, tuples, lists and maps.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use num_bigint::BigInt;
use serde::{Deserialize, Serialize};

use super::{a, both, i, l, m, reads, refuses, t};
use crate::atom;
use crate::term::etf::Encoded;
use crate::term::ser::{self, Nothing, SerializeError};
use crate::term::{Atom, Binary, Integer, Term, from_encoded, to_encoded, to_term};

#[test]
fn booleans() {
    both(true, a("true"));
    both(false, a("false"));
    assert_eq!(refuses::<bool>(&a("yes")), "expected a boolean, found the atom `yes`");
    assert_eq!(refuses::<bool>(&i(1)), "expected a boolean, found the integer 1");
}

#[test]
fn integers_of_all_sizes() {
    both(i8::MIN, i(-128));
    both(u8::MAX, i(255));
    both(i16::MIN, i(-32768));
    both(u32::MAX, i(4_294_967_295));
    both(i64::MIN, i(i64::MIN));
    both(u64::MAX, Term::from(u64::MAX));
    both(i128::MIN, Term::from(i128::MIN));
    both(i128::from(i64::MIN), i(i64::MIN));
    both(u128::MAX, Term::from(u128::MAX));
    both(u128::from(u64::MAX), Term::from(u64::MAX));
    both(7u128, i(7));
    let huge = Integer::from(BigInt::from(1) << 300);
    both(huge.clone(), Term::Integer(huge.clone()));
    assert_eq!(refuses::<u8>(&i(256)), "expected u8, found the integer 256");
    assert_eq!(refuses::<u64>(&i(-1)), "expected u64, found the integer -1");
    assert_eq!(
        refuses::<i128>(&Term::Integer(huge)),
        "expected i128, found an integer of more than 128 bits"
    );
    assert_eq!(refuses::<i64>(&Term::from(1.0)), "expected i64, found a float");
}

#[test]
fn floats_are_read_from_integers_too() {
    both(1.5, Term::from(1.5));
    both(-0.5f32, Term::from(-0.5));
    reads(&i(3), 3.0);
    reads(&Term::from(u64::MAX), 18_446_744_073_709_551_616.0);
    reads(&Term::Integer(Integer::from(BigInt::from(1) << 1000)), 2f64.powi(1000));
    assert!(
        refuses::<f64>(&Term::Integer(Integer::from(BigInt::from(1) << 1024))).contains("no float can hold")
    );
    assert!(matches!(to_term(&f64::NAN), Err(SerializeError::Encode(_))));
    assert!(matches!(to_encoded(&f64::INFINITY), Err(SerializeError::Encode(_))));
}

#[test]
fn characters_are_code_points() {
    both('å', i(229));
    both(vec!['h', 'i'], Term::charlist("hi"));
    reads(&Term::from("å"), 'å');
    assert!(refuses::<char>(&i(0xd800)).contains("no code point"));
    refuses::<char>(&Term::from("ab"));
}

#[test]
fn text() {
    both("häus".to_owned(), Term::from("häus"));
    reads(&Term::charlist("häus€"), "häus€".to_owned());
    reads(&Term::charlist("plain"), "plain".to_owned());
    reads(&Term::NIL, String::new());
    assert_eq!(refuses::<String>(&a("atom")), "expected a string, found the atom `atom`");
    assert_eq!(refuses::<String>(&l([Term::from("io"), i(10)])), "expected a string, found a list");
    let bytes = Term::Binary(Bytes::from_static(b"\xff"));
    assert_eq!(refuses::<String>(&bytes), "expected a string, found a binary that is not UTF-8");
}

#[test]
fn bytes() {
    let bytes = Term::Binary(Bytes::from_static(b"\xff\0"));
    both(serde_bytes::ByteBuf::from(vec![255, 0]), bytes.clone());
    both(Binary::from(vec![255, 0]), bytes.clone());
    reads(&l([i(255), i(0)]), serde_bytes::ByteBuf::from(vec![255, 0]));
    reads(&l([i(255), i(0)]), Binary::from(vec![255, 0]));
    assert!(refuses::<serde_bytes::ByteBuf>(&l([i(256)])).contains("found a list"));
    assert!(refuses::<Vec<u8>>(&bytes).contains("a sequence, found a binary"));
}

#[test]
fn nothing_has_two_names() {
    both(None::<i64>, a("undefined"));
    both(Some(1), i(1));
    reads(&a("nil"), None::<i64>);
    let nil = ser::Options { nothing: Nothing::Nil, ..ser::Options::default() };
    assert_eq!(ser::to_term_with(&vec![None, Some(1)], nil).unwrap(), l([a("nil"), i(1)]));
    refuses::<Option<i64>>(&a("none"));
}

#[test]
fn unit() {
    both((), a("ok"));
    for term in [a("nil"), a("undefined"), Term::NIL, t([])] {
        reads(&term, ());
    }
    refuses::<()>(&a("error"));
    refuses::<()>(&t([i(1)]));
    refuses::<()>(&l([i(1)]));
}

#[test]
fn results() {
    both(Ok::<i64, String>(1), t([a("ok"), i(1)]));
    both(Err::<i64, String>("e".into()), t([a("error"), Term::from("e")]));
    both(Ok::<(), Atom>(()), a("ok"));
    both(Err::<(), Atom>(atom!("enoent")), t([a("error"), a("enoent")]));
    both(Err::<i64, ()>(()), a("error"));
    // An atom that reads `ok` is not nothing, nor is a tuple of nothing.
    both(Ok::<Atom, ()>(atom!("ok")), t([a("ok"), a("ok")]));
    both(Ok::<((),), ()>(((),)), t([a("ok"), t([a("ok")])]));
    both(vec![Ok::<(), ()>(()), Err(())], l([a("ok"), a("error")]));
    refuses::<Result<i64, ()>>(&a("ok"));
    assert_eq!(refuses::<Result<i64, ()>>(&a("maybe")), "no variant is called `maybe`, they are `Ok`, `Err`");
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Pair(pub i64, pub String);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Meters(f64);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename = "ping")]
struct Ping;

#[test]
fn tuples_and_structs_without_fields() {
    both((1, true), t([i(1), a("true")]));
    both([1, 2, 3], t([i(1), i(2), i(3)]));
    both(Pair(1, "x".into()), t([i(1), Term::from("x")]));
    both(Meters(2.0), Term::from(2.0));
    both(Ping, a("ping"));
    assert_eq!(refuses::<Ping>(&a("pong")), "expected the atom `ping`, found the atom `pong`");
    assert_eq!(refuses::<(i64, i64)>(&t([i(1)])), "expected a tuple of size 2, found a tuple of 1 elements");
    refuses::<(i64, i64)>(&t([i(1), i(2), i(3)]));
    refuses::<(i64, i64)>(&l([i(1), i(2)]));
}

#[test]
fn sequences() {
    both(vec![1u32, 300], l([i(1), i(300)]));
    both(vec!["a".to_owned()], l([Term::from("a")]));
    both(Vec::<i64>::new(), Term::NIL);
    // Of small integers the external format makes a string.
    both(vec![1u8, 2], l([i(1), i(2)]));
    reads(&Term::charlist("ab"), vec![Some(97u32), Some(98)]);
    reads(&Term::charlist("ab"), vec![97.0, 98.0]);
    reads(&Term::charlist("ab"), vec![Meters(97.0), Meters(98.0)]);
    reads(&Term::charlist("ab"), vec![i(97), i(98)]);
    reads(&Term::charlist("ab"), vec![Integer::from(97), Integer::from(98)]);
    assert_eq!(
        refuses::<Vec<String>>(&Term::charlist("ab")),
        "expected a string, found the integer 97, in [0]"
    );
    let improper = Term::list_with_tail(vec![i(1)], i(2));
    assert_eq!(refuses::<Vec<i64>>(&improper), "expected a proper list, found one whose tail is an integer");
    refuses::<Vec<i64>>(&t([i(1)]));
}

#[test]
fn a_list_in_pieces_is_one_list() {
    // [1 | [2 | "ab"]], as no encoder writes it but all decoders take it.
    let bytes = Bytes::from_static(&[108, 0, 0, 0, 1, 97, 1, 108, 0, 0, 0, 1, 97, 2, 107, 0, 2, 97, 98]);
    let encoded = Encoded::new(bytes, None);
    assert_eq!(from_encoded::<Vec<u8>>(&encoded).unwrap(), [1, 2, 97, 98]);
    assert_eq!(from_encoded::<String>(&encoded).unwrap(), "\u{1}\u{2}ab");
    assert_eq!(from_encoded::<serde_bytes::ByteBuf>(&encoded).unwrap(), [1, 2, 97, 98]);
}

#[test]
fn maps() {
    both(BTreeMap::from([(1, "a".to_owned())]), m([(i(1), Term::from("a"))]));
    both(HashMap::from([("k".to_owned(), 1)]), m([(Term::from("k"), i(1))]));
    both(HashMap::from([(atom!("k"), 1)]), m([(a("k"), i(1))]));
    both(HashMap::from([((1, true), ())]), m([(t([i(1), a("true")]), a("ok"))]));
    reads(
        &m([(a("k"), i(1)), (a("true"), i(2))]),
        BTreeMap::from([("k".to_owned(), 1), ("true".to_owned(), 2)]),
    );
    assert_eq!(
        refuses::<HashMap<Atom, i64>>(&m([(a("k"), a("v"))])),
        "expected i64, found the atom `v`, in k"
    );
}

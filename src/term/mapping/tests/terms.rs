//! Terms in Rust types, borrowing, other formats, arguments.

use std::borrow::Cow;
use std::collections::HashMap;

use bytes::Bytes;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::types::{Call, user};
use super::values::Pair;
use super::{a, both, i, l, m, pid, reference, refuses, t};
use crate::atom;
use crate::term::etf::{Encoded, Reader, Writer};
use crate::term::ser::{self, SerializeError};
use crate::term::{
    Atom, Binary, Creation, Integer, List, Pid, Port, Reference, Term, Tuple, de, from_encoded, from_term,
    to_encoded, to_term,
};

#[test]
fn terms_pass_unchanged() {
    both(atom!("x"), a("x"));
    both(pid(), Term::Pid(pid()));
    both((pid(), reference()), t([Term::Pid(pid()), Term::Reference(reference())]));
    let port = Port { node: atom!("a@b"), id: 5, creation: Creation(1) };
    both(Some(port.clone()), Term::Port(port));
    both(vec![Tuple::from(vec![i(1)])], l([t([i(1)])]));
    both(List::from(vec![i(1)]), l([i(1)]));
    let improper = Term::list_with_tail(vec![i(1)], i(2));
    both(improper.clone(), improper.clone());
    assert_eq!(refuses::<List>(&improper), "expected a proper list, found another term");
    assert_eq!(refuses::<Pid>(&a("pid")), "expected a pid, found the atom `pid`");
    assert_eq!(
        refuses::<(Pid, Atom)>(&t([Term::Pid(pid()), i(1)])),
        "expected an atom, found the integer 1, in [1]"
    );
}

#[test]
fn an_encoded_part_is_a_slice_of_the_whole() {
    let mut writer = Writer::with_atom_refs();
    ser::to_writer(&mut writer, &(pid(), (atom!("echo"), "some text"), 7)).unwrap();
    let atoms = writer.atoms().into();
    let message = Encoded::new(writer.into_bytes(), Some(atoms));
    let (from, payload, last): (Pid, Encoded, u8) = from_encoded(&message).unwrap();
    assert_eq!((from, last), (pid(), 7));
    assert!(message.bytes().as_ptr_range().contains(&payload.bytes().as_ptr()));
    assert_eq!(payload.bytes().len(), message.bytes().len() - 17 - 2);
    assert!(std::ptr::eq(payload.atoms(), message.atoms()));
    assert_eq!(to_term(&payload).unwrap(), t([a("echo"), Term::from("some text")]));
    // From a reader too, whose atoms it cannot share.
    let (_, again, _): (Pid, Encoded, u8) = de::from_reader(&mut message.reader()).unwrap();
    assert_eq!(again.to_term().unwrap(), payload.to_term().unwrap());
    // Also out of a byte list, a term, and one of serde's buffers.
    let parts: Vec<Encoded> = from_encoded(&to_encoded(&Term::charlist("a")).unwrap()).unwrap();
    assert_eq!(parts[0].to_term().unwrap(), i(97));
    let part: Encoded = from_term(&t([i(1)])).unwrap();
    assert_eq!(part.to_term().unwrap(), t([i(1)]));
}

#[test]
fn text_and_bytes_are_borrowed() {
    #[derive(Deserialize)]
    struct Borrowed<'a> {
        text: &'a str,
        #[serde(with = "serde_bytes")]
        bytes: &'a [u8],
        #[serde(borrow)]
        cow: Cow<'a, str>,
        #[serde(borrow)]
        charlist: Cow<'a, str>,
        #[serde(borrow)]
        map: HashMap<&'a str, &'a str>,
    }
    let term = m([
        (a("text"), Term::from("text")),
        (a("bytes"), Term::from("bytes")),
        (a("cow"), Term::from("cow")),
        (a("charlist"), Term::charlist("list")),
        (a("map"), m([(a("key"), Term::from("value"))])),
    ]);
    let encoded = Encoded::from_term(&term).unwrap();
    let within = encoded.bytes().as_ptr_range();
    let read: Borrowed<'_> = from_encoded(&encoded).unwrap();
    assert!(within.contains(&read.text.as_ptr()) && within.contains(&read.bytes.as_ptr()));
    assert!(matches!(read.cow, Cow::Borrowed("cow")));
    assert!(matches!(read.charlist, Cow::Owned(_)));
    assert!(read.map.contains_key("key"));
    let read: Borrowed<'_> = from_term(&term).unwrap();
    assert_eq!((read.text, read.bytes), ("text", &b"bytes"[..]));
    // What is not there as it should be can't be borrowed.
    assert!(from_term::<&str>(&Term::charlist("abc")).is_err());
}

#[test]
fn binaries_are_shared_both_ways() {
    let large = Bytes::from(vec![7; 100_000]);
    let mut writer = Writer::new();
    ser::to_writer(&mut writer, &("tag", Binary(large.clone()))).unwrap();
    assert!(writer.pieces().any(|piece| piece.as_ptr() == large.as_ptr()));
    let message = Encoded::new(writer.into_bytes(), None);
    let (_, read): (Atom, Binary) =
        from_encoded(&to_encoded(&(atom!("t"), Binary(large.clone()))).unwrap()).unwrap();
    assert_eq!(*read, large);
    let (_, shared): (&str, Binary) = from_encoded(&message).unwrap();
    assert!(message.bytes().as_ptr_range().contains(&shared.as_ptr()));
    // A term's binary is the same memory.
    let term = to_term(&Binary(large.clone())).unwrap();
    assert!(from_term::<Binary>(&term).unwrap().as_ptr() == large.as_ptr());
}

#[test]
fn other_formats_get_what_is_nearest() {
    let term = m([
        (a("pid"), Term::Pid(pid())),
        (a("list"), l([i(1), Term::from(0.5), a("true"), a("nil"), a("undefined"), a("atom")])),
        (Term::from("text"), t([Term::from("text")])),
        (i(1), Term::from(u64::MAX)),
        (i(2), Term::from(u128::MAX)),
    ]);
    let json = serde_json::to_value(&term).unwrap();
    assert_eq!(json["list"], serde_json::json!([1, 0.5, true, null, null, "atom"]));
    assert_eq!(json["text"], serde_json::json!(["text"]));
    assert_eq!(json["1"], serde_json::json!(u64::MAX));
    assert_eq!(json["2"], serde_json::json!(u128::MAX.to_string()));
    assert!(json["pid"].is_string());
    assert_eq!(serde_json::to_value((atom!("x"), Integer::from(1))).unwrap(), serde_json::json!(["x", 1]));
    assert_eq!(serde_json::to_value(to_encoded("x").unwrap()).unwrap(), serde_json::json!("x"));
    assert_eq!(serde_json::to_value(Binary::from("x")).unwrap(), serde_json::json!([120]));
}

#[test]
fn other_formats_give_what_they_have() {
    let term: Term = serde_json::from_str(r#"{"a": [1, -1, 0.5, true, null, "x\"y"]}"#).unwrap();
    let list = l([i(1), i(-1), Term::from(0.5), a("true"), a("nil"), Term::from("x\"y")]);
    assert_eq!(term, m([(Term::from("a"), list)]));
    assert_eq!(serde_json::from_str::<Atom>("\"x\"").unwrap(), atom!("x"));
    assert_eq!(serde_json::from_str::<Tuple>("[1]").unwrap()[..], [i(1)]);
    assert_eq!(serde_json::from_str::<Binary>("[1]").unwrap(), Binary::from(vec![1]));
    assert_eq!(serde_json::from_str::<Integer>("\"123\"").unwrap(), Integer::from(123));
    assert_eq!(serde_json::from_str::<Encoded>("1").unwrap().to_term().unwrap(), i(1));
    assert!(serde_json::from_str::<Pid>("\"no pid\"").is_err());
    assert!(serde_json::from_str::<List>("\"[1]\"").is_err());
    let json = serde_json::to_string(&(pid(), reference(), Integer::from(u128::MAX))).unwrap();
    let again: (Pid, Reference, Integer) = serde_json::from_str(&json).unwrap();
    assert_eq!(again, (pid(), reference(), Integer::from(u128::MAX)));
}

#[test]
fn arguments_are_a_list() {
    let options = ser::Options::default();
    let elements = |list: List| list.to_vec();
    assert_eq!(elements(ser::arguments_to_term(&(1, (2, 3)), options).unwrap()), [i(1), t([i(2), i(3)])]);
    assert_eq!(elements(ser::arguments_to_term(&vec![(1, 2)], options).unwrap()), [t([i(1), i(2)])]);
    assert_eq!(elements(ser::arguments_to_term(&(), options).unwrap()), []);
    assert_eq!(
        elements(ser::arguments_to_term(&Pair(1, "x".into()), options).unwrap()),
        [i(1), Term::from("x")]
    );
    assert_eq!(elements(ser::arguments_to_term(&l([i(1)]), options).unwrap()), [i(1)]);
    for refused in [to_term(&1), to_term("x")] {
        assert!(ser::arguments_to_term(&refused.unwrap(), options).is_err());
    }
    assert!(matches!(ser::arguments_to_term(&1, options), Err(SerializeError::Arguments { .. })));
    assert!(ser::arguments_to_term("text", options).is_err());
    assert!(ser::arguments_to_term(&Call::Add(1), options).is_err());
    assert!(ser::arguments_to_term(&user(), options).is_err());
    let mut writer = Writer::new();
    ser::arguments_to_writer(&mut writer, &(1, 2), options).unwrap();
    assert_eq!(Reader::new(&writer.to_bytes(), &[]).term().unwrap(), l([i(1), i(2)]));

    fn read<T: DeserializeOwned>(term: &Term) -> Result<T, de::DeserializeError> {
        de::arguments_from_encoded::<T>(&Encoded::from_term(term).unwrap(), de::Options::default())?;
        de::arguments_from_term(term, de::Options::default())
    }
    assert_eq!(read::<(u8, u8)>(&l([i(1), i(2)])).unwrap(), (1, 2));
    assert_eq!(read::<(u8, String)>(&l([i(1), Term::from("x")])).unwrap(), (1, "x".into()));
    assert_eq!(read::<(Vec<u8>,)>(&l([l([i(1)])])).unwrap(), (vec![1],));
    assert_eq!(read::<Vec<u8>>(&l([i(1), i(2)])).unwrap(), [1, 2]);
    assert_eq!(read::<Term>(&l([i(1), i(2)])).unwrap(), l([i(1), i(2)]));
    read::<()>(&Term::NIL).unwrap();
    read::<()>(&l([i(1)])).unwrap_err();
    read::<(u8, u8)>(&l([i(1)])).unwrap_err();
    read::<(u8,)>(&l([i(1), i(2)])).unwrap_err();
    read::<(u8, u8)>(&t([i(1), i(2)])).unwrap_err();
}

#[test]
fn a_reader_goes_on_after_each_value() {
    let mut writer = Writer::new();
    ser::to_writer(&mut writer, &(1, 2)).unwrap();
    ser::to_writer(&mut writer, "next").unwrap();
    let bytes = writer.to_bytes();
    let mut reader = Reader::new(&bytes, &[]);
    assert!(de::from_reader::<String>(&mut reader).is_err());
    assert_eq!(de::from_reader::<(u8, u8)>(&mut reader).unwrap(), (1, 2));
    assert_eq!(de::from_reader::<&str>(&mut reader).unwrap(), "next");
    assert!(de::from_reader::<&str>(&mut reader).is_err());
}

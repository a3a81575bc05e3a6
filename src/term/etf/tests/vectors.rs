//! Bytes of real nodes.

use bytes::Bytes;
use num_bigint::BigInt;

use super::super::{Reader, decode, encode};
use crate::atom;
use crate::term::{Atom, BitString, Fun, Integer, Map, Term};

/// Release, Erlang expression, bytes.
fn vectors() -> impl Iterator<Item = (&'static str, &'static str, Bytes)> {
    include_str!("vectors.txt").lines().filter(|line| !line.starts_with('#')).map(|line| {
        let [release, expression, hex] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let bytes = (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap());
        (release, expression, bytes.collect())
    })
}

fn latin(text: &str) -> Term {
    Term::Atom(Atom::new(text).unwrap())
}

fn expected(expression: &str) -> Option<Term> {
    let big = |value: BigInt| Term::Integer(Integer::from(value));
    let one = || BigInt::from(1);
    Some(match expression {
        "0" => Term::from(0),
        "255" => Term::from(255),
        "256" => Term::from(256),
        "-1" => Term::from(-1),
        "2147483647" => Term::from(i32::MAX),
        "-2147483648" => Term::from(i32::MIN),
        "2147483648" => Term::from(1u32 << 31),
        "-9223372036854775808" => Term::from(i64::MIN),
        "9223372036854775807" => Term::from(i64::MAX),
        "9223372036854775808" => Term::from(1u64 << 63),
        "-(1 bsl 64)" => Term::from(-(1i128 << 64)),
        "(1 bsl 2040) - 1" => big((one() << 2040) - 1),
        "1 bsl 2040" => big(one() << 2040),
        "1.5" => Term::Float(1.5),
        "-0.0" => Term::Float(-0.0),
        "ok" => Term::Atom(atom!("ok")),
        "''" => Term::Atom(atom!("")),
        "list_to_atom([229,228,246])" => latin("åäö"),
        "list_to_atom([1078])" => latin("ж"),
        "list_to_atom(lists:duplicate(128, 233))" => latin(&"é".repeat(128)),
        "{}" => Term::tuple([]),
        "{a,{b}}" => Term::tuple([latin("a"), Term::tuple([latin("b")])]),
        "list_to_tuple(lists:duplicate(256,[]))" => Term::tuple(vec![Term::NIL; 256]),
        "[]" => Term::NIL,
        "[1,2,255]" => Term::list([1, 2, 255].map(Term::from)),
        "[1,256]" => Term::list([1, 256].map(Term::from)),
        "[a|b]" => Term::list_with_tail(vec![latin("a")], latin("b")),
        "[1,2|3]" => Term::list_with_tail([1, 2].map(Term::from).into(), Term::from(3)),
        "\"hi\"" => Term::charlist("hi"),
        "[\"hi\",[[]]]" => Term::list([Term::charlist("hi"), Term::list([Term::NIL])]),
        "<<>>" => Term::from(""),
        "<<\"hi\">>" => Term::from("hi"),
        "<<5:3>>" => Term::BitString(BitString::new(Bytes::from_static(&[0xa0]), 3).unwrap()),
        "<<1,2,3:2>>" => Term::BitString(BitString::new(Bytes::from_static(&[1, 2, 0xc0]), 2).unwrap()),
        "#{}" => Term::Map(Map::default()),
        "#{1=>a,2=>#{}}" => Term::Map(
            [(Term::from(1), latin("a")), (Term::from(2), Term::Map(Map::default()))].into_iter().collect(),
        ),
        _ => return None,
    })
}

#[test]
fn what_nodes_write_is_read_as_what_they_meant() {
    let mut checked = 0;
    for (release, expression, bytes) in vectors() {
        let term = decode(&bytes).unwrap();
        if let Some(expected) = expected(expression) {
            assert!(term == expected, "{expression} of OTP {release}");
            checked += 1;
        }
    }
    assert_eq!(checked, 43);
}

#[test]
fn what_otp_27_and_29_write_is_written_again_the_same() {
    for (release, expression, bytes) in vectors() {
        let again = encode(&decode(&bytes).unwrap()).unwrap();
        if release == "29" {
            assert_eq!(again, bytes, "{expression}");
        } else {
            assert!(decode(&again).unwrap() == decode(&bytes).unwrap(), "{expression}");
        }
    }
}

#[test]
fn identifiers_and_funs_have_their_parts() {
    let find = |release: &str, expression: &str| {
        let found = vectors().find(|vector| vector.0 == release && vector.1.starts_with(expression));
        decode(&found.unwrap().2).unwrap()
    };
    let Term::Pid(pid) = find("29", "self()") else { panic!() };
    assert_eq!((pid.node.as_str(), pid.id, pid.serial, pid.creation.0), ("vec@vm", 10, 0, 0x5f9f_e96c));
    let Term::Port(port) = find("25", "hd(erlang:ports())") else { panic!() };
    assert_eq!((port.node.as_str(), port.id, port.creation.0), ("vec@vm", 0, 0x0f7a_596d));
    let Term::Reference(alias) = find("29", "alias()") else { panic!() };
    assert_eq!(alias.words(), [0x0003_e6ff, 0xd741_0001, 0xcc46_8065, 0x0000_0503, 0]);
    let Term::Fun(Fun::External(fun)) = find("25", "fun lists:map/2") else { panic!() };
    assert_eq!((fun.module.as_str(), fun.function.as_str(), fun.arity), ("lists", "map", 2));
    let Term::Fun(Fun::Local(fun)) = find("25", "(fun") else { panic!() };
    assert_eq!((fun.module.as_str(), fun.arity, fun.index, fun.old_index), ("erl_eval", 0, 43, 43));
    assert_eq!((fun.pid.id, fun.free_variables().len()), (9, 1));
    let Term::Record(record) = find("29", "binary_to_term") else { panic!() };
    assert_eq!((record.module.as_str(), record.name.as_str(), record.exported), ("m", "r", true));
    assert!(record.get("g") == Some(&Term::from("")));
}

#[test]
fn every_piece_of_it_can_be_read_by_kind() {
    // {lists, [1, 256], #{1 => -1}, <<"hi">>, 1.5, Pid}
    let mut bytes = vec![104, 6, 119, 5];
    bytes.extend(b"lists");
    bytes.extend([
        108, 0, 0, 0, 2, 97, 1, 98, 0, 0, 1, 0, 106, 116, 0, 0, 0, 1, 97, 1, 98, 255, 255, 255, 255,
    ]);
    bytes.extend([109, 0, 0, 0, 2, b'h', b'i', 70, 63, 248, 0, 0, 0, 0, 0, 0]);
    bytes.extend([88, 119, 1, b'n', 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3]);
    let bytes = Bytes::from(bytes);
    let mut reader = Reader::new(&bytes, &[]);
    assert_eq!(reader.tuple_header().unwrap(), 6);
    // What is something else is left for another try.
    assert!(reader.i64().is_err() && reader.map_header().is_err() && reader.binary().is_err());
    assert_eq!(reader.peek_tag(), Some(119));
    assert_eq!(reader.atom().unwrap(), "lists");
    reader.list_header().unwrap();
    assert_eq!((reader.i64().unwrap(), reader.integer().unwrap()), (1, Integer::from(256)));
    reader.list_header().unwrap();
    assert_eq!(reader.map_header().unwrap(), 1);
    assert_eq!((reader.i64().unwrap(), reader.i64().unwrap()), (1, -1));
    let binary = reader.binary().unwrap();
    assert_eq!(binary.as_ptr(), bytes[bytes.len() - 27..].as_ptr(), "not a slice of the message");
    assert_eq!(reader.float().unwrap(), 1.5);
    assert_eq!(reader.pid().unwrap().serial, 2);
    assert!(reader.is_empty() && reader.offset() == bytes.len() && reader.peek_tag().is_none());
}

//! Structs, enums and records, and what goes through a buffer of serde's.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{a, both, i, l, m, pid, reads, reference, refuses, t};
use crate::atom;
use crate::term::{Atom, BitString, ExternalFun, Fun, Integer, Map, Pid, Reference, Term};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct User {
    name: String,
    #[serde(default)]
    tags: Vec<Atom>,
    age: Option<u32>,
}

pub(super) fn user() -> User {
    User { name: "Joe".into(), tags: vec![atom!("admin")], age: Some(41) }
}

#[test]
fn structs() {
    let term = m([(a("name"), Term::from("Joe")), (a("tags"), l([a("admin")])), (a("age"), i(41))]);
    both(user(), term);
    // As decoded from JSON in Elixir; with what is not known; and without what may be missing.
    reads(
        &m([
            (Term::from("name"), Term::from("Joe")),
            (a("more"), t([i(1)])),
            (i(0), i(1)),
            (t([]), i(1)),
            (Term::Pid(pid()), i(1)),
            (Term::Binary(Bytes::from_static(b"\xff")), i(1)),
        ]),
        User { name: "Joe".into(), tags: vec![], age: None },
    );
    assert_eq!(refuses::<User>(&m([])), "the field `name` is missing");
    assert_eq!(
        refuses::<User>(&m([(a("name"), a("joe"))])),
        "expected a string, found the atom `joe`, in name"
    );
    refuses::<User>(&l([]));

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Strict {
        name: String,
    }
    let known = (a("name"), Term::from("Joe"));
    assert_eq!(refuses::<Strict>(&m([known.clone(), (a("x"), i(1))])), "the field `x` is not known");
    refuses::<Strict>(&m([known, (i(1), i(1))]));
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Call {
    Get,
    Add(i64),
    Put(String, i64),
    Nested((i64, i64)),
    MoveTo {
        x: i64,
    },
    #[serde(rename = "#user")]
    User {
        name: String,
        age: Option<u32>,
    },
}

#[test]
fn enums() {
    both(Call::Get, a("get"));
    both(Call::Add(41), t([a("add"), i(41)]));
    both(Call::Put("k".into(), 1), t([a("put"), Term::from("k"), i(1)]));
    both(Call::Nested((1, 2)), t([a("nested"), t([i(1), i(2)])]));
    both(Call::MoveTo { x: 1 }, t([a("move_to"), m([(a("x"), i(1))])]));
    both(Call::User { name: "Joe".into(), age: None }, t([a("user"), Term::from("Joe"), a("undefined")]));
    assert!(
        refuses::<Call>(&a("put_all")).starts_with("no variant is called `put_all`, they are `get`, `add`")
    );
    assert_eq!(refuses::<Call>(&a("add")), "expected 1 elements, found 0, in add");
    assert_eq!(refuses::<Call>(&t([a("get")])), "expected the name alone, found a tuple of it, in get");
    assert_eq!(refuses::<Call>(&t([a("get"), i(1)])), "expected 0 elements, found 1, in get");
    assert_eq!(refuses::<Call>(&t([a("put"), i(1)])), "expected 2 elements, found 1, in put");
    assert_eq!(refuses::<Call>(&t([a("add"), a("x")])), "expected i64, found the atom `x`, in add");
    assert_eq!(refuses::<Call>(&t([])), "expected enum Call, found an empty tuple");
    assert_eq!(refuses::<Call>(&t([i(1)])), "expected enum Call, found a tuple that starts with no atom");
    assert_eq!(refuses::<Call>(&t([a("user"), i(1)])), "expected 2 elements, found 1, in #user");
    refuses::<Call>(&t([a("move_to"), l([])]));
    refuses::<Call>(&i(1));
}

#[test]
fn only_an_atom_names_a_variant() {
    assert_eq!(refuses::<Call>(&Term::from("get")), "expected enum Call, found a binary");
    assert_eq!(
        refuses::<Call>(&t([Term::from("add"), i(1)])),
        "expected enum Call, found a tuple that starts with no atom"
    );
    refuses::<Call>(&Term::charlist("get"));
    // Nor in the key of a map, where text may be an atom.
    #[derive(Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Colour {
        Red,
    }
    both(HashMap::from([(Colour::Red, 1)]), m([(a("red"), i(1))]));
    refuses::<HashMap<Colour, i64>>(&m([(Term::from("red"), i(1))]));
    // The names of fields may be binaries, and with serde's tag one of them has the name of the variant.
    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "snake_case", tag = "colour")]
    enum Tagged {
        Red { depth: i64 },
    }
    reads(
        &m([(Term::from("colour"), Term::from("red")), (Term::from("depth"), i(1))]),
        Tagged::Red { depth: 1 },
    );
}

#[test]
fn an_unknown_variant_may_have_a_place_to_go() {
    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Event {
        Up(Atom),
        #[serde(other)]
        Unknown,
    }
    reads(&t([a("up"), a("x")]), Event::Up(atom!("x")));
    reads(&t([a("sideways"), a("x"), l([i(1)])]), Event::Unknown);
    reads(&l([t([a("down"), a("x")]), a("later")]), vec![Event::Unknown, Event::Unknown]);
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename = "#user")]
pub(super) struct Record {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    age: Option<u32>,
    tags: Vec<Atom>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename = "#point")]
struct Point(i64, i64);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename = "#wrapped")]
struct Wrapped(i64);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename = "#empty")]
struct Empty;

#[test]
fn records() {
    let record = |age| Record { name: "Joe".into(), age, tags: vec![] };
    both(record(Some(1)), t([a("user"), Term::from("Joe"), i(1), Term::NIL]));
    both(record(None), t([a("user"), Term::from("Joe"), a("undefined"), Term::NIL]));
    both(Point(1, 2), t([a("point"), i(1), i(2)]));
    both(Wrapped(1), t([a("wrapped"), i(1)]));
    both(Empty, t([a("empty")]));
    both((Point(1, 2), vec![Wrapped(1)]), t([t([a("point"), i(1), i(2)]), l([t([a("wrapped"), i(1)])])]));
    assert_eq!(
        refuses::<Point>(&t([a("pixel"), i(1), i(2)])),
        "expected tuple struct Point, found a tuple that starts with `pixel`"
    );
    assert_eq!(refuses::<Point>(&t([i(1), i(2)])), "expected the atom `point`, found the integer 1");
    refuses::<Point>(&t([a("point"), i(1)]));
    assert_eq!(refuses::<Point>(&t([a("point"), i(1), i(2), i(3)])), "expected 2 elements, found 3");
    refuses::<Empty>(&t([a("empty"), i(1)]));
    refuses::<Empty>(&t([]));
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "__struct__", rename = "Elixir.MyApp.User")]
struct ElixirUser {
    name: String,
    owner: Pid,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "__struct__")]
pub(super) enum AnyStruct {
    #[serde(rename = "Elixir.MyApp.Login")]
    Login { name: String, from: Pid, at: Option<Reference>, extra: Term },
    #[serde(rename = "Elixir.MyApp.User")]
    User(Inner),
    #[serde(rename = "Elixir.MyApp.Logout")]
    Logout,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Inner {
    owner: Pid,
    size: u64,
}

#[test]
fn elixir_structs() {
    let module = |name: &str| (a("__struct__"), a(name));
    both(
        ElixirUser { name: "Joe".into(), owner: pid() },
        m([module("Elixir.MyApp.User"), (a("name"), Term::from("Joe")), (a("owner"), Term::Pid(pid()))]),
    );
    both(
        AnyStruct::Login { name: "Joe".into(), from: pid(), at: Some(reference()), extra: l([a("x"), i(1)]) },
        m([
            module("Elixir.MyApp.Login"),
            (a("name"), Term::from("Joe")),
            (a("from"), Term::Pid(pid())),
            (a("at"), Term::Reference(reference())),
            (a("extra"), l([a("x"), i(1)])),
        ]),
    );
    both(
        AnyStruct::User(Inner { owner: pid(), size: u64::MAX }),
        m([module("Elixir.MyApp.User"), (a("owner"), Term::Pid(pid())), (a("size"), Term::from(u64::MAX))]),
    );
    both(AnyStruct::Logout, m([module("Elixir.MyApp.Logout")]));
    refuses::<AnyStruct>(&m([module("Elixir.Other")]));

    // A field that is the module's name, or what a map says.
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Any {
        #[serde(rename = "__struct__")]
        module: String,
    }
    both(Any { module: "Elixir.Range".into() }, m([module("Elixir.Range")]));
    both(HashMap::from([("__struct__".to_owned(), "Elixir.Range".to_owned())]), m([module("Elixir.Range")]));
}

#[test]
fn flattened_structs_have_atoms_as_keys() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Flat {
        id: i64,
        #[serde(flatten)]
        inner: Inner,
        #[serde(flatten)]
        rest: BTreeMap<Atom, Term>,
    }
    let rest = [
        (atom!("state"), a("running")),
        (atom!("name"), Term::from("Joe")),
        (atom!("none"), a("undefined")),
        (atom!("nil"), a("nil")),
        (atom!("flag"), a("true")),
        (atom!("big"), Term::from(u128::MAX)),
        (atom!("bits"), Term::BitString(BitString::new(Bytes::from_static(&[128]), 1).unwrap())),
        (atom!("list"), l([a("x"), Term::Reference(reference()), Term::from(0.5)])),
        (atom!("map"), m([(a("k"), Term::from("v")), (i(1), a("v"))])),
        (atom!("raw"), Term::Binary(Bytes::from_static(b"\xff"))),
    ];
    let mut pairs: Vec<(Term, Term)> =
        rest.iter().map(|(key, value)| (Term::Atom(key.clone()), value.clone())).collect();
    pairs.extend([(a("id"), i(1)), (a("owner"), Term::Pid(pid())), (a("size"), i(2))]);
    both(
        Flat { id: 1, inner: Inner { owner: pid(), size: 2 }, rest: rest.into_iter().collect() },
        Term::Map(Map::from_iter(pairs)),
    );
}

#[test]
fn untagged_enums_keep_all_but_tuples() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(untagged)]
    enum Any {
        Number(i64),
        Text(String),
        Process(Pid),
        Named { reference: Reference, big: Integer },
        Other(Term),
    }
    both(Any::Number(1), i(1));
    both(Any::Text("x".into()), Term::from("x"));
    both(Any::Process(pid()), Term::Pid(pid()));
    let big = Integer::from(u128::MAX);
    both(
        Any::Named { reference: reference(), big: big.clone() },
        m([(a("reference"), Term::Reference(reference())), (a("big"), Term::Integer(big))]),
    );
    let fun =
        Term::Fun(Fun::External(ExternalFun { module: atom!("m"), function: atom!("f"), arity: 1 }.into()));
    both(
        Any::Other(l([a("error"), fun])),
        l([
            a("error"),
            Term::Fun(Fun::External(
                ExternalFun { module: atom!("m"), function: atom!("f"), arity: 1 }.into(),
            )),
        ]),
    );
    reads(&t([a("error"), a("enoent")]), Any::Other(l([a("error"), a("enoent")])));
    // Text that looks like a pid is still text.
    reads(&Term::from(&*pid().to_string()), Any::Text(pid().to_string()));
}

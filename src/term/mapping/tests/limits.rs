//! Depth, misuse, and what errors say.

use std::collections::HashMap;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::types::User;
use super::{a, i, l, m, pid, t};
use crate::term::de::{self, Reason};
use crate::term::etf::{Encoded, Writer};
use crate::term::ser::{self, SerializeError};
use crate::term::{Atom, Binary, Map, Term, from_encoded, from_term, to_encoded, to_term};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Nested(Vec<Nested>);

fn nested(depth: usize) -> Term {
    (0..depth).fold(Term::NIL, |inner, _| l([inner]))
}

#[test]
fn depth_is_limited_where_there_is_recursion() {
    assert!(from_term::<Nested>(&nested(50)).is_ok());
    for depth in [129, 100_000] {
        let error = from_term::<Nested>(&nested(depth)).unwrap_err();
        assert_eq!(error.reason(), &Reason::TooDeep { limit: 128 });
        let error = from_encoded::<Nested>(&Encoded::from_term(&nested(depth)).unwrap()).unwrap_err();
        assert_eq!(error.reason(), &Reason::TooDeep { limit: 128 });
    }
    let deep = from_term_with_limit(&nested(200), 600);
    assert_eq!(to_term(&deep), Err(SerializeError::TooDeep { limit: 128 }));
    let options = ser::Options { depth_limit: 201, ..ser::Options::default() };
    assert_eq!(ser::to_term_with(&deep, options).unwrap(), nested(200));

    #[derive(Debug, Deserialize)]
    #[allow(dead_code)]
    struct Endless(Option<Box<Endless>>);
    assert_eq!(from_term::<Endless>(&i(1)).unwrap_err().reason(), &Reason::TooDeep { limit: 128 });
}

fn from_term_with_limit(term: &Term, depth_limit: u32) -> Nested {
    de::from_term_with(term, de::Options { depth_limit }).unwrap()
}

/// The limit is for the stacks there are: a thread of Rust has 2 MiB, here with the large frames of a debug build.
#[test]
fn what_is_within_the_limit_is_within_the_stack() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Tree {
        Leaf,
        Node { name: String, value: (i64, f64), left: Option<Box<Tree>>, right: Box<Tree> },
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(tag = "kind")]
    enum Tagged {
        Leaf,
        Node { name: String, value: (i64, f64), left: Option<Box<Tagged>>, right: Box<Tagged> },
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(untagged)]
    enum Untagged {
        Leaf(bool),
        Node { value: (i64, f64), left: Option<Box<Untagged>>, right: Box<Untagged> },
    }
    // As deep as can be read with the default limit.
    fn deepest<T: DeserializeOwned>(leaf: Term, node: impl Fn(Term) -> Term) -> usize {
        let mut term = leaf;
        for depth in 0.. {
            if let Err(error) = from_term::<T>(&term) {
                from_encoded::<T>(&Encoded::from_term(&term).unwrap()).map(drop).unwrap_err();
                assert!(depth > 20, "{error}");
                return depth;
            }
            term = node(term);
        }
        unreachable!()
    }
    let fields = |right| {
        vec![
            (a("name"), Term::from("n")),
            (a("value"), t([i(1), Term::from(1.0)])),
            (a("left"), a("nil")),
            (a("right"), right),
        ]
    };
    let map = |pairs: Vec<(Term, Term)>| Term::Map(Map::from_iter(pairs));
    deepest::<Tree>(a("leaf"), |right| t([a("node"), map(fields(right))]));
    deepest::<Tagged>(m([(a("kind"), a("Leaf"))]), |right| {
        let mut pairs = fields(right);
        pairs.push((a("kind"), a("Node")));
        map(pairs)
    });
    deepest::<Untagged>(a("true"), |right| map(fields(right)));
}

#[test]
fn depth_is_not_limited_where_there_is_none() {
    let deep = nested(100_000);
    let message = t([deep.clone(), deep.clone(), i(1)]);
    let encoded = to_encoded(&message).unwrap();
    let (one, _, _): (Term, serde::de::IgnoredAny, i64) = from_encoded(&encoded).unwrap();
    assert!(one == deep);
    let (one, _, _): (Encoded, serde::de::IgnoredAny, i64) = from_term(&message).unwrap();
    assert!(to_term(&one).unwrap() == deep);
    // A buffer of serde's, and other formats, recurse.
    #[derive(Debug, Deserialize)]
    #[serde(untagged)]
    #[allow(dead_code)]
    enum Any {
        Other(Term),
    }
    assert_eq!(from_term::<Any>(&deep).unwrap_err().reason(), &Reason::TooDeep { limit: 128 });
    assert!(serde_json::to_string(&deep).is_err());
}

#[test]
fn errors_say_where() {
    let term = m([(a("users"), l([m([(a("name"), Term::from("Joe"))]), m([(a("name"), i(1))])]))]);
    let encoded = Encoded::from_term(&term).unwrap();
    let error = from_encoded::<HashMap<String, Vec<User>>>(&encoded).unwrap_err();
    assert_eq!(error.path(), "users[1].name");
    let offset = error.offset().unwrap();
    assert_eq!(encoded.bytes()[offset..][..2], [97, 1]);
    assert_eq!(
        error.to_string(),
        format!("expected a string, found the integer 1, in users[1].name, at byte {offset}")
    );
    let cut = Encoded::new(encoded.bytes().slice(..=offset), None);
    let error = from_encoded::<HashMap<String, Vec<User>>>(&cut).unwrap_err();
    assert!(matches!(error.reason(), Reason::Malformed(_)));
}

#[test]
fn equal_keys_are_refused() {
    #[derive(Serialize)]
    struct Twice {
        id: i64,
        #[serde(flatten)]
        rest: HashMap<Atom, i64>,
    }
    let mut writer = Writer::new();
    writer.i64(1);
    for id in ["id", "other"] {
        let value = Twice { id: 1, rest: HashMap::from([(Atom::new(id).unwrap(), 2)]) };
        assert_eq!(to_term(&value).is_ok(), id == "other");
        assert_eq!(ser::to_writer(&mut writer, &value).is_ok(), id == "other");
        if id == "id" {
            assert_eq!(writer.len(), 2, "nothing of it is left");
            assert_eq!(to_term(&value), Err(SerializeError::DuplicateKey));
        }
    }
    // Keys among shared binaries are told apart as well.
    let large = Bytes::from(vec![0; 10_000]);
    let map: HashMap<u32, Binary> = (0..100).map(|key| (key, Binary(large.clone()))).collect();
    assert!(ser::to_writer(&mut writer, &map).is_ok());
}

#[test]
fn misuse_is_an_error() {
    struct Liar;
    impl Serialize for Liar {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            use serde::ser::SerializeTuple;
            let mut tuple = serializer.serialize_tuple(3)?;
            tuple.serialize_element(&1)?;
            tuple.end()
        }
    }
    let lie = SerializeError::TupleLength { announced: 3, written: 1 };
    assert_eq!(to_term(&Liar), Err(lie.clone()));
    assert_eq!(to_encoded(&Liar).unwrap_err(), lie);

    struct Careless;
    impl Serialize for Careless {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            use serde::ser::SerializeSeq;
            let mut seq = serializer.serialize_seq(None)?;
            let _ = seq.serialize_element(&(1, f64::NAN));
            seq.end()
        }
    }
    assert_eq!(to_encoded(&Careless).unwrap_err(), SerializeError::PartFailed);

    // The name of a term, but no term in it.
    #[derive(Debug, Serialize, Deserialize)]
    #[serde(rename = "$erlnode::Pid")]
    struct Impostor(String);
    assert_eq!(to_term(&Impostor("x".into())), Err(SerializeError::Buffered));
    assert!(from_term::<Impostor>(&Term::Pid(pid())).is_err());
    // Nothing of it reaches the next reader.
    assert_eq!(serde_json::from_str::<Term>("null").unwrap(), a("nil"));

    let long = HashMap::from([("__struct__", "x".repeat(256))]);
    assert!(matches!(to_term(&long), Err(SerializeError::AtomTooLong { .. })));
}

#[test]
fn a_panic_leaves_nothing_behind() {
    struct Panics;
    impl Serialize for Panics {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            panic!("on purpose")
        }
    }
    let mut writer = Writer::new();
    writer.i64(1);
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        ser::to_writer(&mut writer, &(pid(), "text", Panics))
    }));
    assert!(result.is_err());
    assert_eq!(writer.len(), 2);
}

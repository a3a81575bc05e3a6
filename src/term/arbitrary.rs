//! Terms for property tests: small ones of all kinds, likely to be equal or to differ in one place.

use bytes::Bytes;
use num_bigint::BigInt;
use proptest::prelude::*;

use super::{
    Atom, BitString, Creation, ExternalFun, Fun, Integer, LocalFun, Pid, Port, Record, Reference, Term,
};

/// So many cases of a property, unless `PROPTEST_CASES` says how many.
pub(crate) fn cases(count: u32) -> ProptestConfig {
    let default = ProptestConfig::default();
    if std::env::var_os("PROPTEST_CASES").is_some() {
        default
    } else {
        ProptestConfig { cases: count, ..default }
    }
}

/// Any term that can be sent: its floats are finite.
pub(crate) fn term() -> impl Strategy<Value = Term> {
    readable_leaf().prop_recursive(4, 48, 6, |inner| compound(inner).boxed())
}

/// A term that text can name: all but funs with variables.
pub(crate) fn readable_term() -> impl Strategy<Value = Term> {
    readable_leaf().prop_recursive(4, 48, 6, |inner| readable_compound(inner).boxed())
}

fn compound(inner: impl Strategy<Value = Term> + Clone + 'static) -> impl Strategy<Value = Term> {
    prop_oneof![6 => readable_compound(inner.clone()), 1 => local_fun(inner)]
}

fn readable_compound(inner: impl Strategy<Value = Term> + Clone + 'static) -> impl Strategy<Value = Term> {
    let several = prop::collection::vec(inner.clone(), 0..5);
    prop_oneof![
        several.clone().prop_map(Term::tuple),
        several.clone().prop_map(Term::list),
        (several, inner.clone()).prop_map(|(elements, tail)| Term::list_with_tail(elements, tail)),
        prop::collection::vec((inner.clone(), inner.clone()), 0..5)
            .prop_map(|pairs| Term::Map(pairs.into_iter().collect())),
        (atom(), atom(), prop::collection::vec((atom(), inner), 0..3)).prop_map(
            |(module, name, mut fields)| {
                let mut seen = std::collections::HashSet::new();
                fields.retain(|(field, _)| seen.insert(field.clone()));
                Term::Record(std::sync::Arc::new(Record::new(module, name, true, fields)))
            }
        ),
    ]
}

fn readable_leaf() -> impl Strategy<Value = Term> {
    prop_oneof![
        4 => number(),
        2 => atom().prop_map(Term::Atom),
        1 => text().prop_map(|text| Term::charlist(&text)),
        1 => text().prop_map(Term::from),
        1 => bits(),
        2 => identifier(),
        1 => external_fun(),
    ]
}

/// Integers and floats, many near each other and near the limits of what a float holds exactly.
pub(crate) fn number() -> impl Strategy<Value = Term> {
    let integer = prop_oneof![
        (-3i64..4).prop_map(Integer::from),
        any::<i64>().prop_map(Integer::from),
        (0u32..130, -2i64..3, any::<bool>()).prop_map(|(shift, near, minus)| {
            let power = (BigInt::from(1) << shift) + near;
            Integer::from(if minus { -power } else { power })
        }),
    ];
    let float = prop_oneof![
        (-3i8..4).prop_map(f64::from),
        Just(-0.0),
        (-6i8..7).prop_map(|halves| f64::from(halves) / 2.0),
        (0i32..130, -2i64..3, any::<bool>()).prop_map(|(shift, near, minus)| {
            let power = 2f64.powi(shift);
            let near = f64::from_bits(power.to_bits().wrapping_add_signed(near));
            if minus { -near } else { near }
        }),
        any::<f64>().prop_filter("finite", |float| float.is_finite()),
        (any::<i32>(), -30i32..30).prop_map(|(digits, exponent)| f64::from(digits) * 10f64.powi(exponent)),
    ];
    prop_oneof![integer.prop_map(Term::Integer), float.prop_map(Term::Float)]
}

pub(crate) fn atom() -> impl Strategy<Value = Atom> {
    prop_oneof![
        3 => "[a-c]{1,2}",
        1 => prop::sample::select(vec!["if", "maybe", "", "Elixir.String", "it's", "a-b", "åäö", "ж", "_", "a@b"])
            .prop_map(str::to_owned),
        1 => any::<String>().prop_map(|text| text.chars().take(20).collect()),
    ]
    .prop_map(|name| Atom::new(&name).unwrap())
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        2 => "[a-c]{0,3}",
        1 => "[ -~\n\t\"\\\\\u{a0}-\u{ff}]{0,8}",
        1 => any::<String>().prop_map(|text| text.chars().take(10).collect()),
    ]
}

fn bits() -> impl Strategy<Value = Term> {
    (prop::collection::vec(prop_oneof![0u8..3, any::<u8>()], 0..4), 1u8..9).prop_map(|(bytes, last_bits)| {
        let bytes = Bytes::from(bytes);
        BitString::new(bytes.clone(), last_bits).map_or(Term::Binary(bytes), Term::BitString)
    })
}

fn node() -> impl Strategy<Value = Atom> {
    prop_oneof![
        4 => prop::sample::select(vec!["a@b", "rust@host.example", "x@10.0.0.1", "my-app@host", "b@a"])
            .prop_map(|name| Atom::new(name).unwrap()),
        1 => atom(),
    ]
}

fn identifier() -> impl Strategy<Value = Term> {
    let words = prop::collection::vec(prop_oneof![0u32..2, any::<u32>()], 1..6);
    let creation = prop_oneof![0u32..3, any::<u32>()].prop_map(Creation);
    prop_oneof![
        pid().prop_map(Term::Pid),
        (node(), prop_oneof![0u64..3, any::<u64>()], creation.clone())
            .prop_map(|(node, id, creation)| Term::Port(Port { node, id, creation })),
        (node(), creation, words).prop_map(|(node, creation, words)| {
            Term::Reference(Reference::new(node, creation, &words).unwrap())
        }),
    ]
}

pub(crate) fn pid() -> impl Strategy<Value = Pid> {
    let number = || prop_oneof![0u32..3, any::<u32>()];
    (node(), number(), number(), number()).prop_map(|(node, id, serial, creation)| Pid {
        node,
        id,
        serial,
        creation: Creation(creation),
    })
}

fn external_fun() -> impl Strategy<Value = Term> {
    (atom(), atom(), any::<u8>()).prop_map(|(module, function, arity)| {
        Term::Fun(Fun::External(std::sync::Arc::new(ExternalFun { module, function, arity })))
    })
}

fn local_fun(inner: impl Strategy<Value = Term>) -> impl Strategy<Value = Term> {
    (atom(), 0u8..3, 0u8..2, 0u32..2, pid(), prop::collection::vec(inner, 0..3)).prop_map(
        |(module, arity, uniq, index, pid, free)| {
            Term::Fun(Fun::Local(std::sync::Arc::new(LocalFun {
                module,
                arity,
                uniq: [uniq; 16],
                index,
                old_index: i64::from(index),
                old_uniq: i64::from(uniq),
                pid,
                free: free.into_iter().collect(),
            })))
        },
    )
}

use std::cmp::Ordering;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use bytes::Bytes;
use num_bigint::BigInt;
use proptest::prelude::*;

use super::*;
use crate::term::arbitrary::{number, readable_term, term};
use crate::term::{Atom, BitString, Creation, Elements, ExternalFun, Integer, Pid, Port, Reference};

fn atom(name: &str) -> Atom {
    Atom::new(name).unwrap()
}

fn a(name: &str) -> Term {
    Term::Atom(atom(name))
}

fn i(value: i64) -> Term {
    Term::from(value)
}

fn f(value: f64) -> Term {
    Term::Float(value)
}

fn map<const N: usize>(pairs: [(Term, Term); N]) -> Term {
    Term::Map(pairs.into_iter().collect())
}

fn bits(bytes: &'static [u8], last_bits: u8) -> Term {
    Term::BitString(BitString::new(Bytes::from_static(bytes), last_bits).unwrap())
}

fn pid(node: &str, id: u32, serial: u32, creation: u32) -> Term {
    Term::Pid(Pid { node: atom(node), id, serial, creation: Creation(creation) })
}

fn port(node: &str, id: u64, creation: u32) -> Term {
    Term::Port(Port { node: atom(node), id, creation: Creation(creation) })
}

fn reference(node: &str, creation: u32, words: &[u32]) -> Term {
    Term::Reference(Reference::new(atom(node), Creation(creation), words).unwrap())
}

fn export(module: &str, function: &str, arity: u8) -> Term {
    Term::Fun(Fun::External(Arc::new(ExternalFun { module: atom(module), function: atom(function), arity })))
}

fn closure(module: &str, index: u32, old_uniq: i64, free: Vec<Term>) -> Term {
    let creator = Pid { node: atom("a@b"), id: 1, serial: 0, creation: Creation(1) };
    Term::Fun(Fun::Local(Arc::new(LocalFun {
        module: atom(module),
        arity: 1,
        uniq: [0; 16],
        index,
        old_index: i64::from(index),
        old_uniq,
        pid: creator,
        free: Elements::from(free),
    })))
}

fn record(module: &str, name: &str, exported: bool, fields: &[(&str, i64)]) -> Term {
    let fields = fields.iter().map(|(field, value)| (atom(field), i(*value))).collect();
    Term::Record(Arc::new(Record::new(atom(module), atom(name), exported, fields)))
}

/// Each term is before all that follow it, in both orders.
#[track_caller]
fn assert_rising(terms: &[Term]) {
    for (at, left) in terms.iter().enumerate() {
        for (other, right) in terms.iter().enumerate() {
            assert_eq!(left.erlang_cmp(right), at.cmp(&other), "{left:?} <> {right:?}");
            assert_eq!(left.cmp(right), at.cmp(&other), "{left:?} <> {right:?}");
            assert_eq!(left == right, at == other);
            assert_eq!(left.erlang_eq(right), at == other);
        }
    }
}

fn hash(term: &Term) -> u64 {
    // One state for all, or hashes would not compare.
    static STATE: std::sync::LazyLock<RandomState> = std::sync::LazyLock::new(RandomState::new);
    STATE.hash_one(term)
}

#[test]
fn types_come_in_the_order_of_the_manual() {
    assert_rising(&[
        i(100),
        a("a"),
        reference("a@b", 1, &[1]),
        closure("z", 0, 0, vec![]),
        export("a", "a", 0),
        port("a@b", 1, 1),
        pid("a@b", 1, 1, 1),
        Term::tuple([]),
        Term::tuple([i(1)]),
        record("m", "r", true, &[]),
        map([]),
        map([(i(1), i(1))]),
        Term::NIL,
        Term::list_with_tail(vec![i(1)], i(1)),
        Term::list([i(1)]),
        Term::from(""),
        bits(&[0], 1),
    ]);
}

#[test]
fn pids_compare_by_serial_then_id_then_node_then_creation() {
    assert_rising(&[
        pid("b@b", 1, 1, 1),
        pid("a@b", 2, 1, 1),
        pid("a@b", 2, 1, 2),
        pid("a@b", 2, 1, u32::MAX),
        pid("b@b", 2, 1, 1),
        pid("a@b", u32::MAX, 1, 1),
        pid("a@b", 1, 2, 1),
        pid("a@b", 1, u32::MAX, 1),
    ]);
}

#[test]
fn ports_compare_by_node_then_creation_then_id() {
    assert_rising(&[port("a@b", 2, 1), port("a@b", 1, 2), port("a@b", 1 << 40, 2), port("b@b", 1, 1)]);
}

#[test]
fn references_compare_by_node_then_creation_then_words_from_the_last() {
    assert_rising(&[
        reference("a@b", 1, &[2, 1, 1]),
        reference("a@b", 1, &[u32::MAX, 1, 1]),
        reference("a@b", 1, &[1, 2, 1]),
        reference("a@b", 1, &[1, 1, 2]),
        reference("a@b", 1, &[0, 0, 0, 0, 1]),
        reference("a@b", 2, &[1, 0, 0]),
        reference("b@b", 1, &[1, 0, 0]),
    ]);
}

#[test]
fn a_reference_with_more_words_that_are_zero_is_the_same() {
    let (short, long) = (reference("a@b", 1, &[1, 2, 3]), reference("a@b", 1, &[1, 2, 3, 0, 0]));
    assert!(short == long && short.cmp(&long).is_eq() && short.erlang_eq(&long));
    assert_eq!(hash(&short), hash(&long));
}

#[test]
fn funs_compare_by_module_then_index_then_check_value_then_variables() {
    assert_rising(&[
        closure("a", 1, -1, vec![]),
        closure("a", 1, 1, vec![i(2)]),
        closure("a", 1, 1, vec![i(1), i(1)]),
        closure("a", 1, 2, vec![i(1)]),
        closure("a", 2, 1, vec![]),
        closure("b", 1, 1, vec![]),
        export("a", "a", 1),
        export("a", "a", 3),
        export("a", "z", 3),
        export("b", "a", 1),
    ]);
    let (one, other) = (closure("a", 1, 1, vec![i(1)]), closure("a", 1, 1, vec![f(1.0)]));
    assert!(one.erlang_eq(&other) && one != other);
}

#[test]
fn the_process_that_made_a_fun_makes_no_difference() {
    let Term::Fun(Fun::Local(fun)) = closure("a", 1, 1, vec![i(1)]) else { panic!() };
    let mut other = LocalFun::clone(&fun);
    other.pid.id += 1;
    other.old_index += 1;
    assert!(*fun == other);
    let other = Term::Fun(Fun::Local(Arc::new(other)));
    assert_eq!(hash(&Term::Fun(Fun::Local(fun))), hash(&other));
}

#[test]
fn records_compare_by_module_name_export_count_fields_values() {
    assert_rising(&[
        record("a", "a", false, &[("x", 2)]),
        record("a", "a", false, &[("a", 2), ("y", 1)]),
        record("a", "a", false, &[("x", 1), ("y", 2)]),
        record("a", "a", false, &[("y", 1), ("x", 2)]),
        record("a", "a", true, &[("x", 1)]),
        record("a", "a", true, &[("x", 2)]),
        record("a", "a", true, &[("y", 0)]),
        record("a", "b", false, &[]),
        record("b", "a", false, &[]),
    ]);
}

#[test]
fn lists_compare_by_element_and_tail() {
    let one = |tail| Term::list_with_tail(vec![i(1)], tail);
    assert_rising(&[
        Term::NIL,
        one(i(5)),
        one(a("a")),
        one(map([])),
        Term::list([i(1)]),
        Term::list_with_tail(vec![i(1), i(2)], i(0)),
        Term::list([i(1), i(2)]),
        Term::list([i(1), i(2), i(0)]),
        one(Term::from("")),
        Term::list([i(2)]),
    ]);
}

#[test]
fn bit_strings_compare_by_bit() {
    assert_rising(&[
        Term::from(""),
        bits(&[0], 1),
        bits(&[0], 7),
        Term::Binary(Bytes::from_static(&[0])),
        bits(&[0, 0], 3),
        bits(&[0, 0x20], 3),
        Term::Binary(Bytes::from_static(&[0, 0x20])),
        Term::Binary(Bytes::from_static(&[0, 0x21])),
        bits(&[0, 0x40], 2),
        bits(&[0x80], 1),
        bits(&[0x80], 2),
        Term::Binary(Bytes::from_static(&[0x80])),
        bits(&[0xfe], 7),
        Term::Binary(Bytes::from_static(&[0xff])),
    ]);
}

#[test]
fn maps_compare_by_size_then_keys_then_values() {
    assert_rising(&[
        map([(i(9), i(9))]),
        map([(i(1), i(9)), (i(2), i(0))]),
        map([(i(1), i(0)), (i(3), i(0))]),
        map([(i(1), i(0)), (i(3), i(1))]),
        map([(i(1), i(1)), (i(3), i(0))]),
        map([(a("a"), i(0)), (a("b"), i(0))]),
    ]);
}

#[test]
fn keys_of_maps_compare_exactly_and_values_do_not() {
    let (whole, float) = (map([(i(2), a("a"))]), map([(f(1.0), a("a"))]));
    assert_eq!(whole.erlang_cmp(&float), Ordering::Less);
    assert!(!map([(i(1), a("a"))]).erlang_eq(&map([(f(1.0), a("a"))])));
    assert!(map([(a("a"), i(1))]).erlang_eq(&map([(a("a"), f(1.0))])));
    let nested = |key| map([(Term::tuple([key]), a("a"))]);
    assert_eq!(nested(i(2)).erlang_cmp(&nested(f(1.0))), Ordering::Less);
}

#[test]
fn numbers_compare_by_value_without_rounding() {
    let two_to = |power: u32| Term::Integer(Integer::from(BigInt::from(1) << power));
    let more = |term: &Term| match term {
        Term::Integer(integer) => Term::Integer(integer + &Integer::from(1)),
        _ => panic!(),
    };
    let (p53, p64, p100) = (two_to(53), two_to(64), two_to(100));
    let cases = [
        (i(1), f(1.5), Ordering::Less),
        (i(-1), f(-1.5), Ordering::Greater),
        (i(0), f(5e-324), Ordering::Less),
        (i(0), f(-5e-324), Ordering::Greater),
        (p53.clone(), f(9007199254740992.0), Ordering::Equal),
        (more(&p53), f(9007199254740992.0), Ordering::Greater),
        (i(i64::MAX), f(9223372036854775808.0), Ordering::Less),
        (i(i64::MIN), f(-9223372036854775808.0), Ordering::Equal),
        (two_to(63), f(9223372036854775808.0), Ordering::Equal),
        (p64.clone(), f(18446744073709551616.0), Ordering::Equal),
        (more(&p64), f(18446744073709551616.0), Ordering::Greater),
        (p100.clone(), f(2f64.powi(100)), Ordering::Equal),
        (more(&p100), f(2f64.powi(100)), Ordering::Greater),
        (p100.clone(), f(-1e300), Ordering::Greater),
        (p100.clone(), f(f64::MAX), Ordering::Less),
        (two_to(1024), f(f64::MAX), Ordering::Greater),
        (two_to(1024), f(f64::INFINITY), Ordering::Less),
        (two_to(1024), f(f64::NEG_INFINITY), Ordering::Greater),
        (two_to(70), f(5.0), Ordering::Greater),
        (f(0.0), f(-0.0), Ordering::Equal),
        (i(0), f(-0.0), Ordering::Equal),
        (p64, f(f64::NAN), Ordering::Less),
        (i(1), f(-f64::NAN), Ordering::Greater),
    ];
    for (left, right, expected) in cases {
        assert_eq!(left.erlang_cmp(&right), expected, "{left:?} {right:?}");
        assert_eq!(right.erlang_cmp(&left), expected.reverse(), "{right:?} {left:?}");
    }
}

#[test]
fn exactly_integers_are_before_floats_and_minus_zero_before_zero() {
    let big = Term::Integer(Integer::from(BigInt::from(1) << 70));
    let minus_big = Term::Integer(Integer::from(-BigInt::from(1i128 << 70)));
    let rising = [minus_big, i(5), big, f(-1.0), f(-0.0), f(0.0), f(1.0)];
    assert!(rising.is_sorted_by(|a, b| a < b));
    assert!(f(f64::NAN) == f(f64::NAN));
}

#[test]
fn a_million_nested_lists_and_tuples_compare_and_hash() {
    let nest = |inner: Term, more: Term| {
        let mut term = inner;
        for _ in 0..500_000 {
            term = Term::List(List::from(vec![term]));
            term = Term::tuple([term, more.clone()]);
        }
        term
    };
    let (one, same, less) = (nest(i(1), i(0)), nest(i(1), i(0)), nest(f(1.0), i(-1)));
    assert!(one == same && one.erlang_eq(&same));
    assert_eq!(one.erlang_cmp(&less), Ordering::Greater);
    assert_eq!(hash(&one), hash(&same));
}

/// The order of numbers by way of decimal fractions, which hold both kinds exactly.
fn reference_number_order(left: &Term, right: &Term) -> Ordering {
    // Every float is a whole number of 2^-1074.
    let scaled = |term: &Term| match term {
        Term::Integer(integer) => integer.to_big() << 1074,
        Term::Float(float) => {
            let bits = float.abs().to_bits();
            let exponent = bits >> 52;
            let fraction = bits & ((1 << 52) - 1);
            let magnitude = if exponent == 0 {
                BigInt::from(fraction)
            } else {
                BigInt::from(fraction | (1 << 52)) << (exponent - 1)
            };
            if *float < 0.0 { -magnitude } else { magnitude }
        }
        _ => panic!(),
    };
    scaled(left).cmp(&scaled(right))
}

proptest! {
    #[test]
    fn numbers_agree_with_exact_arithmetic(left in number(), right in number()) {
        prop_assert_eq!(left.erlang_cmp(&right), reference_number_order(&left, &right));
    }

    #[test]
    fn equal_terms_have_equal_hashes(left in term(), right in term()) {
        prop_assert_eq!(left == right, left.cmp(&right).is_eq());
        prop_assert_eq!(left.erlang_eq(&right), left.erlang_cmp(&right).is_eq());
        if left == right {
            prop_assert_eq!(hash(&left), hash(&right));
            prop_assert!(left.erlang_eq(&right));
        }
    }

    #[test]
    fn orders_are_antisymmetric(left in term(), right in term()) {
        prop_assert_eq!(left.cmp(&right), right.cmp(&left).reverse());
        prop_assert_eq!(left.erlang_cmp(&right), right.erlang_cmp(&left).reverse());
        prop_assert!(left.cmp(&left.clone()).is_eq());
    }

    #[test]
    fn orders_are_transitive(mut terms in prop::collection::vec(prop_oneof![number(), term()], 3)) {
        terms.sort();
        prop_assert!(terms.is_sorted());
        prop_assert!(terms[0] <= terms[2]);
        terms.sort_by(Term::erlang_cmp);
        prop_assert!(terms.is_sorted_by(|a, b| a.erlang_cmp(b).is_le()));
        prop_assert!(terms[0].erlang_cmp(&terms[2]).is_le());
    }

    #[test]
    fn a_copy_without_shared_memory_is_equal(term in readable_term()) {
        let copy = copied(&term);
        prop_assert!(term == copy);
        prop_assert!(term.erlang_cmp(&copy).is_eq());
        prop_assert_eq!(hash(&term), hash(&copy));
    }
}

/// A copy that shares no elements, so that no comparison ends early.
fn copied(term: &Term) -> Term {
    let all = |elements: &[Term]| elements.iter().map(copied).collect::<Vec<Term>>();
    match term {
        Term::Tuple(tuple) => Term::tuple(all(tuple)),
        Term::List(list) => Term::list(all(list)),
        Term::ImproperList(list) => Term::list_with_tail(all(list.elements()), copied(list.tail())),
        Term::Map(map) => Term::Map(map.iter().map(|(key, value)| (copied(key), copied(value))).collect()),
        Term::Record(record) => {
            let fields = record.fields().map(|(field, value)| (field.clone(), copied(value))).collect();
            let (module, name) = (record.module.clone(), record.name.clone());
            Term::Record(Arc::new(Record::new(module, name, record.exported, fields)))
        }
        Term::Binary(bytes) => Term::Binary(Bytes::copy_from_slice(bytes)),
        other => other.clone(),
    }
}

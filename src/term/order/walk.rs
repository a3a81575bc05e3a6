//! The comparison of two terms, without recursion.
//!
//! All orders of terms are lexicographic: the first two parts that differ decide. So it is enough to keep the parts
//! that are still to be compared on a stack; a part that differs ends the walk, whatever is left on it. The memory
//! it takes grows with the depth of the terms only where more parts follow behind a nested one: a million lists,
//! each the last element of the next, take no more than one.
//!
//! What the Reference Manual leaves open:
//!
//! - Native records (OTP 29) stand between tuples and maps. They compare by module, name, whether they are exported
//!   (those that are come last), number of fields, names of the fields in their order, values.
//! - Funs made by a `fun` expression stand before `fun m:f/1`. They compare by module, index, the old check value,
//!   arity, number of free variables, the variables; the process that made them does not count. OTP 29 leaves out the
//!   old check value, OTP 25 and 27 the arity. The MD5 sum of the module, for OTP a part of `=:=` only, comes before
//!   the variables here. No two funs of one release of a module make these differ.

use std::cmp::Ordering;

use smallvec::SmallVec;

use super::numbers::{compare_floats, compare_integer_to_float};
use crate::term::{BitString, Fun, ImproperList, List, LocalFun, Map, Record, Term, Tuple};

/// How numbers compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    /// As `=:=` and the keys of maps: integers before floats.
    Exact,
    /// As `==` and `<`: by value.
    Erlang,
}

/// Terms to be compared pair by pair.
struct Pairs<'a> {
    left: &'a [Term],
    right: &'a [Term],
    // 2 for maps, where keys and values take turns, else 1.
    step: u8,
    rule: Rule,
    // The result if all pairs are equal.
    otherwise: Ordering,
}

impl<'a> Pairs<'a> {
    fn next(&mut self) -> Option<(&'a Term, &'a Term)> {
        let (left, right) = (self.left.first()?, self.right.first()?);
        let step = usize::from(self.step);
        self.left = self.left.get(step..).unwrap_or(&[]);
        self.right = self.right.get(step..).unwrap_or(&[]);
        Some((left, right))
    }

    /// Whether nothing is left here that could decide.
    fn is_settled(&self) -> bool {
        (self.left.is_empty() || self.right.is_empty()) && self.otherwise.is_eq()
    }
}

/// What is still to be compared, the next on top.
pub(super) struct Walk<'a> {
    pending: SmallVec<[Pairs<'a>; 4]>,
    // Only whether they are equal is asked, so any difference will do, the cheapest first.
    equality: bool,
}

impl<'a> Walk<'a> {
    /// A walk to find which of two is first.
    pub(super) fn order() -> Walk<'a> {
        Walk { pending: SmallVec::new(), equality: false }
    }

    /// A walk to find whether two are equal; if not, its result is any but `Equal`.
    pub(super) fn equality() -> Walk<'a> {
        Walk { pending: SmallVec::new(), equality: true }
    }

    /// Compares with `start`, then all that this put on the stack.
    pub(super) fn run(mut self, start: impl FnOnce(&mut Walk<'a>) -> Ordering) -> Ordering {
        let first = start(&mut self);
        if first.is_ne() {
            return first;
        }
        while let Some(top) = self.pending.last_mut() {
            match top.next() {
                None => {
                    let otherwise = top.otherwise;
                    if otherwise.is_ne() {
                        return otherwise;
                    }
                    self.pending.pop();
                }
                Some((left, right)) => {
                    let rule = top.rule;
                    if top.is_settled() {
                        self.pending.pop();
                    }
                    let order = self.terms(left, right, rule);
                    if order.is_ne() {
                        return order;
                    }
                }
            }
        }
        Ordering::Equal
    }

    /// Compares what can be compared at once; `Equal` if the rest is now on the stack.
    pub(super) fn terms(&mut self, left: &'a Term, right: &'a Term, rule: Rule) -> Ordering {
        match (left, right) {
            (Term::Integer(a), Term::Integer(b)) => a.cmp(b),
            (Term::Float(a), Term::Float(b)) => match rule {
                Rule::Exact => a.total_cmp(b),
                Rule::Erlang => compare_floats(*a, *b),
            },
            (Term::Integer(a), Term::Float(b)) if rule == Rule::Erlang => compare_integer_to_float(a, *b),
            (Term::Float(a), Term::Integer(b)) if rule == Rule::Erlang => {
                compare_integer_to_float(b, *a).reverse()
            }
            (Term::Atom(a), Term::Atom(b)) => a.cmp(b),
            (Term::Reference(a), Term::Reference(b)) => a.cmp(b),
            (Term::Fun(a), Term::Fun(b)) => self.funs(a, b, rule),
            (Term::Port(a), Term::Port(b)) => a.cmp(b),
            (Term::Pid(a), Term::Pid(b)) => a.cmp(b),
            (Term::Tuple(a), Term::Tuple(b)) => self.tuples(a, b, rule),
            (Term::Record(a), Term::Record(b)) => self.records(a, b, rule),
            (Term::Map(a), Term::Map(b)) => self.maps(a, b, rule),
            (Term::List(a), Term::List(b)) => self.lists(a, b, rule),
            (Term::ImproperList(a), Term::ImproperList(b)) => self.improper_lists(a, b, rule),
            (Term::List(a), Term::ImproperList(b)) => self.cells(Cells::proper(a), Cells::improper(b), rule),
            (Term::ImproperList(a), Term::List(b)) => self.cells(Cells::improper(a), Cells::proper(b), rule),
            (Term::Binary(a), Term::Binary(b)) => self.binaries(a, b),
            (Term::Binary(a), Term::BitString(b)) => compare_bits((a, 8), bits(b)),
            (Term::BitString(a), Term::Binary(b)) => compare_bits(bits(a), (b, 8)),
            (Term::BitString(a), Term::BitString(b)) => compare_bits(bits(a), bits(b)),
            _ => rank(left).cmp(&rank(right)),
        }
    }

    fn binaries(&self, left: &[u8], right: &[u8]) -> Ordering {
        if std::ptr::eq(left, right) {
            return Ordering::Equal;
        }
        let by_length = left.len().cmp(&right.len());
        if self.equality && by_length.is_ne() { by_length } else { left.cmp(right) }
    }

    pub(super) fn tuples(&mut self, left: &'a Tuple, right: &'a Tuple, rule: Rule) -> Ordering {
        if left.0.is_same(&right.0) {
            return Ordering::Equal;
        }
        self.elements(left, right, rule)
    }

    /// By number, then one by one.
    fn elements(&mut self, left: &'a [Term], right: &'a [Term], rule: Rule) -> Ordering {
        let by_length = left.len().cmp(&right.len());
        if by_length.is_eq() {
            self.pending.push(Pairs { left, right, step: 1, rule, otherwise: Ordering::Equal });
        }
        by_length
    }

    pub(super) fn records(&mut self, left: &'a Record, right: &'a Record, rule: Rule) -> Ordering {
        left.module
            .cmp(&right.module)
            .then_with(|| left.name.cmp(&right.name))
            .then_with(|| left.exported.cmp(&right.exported))
            .then_with(|| left.fields.len().cmp(&right.fields.len()))
            .then_with(|| left.fields.cmp(&right.fields))
            .then_with(|| {
                if left.values.is_same(&right.values) {
                    return Ordering::Equal;
                }
                self.elements(left.values.as_slice(), right.values.as_slice(), rule)
            })
    }

    pub(super) fn maps(&mut self, left: &'a Map, right: &'a Map, rule: Rule) -> Ordering {
        if left.0.is_same(&right.0) {
            return Ordering::Equal;
        }
        let by_size = left.len().cmp(&right.len());
        if by_size.is_ne() {
            return by_size;
        }
        let (left, right) = (left.0.as_slice(), right.0.as_slice());
        if rule == Rule::Exact && self.equality {
            return self.elements(left, right, rule);
        }
        // The keys first, whatever the values are.
        if let (Some(left), Some(right)) = (left.get(1..), right.get(1..)) {
            self.pending.push(Pairs { left, right, step: 2, rule, otherwise: Ordering::Equal });
        }
        self.pending.push(Pairs { left, right, step: 2, rule: Rule::Exact, otherwise: Ordering::Equal });
        Ordering::Equal
    }

    pub(super) fn lists(&mut self, left: &'a List, right: &'a List, rule: Rule) -> Ordering {
        if left.0.is_same(&right.0) {
            return Ordering::Equal;
        }
        self.cells(Cells::proper(left), Cells::proper(right), rule)
    }

    pub(super) fn improper_lists(
        &mut self,
        left: &'a ImproperList,
        right: &'a ImproperList,
        rule: Rule,
    ) -> Ordering {
        if left.0.is_same(&right.0) {
            return Ordering::Equal;
        }
        self.cells(Cells::improper(left), Cells::improper(right), rule)
    }

    fn cells(&mut self, left: Cells<'a>, right: Cells<'a>, rule: Rule) -> Ordering {
        let (left_rest, right_rest) = match left.elements.len().cmp(&right.elements.len()) {
            // Two tails that are no lists are compared like two more elements.
            Ordering::Equal if left.tail.is_some() && right.tail.is_some() => {
                return self.elements(left.all, right.all, rule);
            }
            Ordering::Equal => (rank_of_tail(left.tail), rank_of_tail(right.tail)),
            // What is left of the longer one is a list.
            Ordering::Less => (rank_of_tail(left.tail), LIST),
            Ordering::Greater => (LIST, rank_of_tail(right.tail)),
        };
        let otherwise = left_rest.cmp(&right_rest);
        if self.equality && otherwise.is_ne() {
            return otherwise;
        }
        self.pending.push(Pairs { left: left.elements, right: right.elements, step: 1, rule, otherwise });
        Ordering::Equal
    }

    pub(super) fn funs(&mut self, left: &'a Fun, right: &'a Fun, rule: Rule) -> Ordering {
        match (left, right) {
            (Fun::Local(a), Fun::Local(b)) => self.local_funs(a, b, rule),
            (Fun::Local(_), Fun::External(_)) => Ordering::Less,
            (Fun::External(_), Fun::Local(_)) => Ordering::Greater,
            (Fun::External(a), Fun::External(b)) => {
                (&a.module, &a.function, a.arity).cmp(&(&b.module, &b.function, b.arity))
            }
        }
    }

    pub(super) fn local_funs(&mut self, left: &'a LocalFun, right: &'a LocalFun, rule: Rule) -> Ordering {
        (&left.module, left.index, left.old_uniq, left.arity, left.uniq)
            .cmp(&(&right.module, right.index, right.old_uniq, right.arity, right.uniq))
            .then_with(|| {
                if left.free.is_same(&right.free) {
                    return Ordering::Equal;
                }
                self.elements(left.free.as_slice(), right.free.as_slice(), rule)
            })
    }
}

/// A list: proper if it has no tail.
struct Cells<'a> {
    elements: &'a [Term],
    tail: Option<&'a Term>,
    // The elements and the tail.
    all: &'a [Term],
}

impl<'a> Cells<'a> {
    fn proper(list: &'a List) -> Cells<'a> {
        Cells { elements: list, tail: None, all: list }
    }

    fn improper(list: &'a ImproperList) -> Cells<'a> {
        Cells { elements: list.elements(), tail: Some(list.tail()), all: list.0.as_slice() }
    }
}

fn rank_of_tail(tail: Option<&Term>) -> u8 {
    tail.map_or(NIL, rank)
}

const NIL: u8 = 10;
const LIST: u8 = 11;

/// The place of a term's type among the types.
fn rank(term: &Term) -> u8 {
    match term {
        Term::Integer(_) => 0,
        Term::Float(_) => 1,
        Term::Atom(_) => 2,
        Term::Reference(_) => 3,
        Term::Fun(_) => 4,
        Term::Port(_) => 5,
        Term::Pid(_) => 6,
        Term::Tuple(_) => 7,
        Term::Record(_) => 8,
        Term::Map(_) => 9,
        Term::List(list) if list.is_empty() => NIL,
        Term::List(_) | Term::ImproperList(_) => LIST,
        Term::Binary(_) | Term::BitString(_) => 12,
    }
}

/// The bytes of a bit string and how many bits of the last one count.
fn bits(string: &BitString) -> (&[u8], u8) {
    (string.bytes(), string.last_bits())
}

/// Bit by bit; a string that begins another one is before it.
fn compare_bits((left, left_bits): (&[u8], u8), (right, right_bits): (&[u8], u8)) -> Ordering {
    let common = left.len().min(right.len());
    let (Some((left_last, left_start)), Some((right_last, right_start))) =
        (left.get(..common).and_then(<[u8]>::split_last), right.get(..common).and_then(<[u8]>::split_last))
    else {
        return left.len().cmp(&right.len());
    };
    // Of the last byte both have, only the bits that both have decide; then the length does.
    let used = |bytes: &[u8], bits: u8| if bytes.len() == common { bits } else { 8 };
    let mask = 0xffu8 << (8 - used(left, left_bits).min(used(right, right_bits)));
    left_start
        .cmp(right_start)
        .then_with(|| (left_last & mask).cmp(&(right_last & mask)))
        .then_with(|| left.len().cmp(&right.len()))
        .then_with(|| left_bits.cmp(&right_bits))
}

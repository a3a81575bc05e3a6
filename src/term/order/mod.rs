//! Equality, order and hash of terms.
//!
//! Erlang has two orders, and both are here:
//!
//! | | exact: `==`, [`Ord`], [`Hash`](std::hash::Hash) | Erlang's: [`erlang_eq`](Term::erlang_eq), [`erlang_cmp`](Term::erlang_cmp) |
//! | --- | --- | --- |
//! | in Erlang | `=:=`, and the order of the keys of a map | `==`, `<`, `lists:sort/1` |
//! | `1` and `1.0` | differ, any integer before any float | equal; numbers compare by value, without rounding |
//! | `0.0` and `-0.0` | differ, `-0.0` first (OTP 27 and later) | equal |
//! | keys inside maps | exact | exact |
//!
//! Both have number < atom < reference < fun < port < pid < tuple < native record < map < `[]` < list < bit string.
//! Tuples compare by size before elements; maps by size, then by keys, then by values; lists element by element;
//! bit strings bit by bit. [`walk`] does the comparing, and says the rest.
//!
//! OTP leaves the order of pids, ports, references, funs and records to the implementation. It was found by
//! experiment and is the same in OTP 25, 27 and 29, but for funs: see [`identifiers`] and [`walk`]. Two maps that are
//! themselves keys compare in OTP 25 as here; later releases go by the place of atoms in the node's table of atoms,
//! which says nothing elsewhere.
//!
//! Reference: Erlang Reference Manual, "Expressions", [Term Comparisons][1].
//!
//! [1]: https://www.erlang.org/doc/system/expressions.html#term-comparisons

mod hash;
mod identifiers;
mod numbers;
mod walk;

#[cfg(test)]
mod tests;

use std::cmp::Ordering;

use self::walk::{Rule, Walk};
use super::{Fun, ImproperList, List, LocalFun, Map, Record, Term, Tuple};

impl Term {
    /// Erlang's `==`: numbers are equal by value, so `1` is equal to `1.0`, outside of the keys of maps.
    #[must_use]
    pub fn erlang_eq(&self, other: &Term) -> bool {
        Walk::equality().run(|walk| walk.terms(self, other, Rule::Erlang)).is_eq()
    }

    /// The order of Erlang's `<` and of `lists:sort/1`.
    ///
    /// NaN, which only Rust code can bring into a term, is above all other numbers, or below them if its sign bit
    /// is set.
    #[must_use]
    pub fn erlang_cmp(&self, other: &Term) -> Ordering {
        Walk::order().run(|walk| walk.terms(self, other, Rule::Erlang))
    }
}

/// By Erlang's `=:=`.
impl PartialEq for Term {
    fn eq(&self, other: &Term) -> bool {
        Walk::equality().run(|walk| walk.terms(self, other, Rule::Exact)).is_eq()
    }
}

impl Eq for Term {}

impl PartialOrd for Term {
    fn partial_cmp(&self, other: &Term) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The order of the keys of a map, which is consistent with `==`.
impl Ord for Term {
    fn cmp(&self, other: &Term) -> Ordering {
        Walk::order().run(|walk| walk.terms(self, other, Rule::Exact))
    }
}

/// The parts of a term compare as the term that holds them does.
macro_rules! compare_as_terms {
    ($($kind:ty => $compare:ident),* $(,)?) => { $(
        impl PartialEq for $kind {
            fn eq(&self, other: &$kind) -> bool {
                Walk::equality().run(|walk| walk.$compare(self, other, Rule::Exact)).is_eq()
            }
        }

        impl Eq for $kind {}

        impl PartialOrd for $kind {
            fn partial_cmp(&self, other: &$kind) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }

        impl Ord for $kind {
            fn cmp(&self, other: &$kind) -> Ordering {
                Walk::order().run(|walk| walk.$compare(self, other, Rule::Exact))
            }
        }
    )* };
}
compare_as_terms!(
    Tuple => tuples, List => lists, ImproperList => improper_lists, Map => maps, Record => records, Fun => funs,
    LocalFun => local_funs,
);

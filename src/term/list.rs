//! Lists, proper and improper.

use std::ops::Deref;

use super::{Elements, Term};

/// A proper list, the empty one included; a slice of its elements.
#[derive(Clone, Default)]
pub struct List(pub(crate) Elements);

impl List {
    /// The empty list, `[]`.
    pub const NIL: List = List(Elements::EMPTY);

    /// The elements, moved out if nobody else shares them.
    #[must_use]
    pub fn into_vec(self) -> Vec<Term> {
        self.0.into_vec()
    }
}

impl Deref for List {
    type Target = [Term];

    fn deref(&self) -> &[Term] {
        self.0.as_slice()
    }
}

impl From<Vec<Term>> for List {
    fn from(elements: Vec<Term>) -> List {
        List(Elements::from(elements))
    }
}

impl FromIterator<Term> for List {
    fn from_iter<I: IntoIterator<Item = Term>>(elements: I) -> List {
        List(elements.into_iter().collect())
    }
}

/// A list whose last tail is not a list, as `[a | b]`.
#[derive(Clone)]
pub struct ImproperList(
    // The elements, and the tail as the last one: two at least, and the last is no list.
    pub(crate) Elements,
);

impl ImproperList {
    /// The elements before the tail: one at least.
    #[must_use]
    pub fn elements(&self) -> &[Term] {
        self.0.as_slice().split_last().map_or(&[], |(_, elements)| elements)
    }

    /// The tail: anything but a list.
    #[must_use]
    pub fn tail(&self) -> &Term {
        static NIL: Term = Term::NIL;
        self.0.as_slice().last().unwrap_or(&NIL)
    }
}

impl Term {
    /// The list `[Elements... | Tail]`, proper or not, as Erlang's `|` makes it: with no elements it is the tail,
    /// and a tail that is a list becomes part of the list.
    #[must_use]
    pub fn list_with_tail(mut elements: Vec<Term>, tail: Term) -> Term {
        if elements.is_empty() {
            return tail;
        }
        match tail {
            Term::List(list) => {
                elements.extend(list.into_vec());
                Term::List(List::from(elements))
            }
            Term::ImproperList(list) => {
                elements.extend(list.0.into_vec());
                Term::ImproperList(ImproperList(Elements::from(elements)))
            }
            tail => {
                elements.push(tail);
                Term::ImproperList(ImproperList(Elements::from(elements)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tail_that_is_a_list_is_joined() {
        let inner = Term::list_with_tail(vec![Term::from(2)], Term::from(3));
        let Term::ImproperList(list) = Term::list_with_tail(vec![Term::from(1)], inner) else { panic!() };
        assert_eq!(list.elements().len(), 2);
        assert!(
            matches!(Term::list_with_tail(vec![Term::from(1)], Term::NIL), Term::List(list) if list.len() == 1)
        );
        assert!(matches!(Term::list_with_tail(vec![], Term::from(1)), Term::Integer(_)));
    }
}

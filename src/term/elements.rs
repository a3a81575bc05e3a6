//! The storage of all terms that hold other terms.
//!
//! Terms are immutable and shared: cloning a tuple of a million elements costs as much as cloning an atom. A
//! stranger can nest terms millions deep, so dropping them must not recurse; that is why every compound term keeps
//! its parts here, where the drop is written as a loop.

use std::sync::Arc;

use super::{Fun, Term};

/// Shared, immutable elements of a compound term.
#[derive(Clone, Default)]
pub(crate) struct Elements(Option<Arc<[Term]>>);

impl Elements {
    pub(crate) const EMPTY: Elements = Elements(None);

    pub(crate) fn as_slice(&self) -> &[Term] {
        self.0.as_deref().unwrap_or(&[])
    }

    /// The elements, moved out if this is their only owner, else cloned.
    pub(crate) fn into_vec(mut self) -> Vec<Term> {
        let Some(mut shared) = self.0.take() else { return Vec::new() };
        match Arc::get_mut(&mut shared) {
            Some(owned) => owned.iter_mut().map(std::mem::take).collect(),
            None => shared.to_vec(),
        }
    }

    /// The elements of `values` from `start` on, moved out of it at the cost of one allocation.
    pub(crate) fn drain(values: &mut Vec<Term>, start: usize) -> Elements {
        if start >= values.len() { Elements::EMPTY } else { values.drain(start..).collect() }
    }

    /// Whether both share the same memory, so that they are equal without a look at it.
    pub(crate) fn is_same(&self, other: &Elements) -> bool {
        match (&self.0, &other.0) {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            (None, None) => true,
            _ => false,
        }
    }
}

impl From<Vec<Term>> for Elements {
    fn from(elements: Vec<Term>) -> Elements {
        if elements.is_empty() { Elements::EMPTY } else { Elements(Some(Arc::from(elements))) }
    }
}

impl FromIterator<Term> for Elements {
    fn from_iter<I: IntoIterator<Item = Term>>(elements: I) -> Elements {
        // Straight into the shared memory if the iterator knows its length, as most do.
        let elements: Arc<[Term]> = elements.into_iter().collect();
        if elements.is_empty() { Elements::EMPTY } else { Elements(Some(elements)) }
    }
}

impl Drop for Elements {
    fn drop(&mut self) {
        let Some(mut shared) = self.0.take() else { return };
        let mut pending = Vec::new();
        loop {
            // With other owners left there is nothing to take apart.
            if let Some(owned) = Arc::get_mut(&mut shared) {
                for term in owned {
                    if let Some(inner) = take_elements(term) {
                        pending.push(inner);
                    }
                }
            }
            match pending.pop() {
                Some(next) => shared = next,
                None => break,
            }
        }
    }
}

/// Takes the elements out of a compound term that is its only owner, so that its own drop is shallow.
fn take_elements(term: &mut Term) -> Option<Arc<[Term]>> {
    match term {
        Term::Tuple(tuple) => tuple.0.0.take(),
        Term::List(list) => list.0.0.take(),
        Term::ImproperList(list) => list.0.0.take(),
        Term::Map(map) => map.0.0.take(),
        Term::Record(record) => Arc::get_mut(record)?.values.0.take(),
        Term::Fun(Fun::Local(fun)) => Arc::get_mut(fun)?.free.0.take(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::term::{List, Tuple};

    #[test]
    fn ten_million_nested_lists_and_tuples_drop_without_recursion() {
        let mut term = Term::List(List::NIL);
        for i in 0..10_000_000 {
            term = if i % 2 == 0 {
                Term::List(List::from(vec![term]))
            } else {
                Term::Tuple(Tuple::from(vec![term]))
            };
        }
        drop(term);
    }

    #[test]
    fn into_vec_of_shared_elements_leaves_the_others_whole() {
        let elements = Elements::from(vec![Term::from(1), Term::from(2)]);
        let other = elements.clone();
        assert_eq!(elements.into_vec().len(), 2);
        assert!(matches!(other.as_slice(), [Term::Integer(_), Term::Integer(_)]));
    }
}

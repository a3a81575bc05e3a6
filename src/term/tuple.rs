//! Tuples.

use std::ops::Deref;

use super::{Elements, Term};

/// A tuple; a slice of its elements.
#[derive(Clone, Default)]
pub struct Tuple(pub(crate) Elements);

impl Tuple {
    /// The elements, moved out if nobody else shares them.
    #[must_use]
    pub fn into_vec(self) -> Vec<Term> {
        self.0.into_vec()
    }
}

impl Deref for Tuple {
    type Target = [Term];

    fn deref(&self) -> &[Term] {
        self.0.as_slice()
    }
}

impl From<Vec<Term>> for Tuple {
    fn from(elements: Vec<Term>) -> Tuple {
        Tuple(Elements::from(elements))
    }
}

impl FromIterator<Term> for Tuple {
    fn from_iter<I: IntoIterator<Item = Term>>(elements: I) -> Tuple {
        Tuple(elements.into_iter().collect())
    }
}

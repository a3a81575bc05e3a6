//! The atoms of a message that are written as references to the distribution header.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::term::Atom;

/// Up to so many atoms comparing them all is faster than hashing.
const LINEAR: usize = 16;

/// Distinct atoms, numbered in the order they came.
#[derive(Debug, Default)]
pub(super) struct AtomTable {
    atoms: Vec<Atom>,
    // All of `atoms`, once there are more than `LINEAR`; else empty.
    index: HashMap<Atom, u8, RandomState>,
}

impl AtomTable {
    pub(super) fn as_slice(&self) -> &[Atom] {
        &self.atoms
    }

    /// The number of `atom`, which gets the next one if it has none; `None` if there are `limit` others.
    pub(super) fn number(&mut self, atom: &Atom, limit: usize) -> Option<u8> {
        let count = self.atoms.len();
        let known = if count <= LINEAR {
            self.atoms.iter().position(|known| known == atom).and_then(|at| u8::try_from(at).ok())
        } else {
            self.index.get(atom).copied()
        };
        if known.is_some() {
            return known;
        }
        if count >= limit {
            return None;
        }
        let number = u8::try_from(count).ok()?;
        self.atoms.push(atom.clone());
        if count == LINEAR {
            self.index.extend((0..).zip(&self.atoms).map(|(number, atom)| (atom.clone(), number)));
        } else if count > LINEAR {
            self.index.insert(atom.clone(), number);
        }
        Some(number)
    }

    /// Forgets all but the first `count`.
    pub(super) fn truncate(&mut self, count: usize) {
        if count <= LINEAR {
            self.index.clear();
            self.atoms.truncate(count);
            return;
        }
        for atom in self.atoms.drain(count.min(self.atoms.len())..) {
            self.index.remove(&atom);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn atom(n: u8) -> Atom {
        Atom::new(&format!("a{n}")).unwrap()
    }

    #[test]
    fn atoms_keep_their_number() {
        let mut table = AtomTable::default();
        for _ in 0..2 {
            for n in 0..255 {
                assert_eq!(table.number(&atom(n), 255), Some(n));
            }
            assert_eq!(table.number(&atom(255), 255), None);
        }
        assert_eq!(table.as_slice().len(), 255);
    }

    #[test]
    fn forgotten_atoms_get_new_numbers() {
        for keep in [0, 3, 16, 17, 18, 40] {
            let mut table = AtomTable::default();
            for n in 0..40 {
                table.number(&atom(n), 255);
            }
            table.truncate(usize::from(keep));
            assert_eq!(table.number(&atom(99), 255), Some(keep));
            for n in 0..keep {
                assert_eq!(table.number(&atom(n), 255), Some(n), "{n} of {keep}");
            }
            assert_eq!(table.number(&atom(40), 255), Some(keep + 1));
        }
    }
}

//! The atoms of the names of Rust types.
//!
//! A name of a field or a variant is a constant of the program, and becomes an atom in message after message. So each
//! thread keeps the atoms of the names it has met, by the place of the name in memory.

use std::cell::RefCell;
use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::SerializeError;
use crate::term::Atom;

/// How many names a thread remembers. A program has only so many types, but it could leak strings to make names.
const MAX_NAMES: usize = 4096;

thread_local! {
    static NAMES: RefCell<HashMap<(*const u8, usize), Atom, RandomState>> = RefCell::default();
}

/// The atom of a name.
pub(super) fn atom_of_name(name: &'static str) -> Result<Atom, SerializeError> {
    NAMES.with_borrow_mut(|names| {
        let place = (name.as_ptr(), name.len());
        if let Some(atom) = names.get(&place) {
            return Ok(atom.clone());
        }
        let atom = atom_of_text(name)?;
        if names.len() < MAX_NAMES {
            names.insert(place, atom.clone());
        }
        Ok(atom)
    })
}

/// The atom of any text.
pub(super) fn atom_of_text(text: &str) -> Result<Atom, SerializeError> {
    Atom::new(text).map_err(|_| SerializeError::AtomTooLong { name: text.into() })
}

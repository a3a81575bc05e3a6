//! Atoms: names that are values.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use arcstr::ArcStr;

/// The longest atom, in characters (not bytes), as in OTP.
pub const MAX_ATOM_CHARACTERS: usize = 255;

/// An atom, as in Erlang: a name of up to 255 characters of UTF-8.
///
/// There is no table of atoms that could fill up: an atom is a shared string which goes away with its last
/// owner. Cloning does not allocate, and atoms made by the [`atom!`](crate::atom) macro are static data.
#[derive(Clone)]
pub struct Atom(ArcStr);

impl Atom {
    /// Makes an atom of `name`.
    ///
    /// # Errors
    /// [`AtomTooLong`] when `name` has more than 255 characters.
    pub fn new(name: &str) -> Result<Atom, AtomTooLong> {
        // A character takes at most four bytes, so only longer names need counting.
        if name.len() > MAX_ATOM_CHARACTERS && name.chars().count() > MAX_ATOM_CHARACTERS {
            return Err(AtomTooLong { characters: name.chars().count() });
        }
        Ok(Atom(ArcStr::from(name)))
    }

    /// Used by the [`atom!`](crate::atom) macro, which makes sure of the length.
    #[doc(hidden)]
    #[must_use]
    pub const fn from_literal(name: ArcStr) -> Atom {
        Atom(name)
    }

    /// The atom's name, without quotes.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

/// Makes an [`Atom`](crate::term::Atom) of a string literal, in a constant too, without allocating.
///
/// ```
/// use erlnode::{atom, term::Atom};
/// const OK: Atom = atom!("ok");
/// assert_eq!(OK.as_str(), "ok");
/// ```
#[macro_export]
macro_rules! atom {
    ($name:literal) => {{
        // Counted in bytes: stricter than need be, but a constant.
        const _: () = assert!($name.len() <= $crate::term::MAX_ATOM_CHARACTERS, "the atom is too long");
        $crate::term::Atom::from_literal($crate::__private::literal!($name))
    }};
}

/// The error of [`Atom::new`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an atom has at most 255 characters, this name has {characters}")]
pub struct AtomTooLong {
    /// How many characters the name has.
    pub characters: usize,
}

impl PartialEq for Atom {
    fn eq(&self, other: &Atom) -> bool {
        ArcStr::ptr_eq(&self.0, &other.0) || self.0.as_str() == other.0.as_str()
    }
}

impl Eq for Atom {}

impl PartialEq<str> for Atom {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Atom {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl Hash for Atom {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

// Lets maps with `Atom` keys be searched with a `&str`.
impl Borrow<str> for Atom {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for Atom {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl PartialOrd for Atom {
    fn partial_cmp(&self, other: &Atom) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// By code points, as Erlang compares atoms.
impl Ord for Atom {
    fn cmp(&self, other: &Atom) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl TryFrom<&str> for Atom {
    type Error = AtomTooLong;

    fn try_from(name: &str) -> Result<Atom, AtomTooLong> {
        Atom::new(name)
    }
}

impl fmt::Debug for Atom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_is_counted_in_characters() {
        assert!(Atom::new(&"å".repeat(255)).is_ok());
        assert_eq!(Atom::new(&"å".repeat(256)), Err(AtomTooLong { characters: 256 }));
    }

    #[test]
    fn static_and_shared_atoms_of_one_name_are_equal() {
        assert_eq!(crate::atom!("ok"), Atom::new("ok").unwrap());
    }
}

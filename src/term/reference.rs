//! References: unique values, which also name monitors, calls and aliases.

use super::{Atom, Creation};

/// How many 32-bit words a reference has: one to five.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
enum Words {
    One = 1,
    Two,
    Three,
    Four,
    Five,
}

/// A reference, of this node or any other.
///
/// References that are aliases have five words when OTP 27 or later made them, all others three. They are passed
/// on exactly as they came; a word that one reference lacks and that is zero in another makes no difference.
#[derive(Clone)]
pub struct Reference {
    node: Atom,
    creation: Creation,
    words: [u32; 5],
    // Those beyond are zero, so that comparing and hashing can look at all five.
    count: Words,
}

impl Reference {
    /// The most words a reference has.
    pub const MAX_WORDS: usize = 5;

    /// A reference of one to five words, in the order of the wire; `None` for any other number of words.
    #[must_use]
    pub fn new(node: Atom, creation: Creation, words: &[u32]) -> Option<Reference> {
        let count = match words.len() {
            1 => Words::One,
            2 => Words::Two,
            3 => Words::Three,
            4 => Words::Four,
            5 => Words::Five,
            _ => return None,
        };
        let mut all = [0; 5];
        for (to, from) in all.iter_mut().zip(words) {
            *to = *from;
        }
        Some(Reference { node, creation, words: all, count })
    }

    /// The node that made the reference.
    #[must_use]
    pub fn node(&self) -> &Atom {
        &self.node
    }

    /// The incarnation of that node.
    #[must_use]
    pub fn creation(&self) -> Creation {
        self.creation
    }

    /// The words, in the order of the wire; `#Ref<0.3.2.1>` shows them last first.
    #[must_use]
    pub fn words(&self) -> &[u32] {
        self.words.get(..self.count as usize).unwrap_or(&self.words)
    }

    /// The words, with zeros for those it does not have.
    pub(crate) fn all_words(&self) -> [u32; Reference::MAX_WORDS] {
        self.words
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::atom;

    #[test]
    fn one_to_five_words() {
        for n in 1..=5 {
            let words: Vec<u32> = (1..=n).collect();
            let reference = Reference::new(atom!("a@b"), Creation(1), &words).unwrap();
            assert_eq!(reference.words(), words);
        }
        assert!(Reference::new(atom!("a@b"), Creation(1), &[]).is_none());
        assert!(Reference::new(atom!("a@b"), Creation(1), &[0; 6]).is_none());
    }
}

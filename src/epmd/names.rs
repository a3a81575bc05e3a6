//! The table of names that a daemon keeps.
//!
//! A name belongs to the connection on which it was registered, its *owner*, until that connection ends. The name then
//! moves to the list of unused names, with the creation it had. A node that takes the name again gets the next creation,
//! so pids of the earlier node cannot be taken for those of the new one; a name not in that list gets a creation from the
//! clock.
//!
//! ```text
//!                register                     unregister
//!   (unknown) ---------------> active -----------------------> unused ---> (forgotten, when there are too many)
//!              creation = now     ^                              |
//!                                 +------------------------------+
//!                                   register: creation = last + 1
//! ```
//!
//! There is no I/O and no clock in here. Finding, registering and dropping a name cost the same with ten names as with ten
//! thousand (but for the logarithm in keeping their order).

use std::collections::{BTreeMap, HashMap};
use std::str;

use arcstr::ArcStr;

use crate::epmd::message::{RawEntry, WIDE_CREATIONS};
use crate::epmd::{EntryError, NodeEntry};
use crate::term::Creation;

/// How many unused names are remembered, as in OTP; the longest unused one is forgotten first.
pub const MAX_UNUSED: usize = 1000;

/// The lowest creation with 32 bits; 1 to 3 are those of nodes before OTP 23.
const FIRST_CREATION: u32 = 4;

/// Tells connections apart; the caller never uses a number twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Owner(pub u64);

/// The names that are registered, and those that were.
#[derive(Debug, Default)]
pub struct Names {
    active: HashMap<ArcStr, Active>,
    unused: HashMap<ArcStr, Unused>,
    // The names in the order in which they became active or unused; the keys are the `since` of the entries.
    active_order: BTreeMap<u64, ArcStr>,
    unused_order: BTreeMap<u64, ArcStr>,
    changes: u64,
}

#[derive(Debug)]
struct Active {
    entry: NodeEntry,
    creation: u32,
    owner: Owner,
    since: u64,
}

#[derive(Debug)]
struct Unused {
    port: u16,
    creation: u32,
    owner: Owner,
    since: u64,
}

impl Names {
    /// A table without names.
    #[must_use]
    pub fn new() -> Names {
        Names::default()
    }

    /// Registers a node for the connection `owner` and gives its creation: from 1 to 3 if its highest version is below 6.
    ///
    /// `now` is the creation of a name that is not remembered, by custom the seconds since 1970.
    ///
    /// # Errors
    /// If the name is taken or something in `entry` is unlawful.
    pub fn register(&mut self, entry: &RawEntry<'_>, owner: Owner, now: u32) -> Result<Creation, Refusal> {
        let entry = NodeEntry::try_from(entry)?;
        let name = entry.name().clone();
        if self.active.contains_key(&name) {
            return Err(Refusal::NameTaken);
        }
        let creation = match self.unused.remove(&name) {
            Some(unused) => {
                self.unused_order.remove(&unused.since);
                unused.creation.wrapping_add(1)
            }
            None => now,
        };
        let creation = creation.max(FIRST_CREATION);
        let told = if entry.highest_version() >= WIDE_CREATIONS { creation } else { creation % 3 + 1 };
        let since = self.count_change();
        self.active_order.insert(since, name.clone());
        self.active.insert(name, Active { entry, creation, owner, since });
        Ok(Creation(told))
    }

    /// Drops a name, if it belongs to `owner`; tells whether it did.
    pub fn unregister(&mut self, name: &str, owner: Owner) -> bool {
        if self.active.get(name).is_none_or(|active| active.owner != owner) {
            return false;
        }
        let Some((name, active)) = self.active.remove_entry(name) else { return false };
        self.active_order.remove(&active.since);
        if self.unused.len() >= MAX_UNUSED
            && let Some((_, oldest)) = self.unused_order.pop_first()
        {
            self.unused.remove(&oldest);
        }
        let since = self.count_change();
        self.unused_order.insert(since, name.clone());
        let Active { entry, creation, owner, .. } = active;
        self.unused.insert(name, Unused { port: entry.port(), creation, owner, since });
        true
    }

    /// The node of this name. Names are compared byte for byte.
    #[must_use]
    pub fn find(&self, name: &[u8]) -> Option<&NodeEntry> {
        self.active.get(str::from_utf8(name).ok()?).map(|active| &active.entry)
    }

    /// The connection to which the name belongs.
    #[must_use]
    pub fn owner(&self, name: &[u8]) -> Option<Owner> {
        self.active.get(str::from_utf8(name).ok()?).map(|active| active.owner)
    }

    /// The registered nodes, the one registered last first.
    pub fn active(&self) -> impl Iterator<Item = (&NodeEntry, Owner)> {
        let names = self.active_order.values().rev();
        names.filter_map(|name| self.active.get(name)).map(|active| (&active.entry, active.owner))
    }

    /// The remembered names with the port and the connection that they had, the longest unused one first.
    pub fn unused(&self) -> impl Iterator<Item = (&str, u16, Owner)> {
        let names = self.unused_order.values();
        names
            .filter_map(|name| self.unused.get(name).map(|unused| (name.as_str(), unused.port, unused.owner)))
    }

    /// How many nodes are registered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.active.len()
    }

    /// Whether no node is registered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.active.is_empty()
    }

    fn count_change(&mut self) -> u64 {
        self.changes += 1;
        self.changes
    }
}

/// Why a node is not registered. On the wire both are the same.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Another connection has the name.
    #[error("the name is taken")]
    NameTaken,
    /// What the node told is unlawful.
    #[error(transparent)]
    Unlawful(#[from] EntryError),
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u32 = 1_795_226_816;

    fn register(names: &mut Names, name: &str, owner: u64) -> Result<u32, Refusal> {
        let entry = NodeEntry::new(name, 5000).unwrap();
        names.register(&RawEntry::from(&entry), Owner(owner), NOW).map(|creation| creation.0)
    }

    fn listed(names: &Names) -> Vec<&str> {
        names.active().map(|(entry, _)| entry.name().as_str()).collect()
    }

    fn unused(names: &Names) -> Vec<&str> {
        names.unused().map(|(name, ..)| name).collect()
    }

    #[test]
    fn a_name_is_found_byte_for_byte() {
        let mut names = Names::new();
        register(&mut names, "foo", 1).unwrap();
        assert_eq!(names.find(b"foo").map(NodeEntry::port), Some(5000));
        for other in [b"Foo".as_slice(), b"fo", b"fooo", b"", b"\xff"] {
            assert_eq!(names.find(other), None);
        }
    }

    #[test]
    fn a_taken_name_stays_with_its_owner() {
        let mut names = Names::new();
        register(&mut names, "foo", 1).unwrap();
        assert_eq!(register(&mut names, "foo", 2), Err(Refusal::NameTaken));
        assert!(!names.unregister("foo", Owner(2)));
        assert_eq!(names.owner(b"foo"), Some(Owner(1)));
        assert!(names.unregister("foo", Owner(1)));
        assert!(!names.unregister("foo", Owner(1)));
        assert!(names.is_empty());
    }

    #[test]
    fn a_name_that_is_used_again_gets_the_next_creation() {
        let mut names = Names::new();
        for round in 0..3 {
            assert_eq!(register(&mut names, "foo", 1), Ok(NOW + round));
            names.unregister("foo", Owner(1));
        }
        assert_eq!(register(&mut names, "bar", 1), Ok(NOW));
    }

    #[test]
    fn nodes_before_otp_23_get_a_creation_from_1_to_3() {
        let mut names = Names::new();
        let entry = NodeEntry::new("old", 5000).unwrap().with_versions(5, 5);
        for round in 0..4 {
            let creation = names.register(&RawEntry::from(&entry), Owner(1), NOW);
            assert_eq!(creation, Ok(Creation((NOW + round) % 3 + 1)));
            names.unregister("old", Owner(1));
        }
    }

    #[test]
    fn creations_below_4_are_not_given() {
        let mut names = Names::new();
        let entry = NodeEntry::new("foo", 5000).unwrap();
        let first = names.register(&RawEntry::from(&entry), Owner(1), u32::MAX);
        assert_eq!(first, Ok(Creation(u32::MAX)));
        names.unregister("foo", Owner(1));
        assert_eq!(register(&mut names, "foo", 1), Ok(4));
        let other = NodeEntry::new("bar", 5000).unwrap();
        assert_eq!(names.register(&RawEntry::from(&other), Owner(1), 0), Ok(Creation(4)));
    }

    #[test]
    fn the_newest_name_and_the_longest_unused_one_come_first() {
        let mut names = Names::new();
        for (owner, name) in (1..).zip(["a", "b", "c", "d"]) {
            register(&mut names, name, owner).unwrap();
        }
        names.unregister("c", Owner(3));
        names.unregister("a", Owner(1));
        assert_eq!(listed(&names), ["d", "b"]);
        assert_eq!(unused(&names), ["c", "a"]);
        register(&mut names, "c", 5).unwrap();
        assert_eq!(listed(&names), ["c", "d", "b"]);
        assert_eq!(unused(&names), ["a"]);
    }

    #[test]
    fn only_so_many_unused_names_are_remembered() {
        let mut names = Names::new();
        for number in 0..=MAX_UNUSED {
            register(&mut names, &number.to_string(), 1).unwrap();
            names.unregister(&number.to_string(), Owner(1));
        }
        assert_eq!(names.unused().count(), MAX_UNUSED);
        assert_eq!(unused(&names).first(), Some(&"1"));
        assert_eq!(register(&mut names, "0", 1), Ok(NOW), "forgotten");
        assert_eq!(register(&mut names, "1", 1), Ok(NOW + 1), "remembered");
    }

    #[test]
    fn unlawful_names_are_refused() {
        let foo = NodeEntry::new("foo", 0).unwrap();
        let good = RawEntry::from(&foo);
        let long = "\u{e9}".repeat(256);
        let extra = [0; 1021];
        let cases = [
            (RawEntry { name: b"\xed\xa0\x80", ..good }, EntryError::NameNotUtf8),
            (RawEntry { name: long.as_bytes(), ..good }, EntryError::NameTooLong { characters: 256 }),
            (RawEntry { extra: &extra, ..good }, EntryError::ExtraTooLong { bytes: 1021 }),
        ];
        let mut names = Names::new();
        for (entry, error) in cases {
            assert_eq!(names.register(&entry, Owner(1), NOW), Err(Refusal::Unlawful(error)));
        }
        assert!(names.is_empty());
    }
}

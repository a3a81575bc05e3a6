//! The table of names that a daemon keeps.
//!
//! A name belongs to the connection on which it was registered, its *owner*, until that connection ends. The name then
//! moves to the list of unused names, with the creation it had. A node that takes the name again gets the next creation,
//! so pids of the earlier node cannot be taken for those of the new one; a name not in that list gets a creation from the
//! clock.
//!
//! ```text
//!                register                     unregister
//!   (unknown) ---------------> active -----------------------> unused ---> (forgotten, for a new name)
//!              creation = now     ^                              |
//!                                 +------------------------------+
//!                                   register: creation = last + 1
//! ```
//!
//! There is no I/O and no clock in here. Finding, registering and dropping a name cost the same with ten names as with ten
//! thousand (but for the logarithm in keeping their order).

use std::collections::{BTreeMap, HashMap};

use arcstr::ArcStr;

use crate::epmd::NodeEntry;
use crate::term::Creation;

/// How many unused names may be remembered when a new name comes, as in OTP.
///
/// Where there are more, the longest unused one is forgotten for the new name. So there are never many more in all than
/// nodes that were registered at once.
pub const MAX_UNUSED: usize = 1000;

/// The lowest creation with 32 bits; 1 to 3 are those of nodes before OTP 23.
const FIRST_CREATION: u32 = 4;

/// Tells connections apart; the caller never uses a number twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Owner(pub u64);

/// The names that are registered, and those that were.
#[derive(Debug)]
pub struct Names {
    max_unused: usize,
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
    /// A table without names, that remembers [`MAX_UNUSED`] unused ones.
    #[must_use]
    pub fn new() -> Names {
        Names::with_max_unused(MAX_UNUSED)
    }

    /// A table without names, that remembers so many unused ones.
    #[must_use]
    pub fn with_max_unused(max_unused: usize) -> Names {
        Names {
            max_unused,
            active: HashMap::new(),
            unused: HashMap::new(),
            active_order: BTreeMap::new(),
            unused_order: BTreeMap::new(),
            changes: 0,
        }
    }

    /// Registers a node for the connection `owner` and gives its creation, 4 or more.
    ///
    /// `now` is the creation of a name that is not remembered, by custom the seconds since 1970.
    ///
    /// # Errors
    /// If the name is taken.
    pub fn register(&mut self, entry: NodeEntry, owner: Owner, now: u32) -> Result<Creation, NameTaken> {
        let name = entry.name().clone();
        if let Some(active) = self.active.get(&name) {
            return Err(NameTaken { by: active.entry.clone(), owner: active.owner });
        }
        let creation = match self.unused.remove(&name) {
            Some(unused) => {
                self.unused_order.remove(&unused.since);
                unused.creation.wrapping_add(1)
            }
            None => {
                if self.unused.len() > self.max_unused
                    && let Some((_, oldest)) = self.unused_order.pop_first()
                {
                    self.unused.remove(&oldest);
                }
                now
            }
        };
        let creation = creation.max(FIRST_CREATION);
        let since = self.count_change();
        self.active_order.insert(since, name.clone());
        self.active.insert(name, Active { entry, creation, owner, since });
        Ok(Creation(creation))
    }

    /// Drops a name, if it belongs to `owner`; tells whether it did.
    pub fn unregister(&mut self, name: &str, owner: Owner) -> bool {
        if self.active.get(name).is_none_or(|active| active.owner != owner) {
            return false;
        }
        let Some((name, active)) = self.active.remove_entry(name) else { return false };
        self.active_order.remove(&active.since);
        let since = self.count_change();
        self.unused_order.insert(since, name.clone());
        let Active { entry, creation, owner, .. } = active;
        self.unused.insert(name, Unused { port: entry.port(), creation, owner, since });
        true
    }

    /// The node of this name. Names are compared byte for byte.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&NodeEntry> {
        self.active.get(name).map(|active| &active.entry)
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

    /// How many times a name was registered or dropped.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.changes
    }

    fn count_change(&mut self) -> u64 {
        self.changes += 1;
        self.changes
    }
}

impl Default for Names {
    fn default() -> Names {
        Names::new()
    }
}

/// Another connection has the name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the name `{}` is taken", by.name())]
pub struct NameTaken {
    /// The node that has it.
    pub by: NodeEntry,
    /// The connection to which it belongs.
    pub owner: Owner,
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u32 = 1_795_226_816;

    fn register(names: &mut Names, name: &str, owner: u64) -> Result<u32, Owner> {
        let entry = NodeEntry::new(name, 5000).unwrap();
        let creation = names.register(entry, Owner(owner), NOW);
        creation.map(|creation| creation.0).map_err(|taken| taken.owner)
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
        assert_eq!(names.find("foo").map(NodeEntry::port), Some(5000));
        for other in ["Foo", "fo", "fooo", ""] {
            assert_eq!(names.find(other), None);
        }
    }

    #[test]
    fn a_taken_name_stays_with_its_owner() {
        let mut names = Names::new();
        register(&mut names, "foo", 1).unwrap();
        assert_eq!(register(&mut names, "foo", 2), Err(Owner(1)));
        assert!(!names.unregister("foo", Owner(2)));
        assert_eq!(names.active().next().map(|(_, owner)| owner), Some(Owner(1)));
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
    fn creations_below_4_are_not_given() {
        let mut names = Names::new();
        let entry = NodeEntry::new("foo", 5000).unwrap();
        let first = names.register(entry, Owner(1), u32::MAX);
        assert_eq!(first, Ok(Creation(u32::MAX)));
        names.unregister("foo", Owner(1));
        assert_eq!(register(&mut names, "foo", 1), Ok(4));
        let other = NodeEntry::new("bar", 5000).unwrap();
        assert_eq!(names.register(other, Owner(1), 0), Ok(Creation(4)));
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
    fn a_new_name_takes_the_place_of_the_longest_unused_one_when_there_are_too_many() {
        let mut names = Names::with_max_unused(2);
        for (owner, name) in (1..).zip(["a", "b", "c", "d"]) {
            register(&mut names, name, owner).unwrap();
        }
        for (owner, name) in (1..).zip(["a", "b", "c", "d"]) {
            assert!(names.unregister(name, Owner(owner)));
        }
        assert_eq!(unused(&names), ["a", "b", "c", "d"]);
        assert_eq!(register(&mut names, "b", 5), Ok(NOW + 1), "remembered");
        assert_eq!(unused(&names), ["a", "c", "d"]);
        assert_eq!(register(&mut names, "e", 6), Ok(NOW));
        assert_eq!(unused(&names), ["c", "d"]);
        assert_eq!(register(&mut names, "f", 7), Ok(NOW));
        assert_eq!(unused(&names), ["c", "d"], "not too many any more");
        assert_eq!(register(&mut names, "a", 8), Ok(NOW), "forgotten");
    }

    #[test]
    fn a_lookup_costs_the_same_with_ten_thousand_names_as_with_ten() {
        // The best of many rounds, as others use the machine too. A walk through the names would take 1,000 times as long.
        let best_of = |count: u32| {
            let mut names = Names::new();
            for number in 0..count {
                register(&mut names, &format!("node{number}"), u64::from(number)).unwrap();
            }
            let wanted: Vec<String> = (0..10).map(|number| format!("node{}", count - 1 - number)).collect();
            let round = || {
                let started = std::time::Instant::now();
                for name in wanted.iter().cycle().take(1000) {
                    assert!(std::hint::black_box(names.find(name)).is_some());
                }
                started.elapsed()
            };
            (0..50).map(|_| round()).min().unwrap()
        };
        let (few, many) = (best_of(10), best_of(10_000));
        assert!(many < few * 50, "{many:?} with 10,000 names, {few:?} with 10");
    }
}

//! Links, with the protocol that makes unlinking safe.
//!
//! An unlink crosses signals that are on their way: the other process may just have linked again, or ended. So
//! each unlink has an id, and the other side acknowledges it; until then nothing that comes through the link counts.
//!
//! ```text
//!              link / LINK              unlink → UNLINK_ID id
//!   (no link) ───────────▶ Linked ─────────────────────────────▶ Unlinking(id)
//!       ▲                    │ ▲                                   │   │
//!       │  EXIT, UNLINK_ID   │ └────────── link → LINK ────────────┘   │
//!       ├────────────────────┘                                         │
//!       └──────────────────────── UNLINK_ID_ACK id ────────────────────┘
//! ```
//!
//! Both sides have to come to the same end, so a signal must leave before the next change of the link here: whoever
//! holds the state sends what comes of it before letting go. Two processes of one node need no such protocol: both
//! sides are changed at once.
//!
//! Reference: ERTS User's Guide, "Distribution Protocol", [Link Protocol][1].
//!
//! [1]: https://www.erlang.org/doc/apps/erts/erl_dist_protocol.html#link-protocol

use std::collections::HashMap;
use std::num::NonZeroU64;

use foldhash::fast::FixedState;

use crate::term::{Atom, Pid};

/// Names one unlink of a process, so that its acknowledgement is not taken for that of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct UnlinkId(pub NonZeroU64);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LinkState {
    Linked,
    /// Unlinked here; the other side has not acknowledged it yet.
    Unlinking(UnlinkId),
}

/// The links of one process.
#[derive(Debug, Default)]
pub(crate) struct Links {
    table: HashMap<Pid, LinkState, FixedState>,
    last_unlink: u64,
}

impl Links {
    /// Links to `other`; true if the other side has to be told.
    pub(crate) fn link(&mut self, other: &Pid) -> bool {
        self.table.insert(other.clone(), LinkState::Linked) != Some(LinkState::Linked)
    }

    /// Whether there is a link that counts.
    pub(crate) fn is_linked(&self, other: &Pid) -> bool {
        self.table.get(other) == Some(&LinkState::Linked)
    }

    /// Forgets the link with `other`, which forgets it too.
    pub(crate) fn remove(&mut self, other: &Pid) {
        self.table.remove(other);
    }

    /// Unlinks from `other`; the id to tell the other side, if there was a link.
    pub(crate) fn unlink(&mut self, other: &Pid) -> Option<UnlinkId> {
        let state = self.table.get_mut(other).filter(|state| **state == LinkState::Linked)?;
        self.last_unlink += 1;
        let id = UnlinkId(NonZeroU64::new(self.last_unlink)?);
        *state = LinkState::Unlinking(id);
        Some(id)
    }

    /// The other side has linked. While an unlink of ours is on its way, theirs crossed it and does not count.
    pub(crate) fn link_received(&mut self, other: Pid) {
        self.table.entry(other).or_insert(LinkState::Linked);
    }

    /// The other side has unlinked.
    pub(crate) fn unlink_received(&mut self, other: &Pid) {
        if self.is_linked(other) {
            self.table.remove(other);
        }
    }

    /// The other side has acknowledged the unlink `id`.
    pub(crate) fn unlink_acknowledged(&mut self, other: &Pid, id: UnlinkId) {
        if self.table.get(other) == Some(&LinkState::Unlinking(id)) {
            self.table.remove(other);
        }
    }

    /// An exit signal came through the link: true if the link was there; it is no more.
    pub(crate) fn exit_received(&mut self, other: &Pid) -> bool {
        let linked = self.is_linked(other);
        if linked {
            self.table.remove(other);
        }
        linked
    }

    /// The processes linked to.
    pub(crate) fn linked(&self) -> impl Iterator<Item = &Pid> {
        self.table.iter().filter(|(_, state)| **state == LinkState::Linked).map(|(pid, _)| pid)
    }

    /// Removes all links to processes of `node` and gives those that were up.
    pub(crate) fn node_down(&mut self, node: &Atom) -> Vec<Pid> {
        let gone = self.table.extract_if(|pid, _| pid.node == *node);
        gone.filter(|(_, state)| *state == LinkState::Linked).map(|(pid, _)| pid).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::atom;
    use crate::term::Creation;

    fn pid(id: u32) -> Pid {
        Pid { node: atom!("a@b"), id, serial: 0, creation: Creation(1) }
    }

    #[test]
    fn an_exit_after_unlink_does_not_count() {
        let mut links = Links::default();
        assert!(links.link(&pid(1)));
        assert!(links.unlink(&pid(1)).is_some());
        assert!(!links.exit_received(&pid(1)));
    }

    #[test]
    fn the_acknowledgement_of_an_earlier_unlink_does_not_end_a_later_link() {
        let mut links = Links::default();
        links.link(&pid(1));
        let first = links.unlink(&pid(1)).unwrap();
        assert!(links.link(&pid(1)), "linking again is told to the other side");
        links.unlink_acknowledged(&pid(1), first);
        assert!(links.exit_received(&pid(1)));
    }

    #[test]
    fn a_link_that_crosses_our_unlink_is_ignored() {
        let mut links = Links::default();
        links.link(&pid(1));
        let id = links.unlink(&pid(1)).unwrap();
        links.link_received(pid(1));
        assert_eq!(links.linked().count(), 0);
        links.unlink_acknowledged(&pid(1), id);
        assert_eq!(links.table.len(), 0);
    }

    #[test]
    fn linking_twice_tells_once() {
        let mut links = Links::default();
        assert!(links.link(&pid(1)));
        assert!(!links.link(&pid(1)));
    }
}

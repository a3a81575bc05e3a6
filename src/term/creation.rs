//! Which incarnation of a node an identifier comes from.

use std::fmt;

/// Tells apart the incarnations of a node under one name: epmd gives each start of a node another one.
///
/// Every pid, port and reference carries the creation of the node that made it; one with the name of this node
/// and another creation is a dead one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Creation(pub u32);

impl Creation {
    /// That of the next node under the same name. It is never one of 0 to 3, which only old nodes have.
    #[must_use]
    pub const fn next(self) -> Creation {
        match self.0.wrapping_add(1) {
            0..=3 => Creation(4),
            next => Creation(next),
        }
    }
}

impl fmt::Display for Creation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

//! Process identifiers.

use super::{Atom, Creation};

/// A process identifier, of this node or any other.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Pid {
    /// The node the process lives on.
    pub node: Atom,
    /// The first number that `<0.123.0>` shows in its middle.
    pub id: u32,
    /// Counts the rounds of `id`; the last number of `<0.123.0>`.
    pub serial: u32,
    /// The incarnation of the node.
    pub creation: Creation,
}

//! Port identifiers: they are only passed on, a Rust node has no ports.

use super::{Atom, Creation};

/// A port identifier of another node.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Port {
    /// The node that owns the port.
    pub node: Atom,
    /// The number that `#Port<0.5>` shows last.
    pub id: u64,
    /// The incarnation of the node.
    pub creation: Creation,
}

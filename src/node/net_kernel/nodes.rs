//! Which nodes there are: `nodes/0,1,2` and `net_kernel:nodes_info/0`.

use std::net::SocketAddr;

use super::State;
use crate::node::Node;
use crate::term::Atom;

/// Which nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeType {
    /// The connected ones that all members of the cluster see.
    Visible,
    /// The connected ones that are hidden, or to which this one is.
    Hidden,
    /// All that are connected.
    Connected,
    /// All that this one knows of: itself and the connected ones. In OTP, those too that some term speaks of.
    Known,
    /// This one.
    This,
}

impl NodeType {
    /// Whether these are among the connected ones.
    pub(in crate::node) fn includes(self, hidden: bool) -> bool {
        match self {
            NodeType::Visible => !hidden,
            NodeType::Hidden => hidden,
            NodeType::Connected | NodeType::Known => true,
            NodeType::This => false,
        }
    }

    fn includes_own(self) -> bool {
        matches!(self, NodeType::Known | NodeType::This)
    }
}

/// One kind, for what takes many.
impl AsRef<[NodeType]> for NodeType {
    fn as_ref(&self) -> &[NodeType] {
        std::slice::from_ref(self)
    }
}

/// What is known of a node: [`Node::nodes_info`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NodeInfo {
    /// Its name.
    pub node: Atom,
    /// [`This`](NodeType::This), [`Visible`](NodeType::Visible) or [`Hidden`](NodeType::Hidden).
    pub node_type: NodeType,
    /// The number of the connection to it. The next connection to the same node has a greater one. None for this node.
    pub connection_id: Option<u64>,
    /// The address of the other end of that connection.
    pub address: Option<SocketAddr>,
    /// Bytes received over it.
    pub received: u64,
    /// Bytes sent over it.
    pub sent: u64,
}

impl Node {
    /// The nodes of a kind, or of any of several. This one is only among them if asked for.
    ///
    /// ```
    /// # use erlnode::node::{Node, NodeType};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// # let node = Node::nonode();
    /// assert!(node.nodes(NodeType::Visible).is_empty());
    /// assert_eq!(node.nodes([NodeType::This, NodeType::Connected]), [node.name().as_atom().clone()]);
    /// # }
    /// ```
    ///
    /// Does what `nodes/1` does.
    #[must_use]
    pub fn nodes(&self, which: impl AsRef<[NodeType]>) -> Vec<Atom> {
        let which = which.as_ref();
        let table = self.net_kernel().table.lock();
        let up = table.nodes.iter().filter_map(|(name, state)| match state {
            State::Up(connection) => Some((name, connection.hidden)),
            State::Pending(_) => None,
        });
        let wanted = up.filter(|(_, hidden)| which.iter().any(|which| which.includes(*hidden)));
        let own = which.iter().any(|which| which.includes_own()).then(|| self.name().as_atom());
        wanted.map(|(name, _)| name).chain(own).cloned().collect()
    }

    /// The same nodes with what is known of them.
    ///
    /// Does what `nodes/2` does, and `net_kernel:nodes_info/0`.
    #[must_use]
    pub fn nodes_info(&self, which: impl AsRef<[NodeType]>) -> Vec<NodeInfo> {
        let which = which.as_ref();
        let table = self.net_kernel().table.lock();
        let up = table.nodes.values().filter_map(|state| match state {
            State::Up(connection) => Some(connection),
            State::Pending(_) => None,
        });
        let wanted = up.filter(|connection| which.iter().any(|which| which.includes(connection.hidden)));
        let infos = wanted.map(|connection| NodeInfo {
            node: connection.peer.as_atom().clone(),
            node_type: if connection.hidden { NodeType::Hidden } else { NodeType::Visible },
            connection_id: Some(connection.id),
            address: Some(connection.address),
            received: connection.outbox.received(),
            sent: connection.outbox.written(),
        });
        let own = which.iter().any(|which| which.includes_own()).then(|| NodeInfo {
            node: self.name().as_atom().clone(),
            node_type: NodeType::This,
            connection_id: None,
            address: None,
            received: 0,
            sent: 0,
        });
        infos.chain(own).collect()
    }
}

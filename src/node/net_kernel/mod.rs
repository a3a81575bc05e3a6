//! Connections to other nodes: which there are, how they come about and what happens when they go.
//!
//! ```text
//!                connect / name received               established
//!   (not known) ───────────────────────────▶ Pending ───────────────▶ Up
//!        ▲                                      │                      │
//!        └────────────── failed ────────────────┴─────── closed ───────┘
//! ```
//!
//! A node is connected to at most once. When both sides connect at the same time, the one with the greater name
//! goes on. All who want the connection wait for the same attempt; what must not wait is queued with it, and sent in
//! its order before anybody else gets the connection.

mod admit;
mod attempt;
mod life;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use foldhash::fast::FixedState;
use parking_lot::{Mutex, RwLock};
use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::connection::Connection;
use super::node_monitor::NodeMonitors;
use super::{ConnectError, Node};
use crate::term::Atom;

type Outcome = Option<Result<Arc<Connection>, ConnectError>>;

#[derive(Debug)]
enum State {
    Pending(Pending),
    Up(Arc<Connection>),
}

/// A connection that is being made.
#[derive(Debug)]
struct Pending {
    outcome: watch::Sender<Outcome>,
    /// What is to be done with the connection, in this order.
    queue: Vec<Queued>,
    /// The attempt of this node; none if the other one connects.
    own: Option<AbortHandle>,
    id: u64,
    /// Whether this node has tried itself after the other one's attempt came to nothing.
    retried: bool,
}

impl Pending {
    fn new(id: u64, own: Option<AbortHandle>) -> Pending {
        Pending { outcome: watch::Sender::new(None), queue: Vec::new(), own, id, retried: false }
    }

    /// It has come to nothing: all who wait for it are told. No lock is to be held.
    fn fail(self, node: &Node, error: Option<ConnectError>) {
        self.queue.into_iter().for_each(|queued| (queued.0)(node, None));
        // Without an error, those who wait are told by the end of the channel.
        if let Some(error) = error {
            self.outcome.send_replace(Some(Err(error)));
        }
    }
}

/// What is to be done as soon as there is a connection, or it is known that there will be none.
struct Queued(Box<dyn Then>);

trait Then: FnOnce(&Node, Option<&Arc<Connection>>) + Send {}

impl<F: FnOnce(&Node, Option<&Arc<Connection>>) + Send> Then for F {}

impl fmt::Debug for Queued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Queued")
    }
}

/// All that is known of other nodes.
#[derive(Debug, Default)]
pub(crate) struct NetKernel {
    table: Mutex<Table>,
    /// The connections that are up, for all who send.
    up: RwLock<HashMap<Atom, Arc<Connection>, FixedState>>,
}

#[derive(Debug, Default)]
struct Table {
    nodes: HashMap<Atom, State, FixedState>,
    monitors: NodeMonitors,
    attempts: u64,
    closing: bool,
}

impl NetKernel {
    pub(super) fn with_monitors<R>(&self, change: impl FnOnce(&mut NodeMonitors) -> R) -> R {
        change(&mut self.table.lock().monitors)
    }

    /// Does so if there is a connection to `node`, which can't go meanwhile; false if there is none.
    pub(super) fn with_monitors_if_up(&self, node: &Atom, change: impl FnOnce(&mut NodeMonitors)) -> bool {
        let mut table = self.table.lock();
        let up = matches!(table.nodes.get(node), Some(State::Up(_)));
        if up {
            change(&mut table.monitors);
        }
        up
    }
}

/// Which connected nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeType {
    /// Those that all members of the cluster see.
    Visible,
    /// The hidden ones.
    Hidden,
    /// All of them.
    Connected,
}

impl NodeType {
    pub(super) fn includes(self, hidden: bool) -> bool {
        match self {
            NodeType::Visible => !hidden,
            NodeType::Hidden => hidden,
            NodeType::Connected => true,
        }
    }
}

impl Node {
    /// The nodes this one is connected to.
    ///
    /// Does what `nodes/1` does.
    #[must_use]
    pub fn nodes(&self, which: NodeType) -> Vec<Atom> {
        let table = self.net_kernel().table.lock();
        let up = table.nodes.iter().filter_map(|(name, state)| match state {
            State::Up(connection) => Some((name, connection.hidden)),
            State::Pending(_) => None,
        });
        up.filter(|(_, hidden)| which.includes(*hidden)).map(|(name, _)| name.clone()).collect()
    }

    /// The connection to `node`, if it is up.
    pub(crate) fn connection(&self, node: &str) -> Option<Arc<Connection>> {
        self.net_kernel().up.read().get(node).cloned()
    }

    /// Bytes received and sent over the connections that are up.
    pub(crate) fn bytes_transferred(&self) -> (u64, u64) {
        let up = self.net_kernel().up.read();
        let transferred =
            up.values().map(|connection| (connection.outbox.received(), connection.outbox.written()));
        transferred.fold((0, 0), |(input, output), (received, written)| (input + received, output + written))
    }
}

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
mod nodes;
mod ticktime;

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use foldhash::fast::FixedState;
use parking_lot::{Mutex, RwLock};
use tokio::sync::watch;
use tokio::task::AbortHandle;

pub(super) use self::attempt::Reason;
pub use self::nodes::{NodeInfo, NodeType};
use self::ticktime::Ticktime;
pub use self::ticktime::{NetTicktime, TicktimeChange};
use super::config::Settings;
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
#[derive(Debug)]
pub(crate) struct NetKernel {
    table: Mutex<Table>,
    /// The connections that are up, for all who send.
    up: RwLock<HashMap<Atom, Arc<Connection>, FixedState>>,
    ticktime: Ticktime,
    /// How many connections there have been.
    connections: AtomicU64,
}

#[derive(Debug, Default)]
struct Table {
    nodes: HashMap<Atom, State, FixedState>,
    /// Those that no connection is made to by itself, as one was lost: with [`DistAutoConnect::Once`].
    barred: HashSet<Atom, FixedState>,
    monitors: NodeMonitors,
    attempts: u64,
    closing: bool,
}

impl NetKernel {
    pub(super) fn new(settings: &Settings) -> NetKernel {
        NetKernel {
            table: Mutex::default(),
            up: RwLock::default(),
            ticktime: Ticktime::new(settings),
            connections: AtomicU64::new(0),
        }
    }

    pub(super) fn ticktime(&self) -> &Ticktime {
        &self.ticktime
    }

    /// A number for a connection, greater than those before.
    pub(super) fn next_connection_id(&self) -> u64 {
        self.connections.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn all_up(&self) -> Vec<Arc<Connection>> {
        self.up.read().values().cloned().collect()
    }

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

impl Node {
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

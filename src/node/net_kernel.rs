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
//! goes on. All who want the connection wait for the same attempt.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use foldhash::fast::FixedState;
use parking_lot::{Mutex, RwLock};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

use super::registry::ProcessCell;
use super::{ConnectError, Node, Process};
use crate::atom;
use crate::dist::NodeName;
use crate::dist::driver::CloseReason;
use crate::dist::handshake::{Accepted, Established, NameReceived, Refusal};
use crate::dist::outbox::Outbox;
use crate::process::{Message, Signal};
use crate::term::{Atom, Creation, Pid, Term};

/// How long a connection that is closed from here may take to write what is queued.
const TIME_TO_FINISH: Duration = Duration::from_secs(1);

/// An established connection.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) peer: NodeName,
    pub(crate) creation: Creation,
    pub(crate) outbox: Arc<Outbox>,
    /// The other node is not published, or this one is not to it.
    pub(crate) hidden: bool,
    /// The processes here with links, monitors or spawn requests over it; `None` once it has ended.
    relations: Mutex<Option<HashMap<Pid, Weak<ProcessCell>, FixedState>>>,
    /// Becomes true when all that its end has to cause is done.
    ended: watch::Sender<bool>,
}

impl Connection {
    pub(crate) fn new(established: &Established, outbox: Arc<Outbox>, hidden: bool) -> Connection {
        Connection {
            peer: established.peer.clone(),
            creation: established.peer_creation,
            outbox,
            hidden,
            relations: Mutex::new(Some(HashMap::default())),
            ended: watch::Sender::new(false),
        }
    }

    /// Has `cell` told when the connection ends; false if it has ended already.
    pub(crate) fn relate(self: &Arc<Self>, cell: &Arc<ProcessCell>) -> bool {
        let mut related = cell.related.lock();
        if related.iter().any(|other| other.as_ptr() == Arc::as_ptr(self)) {
            return true;
        }
        let mut relations = self.relations.lock();
        let Some(relations) = relations.as_mut() else { return false };
        relations.insert(cell.pid.clone(), Arc::downgrade(cell));
        // Those of connections that are gone make room.
        related.retain(|other| other.strong_count() > 0);
        related.push(Arc::downgrade(self));
        true
    }

    pub(crate) fn unrelate(&self, pid: &Pid) {
        if let Some(relations) = self.relations.lock().as_mut() {
            relations.remove(pid);
        }
    }

    /// Closes it when what is queued is written, or the other node has not taken that for a while.
    async fn finish(&self) {
        let _ = tokio::time::timeout(TIME_TO_FINISH, self.outbox.drained()).await;
        self.outbox.close(CloseReason::ClosedHere);
        self.ended().await;
    }

    async fn ended(&self) {
        // An error means that the sender is gone, and with it the connection.
        let _ = self.ended.subscribe().wait_for(|ended| *ended).await;
    }
}

type Outcome = Option<Result<Arc<Connection>, ConnectError>>;

#[derive(Debug)]
enum State {
    Pending {
        outcome: watch::Sender<Outcome>,
        /// The attempt of this node; none if the other one connects.
        own: Option<AbortHandle>,
        id: u64,
        /// Whether this node has tried itself after the other one's attempt came to nothing.
        retried: bool,
    },
    Up(Arc<Connection>),
}

/// What a process wants to hear of nodes coming and going.
#[derive(Debug, Clone, Copy)]
struct NodeMonitor {
    which: NodeType,
    /// `{nodeup, Node, Info}` and `{nodedown, Node, Info}` instead of pairs.
    with_info: bool,
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
    monitors: HashMap<Pid, NodeMonitor, FixedState>,
    /// Processes that want to know when one node goes, as `monitor_node/2`.
    monitor_node: Vec<(Pid, Atom)>,
    attempts: u64,
    closing: bool,
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
    fn includes(self, hidden: bool) -> bool {
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
            State::Pending { .. } => None,
        });
        up.filter(|(_, hidden)| which.includes(*hidden)).map(|(name, _)| name.clone()).collect()
    }

    /// The connection to `node`, if it is up.
    pub(crate) fn connection(&self, node: &str) -> Option<Arc<Connection>> {
        self.net_kernel().up.read().get(node).cloned()
    }

    /// The connection to `node`, made if need be.
    pub(crate) async fn connected(&self, node: &Atom) -> Result<Arc<Connection>, ConnectError> {
        if let Some(connection) = self.connection(node.as_str()) {
            return Ok(connection);
        }
        let mut outcome = self.pending(node)?;
        let result = outcome.wait_for(Option::is_some).await.map(|outcome| outcome.clone());
        match result {
            Ok(Some(result)) => result,
            // Given up without a word: only a node that shuts down does that.
            _ => Err(ConnectError::NodeStopped),
        }
    }

    /// The outcome of the attempt that is under way, or of a new one.
    fn pending(&self, node: &Atom) -> Result<watch::Receiver<Outcome>, ConnectError> {
        let name = NodeName::try_from(node.clone()).map_err(ConnectError::Name)?;
        if !self.settings().alive {
            return Err(ConnectError::NotAlive);
        }
        if name == *self.name() {
            return Err(ConnectError::OwnName(name));
        }
        name.check_kind(self.name().kind()).map_err(ConnectError::Name)?;
        if !self.allowed_nodes().includes(&name) {
            return Err(ConnectError::NotAllowed(name));
        }
        let mut table = self.net_kernel().table.lock();
        if table.closing {
            return Err(ConnectError::NodeStopped);
        }
        table.attempts += 1;
        let id = table.attempts;
        match table.nodes.entry(node.clone()) {
            Entry::Occupied(entry) => Ok(match entry.get() {
                State::Pending { outcome, .. } => outcome.subscribe(),
                State::Up(connection) => watch::channel(Some(Ok(connection.clone()))).1,
            }),
            Entry::Vacant(entry) => {
                let (outcome, receiver) = watch::channel(None);
                let attempt = self.runtime().spawn(self.clone().attempt(name, id));
                let own = Some(attempt.abort_handle());
                entry.insert(State::Pending { outcome, own, id, retried: false });
                Ok(receiver)
            }
        }
    }

    async fn attempt(self, name: NodeName, id: u64) {
        let _broken_off = Attempt { node: &self, name: &name, id };
        tracing::debug!(node = %name, "connecting");
        match self.connect_to(&name).await {
            Ok(()) => {}
            // The other node connects to this one; if that comes to nothing, so does this attempt.
            Err(error) if error.is_simultaneous() => {
                tokio::time::sleep(self.settings().net_setuptime).await;
                self.attempt_failed(&name, id, error);
            }
            Err(error) => self.attempt_failed(&name, id, error),
        }
    }

    /// The attempt `id` has come to nothing: all who wait for it are told.
    pub(crate) fn attempt_failed(&self, name: &NodeName, id: u64, error: ConnectError) {
        let removed = {
            let mut table = self.net_kernel().table.lock();
            match table.nodes.get(name.as_atom()) {
                Some(State::Pending { id: current, .. }) if *current == id => {
                    table.nodes.remove(name.as_atom())
                }
                _ => None,
            }
        };
        if let Some(State::Pending { outcome, .. }) = removed {
            tracing::info!(node = %name, %error, "could not connect");
            outcome.send_replace(Some(Err(error)));
        }
    }

    /// The handshake `id` of someone who said that it is `name` has come to nothing.
    ///
    /// It need not have been that node: anybody can give a name, and say nothing more. So if somebody here waits for a
    /// connection to that node, this one tries itself.
    pub(crate) fn admitted_failed(&self, name: &NodeName, id: u64, error: ConnectError) {
        let mut table = self.net_kernel().table.lock();
        let state = table.nodes.get_mut(name.as_atom());
        let Some(State::Pending { outcome, own, id: current, retried }) = state else { return };
        if *current != id {
            return;
        }
        if outcome.receiver_count() == 0 {
            table.nodes.remove(name.as_atom());
        } else if *retried {
            drop(table);
            self.attempt_failed(name, id, error);
        } else {
            *retried = true;
            *own = Some(self.runtime().spawn(self.clone().attempt(name.clone(), id)).abort_handle());
        }
    }

    /// Whether the node that has given its name may connect.
    pub(crate) fn admit(&self, name: &NameReceived) -> Result<(Accepted, u64), Refusal> {
        let mut table = self.net_kernel().table.lock();
        if table.closing {
            return Err(Refusal::ShuttingDown);
        }
        if self.is_stopping() {
            return Err(Refusal::NotAllowed);
        }
        table.attempts += 1;
        let id = table.attempts;
        match table.nodes.entry(name.name().as_atom().clone()) {
            Entry::Vacant(entry) => {
                let outcome = watch::Sender::new(None);
                entry.insert(State::Pending { outcome, own: None, id, retried: false });
                Ok((Accepted::Ok, id))
            }
            Entry::Occupied(mut entry) => match entry.get_mut() {
                State::Up(_) => Ok((Accepted::Alive, id)),
                State::Pending { own, id: current, .. } => match own {
                    Some(attempt) => {
                        let accepted = name.simultaneous()?;
                        attempt.abort();
                        (*own, *current) = (None, id);
                        Ok((accepted, id))
                    }
                    // An earlier handshake of the same node that has not ended: the new one counts.
                    None => {
                        *current = id;
                        Ok((Accepted::Ok, id))
                    }
                },
            },
        }
    }

    /// Whether this node has no connection to `name`: the answer to `alive`.
    pub(crate) fn is_gone(&self, name: &NodeName) -> bool {
        !matches!(self.net_kernel().table.lock().nodes.get(name.as_atom()), Some(State::Up(_)))
    }

    /// A handshake has succeeded: the connection is up, and all who want to know are told.
    ///
    /// An earlier connection to the same node ends before, with all that this causes.
    pub(crate) async fn connection_up(&self, connection: Arc<Connection>) -> bool {
        let name = connection.peer.as_atom().clone();
        loop {
            let old = {
                let mut table = self.net_kernel().table.lock();
                if table.closing {
                    return false;
                }
                match table.nodes.get(&name) {
                    Some(State::Up(old)) => old.clone(),
                    _ => {
                        let before = table.nodes.insert(name.clone(), State::Up(connection.clone()));
                        self.net_kernel().up.write().insert(name.clone(), connection.clone());
                        if let Some(State::Pending { outcome, .. }) = before {
                            outcome.send_replace(Some(Ok(connection.clone())));
                        }
                        tracing::info!(node = %name, hidden = connection.hidden, "nodeup");
                        // Under the lock, so that nobody sees a nodedown before its nodeup.
                        self.tell_monitors(&table, &connection, None);
                        return true;
                    }
                }
            };
            old.outbox.close(CloseReason::Replaced);
            old.ended().await;
        }
    }

    /// The connection has ended: everything that went over it ends with `noconnection`.
    pub(crate) fn connection_down(&self, connection: &Arc<Connection>, reason: &CloseReason) {
        let name = connection.peer.as_atom();
        tracing::info!(node = %name, %reason, "nodedown");
        let related = connection.relations.lock().take().unwrap_or_default();
        for cell in related.into_values().filter_map(|cell| cell.upgrade()) {
            self.lose_node(&cell, name);
        }
        let mut table = self.net_kernel().table.lock();
        if matches!(table.nodes.get(name), Some(State::Up(current)) if Arc::ptr_eq(current, connection)) {
            table.nodes.remove(name);
            self.net_kernel().up.write().remove(name);
        }
        self.tell_monitors(&table, connection, Some(reason));
        let (gone, stay) =
            std::mem::take(&mut table.monitor_node).into_iter().partition(|(_, node)| node == name);
        table.monitor_node = stay;
        drop(table);
        for (pid, node) in gone {
            self.tell(&pid, Term::tuple([Term::Atom(atom!("nodedown")), Term::Atom(node)]));
        }
        connection.ended.send_replace(true);
    }

    fn tell_monitors(&self, table: &Table, connection: &Connection, down: Option<&CloseReason>) {
        let what = if down.is_some() { atom!("nodedown") } else { atom!("nodeup") };
        let node = Term::Atom(connection.peer.as_atom().clone());
        for (pid, monitor) in &table.monitors {
            if !monitor.which.includes(connection.hidden) {
                continue;
            }
            let mut message = vec![Term::Atom(what.clone()), node.clone()];
            if monitor.with_info {
                message.push(node_info(connection, down));
            }
            self.tell(pid, Term::tuple(message));
        }
    }

    fn tell(&self, pid: &Pid, message: Term) {
        self.deliver(self.pid(), pid, Signal::Message(Message::from_term(message)));
    }

    /// Forgets what `pid` wanted to be told of nodes.
    pub(crate) fn forget_node_monitors(&self, pid: &Pid) {
        let mut table = self.net_kernel().table.lock();
        table.monitors.remove(pid);
        table.monitor_node.retain(|(other, _)| other != pid);
    }

    /// Bytes received and sent over the connections that are up.
    pub(crate) fn bytes_transferred(&self) -> (u64, u64) {
        let up = self.net_kernel().up.read();
        let transferred =
            up.values().map(|connection| (connection.outbox.received(), connection.outbox.written()));
        transferred.fold((0, 0), |(input, output), (received, written)| (input + received, output + written))
    }

    /// Closes the connection to `node`; true if there was one.
    ///
    /// Does what `erlang:disconnect_node/1` does.
    pub async fn disconnect(&self, node: &str) -> bool {
        let Some(connection) = self.connection(node) else { return false };
        connection.finish().await;
        true
    }

    /// Closes all connections and lets no new ones come up.
    pub(crate) async fn close_connections(&self) {
        let (pending, up) = {
            let mut table = self.net_kernel().table.lock();
            table.closing = true;
            let pending = table.nodes.extract_if(|_, state| matches!(state, State::Pending { .. }));
            let pending: Vec<State> = pending.map(|(_, state)| state).collect();
            let up: Vec<Arc<Connection>> = self.net_kernel().up.read().values().cloned().collect();
            (pending, up)
        };
        for state in pending {
            // Those who wait are told by the end of the channel.
            if let State::Pending { own: Some(attempt), .. } = state {
                attempt.abort();
            }
        }
        // All at once: one that does not read is not to hold up the others.
        let mut ending: JoinSet<()> =
            up.into_iter().map(|connection| async move { connection.finish().await }).collect();
        while ending.join_next().await.is_some() {}
    }
}

/// An attempt to connect. When it is broken off before it has come to an end, those who wait for it are told.
struct Attempt<'a> {
    node: &'a Node,
    name: &'a NodeName,
    id: u64,
}

/// Changes nothing after the end of the attempt, or when another has taken its place.
impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        let error = ConnectError::BrokenOff { node: self.name.clone() };
        self.node.attempt_failed(self.name, self.id, error);
    }
}

impl Process {
    /// Has this process told of nodes that come and go from now on, by messages `{nodeup, Node}` and
    /// `{nodedown, Node}`. No message of a node arrives before its `nodeup`.
    ///
    /// Does what `net_kernel:monitor_nodes(true)` does.
    pub fn monitor_nodes(&self, which: NodeType) {
        self.add_node_monitor(NodeMonitor { which, with_info: false });
    }

    /// As [`monitor_nodes`](Process::monitor_nodes), by messages `{nodeup, Node, Info}` and `{nodedown, Node, Info}`
    /// where `Info` is a list with `{node_type, visible | hidden}` and, of a node that has gone,
    /// `{nodedown_reason, Reason}`.
    ///
    /// Does what `net_kernel:monitor_nodes(true, [nodedown_reason, {node_type, Which}])` does.
    pub fn monitor_nodes_with_info(&self, which: NodeType) {
        self.add_node_monitor(NodeMonitor { which, with_info: true });
    }

    fn add_node_monitor(&self, monitor: NodeMonitor) {
        self.cell().monitors_nodes.store(true, Ordering::Relaxed);
        self.node().net_kernel().table.lock().monitors.insert(self.pid().clone(), monitor);
    }

    /// Has this process told of nodes no longer.
    ///
    /// Does what `net_kernel:monitor_nodes(false)` does.
    pub fn demonitor_nodes(&self) {
        self.node().net_kernel().table.lock().monitors.remove(self.pid());
    }

    /// Has this process told, by `{nodedown, Node}`, when the connection to `node` goes; connects if need be. If that is
    /// not possible, the message comes at once. Each call has one message follow.
    ///
    /// # Panics
    /// When `node` is longer than an atom can be.
    ///
    /// Does what `monitor_node(Node, true)` does.
    pub async fn monitor_node(&self, node: &str) {
        let name = Atom::new(node).expect("a name of at most 255 characters");
        self.cell().monitors_nodes.store(true, Ordering::Relaxed);
        // What is not connected by then is down.
        let _ = self.node().connect(node).await;
        let up = {
            let mut table = self.node().net_kernel().table.lock();
            let up = matches!(table.nodes.get(&name), Some(State::Up(_)));
            if up {
                table.monitor_node.push((self.pid().clone(), name.clone()));
            }
            up
        };
        if !up {
            self.node().tell(self.pid(), Term::tuple([Term::Atom(atom!("nodedown")), Term::Atom(name)]));
        }
    }
}

/// What `monitor_nodes` with options says of a node: a map would be the newest form, a list is the usual one.
fn node_info(connection: &Connection, down: Option<&CloseReason>) -> Term {
    let node_type = if connection.hidden { atom!("hidden") } else { atom!("visible") };
    let mut info = vec![Term::tuple([Term::Atom(atom!("node_type")), Term::Atom(node_type)])];
    if let Some(reason) = down {
        info.push(Term::tuple([Term::Atom(atom!("nodedown_reason")), Term::Atom(nodedown_reason(reason))]));
    }
    Term::list(info)
}

/// The reason as `net_kernel:monitor_nodes/2` names it.
fn nodedown_reason(reason: &CloseReason) -> Atom {
    match reason {
        CloseReason::ClosedByPeer | CloseReason::Io(_) | CloseReason::Protocol(_) => {
            atom!("connection_closed")
        }
        CloseReason::ClosedHere | CloseReason::Replaced => atom!("disconnect"),
        CloseReason::NoTick => atom!("net_tick_timeout"),
    }
}

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

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::sync::Arc;

use foldhash::fast::FixedState;
use parking_lot::{Mutex, RwLock};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

use super::connection::Connection;
use super::node_monitor::{NodeMonitors, Told};
use super::{ConnectError, Node};
use crate::dist::NodeName;
use crate::dist::driver::CloseReason;
use crate::dist::handshake::{Accepted, NameReceived, NameWanted, Refusal};
use crate::term::{Atom, Creation};

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

/// What there is to do for a connection to come up.
enum StepUp {
    /// The node is shutting down.
    Unwanted,
    /// An earlier connection has to end.
    Replace(Arc<Connection>),
    /// What waits for the connection has to be done.
    Run(Vec<Queued>),
    /// Nothing: it is up, and the attempt is over. This is to be told.
    Done(Option<State>, Vec<Told>),
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

    /// Runs `then` as soon as there is a connection to the other node `at`, which is made if need be: now, if it is up
    /// already. It gets `None` if none can be made.
    ///
    /// What is queued for one node runs in the order of these calls, and before whoever asks for the connection later
    /// gets it. `then` must not wait, nor lock what is locked here.
    pub(super) fn when_connected(
        &self,
        at: &Atom,
        then: impl FnOnce(&Node, Option<&Arc<Connection>>) + Send + 'static,
    ) {
        if let Some(connection) = self.connection(at.as_str()) {
            return then(self, Some(&connection));
        }
        let mut then = Some(then);
        let found = self.attempt_to(at, |state| match state {
            State::Pending(pending) => {
                pending.queue.extend(then.take().map(|then| Queued(Box::new(then))));
                None
            }
            State::Up(connection) => Some(connection.clone()),
        });
        if let Some(then) = then {
            then(self, found.ok().flatten().as_ref());
        }
    }

    /// Runs `then` with the connection to the other node `at`: now, or, if it is being made, in the order of all that
    /// waits for it. Where there is none nothing is done.
    pub(super) fn if_connected(
        &self,
        at: &Atom,
        then: impl FnOnce(&Node, Option<&Arc<Connection>>) + Send + 'static,
    ) {
        if let Some(connection) = self.connection(at.as_str()) {
            return then(self, Some(&connection));
        }
        let connection = {
            let mut table = self.net_kernel().table.lock();
            match table.nodes.get_mut(at) {
                Some(State::Pending(pending)) => {
                    pending.queue.push(Queued(Box::new(then)));
                    return;
                }
                Some(State::Up(connection)) => connection.clone(),
                None => return,
            }
        };
        then(self, Some(&connection));
    }

    /// The outcome of the attempt that is under way, or of a new one.
    fn pending(&self, node: &Atom) -> Result<watch::Receiver<Outcome>, ConnectError> {
        self.attempt_to(node, |state| match state {
            State::Pending(pending) => pending.outcome.subscribe(),
            State::Up(connection) => watch::channel(Some(Ok(connection.clone()))).1,
        })
    }

    /// Looks at the connection to `node`, or at the attempt to make it, which is begun if none is under way.
    fn attempt_to<R>(&self, node: &Atom, look: impl FnOnce(&mut State) -> R) -> Result<R, ConnectError> {
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
            return Err(match self.named_by() {
                Some(node) if !self.is_stopping() => ConnectError::NameLost(node.clone()),
                _ => ConnectError::NodeStopped,
            });
        }
        table.attempts += 1;
        let id = table.attempts;
        let state = table.nodes.entry(node.clone()).or_insert_with(|| {
            let attempt = self.runtime().spawn(self.clone().attempt(name, id));
            State::Pending(Pending::new(id, Some(attempt.abort_handle())))
        });
        Ok(look(state))
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
                Some(State::Pending(pending)) if pending.id == id => table.nodes.remove(name.as_atom()),
                _ => None,
            }
        };
        if let Some(State::Pending(pending)) = removed {
            tracing::info!(node = %name, %error, "could not connect");
            pending.fail(self, Some(error));
        }
    }

    /// The handshake `id` of someone who said that it is `name` has come to nothing.
    ///
    /// It need not have been that node: anybody can give a name, and say nothing more. So if somebody here waits for a
    /// connection to that node, this one tries itself.
    pub(crate) fn admitted_failed(&self, name: &NodeName, id: u64, error: ConnectError) {
        let mut table = self.net_kernel().table.lock();
        let Some(State::Pending(pending)) = table.nodes.get_mut(name.as_atom()) else { return };
        if pending.id != id {
            return;
        }
        if pending.outcome.receiver_count() == 0 && pending.queue.is_empty() {
            table.nodes.remove(name.as_atom());
        } else if pending.retried {
            drop(table);
            self.attempt_failed(name, id, error);
        } else {
            pending.retried = true;
            let attempt = self.runtime().spawn(self.clone().attempt(name.clone(), id));
            pending.own = Some(attempt.abort_handle());
        }
    }

    /// Whether the node that has given its name may connect.
    pub(crate) fn admit(&self, name: &NameReceived) -> Result<(Accepted, u64), Refusal> {
        let mut table = self.net_kernel().table.lock();
        if table.closing || self.is_stopping() {
            return Err(Refusal::ShuttingDown);
        }
        table.attempts += 1;
        let id = table.attempts;
        match table.nodes.entry(name.name().as_atom().clone()) {
            Entry::Vacant(entry) => {
                entry.insert(State::Pending(Pending::new(id, None)));
                Ok((Accepted::Ok, id))
            }
            Entry::Occupied(mut entry) => match entry.get_mut() {
                State::Up(_) => Ok((Accepted::Alive, id)),
                State::Pending(pending) => match &pending.own {
                    Some(attempt) => {
                        let accepted = name.simultaneous()?;
                        attempt.abort();
                        (pending.own, pending.id) = (None, id);
                        Ok((accepted, id))
                    }
                    // An earlier handshake of the same node that has not ended: the new one counts.
                    None => {
                        pending.id = id;
                        Ok((Accepted::Ok, id))
                    }
                },
            },
        }
    }

    /// A name for the node that wants one, its creation, and the number of its handshake.
    pub(crate) fn admit_unnamed(&self, wanted: &NameWanted) -> Result<(NodeName, Creation, u64), Refusal> {
        let mut table = self.net_kernel().table.lock();
        if table.closing || self.is_stopping() {
            return Err(Refusal::ShuttingDown);
        }
        table.attempts += 1;
        let id = table.attempts;
        loop {
            let named = self.dynamic_names().take(wanted.host());
            let (name, creation) = named.ok_or(Refusal::NotAllowed)?;
            // A node that was started under a name that is free here may have come meanwhile.
            if let Entry::Vacant(entry) = table.nodes.entry(name.as_atom().clone()) {
                entry.insert(State::Pending(Pending::new(id, None)));
                return Ok((name, creation, id));
            }
        }
    }

    /// Whether this node has no connection to `name`: the answer to `alive`.
    pub(crate) fn is_gone(&self, name: &NodeName) -> bool {
        !matches!(self.net_kernel().table.lock().nodes.get(name.as_atom()), Some(State::Up(_)))
    }

    /// A handshake has succeeded: the connection is up, and all who want to know are told. False if it is not wanted any
    /// more, and is to be closed.
    ///
    /// An earlier connection to the same node ends before, with all that this causes.
    pub(crate) async fn connection_up(&self, connection: Arc<Connection>) -> bool {
        loop {
            match self.next_step_up(&connection) {
                StepUp::Unwanted => {
                    self.unbind_all(&connection);
                    return false;
                }
                StepUp::Replace(old) => {
                    old.outbox.close(CloseReason::Replaced);
                    old.ended().await;
                }
                StepUp::Run(queue) => {
                    queue.into_iter().for_each(|queued| (queued.0)(self, Some(&connection)));
                }
                StepUp::Done(pending, told) => {
                    tracing::info!(node = %connection.peer, hidden = connection.hidden, "nodeup");
                    // Nothing comes over the connection before, and so no nodedown either.
                    self.send_told(told);
                    if let Some(State::Pending(pending)) = pending {
                        pending.outcome.send_replace(Some(Ok(connection)));
                    }
                    return true;
                }
            }
        }
    }

    fn next_step_up(&self, connection: &Arc<Connection>) -> StepUp {
        let name = connection.peer.as_atom();
        let mut table = self.net_kernel().table.lock();
        if table.closing {
            return StepUp::Unwanted;
        }
        match table.nodes.get_mut(name) {
            Some(State::Up(old)) => return StepUp::Replace(old.clone()),
            Some(State::Pending(pending)) if !pending.queue.is_empty() => {
                return StepUp::Run(std::mem::take(&mut pending.queue));
            }
            _ => {}
        }
        let before = table.nodes.insert(name.clone(), State::Up(connection.clone()));
        self.net_kernel().up.write().insert(name.clone(), connection.clone());
        StepUp::Done(before, table.monitors.tell(name, connection.hidden, None))
    }

    /// The connection has ended: everything that went over it ends with `noconnection`.
    pub(crate) fn connection_down(&self, connection: &Arc<Connection>, reason: &CloseReason) {
        let name = connection.peer.as_atom();
        tracing::info!(node = %name, %reason, "nodedown");
        self.unbind_all(connection);
        let told = {
            let mut table = self.net_kernel().table.lock();
            if matches!(table.nodes.get(name), Some(State::Up(current)) if Arc::ptr_eq(current, connection)) {
                table.nodes.remove(name);
                self.net_kernel().up.write().remove(name);
            }
            table.monitors.tell(name, connection.hidden, Some(reason))
        };
        self.send_told(told);
        if connection.is_peer_named_here {
            self.dynamic_names().give_back(&connection.peer, connection.creation);
        }
        if self.named_by() == Some(&connection.peer) && !self.is_stopping() {
            self.lose_name();
        }
        connection.set_ended();
    }

    fn unbind_all(&self, connection: &Connection) {
        for cell in connection.take_related() {
            self.lose_node(&cell, connection.peer.as_atom());
        }
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
    /// What was sent before is written first, if the other node takes it within a second.
    ///
    /// # Cancel safety
    /// When dropped before it is done, the connection may stay open.
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
            let pending = table.nodes.extract_if(|_, state| matches!(state, State::Pending(_)));
            let pending: Vec<State> = pending.map(|(_, state)| state).collect();
            let up: Vec<Arc<Connection>> = self.net_kernel().up.read().values().cloned().collect();
            (pending, up)
        };
        for state in pending {
            if let State::Pending(pending) = state {
                pending.own.iter().for_each(AbortHandle::abort);
                pending.fail(self, None);
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

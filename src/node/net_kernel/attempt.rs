//! The way to a connection from this side: one attempt for all who want it.

use std::sync::Arc;

use tokio::sync::watch;

use super::{Outcome, Pending, Queued, State};
use crate::dist::NodeName;
use crate::node::config::DistAutoConnect;
use crate::node::connection::Connection;
use crate::node::{ConnectError, Node};
use crate::term::Atom;

/// Why a connection is to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::node) enum Reason {
    /// Somebody wants just that.
    Asked,
    /// Something is to be sent over it. How that is meant, [`DistAutoConnect`] says.
    Needed,
}

impl Node {
    /// The connection to `node`, made if need be, and if such are made by themselves: for what needs one, but was not
    /// asked to make one.
    pub(crate) async fn connected(&self, node: &Atom) -> Result<Arc<Connection>, ConnectError> {
        self.connected_for(node, Reason::Needed).await
    }

    /// The connection to `node`, made if need be.
    pub(in crate::node) async fn connected_for(
        &self,
        node: &Atom,
        reason: Reason,
    ) -> Result<Arc<Connection>, ConnectError> {
        if let Some(connection) = self.connection(node.as_str()) {
            return Ok(connection);
        }
        let mut outcome = self.pending(node, reason)?;
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
    pub(in crate::node) fn when_connected(
        &self,
        at: &Atom,
        then: impl FnOnce(&Node, Option<&Arc<Connection>>) + Send + 'static,
    ) {
        if let Some(connection) = self.connection(at.as_str()) {
            return then(self, Some(&connection));
        }
        let mut then = Some(then);
        let found = self.attempt_to(at, Reason::Needed, |state| match state {
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
    pub(in crate::node) fn if_connected(
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
    fn pending(&self, node: &Atom, reason: Reason) -> Result<watch::Receiver<Outcome>, ConnectError> {
        self.attempt_to(node, reason, |state| match state {
            State::Pending(pending) => pending.outcome.subscribe(),
            State::Up(connection) => watch::channel(Some(Ok(connection.clone()))).1,
        })
    }

    /// Looks at the connection to `node`, or at the attempt to make it, which is begun if none is under way.
    fn attempt_to<R>(
        &self,
        node: &Atom,
        reason: Reason,
        look: impl FnOnce(&mut State) -> R,
    ) -> Result<R, ConnectError> {
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
        if reason == Reason::Needed && !table.nodes.contains_key(node) {
            let is_made = match self.settings().dist_auto_connect {
                DistAutoConnect::Always => true,
                DistAutoConnect::Once => !table.barred.contains(node),
                DistAutoConnect::Never => false,
            };
            if !is_made {
                return Err(ConnectError::NotAutomatic(name));
            }
        }
        table.attempts += 1;
        let id = table.attempts;
        let state = table.nodes.entry(node.clone()).or_insert_with(|| {
            let attempt = self.runtime().spawn(self.clone().attempt(name, id));
            State::Pending(Pending::new(id, Some(attempt.abort_handle())))
        });
        Ok(look(state))
    }

    pub(super) async fn attempt(self, name: NodeName, id: u64) {
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

//! Connections that come up and go down.

use std::sync::Arc;

use tokio::task::{AbortHandle, JoinSet};

use super::{Queued, State};
use crate::atom;
use crate::dist::driver::CloseReason;
use crate::node::Node;
use crate::node::config::DistAutoConnect;
use crate::node::connection::Connection;
use crate::node::node_monitor::Told;
use crate::process::{ExitKind, Signal};
use crate::term::Term;

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

impl Node {
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
        table.barred.remove(name);
        self.net_kernel().up.write().insert(name.clone(), connection.clone());
        StepUp::Done(before, table.monitors.tell(connection, None))
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
            if self.settings().dist_auto_connect == DistAutoConnect::Once {
                table.barred.insert(name.clone());
            }
            table.monitors.tell(connection, Some(reason))
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
        for (other, linked) in connection.take_links_of_others() {
            let noconnection = Term::Atom(atom!("noconnection"));
            self.deliver(&other, &linked, Signal::Exit(ExitKind::Link, noconnection));
        }
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
            (pending, self.net_kernel().all_up())
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

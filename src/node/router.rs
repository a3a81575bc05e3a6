//! The way of a signal: to a process of this node, or as a control message to another.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use parking_lot::MutexGuard;
use serde::Serialize;

use super::connection::Connection;
use super::registry::{ProcessCell, owner_of_alias};
use super::seq_trace::Sent;
use super::{ConnectError, Dest, Node, SendError, TrySendError};
use crate::atom;
use crate::dist::cork::Cork;
use crate::process::{
    Delivery, Envelope, Marks, Message, Outgoing, Outgoings, ProcessState, Recipient, Signal, SpawnReply,
    answer_of_the_dead, unwanted_spawn,
};
use crate::term::etf::Encoded;
use crate::term::{Atom, Pid, Reference, ser};

impl Node {
    // --- within the node ---------------------------------------------------------------------------------------

    /// Hands `signal` to the process `to` of this node; what that causes is sent on.
    pub(crate) fn deliver(&self, from: &Pid, to: &Pid, signal: Signal) {
        match self.process_table().get(to) {
            Some(cell) => self.deliver_to(from, &cell, signal),
            None => self.complete(to, answer_of_the_dead(from, signal)),
        }
    }

    pub(crate) fn deliver_to(&self, from: &Pid, cell: &Arc<ProcessCell>, signal: Signal) {
        self.change_state(cell, |state| state.handle(from, signal));
    }

    /// Changes the state of a process and sends what comes of it. What goes to other nodes has left when the state can
    /// change again: the other side sees the changes in their order.
    pub(super) fn change_state(
        &self,
        cell: &Arc<ProcessCell>,
        change: impl FnOnce(&mut ProcessState) -> Delivery,
    ) {
        // Dropped after the state is unlocked.
        let _cork;
        let mut state = cell.state.lock();
        let mut delivery = change(&mut state);
        if state.exit_reason().is_some() {
            cell.exiting.store(true, Ordering::Release);
        }
        if !delivery.outgoing.is_empty() {
            _cork = Cork::tight();
            delivery.outgoing = self.send_to_others(&cell.pid, delivery.outgoing);
        }
        drop(state);
        self.complete(&cell.pid, delivery);
    }

    /// Sends the signals to processes of other nodes; the rest comes back.
    fn send_to_others(&self, from: &Pid, outgoing: Outgoings) -> Outgoings {
        let mut rest = Outgoings::new();
        for signal in outgoing {
            if signal.to.node() == self.name().as_atom() {
                rest.push(signal);
            } else {
                self.route(from, signal);
            }
        }
        rest
    }

    /// Sees to what came of a signal; no state is to be locked.
    pub(super) fn complete(&self, pid: &Pid, delivery: Delivery) {
        if let Some(waker) = delivery.wake {
            waker.wake();
        }
        drop(delivery.unwanted);
        self.send_outgoing(pid, delivery.outgoing);
    }

    fn send_outgoing(&self, from: &Pid, outgoing: impl IntoIterator<Item = Outgoing>) {
        for signal in outgoing {
            self.route(from, signal);
        }
    }

    /// Tells `cell`, which was bound to a connection to `node`, that it has ended.
    pub(super) fn lose_node(&self, cell: &Arc<ProcessCell>, node: &Atom) {
        let deliveries = {
            let mut state = cell.state.lock();
            let deliveries = state.node_down(node);
            if state.exit_reason().is_some() {
                cell.exiting.store(true, Ordering::Release);
            }
            deliveries
        };
        for delivery in deliveries {
            self.complete(&cell.pid, delivery);
        }
    }

    /// Hands the answer to a request to spawn to the process that made it.
    pub(crate) fn deliver_spawn_reply(&self, to: &Pid, reply: SpawnReply) {
        let Some(cell) = self.process_table().get(to) else {
            self.send_outgoing(to, unwanted_spawn(reply, atom!("noproc")));
            return;
        };
        self.change_state(&cell, |state| state.spawn_reply(reply));
    }

    // --- signals that are not messages -------------------------------------------------------------------------

    /// Sends a signal that needs no connection to be made: over one that is there or under way, or to nobody.
    pub(crate) fn route(&self, from: &Pid, Outgoing { to, signal }: Outgoing) {
        if to.node() == self.name().as_atom() {
            self.route_local(from, &to, signal);
        } else if let Some(connection) = self.connection(to.node().as_str()) {
            connection.signal(from, &to, &signal);
        } else {
            let (from, at) = (from.clone(), to.node().clone());
            self.if_connected(&at, move |_, connection| {
                if let Some(connection) = connection {
                    connection.signal(&from, &to, &signal);
                }
            });
        }
    }

    pub(super) fn route_local(&self, from: &Pid, to: &Recipient, signal: Signal) {
        match to {
            Recipient::Pid(pid) => self.deliver(from, pid, signal),
            Recipient::Name { name, .. } => match self.names().whereis(name.as_str()) {
                Some(cell) => self.deliver_to(from, &cell, signal),
                None => self.complete(self.pid(), answer_of_the_dead(from, signal)),
            },
        }
    }

    /// Sends a signal, making a connection if there is none. Without one it is lost, as OTP loses it.
    pub(crate) async fn signal_connecting(&self, from: &Pid, to: Recipient, signal: Signal) {
        if to.node() == self.name().as_atom() {
            self.route_local(from, &to, signal);
        } else if let Ok(connection) = self.connected(to.node()).await {
            connection.signal(from, &to, &signal);
        }
    }

    // --- links and monitors ------------------------------------------------------------------------------------

    /// Links a process with another one of this node: both sides at once.
    pub(super) fn link_local(&self, cell: &Arc<ProcessCell>, other: &Pid) {
        if *other == cell.pid {
            return;
        }
        let linked = self.process_table().get(other).is_some_and(|other| {
            let (mut own, mut others) = lock_both(cell, &other);
            own.link_both(&mut others)
        });
        if !linked {
            self.change_state(cell, |state| state.link_failed(other, atom!("noproc")));
        }
    }

    /// Removes a link.
    pub(crate) fn unlink(&self, cell: &Arc<ProcessCell>, other: &Pid) {
        if *other == cell.pid {
            return;
        }
        if other.node != *self.name().as_atom() {
            self.change_state(cell, |state| state.unlink(other));
        } else if let Some(other) = self.process_table().get(other) {
            let (mut own, mut others) = lock_both(cell, &other);
            own.unlink_both(&mut others);
        } else {
            cell.state.lock().unlink_from_dead(other);
        }
    }

    /// Changes what `cell` has towards `node` and binds it to the connection, which is made if need be; see
    /// [`Connection::bind`].
    pub(super) async fn bind(
        &self,
        cell: &Arc<ProcessCell>,
        node: &Atom,
        mut change: impl FnMut(&mut ProcessState) -> Option<Outgoing>,
    ) -> Result<(), ConnectError> {
        loop {
            let connection = self.connected(node).await?;
            if connection.bind(cell, &mut change) {
                return Ok(());
            }
            // It has just ended: the next one is another.
            connection.ended().await;
        }
    }

    // --- messages ----------------------------------------------------------------------------------------------

    /// Sends a message without ever waiting, though the queue may be full: for services that no single node may hold
    /// up, and that send little. What can't be sent at once, as there is no connection, is dropped.
    pub(crate) fn post(&self, from: &Pid, dest: &Dest, message: Encoded) {
        let sent = match self.remote_node(dest) {
            None => self.send_local(from.into(), dest, Message::from_encoded(message)),
            Some(node) => match self.connection(node.as_str()) {
                Some(connection) => connection.encoded_message(from, dest, &message),
                None => Err(SendError::ConnectionLost(node.clone())),
            },
        };
        if let Err(error) = sent {
            tracing::debug!(?dest, %error, "a message could not be sent");
        }
    }

    /// Sends a message from outside of any process; see [`Process::send`](super::Process::send).
    ///
    /// # Errors
    /// [`SendError`] when there is no connection and none can be made, or the message has no external form.
    ///
    /// # Cancel safety
    /// When dropped before it is done, the message was not sent.
    pub async fn send<T>(&self, dest: impl Into<Dest>, message: T) -> Result<(), SendError>
    where
        T: Serialize + Send + 'static,
    {
        self.send_from(self.pid().into(), dest.into(), message).await
    }

    pub(crate) async fn send_from<T>(&self, sent: Sent<'_>, dest: Dest, message: T) -> Result<(), SendError>
    where
        T: Serialize + Send + 'static,
    {
        let dest = self.resolve_global(dest)?;
        let Some(node) = self.remote_node(&dest) else {
            return self.send_local(sent, &dest, Message::from_value(message));
        };
        let connection = self.connection_for_message(sent.from, node).await?;
        connection.message(sent, &dest, |writer| ser::to_writer(writer, &message))
    }

    /// Sends `content` in an envelope: beside it within the node, around it on the wire.
    pub(crate) async fn send_enveloped<T>(
        &self,
        sent: Sent<'_>,
        dest: Dest,
        envelope: impl Envelope,
        content: T,
    ) -> Result<(), SendError>
    where
        T: Serialize + Send + 'static,
    {
        let dest = self.resolve_global(dest)?;
        let Some(node) = self.remote_node(&dest) else {
            return self.send_local(sent, &dest, Message::enveloped(envelope, content));
        };
        let connection = self.connection_for_message(sent.from, node).await?;
        connection.message(sent, &dest, |writer| {
            envelope.write_head(writer)?;
            ser::to_writer(writer, &content)
        })
    }

    /// The connection to `node`, made if need be, with room in its queue.
    async fn connection_for_message(&self, from: &Pid, node: &Atom) -> Result<Arc<Connection>, SendError> {
        let connection = match self.connection(node.as_str()) {
            Some(connection) => connection,
            None => self.connected(node).await?,
        };
        connection.room(from).await?;
        Ok(connection)
    }

    /// As [`send`](Node::send), but never waits: neither for a connection nor for room in its queue.
    ///
    /// # Errors
    /// [`TrySendError::Busy`] and [`TrySendError::NotConnected`], which give the message back; others as those of
    /// [`send`](Node::send).
    pub fn try_send<T>(&self, dest: impl Into<Dest>, message: T) -> Result<(), TrySendError<T>>
    where
        T: Serialize + Send + 'static,
    {
        self.try_send_from(self.pid().into(), dest.into(), message)
    }

    pub(super) fn try_send_from<T>(
        &self,
        sent: Sent<'_>,
        dest: Dest,
        message: T,
    ) -> Result<(), TrySendError<T>>
    where
        T: Serialize + Send + 'static,
    {
        let dest = &self.resolve_global(dest)?;
        let Some(node) = self.remote_node(dest) else {
            return Ok(self.send_local(sent, dest, Message::from_value(message))?);
        };
        let Some(connection) = self.connection(node.as_str()) else {
            return Err(TrySendError::NotConnected { node: node.clone(), message });
        };
        if connection.outbox.is_busy_for(sent.from) {
            return Err(TrySendError::Busy { node: node.clone(), message });
        }
        Ok(connection.message(sent, dest, |writer| ser::to_writer(writer, &message))?)
    }

    /// The node of `dest`, if it is another one.
    fn remote_node<'a>(&self, dest: &'a Dest) -> Option<&'a Atom> {
        let node = match dest {
            Dest::Pid(pid) => &pid.node,
            Dest::NameNode(_, node) => node,
            Dest::Alias(alias) => alias.node(),
            // A global name has been looked up before.
            Dest::Name(_) | Dest::Global(_) => return None,
        };
        (node != self.name().as_atom()).then_some(node)
    }

    fn send_local(&self, sent: Sent<'_>, dest: &Dest, message: Message) -> Result<(), SendError> {
        let Sent { from, token, priority } = sent;
        let message = message.with_trace(token);
        match dest {
            Dest::Pid(pid) => {
                if let Some(cell) = self.process_table().get(pid) {
                    return self.deliver_message(from, &cell, message);
                }
            }
            Dest::Alias(alias) => {
                let signal = Signal::AliasMessage(alias.clone(), message);
                self.deliver_alias(from, alias, signal.marked(Marks { token: None, priority }));
            }
            // Only a name without a node is an error when it is not there, as with Erlang's `!`.
            Dest::Name(name) => match self.names().whereis(name.as_str()) {
                Some(cell) => return self.deliver_message(from, &cell, message),
                None => return Err(SendError::NotRegistered(name.clone())),
            },
            Dest::Global(name) => return Err(SendError::NotRegisteredGlobally(name.clone())),
            Dest::NameNode(name, _) => {
                if let Some(cell) = self.names().whereis(name.as_str()) {
                    return self.deliver_message(from, &cell, message);
                }
            }
        }
        Ok(())
    }

    /// A signal by way of an alias.
    pub(super) fn deliver_alias(&self, from: &Pid, alias: &Reference, signal: Signal) {
        if let Some(owner) = owner_of_alias(alias) {
            self.deliver(from, &owner, signal);
        }
    }
}

/// Locks the states of two different processes, in the same order whoever asks.
fn lock_both<'a>(
    one: &'a ProcessCell,
    other: &'a ProcessCell,
) -> (MutexGuard<'a, ProcessState>, MutexGuard<'a, ProcessState>) {
    if (one.pid.serial, one.pid.id) < (other.pid.serial, other.pid.id) {
        let one = one.state.lock();
        (one, other.state.lock())
    } else {
        let other = other.state.lock();
        (one.state.lock(), other)
    }
}

//! The way of a signal: to a process of this node, or as a control message to another.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde::Serialize;

use super::net_kernel::Connection;
use super::registry::{ProcessCell, owner_of_alias};
use super::{Dest, Node, SendError};
use crate::atom;
use crate::process::{
    Delivery, Envelope, Message, Outgoing, Recipient, Signal, SpawnReply, answer_of_the_dead, unwanted_spawn,
};
use crate::term::etf::Encoded;
use crate::term::{Atom, Pid, Reference, Term, ser};

impl Node {
    // --- within the node ---------------------------------------------------------------------------------------

    /// Hands `signal` to the process `to` of this node; what that causes is sent on.
    pub(crate) fn deliver(&self, from: &Pid, to: &Pid, signal: Signal) {
        match self.process_table().get(to) {
            Some(cell) => self.deliver_to(from, &cell, signal),
            None => self.send_outgoing(to, answer_of_the_dead(from, signal)),
        }
    }

    pub(crate) fn deliver_to(&self, from: &Pid, cell: &Arc<ProcessCell>, signal: Signal) {
        let delivery = {
            let mut state = cell.state.lock();
            let delivery = state.handle(from, signal);
            if state.exit_reason().is_some() {
                cell.exiting.store(true, Ordering::Release);
            }
            delivery
        };
        self.complete(&cell.pid, delivery);
    }

    fn complete(&self, pid: &Pid, delivery: Delivery) {
        if let Some(waker) = delivery.wake {
            waker.wake();
        }
        self.send_outgoing(pid, delivery.outgoing);
    }

    fn send_outgoing(&self, from: &Pid, outgoing: impl IntoIterator<Item = Outgoing>) {
        for signal in outgoing {
            self.route(from, signal);
        }
    }

    /// Tells `cell` that its node lost the connection to `node`.
    pub(crate) fn lose_node(&self, cell: &Arc<ProcessCell>, node: &Atom) {
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
        let delivery = cell.state.lock().spawn_reply(reply);
        self.complete(to, delivery);
    }

    // --- signals that are not messages -------------------------------------------------------------------------

    /// Sends a signal that needs no connection to be made: over one that is there, or to nobody.
    pub(crate) fn route(&self, from: &Pid, Outgoing { to, signal }: Outgoing) {
        if to.node() == self.name().as_atom() {
            self.route_local(from, &to, signal);
        } else if let Some(connection) = self.connection(to.node().as_str()) {
            connection.signal(from, &to, &signal);
        }
    }

    fn route_local(&self, from: &Pid, to: &Recipient, signal: Signal) {
        match to {
            Recipient::Pid(pid) => self.deliver(from, pid, signal),
            Recipient::Name { name, .. } => match self.names().whereis(name.as_str()) {
                Some(cell) => self.deliver_to(from, &cell, signal),
                None => self.send_outgoing(self.pid(), answer_of_the_dead(from, signal)),
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

    /// Sends a signal that binds `cell` to the other node: when the connection goes, or can't be made, it is told.
    pub(crate) async fn signal_with_relation(&self, cell: &Arc<ProcessCell>, to: Recipient, signal: Signal) {
        if to.node() == self.name().as_atom() {
            self.route_local(&cell.pid, &to, signal);
            return;
        }
        match self.connected(to.node()).await {
            Ok(connection) if connection.relate(cell) => connection.signal(&cell.pid, &to, &signal),
            _ => self.lose_node(cell, to.node()),
        }
    }

    /// Binds `cell` to the connection to `node`, if that is another node.
    pub(crate) fn relate(&self, cell: &Arc<ProcessCell>, node: &Atom) {
        if node == self.name().as_atom() {
            return;
        }
        let related = self.connection(node.as_str()).is_some_and(|connection| connection.relate(cell));
        if !related {
            self.lose_node(cell, node);
        }
    }

    /// Runs `then` as soon as there is a connection to the other node `at`: now, if it is up already. It gets `None` if
    /// none can be made.
    pub(crate) fn when_connected(
        &self,
        at: &Atom,
        then: impl FnOnce(&Node, Option<&Arc<Connection>>) + Send + 'static,
    ) {
        if let Some(connection) = self.connection(at.as_str()) {
            return then(self, Some(&connection));
        }
        let (node, at) = (self.clone(), at.clone());
        self.keep(async move {
            let connection = node.connected(&at).await.ok();
            then(&node, connection.as_ref());
        });
    }

    // --- messages ----------------------------------------------------------------------------------------------

    /// Sends a message without ever waiting, though the queue may be full: for services that no single node may hold
    /// up, and that send little. What can't be sent at once, as there is no connection, is dropped.
    pub(crate) fn post(&self, from: &Pid, dest: &Dest, message: Encoded) {
        let sent = match self.remote_node(dest) {
            None => self.send_local(from, dest, Message::from_encoded(message)),
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
        self.send_from(self.pid(), dest.into(), message).await
    }

    pub(crate) async fn send_from<T>(&self, from: &Pid, dest: Dest, message: T) -> Result<(), SendError>
    where
        T: Serialize + Send + 'static,
    {
        let Some(node) = self.remote_node(&dest) else {
            return self.send_local(from, &dest, Message::from_value(message));
        };
        let connection = self.connection_for_message(node).await?;
        connection.message(from, &dest, |writer| ser::to_writer(writer, &message))
    }

    /// Sends `content` in an envelope: beside it within the node, around it on the wire.
    pub(crate) async fn send_enveloped<T>(
        &self,
        from: &Pid,
        dest: Dest,
        envelope: impl Envelope,
        content: T,
    ) -> Result<(), SendError>
    where
        T: Serialize + Send + 'static,
    {
        let Some(node) = self.remote_node(&dest) else {
            return self.send_local(from, &dest, Message::enveloped(envelope, content));
        };
        let connection = self.connection_for_message(node).await?;
        connection.message(from, &dest, |writer| {
            envelope.write_head(writer)?;
            ser::to_writer(writer, &content)
        })
    }

    /// The connection to `node`, made if need be, with room in its queue.
    async fn connection_for_message(&self, node: &Atom) -> Result<Arc<Connection>, SendError> {
        let connection = match self.connection(node.as_str()) {
            Some(connection) => connection,
            None => self.connected(node).await?,
        };
        if connection.outbox.is_busy() {
            connection.outbox.ready().await.map_err(|_| SendError::ConnectionLost(node.clone()))?;
        }
        Ok(connection)
    }

    /// As [`send`](Node::send), but never waits: neither for a connection nor for room in its queue.
    ///
    /// # Errors
    /// [`SendError::Busy`] when the queue is full, [`SendError::ConnectionLost`] when there is no connection; see
    /// [`send`](Node::send) for others.
    pub fn try_send<T>(&self, dest: impl Into<Dest>, message: T) -> Result<(), SendError>
    where
        T: Serialize + Send + 'static,
    {
        let dest = dest.into();
        let Some(node) = self.remote_node(&dest) else {
            return self.send_local(self.pid(), &dest, Message::from_value(message));
        };
        let connection =
            self.connection(node.as_str()).ok_or_else(|| SendError::ConnectionLost(node.clone()))?;
        if connection.outbox.is_busy() {
            return Err(SendError::Busy(node.clone()));
        }
        connection.message(self.pid(), &dest, |writer| ser::to_writer(writer, &message))
    }

    /// The node of `dest`, if it is another one.
    fn remote_node<'a>(&self, dest: &'a Dest) -> Option<&'a Atom> {
        let node = match dest {
            Dest::Pid(pid) => &pid.node,
            Dest::NameNode(_, node) => node,
            Dest::Alias(alias) => alias.node(),
            Dest::Name(_) => return None,
        };
        (node != self.name().as_atom()).then_some(node)
    }

    fn send_local(&self, from: &Pid, dest: &Dest, message: Message) -> Result<(), SendError> {
        match dest {
            Dest::Pid(pid) => self.deliver(from, pid, Signal::Message(message)),
            Dest::Alias(alias) => self.deliver_alias(from, alias, message),
            // Only a name without a node is an error when it is not there, as with Erlang's `!`.
            Dest::Name(name) => match self.names().whereis(name.as_str()) {
                Some(cell) => self.deliver_to(from, &cell, Signal::Message(message)),
                None => return Err(SendError::NotRegistered(name.clone())),
            },
            Dest::NameNode(name, _) => self.deliver_name(from, name.as_str(), message),
        }
        Ok(())
    }

    pub(crate) fn deliver_name(&self, from: &Pid, name: &str, message: Message) {
        if let Some(cell) = self.names().whereis(name) {
            self.deliver_to(from, &cell, Signal::Message(message));
        }
    }

    /// An exit signal by way of an alias.
    pub(crate) fn exit_alias(&self, from: &Pid, alias: &Reference, reason: Term) {
        if let Some(owner) = owner_of_alias(alias) {
            self.deliver(from, &owner, Signal::AliasExit(alias.clone(), reason));
        }
    }

    pub(crate) fn deliver_alias(&self, from: &Pid, alias: &Reference, message: Message) {
        if let Some(owner) = owner_of_alias(alias) {
            self.deliver(from, &owner, Signal::AliasMessage(alias.clone(), message));
        }
    }
}

//! What the other nodes send: each control message as the signal it stands for.

use std::num::NonZeroU64;
use std::sync::Arc;

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::block_in_place;

use super::Node;
use super::connection::Connection;
use super::policy::Origin;
use super::registry::owner_of_alias;
use crate::atom;
use crate::dist::connection::{Event, IncomingMessage, ProtocolError};
use crate::dist::control::{AltactTo, ControlMessage, PidOrName, Receiver};
use crate::process::{ExitKind, Marks, Message, Recipient, SeqTraceToken, Signal, SpawnReply, UnlinkId};
use crate::term::etf::Encoded;
use crate::term::{Atom, Pid, Reference, Term};

impl Node {
    /// Takes what came over `connection`. An error closes it.
    pub(crate) fn handle_event(
        &self,
        connection: &Arc<Connection>,
        event: Event,
    ) -> Result<(), ProtocolError> {
        let Event::Message(IncomingMessage { control, payload }) = event else { return Ok(()) };
        if let Some(receiver) = control.must_be_of_receiver() {
            let (receiver, lives_here) = match receiver {
                Receiver::OfNode(pid) => (pid, pid.node == *self.name().as_atom()),
                Receiver::OfIncarnation(pid) => {
                    (pid, pid.node == *self.name().as_atom() && pid.creation == self.creation())
                }
            };
            if !lives_here {
                return Err(ProtocolError::ForeignReceiver {
                    node: connection.peer.as_atom().clone(),
                    operation: control.operation(),
                    receiver: receiver.node.clone(),
                });
            }
        }
        if self.policies().is_set() && !self.takes(connection, &control, payload.as_ref()) {
            return Ok(());
        }
        self.handle_control(connection, control, payload)
    }

    fn handle_control(
        &self,
        connection: &Arc<Connection>,
        control: ControlMessage,
        payload: Option<Encoded>,
    ) -> Result<(), ProtocolError> {
        // One that is malformed is none.
        let token = control.token().and_then(SeqTraceToken::from_term);
        match control {
            ControlMessage::SendSender { from, to } | ControlMessage::SendSenderTt { from, to, .. } => {
                self.message_received(connection, &from, &Recipient::Pid(to), payload, token)?;
            }
            ControlMessage::Send { to } | ControlMessage::SendTt { to, .. } => {
                self.message_received(connection, self.pid(), &Recipient::Pid(to), payload, token)?;
            }
            ControlMessage::RegSend { from, to } | ControlMessage::RegSendTt { from, to, .. } => {
                self.message_received(connection, &from, &self.named(to), payload, token)?;
            }
            ControlMessage::AliasSend { from, to } | ControlMessage::AliasSendTt { from, to, .. } => {
                self.alias_message_received(&from, to, payload, Marks { token, priority: false })?;
            }
            ControlMessage::AltactSigSend { flags, from, to, .. } if flags.exit => match to {
                AltactTo::Pid(to) => self.exit_received(&from, &to, ExitKind::Signal, payload, token)?,
                AltactTo::Alias(to) => {
                    let signal = Signal::AliasExit(to.clone(), reason(payload)?);
                    let marks = Marks { token, priority: flags.priority };
                    self.deliver_alias(&from, &to, signal.marked(marks));
                }
                AltactTo::Name(to) => {
                    let signal = Signal::Exit(ExitKind::Signal, reason(payload)?);
                    self.route_local(&from, &self.named(to), signal.marked(Marks { token, priority: false }));
                }
            },
            ControlMessage::AltactSigSend { flags, from, to, .. } => match to {
                AltactTo::Pid(to) => {
                    self.message_received(connection, &from, &Recipient::Pid(to), payload, token)?;
                }
                AltactTo::Name(to) => {
                    self.message_received(connection, &from, &self.named(to), payload, token)?;
                }
                AltactTo::Alias(to) => {
                    let marks = Marks { token, priority: flags.priority };
                    self.alias_message_received(&from, to, payload, marks)?;
                }
            },
            ControlMessage::Link { from, to } => {
                self.bind_received(connection, &from, &Recipient::Pid(to), Signal::Link);
            }
            ControlMessage::Unlink { from, to } => self.deliver(&from, &to, Signal::UnlinkWithoutId),
            ControlMessage::UnlinkId { id, from, to } => {
                self.deliver(&from, &to, Signal::Unlink(UnlinkId(id.0)));
            }
            ControlMessage::UnlinkIdAck { id, from, to } => {
                if let Some(id) = NonZeroU64::new(id) {
                    self.deliver(&from, &to, Signal::UnlinkAck(UnlinkId(id)));
                }
            }
            ControlMessage::Exit { from, to, reason } | ControlMessage::ExitTt { from, to, reason, .. } => {
                let signal = Signal::Exit(ExitKind::Link, reason);
                self.deliver(&from, &to, signal.marked(Marks { token, priority: false }));
            }
            ControlMessage::Exit2 { from, to, reason } | ControlMessage::Exit2Tt { from, to, reason, .. } => {
                let signal = Signal::Exit(ExitKind::Signal, reason);
                self.deliver(&from, &to, signal.marked(Marks { token, priority: false }));
            }
            ControlMessage::PayloadExit { from, to } | ControlMessage::PayloadExitTt { from, to, .. } => {
                self.exit_received(&from, &to, ExitKind::Link, payload, token)?;
            }
            ControlMessage::PayloadExit2 { from, to } | ControlMessage::PayloadExit2Tt { from, to, .. } => {
                self.exit_received(&from, &to, ExitKind::Signal, payload, token)?;
            }
            ControlMessage::GroupLeader { from, to } => {
                self.deliver(&from.clone(), &to, Signal::GroupLeader(from));
            }
            ControlMessage::MonitorP { from, to, reference } => {
                let (to, name) = self.monitored(to);
                self.bind_received(connection, &from, &to, Signal::Monitor(reference, name));
            }
            ControlMessage::DemonitorP { from, to, reference } => {
                let (to, _) = self.monitored(to);
                self.route_local(&from, &to, Signal::Demonitor(reference));
            }
            ControlMessage::MonitorPExit { from, to, reference, reason } => {
                self.down_received(connection, from, &to, reference, reason);
            }
            ControlMessage::PayloadMonitorPExit { from, to, reference } => {
                self.down_received(connection, from, &to, reference, reason(payload)?);
            }
            ControlMessage::SpawnRequest(request) | ControlMessage::SpawnRequestTt(request, _) => {
                if let Some(arguments) = &payload {
                    check(arguments)?;
                }
                self.spawn_requested(connection, &request, payload, token);
            }
            ControlMessage::SpawnReply { request, to, flags, result }
            | ControlMessage::SpawnReplyTt { request, to, flags, result, .. } => {
                let result = match result {
                    PidOrName::Pid(pid) => Ok(pid),
                    PidOrName::Name(reason) => Err(reason),
                };
                let (link, monitor) = (flags.has_link(), flags.has_monitor());
                self.deliver_spawn_reply(&to, SpawnReply { request, result, link, monitor, token });
            }
        }
        Ok(())
    }

    fn named(&self, name: Atom) -> Recipient {
        Recipient::Name { name, node: self.name().as_atom().clone() }
    }

    /// What a monitor looks at, and the name it goes by.
    fn monitored(&self, target: PidOrName) -> (Recipient, Option<Atom>) {
        match target {
            PidOrName::Pid(pid) => (Recipient::Pid(pid), None),
            PidOrName::Name(name) => (self.named(name.clone()), Some(name)),
        }
    }

    /// Hands a message to whom it is for. Nobody looks at one for a process that is not there.
    ///
    /// Whoever receives it decodes it; that it is a term is made sure of here, so that a node which sends what is none
    /// loses its connection, and nothing of it is ever passed on.
    fn message_received(
        &self,
        connection: &Connection,
        from: &Pid,
        to: &Recipient,
        payload: Option<Encoded>,
        token: Option<SeqTraceToken>,
    ) -> Result<(), ProtocolError> {
        let cell = match to {
            Recipient::Pid(pid) => self.local(pid),
            Recipient::Name { name, .. } => self.names().whereis(name.as_str()),
        };
        if let Some((cell, payload)) = cell.zip(payload) {
            check(&payload)?;
            let message = if cell.wants_origin {
                Message::enveloped(Origin(connection.peer.as_atom().clone()), payload)
            } else {
                Message::from_encoded(payload)
            };
            let message = message.with_trace(token);
            // The sender is elsewhere: it can't be told that there is no room.
            let _ = self.deliver_message(from, &cell, message);
        }
        Ok(())
    }

    fn alias_message_received(
        &self,
        from: &Pid,
        to: Reference,
        payload: Option<Encoded>,
        marks: Marks,
    ) -> Result<(), ProtocolError> {
        let cell = owner_of_alias(&to).and_then(|owner| self.local(&owner));
        if let Some((cell, payload)) = cell.zip(payload) {
            check(&payload)?;
            let signal = Signal::AliasMessage(to, Message::from_encoded(payload));
            self.deliver_to(from, &cell, signal.marked(marks));
        }
        Ok(())
    }

    /// Hands an exit signal to whom it is for. Nobody looks at the reason of one for a process that is not there.
    fn exit_received(
        &self,
        from: &Pid,
        to: &Pid,
        kind: ExitKind,
        payload: Option<Encoded>,
        token: Option<SeqTraceToken>,
    ) -> Result<(), ProtocolError> {
        if let Some(cell) = self.local(to) {
            let signal = Signal::Exit(kind, reason(payload)?);
            self.deliver_to(from, &cell, signal.marked(Marks { token, priority: false }));
        }
        Ok(())
    }

    /// Hands a signal that binds two processes to the one it is for, and binds that to the connection.
    fn bind_received(&self, connection: &Arc<Connection>, from: &Pid, to: &Recipient, signal: Signal) {
        let cell = match to {
            Recipient::Pid(pid) => self.local(pid),
            Recipient::Name { name, .. } => self.names().whereis(name.as_str()),
        };
        let Some(cell) = cell else { return self.route_local(from, to, signal) };
        self.change_state(&cell, |state| {
            if !state.has_ended() {
                // The end of the connection is seen to after all that came over it.
                connection.relate(&cell);
            }
            state.handle(from, signal)
        });
    }

    fn down_received(
        &self,
        connection: &Connection,
        from: PidOrName,
        to: &Pid,
        reference: Reference,
        reason: Term,
    ) {
        let (sender, name) = match from {
            PidOrName::Pid(pid) => (pid, None),
            // No pid is told; only the node counts.
            PidOrName::Name(name) => (connection.node_pid(), Some(name)),
        };
        self.deliver(&sender, to, Signal::Down(reference, name, reason));
    }
}

/// Makes sure that it is a term.
///
/// Ten million small terms take a tenth of a second: meanwhile another thread sees to the tasks of this one.
fn check(payload: &Encoded) -> Result<(), ProtocolError> {
    let check = || payload.reader().check().map_err(ProtocolError::Payload);
    let takes_long = || payload.bytes().len() > LARGE && !payload.reader().has_few_parts(FEW_PARTS);
    let has_others =
        || Handle::try_current().is_ok_and(|runtime| runtime.runtime_flavor() == RuntimeFlavor::MultiThread);
    if takes_long() && has_others() { block_in_place(check) } else { check() }
}

/// What is checked in well under a millisecond has no more bytes.
const LARGE: usize = 128 * 1024;

/// And what has no more parts is, as a rule, a large binary, which is not looked into.
const FEW_PARTS: usize = 1000;

fn reason(payload: Option<Encoded>) -> Result<Term, ProtocolError> {
    match payload {
        Some(payload) => payload.to_term().map_err(ProtocolError::Payload),
        None => Ok(Term::Atom(atom!("undefined"))),
    }
}

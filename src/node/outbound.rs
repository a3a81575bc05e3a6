//! What this node sends to others: each signal as the control message that stands for it.

use std::cell::RefCell;

use super::connection::Connection;
use super::seq_trace::Sent;
use super::{Dest, SendError};
use crate::dist::Flags;
use crate::dist::connection::{OutgoingError, OutgoingMessage};
use crate::dist::control::{AltactFlags, AltactTo, ControlMessage, PidOrName, UnlinkId};
use crate::process::{ExitKind, Marks, Recipient, SeqTraceToken, Signal};
use crate::term::etf::{Encoded, Writer};
use crate::term::{Pid, SerializeError, Term};

thread_local! {
    /// Messages are encoded here, so that one takes no memory of its own.
    static MESSAGE: RefCell<Option<OutgoingMessage>> = const { RefCell::new(None) };
}

impl Connection {
    /// Sends a message that `write` encodes.
    pub(crate) fn message(
        &self,
        sent: Sent<'_>,
        dest: &Dest,
        write: impl FnOnce(&mut Writer) -> Result<(), SerializeError>,
    ) -> Result<(), SendError> {
        let from = sent.from.clone();
        let control = match dest {
            Dest::Alias(to) if sent.priority => ControlMessage::AltactSigSend {
                flags: AltactFlags { priority: true, exit: false },
                from,
                to: AltactTo::Alias(to.clone()),
                token: None,
            },
            Dest::Pid(to) => ControlMessage::SendSender { from, to: to.clone() },
            Dest::Name(to) | Dest::NameNode(to, _) => ControlMessage::RegSend { from, to: to.clone() },
            Dest::Alias(to) => ControlMessage::AliasSend { from, to: to.clone() },
            Dest::Global(name) => return Err(SendError::NotRegisteredGlobally(name.clone())),
        };
        let control = self.traced(control, sent.token.as_ref());
        self.encode_and_send(|message| {
            message.try_encode_with(&control, |writer| write(writer).map_err(SendError::from))
        })
    }

    /// The control message with the token, if there is one and the other node can read it.
    pub(super) fn traced(&self, control: ControlMessage, token: Option<&SeqTraceToken>) -> ControlMessage {
        let Some(token) = token else { return control };
        let is_small = || matches!(&token.label, Term::Integer(label) if label.as_i64().is_some());
        if self.outbox.flags().contains(Flags::BIG_SEQTRACE_LABELS) || is_small() {
            control.with_token(token.to_term())
        } else {
            control
        }
    }

    /// Sends a message that is encoded already.
    pub(crate) fn encoded_message(
        &self,
        from: &Pid,
        dest: &Dest,
        message: &Encoded,
    ) -> Result<(), SendError> {
        self.message(from.into(), dest, |writer| message.write_to(writer).map_err(SerializeError::from))
    }

    /// Sends a control message, with its payload if it has one.
    pub(crate) fn control(
        &self,
        control: ControlMessage,
        payload: Option<&Encoded>,
    ) -> Result<(), SendError> {
        self.encode_and_send(|message| match payload {
            None => message.encode(&control).map_err(SendError::from),
            Some(payload) => message.try_encode_with(&control, |writer| {
                payload.write_to(writer).map_err(|error| SendError::from(SerializeError::from(error)))
            }),
        })
    }

    fn control_with_reason(&self, control: &ControlMessage, reason: &Term) -> Result<(), SendError> {
        self.encode_and_send(|message| {
            message.try_encode_with(control, |writer| {
                writer.term(reason).map_err(|error| SendError::from(SerializeError::from(error)))
            })
        })
    }

    /// Sends a signal. If the connection is gone, whoever was bound to it hears of that.
    pub(crate) fn signal(&self, from: &Pid, to: &Recipient, signal: &Signal) {
        if let Err(error) = self.try_signal(from, to, signal) {
            tracing::debug!(node = %self.peer, %error, "a signal could not be sent");
        }
    }

    fn try_signal(&self, from: &Pid, to: &Recipient, signal: &Signal) -> Result<(), SendError> {
        let (marks, signal) = match signal {
            Signal::Marked(marks, signal) => (marks.clone(), &**signal),
            signal => (Marks::default(), signal),
        };
        let traced = |control| self.traced(control, marks.token.as_ref());
        let from = from.clone();
        let target = match to {
            Recipient::Pid(pid) => PidOrName::Pid(pid.clone()),
            Recipient::Name { name, .. } => PidOrName::Name(name.clone()),
        };
        // Signals go to names only where Erlang has that: monitors and messages.
        let to = || match to {
            Recipient::Pid(pid) => pid.clone(),
            Recipient::Name { .. } => self.node_pid(),
        };
        let control = match signal {
            Signal::Link => ControlMessage::Link { from, to: to() },
            Signal::Unlink(id) => ControlMessage::UnlinkId { id: UnlinkId(id.0), from, to: to() },
            Signal::UnlinkAck(id) => ControlMessage::UnlinkIdAck { id: id.0.get(), from, to: to() },
            Signal::UnlinkWithoutId => ControlMessage::Unlink { from, to: to() },
            Signal::Monitor(reference, _) => {
                ControlMessage::MonitorP { from, to: target, reference: reference.clone() }
            }
            Signal::Demonitor(reference) => {
                ControlMessage::DemonitorP { from, to: target, reference: reference.clone() }
            }
            Signal::Down(reference, name, reason) => {
                let from = name.clone().map_or(PidOrName::Pid(from), PidOrName::Name);
                let control =
                    ControlMessage::PayloadMonitorPExit { from, to: to(), reference: reference.clone() };
                return self.control_with_reason(&control, reason);
            }
            Signal::Exit(ExitKind::Link, reason) => {
                let control = ControlMessage::PayloadExit { from, to: to() };
                return self.control_with_reason(&traced(control), reason);
            }
            Signal::Exit(ExitKind::Signal, reason) => {
                let control = ControlMessage::PayloadExit2 { from, to: to() };
                return self.control_with_reason(&traced(control), reason);
            }
            Signal::GroupLeader(leader) => ControlMessage::GroupLeader { from: leader.clone(), to: to() },
            Signal::Message(message) => {
                let encoded = message.to_encoded()?;
                let control = match target {
                    PidOrName::Pid(to) => ControlMessage::SendSender { from, to },
                    PidOrName::Name(to) => ControlMessage::RegSend { from, to },
                };
                return self.control(traced(control), Some(&encoded));
            }
            Signal::AliasMessage(alias, message) => {
                let encoded = message.to_encoded()?;
                let control = ControlMessage::AliasSend { from, to: alias.clone() };
                return self.control(traced(control), Some(&encoded));
            }
            Signal::AliasExit(alias, reason) => {
                let control = ControlMessage::AltactSigSend {
                    flags: AltactFlags { priority: marks.priority, exit: true },
                    from,
                    to: AltactTo::Alias(alias.clone()),
                    token: None,
                };
                return self.control_with_reason(&traced(control), reason);
            }
            // One mark is enough.
            Signal::Marked(..) => return Ok(()),
        };
        self.control(control, None)
    }

    fn encode_and_send(
        &self,
        encode: impl FnOnce(&mut OutgoingMessage) -> Result<(), SendError>,
    ) -> Result<(), SendError> {
        let flags = self.outbox.flags();
        // Taken out while it is used: what is sent may be a value whose serialization sends something itself.
        let mut message = MESSAGE.take().unwrap_or_else(|| OutgoingMessage::new(flags));
        if message.flags() != flags {
            message.set_flags(flags);
        }
        let sent = encode(&mut message).and_then(|()| {
            self.outbox.send(&mut message).map_err(|_| SendError::ConnectionLost(self.peer.as_atom().clone()))
        });
        MESSAGE.set(Some(message));
        sent
    }

    /// A pid that stands for the other node as a whole.
    pub(crate) fn node_pid(&self) -> Pid {
        Pid { node: self.peer.as_atom().clone(), id: 0, serial: 0, creation: self.creation }
    }
}

/// The control message itself can't be sent.
impl From<OutgoingError> for SendError {
    fn from(error: OutgoingError) -> SendError {
        SendError::Control(error)
    }
}

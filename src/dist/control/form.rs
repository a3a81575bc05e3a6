//! Which of several control messages for one thing the other node understands.
//!
//! The newer form is chosen where the flags of the connection have it:
//!
//! | What                           | Flag           | With it                        | Without it                  |
//! | ------------------------------ | -------------- | ------------------------------ | --------------------------- |
//! | message to a pid               | `SEND_SENDER`  | `SEND_SENDER`                  | `SEND`                      |
//! | exit of a linked process       | `EXIT_PAYLOAD` | `PAYLOAD_EXIT`                 | `EXIT`                      |
//! | `exit/2`                       | `EXIT_PAYLOAD` | `PAYLOAD_EXIT2`                | `EXIT2`                     |
//! | exit of a monitored process    | `EXIT_PAYLOAD` | `PAYLOAD_MONITOR_P_EXIT`       | `MONITOR_P_EXIT`            |
//! | unlink                         | `UNLINK_ID`    | `UNLINK_ID`                    | `UNLINK`                    |
//! | message to an alias            | `ALTACT_SIG`   | `ALTACT_SIG_SEND`              | `ALIAS_SEND`                |
//! | the same                       | `ALIAS`        | `ALIAS_SEND`                   | not possible                |
//! | priority message or exit signal | `ALTACT_SIG`  | `ALTACT_SIG_SEND`              | the same without priority   |
//! | spawn                          | `SPAWN`        | `SPAWN_REQUEST`                | not possible                |
//! | monitor, demonitor, and exit of a monitored process | `DIST_MONITOR` | `MONITOR_P` and so on | not possible |
//! | the same by a registered name  | `DIST_MONITOR_NAME`, too | `MONITOR_P` and so on | not possible             |
//!
//! A monitor of which the other node is not told still tells of the end of the connection, as in OTP.

use std::borrow::Cow;

use super::{AltactFlags, AltactTo, ControlMessage, Operation, PidOrName};
use crate::dist::Flags;
use crate::term::etf::{EncodeError, Writer};

/// A control message in the form for a connection.
#[derive(Debug, Clone)]
pub struct Form<'a> {
    message: Cow<'a, ControlMessage>,
    operation: Operation,
    payload: PayloadPlace,
}

/// Where the payload goes: the message, the reason or the arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PayloadPlace {
    /// There is none.
    None,
    /// It is a term of its own after the control message.
    After,
    /// It is the last element of the control message.
    Inside,
}

/// The other node cannot be told that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the other node does not understand {operation}, it lacks the flag {lacking}")]
pub struct Unsupported {
    /// What it cannot be told.
    pub operation: Operation,
    /// The flag it would need.
    pub lacking: Flags,
}

impl ControlMessage {
    /// The form of this message for a connection with `flags`, those that both nodes have.
    ///
    /// The message is to be made as if the other node had all flags. Older forms are taken as they are.
    ///
    /// # Errors
    /// [`Unsupported`]. Erlang drops such a message to an alias, and a spawn fails with `notsup`.
    pub fn form(&self, flags: Flags) -> Result<Form<'_>, Unsupported> {
        let operation = self.operation();
        let unsupported = |lacking| Err(Unsupported { operation, lacking });
        Ok(match self {
            ControlMessage::PayloadExit { .. } if !flags.contains(Flags::EXIT_PAYLOAD) => {
                self.inside(Operation::Exit)
            }
            ControlMessage::PayloadExitTt { .. } if !flags.contains(Flags::EXIT_PAYLOAD) => {
                self.inside(Operation::ExitTt)
            }
            ControlMessage::PayloadExit2 { .. } if !flags.contains(Flags::EXIT_PAYLOAD) => {
                self.inside(Operation::Exit2)
            }
            ControlMessage::PayloadExit2Tt { .. } if !flags.contains(Flags::EXIT_PAYLOAD) => {
                self.inside(Operation::Exit2Tt)
            }
            ControlMessage::SendSender { to, .. } if !flags.contains(Flags::SEND_SENDER) => {
                Form::of(ControlMessage::Send { to: to.clone() })
            }
            ControlMessage::SendSenderTt { to, token, .. } if !flags.contains(Flags::SEND_SENDER) => {
                Form::of(ControlMessage::SendTt { to: to.clone(), token: token.clone() })
            }
            ControlMessage::UnlinkId { from, to, .. } if !flags.contains(Flags::UNLINK_ID) => {
                Form::of(ControlMessage::Unlink { from: from.clone(), to: to.clone() })
            }
            ControlMessage::UnlinkIdAck { .. } if !flags.contains(Flags::UNLINK_ID) => {
                return unsupported(Flags::UNLINK_ID);
            }
            ControlMessage::AliasSend { from, to } if flags.contains(Flags::ALTACT_SIG) => {
                let (from, to) = (from.clone(), AltactTo::Alias(to.clone()));
                Form::of(ControlMessage::AltactSigSend {
                    flags: AltactFlags::default(),
                    from,
                    to,
                    token: None,
                })
            }
            ControlMessage::AliasSendTt { from, to, token } if flags.contains(Flags::ALTACT_SIG) => {
                let (from, to, token) = (from.clone(), AltactTo::Alias(to.clone()), Some(token.clone()));
                Form::of(ControlMessage::AltactSigSend { flags: AltactFlags::default(), from, to, token })
            }
            ControlMessage::AliasSend { .. } | ControlMessage::AliasSendTt { .. }
                if !flags.contains(Flags::ALIAS) =>
            {
                return unsupported(Flags::ALIAS);
            }
            ControlMessage::AltactSigSend { .. } if !flags.contains(Flags::ALTACT_SIG) => {
                match self.without_altact() {
                    Some(older) => older.form(flags)?.into_owned(),
                    None => return unsupported(Flags::ALTACT_SIG),
                }
            }
            ControlMessage::SpawnRequest(_)
            | ControlMessage::SpawnRequestTt(..)
            | ControlMessage::SpawnReply { .. }
            | ControlMessage::SpawnReplyTt { .. }
                if !flags.contains(Flags::SPAWN) =>
            {
                return unsupported(Flags::SPAWN);
            }
            ControlMessage::MonitorP { to: monitored, .. }
            | ControlMessage::DemonitorP { to: monitored, .. }
            | ControlMessage::MonitorPExit { from: monitored, .. }
            | ControlMessage::PayloadMonitorPExit { from: monitored, .. }
                if !flags.contains(monitoring(monitored)) =>
            {
                return unsupported(monitoring(monitored) - flags);
            }
            ControlMessage::PayloadMonitorPExit { .. } if !flags.contains(Flags::EXIT_PAYLOAD) => {
                self.inside(Operation::MonitorPExit)
            }
            _ => {
                let payload = if operation.has_payload() { PayloadPlace::After } else { PayloadPlace::None };
                Form { message: Cow::Borrowed(self), operation, payload }
            }
        })
    }

    /// This message under `operation`, with the payload as its last element.
    fn inside(&self, operation: Operation) -> Form<'_> {
        Form { message: Cow::Borrowed(self), operation, payload: PayloadPlace::Inside }
    }

    /// What `ALTACT_SIG_SEND` means to a node that does not know it: the same without priority.
    fn without_altact(&self) -> Option<ControlMessage> {
        let ControlMessage::AltactSigSend { flags, from, to, token } = self else { return None };
        let (from, token) = (from.clone(), token.clone());
        Some(match (flags.exit, to.clone(), token) {
            (false, AltactTo::Pid(to), None) => ControlMessage::SendSender { from, to },
            (false, AltactTo::Pid(to), Some(token)) => ControlMessage::SendSenderTt { from, to, token },
            (false, AltactTo::Alias(to), None) => ControlMessage::AliasSend { from, to },
            (false, AltactTo::Alias(to), Some(token)) => ControlMessage::AliasSendTt { from, to, token },
            (false, AltactTo::Name(to), None) => ControlMessage::RegSend { from, to },
            (false, AltactTo::Name(to), Some(token)) => ControlMessage::RegSendTt { from, to, token },
            (true, AltactTo::Pid(to), None) => ControlMessage::PayloadExit2 { from, to },
            (true, AltactTo::Pid(to), Some(token)) => ControlMessage::PayloadExit2Tt { from, to, token },
            // Nothing older sends an exit signal to an alias or a name.
            (true, AltactTo::Alias(_) | AltactTo::Name(_), _) => return None,
        })
    }
}

/// What the other node must have to monitor, or be monitored, that way.
fn monitoring(target: &PidOrName) -> Flags {
    match target {
        PidOrName::Pid(_) => Flags::DIST_MONITOR,
        PidOrName::Name(_) => Flags::DIST_MONITOR | Flags::DIST_MONITOR_NAME,
    }
}

impl Form<'_> {
    fn of(message: ControlMessage) -> Form<'static> {
        let operation = message.operation();
        let payload = if operation.has_payload() { PayloadPlace::After } else { PayloadPlace::None };
        Form { message: Cow::Owned(message), operation, payload }
    }

    fn into_owned(self) -> Form<'static> {
        Form {
            message: Cow::Owned(self.message.into_owned()),
            operation: self.operation,
            payload: self.payload,
        }
    }

    /// The operation that is written.
    #[must_use]
    pub fn operation(&self) -> Operation {
        self.operation
    }

    /// Where the payload has to be written.
    #[must_use]
    pub fn payload(&self) -> PayloadPlace {
        self.payload
    }

    /// Writes the control message; a payload inside or after it has to be written next.
    ///
    /// # Errors
    /// As [`ControlMessage::encode`].
    pub fn encode(&self, writer: &mut Writer) -> Result<(), EncodeError> {
        let more = usize::from(self.payload == PayloadPlace::Inside);
        self.message.encode_as(self.operation, more, writer)
    }
}

//! Control messages: what a node tells another one to do.
//!
//! A control message is a tuple whose first element is the number of the operation. Those marked with P are followed by
//! a payload: a message, an exit reason, or the arguments of a function. TT stands for a seq_trace token, which is only
//! there while the sending process is being traced.
//!
//! | Op | Name                     | Elements                                                    | P |
//! | -- | ------------------------ | ----------------------------------------------------------- | - |
//! | 1  | `LINK`                   | `FromPid, ToPid`                                            |   |
//! | 2  | `SEND`                   | `'', ToPid`                                                 | P |
//! | 3  | `EXIT`                   | `FromPid, ToPid, Reason`                                    |   |
//! | 4  | `UNLINK`                 | `FromPid, ToPid`                                            |   |
//! | 6  | `REG_SEND`               | `FromPid, '', ToName`                                       | P |
//! | 7  | `GROUP_LEADER`           | `FromPid, ToPid`                                            |   |
//! | 8  | `EXIT2`                  | `FromPid, ToPid, Reason`                                    |   |
//! | 12 | `SEND_TT`                | `'', ToPid, Token`                                          | P |
//! | 13 | `EXIT_TT`                | `FromPid, ToPid, Token, Reason`                             |   |
//! | 16 | `REG_SEND_TT`            | `FromPid, '', ToName, Token`                                | P |
//! | 18 | `EXIT2_TT`               | `FromPid, ToPid, Token, Reason`                             |   |
//! | 19 | `MONITOR_P`              | `FromPid, ToProc, Ref`                                      |   |
//! | 20 | `DEMONITOR_P`            | `FromPid, ToProc, Ref`                                      |   |
//! | 21 | `MONITOR_P_EXIT`         | `FromProc, ToPid, Ref, Reason`                              |   |
//! | 22 | `SEND_SENDER`            | `FromPid, ToPid`                                            | P |
//! | 23 | `SEND_SENDER_TT`         | `FromPid, ToPid, Token`                                     | P |
//! | 24 | `PAYLOAD_EXIT`           | `FromPid, ToPid`                                            | P |
//! | 25 | `PAYLOAD_EXIT_TT`        | `FromPid, ToPid, Token`                                     | P |
//! | 26 | `PAYLOAD_EXIT2`          | `FromPid, ToPid`                                            | P |
//! | 27 | `PAYLOAD_EXIT2_TT`       | `FromPid, ToPid, Token`                                     | P |
//! | 28 | `PAYLOAD_MONITOR_P_EXIT` | `FromProc, ToPid, Ref`                                      | P |
//! | 29 | `SPAWN_REQUEST`          | `ReqId, From, GroupLeader, {Module, Function, Arity}, Opts` | P |
//! | 30 | `SPAWN_REQUEST_TT`       | the same and `Token`                                        | P |
//! | 31 | `SPAWN_REPLY`            | `ReqId, To, Flags, PidOrError`                              |   |
//! | 32 | `SPAWN_REPLY_TT`         | the same and `Token`                                        |   |
//! | 33 | `ALIAS_SEND`             | `FromPid, Alias`                                            | P |
//! | 34 | `ALIAS_SEND_TT`          | `FromPid, Alias, Token`                                     | P |
//! | 35 | `UNLINK_ID`              | `Id, FromPid, ToPid`                                        |   |
//! | 36 | `UNLINK_ID_ACK`          | `Id, FromPid, ToPid`                                        |   |
//! | 37 | `ALTACT_SIG_SEND`        | `Flags, FromPid, To` or `Flags, FromPid, To, Token`         | P |
//!
//! `ToProc` and `FromProc` are a pid or a registered name. All other numbers, 5 (once `NODE_LINK`) too, make OTP close
//! the connection, and so does an operation with the wrong number or kind of elements.
//!
//! Reference: ERTS User's Guide, "Distribution Protocol", [Protocol between Connected Nodes][1].
//!
//! [1]: https://www.erlang.org/doc/apps/erts/erl_dist_protocol.html#protocol-between-connected-nodes

mod decode;
mod encode;
mod form;
mod operation;
mod sender;
#[cfg(test)]
mod tests;
mod token;

use std::num::NonZeroU64;

pub use self::decode::ControlError;
pub use self::form::{Form, PayloadPlace, Unsupported};
pub use self::operation::Operation;
pub(crate) use self::sender::{Receiver, Sender};
use crate::term::{Atom, Pid, Reference, Term};

/// A control message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ControlMessage {
    /// `from` links to `to`.
    Link {
        /// The process that links.
        from: Pid,
        /// The process of the receiving node.
        to: Pid,
    },
    /// A message to `to`, without its sender.
    Send {
        /// The receiver.
        to: Pid,
    },
    /// `from`, linked to `to`, has exited; from nodes without `EXIT_PAYLOAD`.
    Exit {
        /// The process that has exited.
        from: Pid,
        /// The process linked to it.
        to: Pid,
        /// Why.
        reason: Term,
    },
    /// `from` removes its link to `to`; from nodes without `UNLINK_ID`.
    Unlink {
        /// The process that unlinks.
        from: Pid,
        /// The process of the receiving node.
        to: Pid,
    },
    /// A message to a registered name.
    RegSend {
        /// The sender.
        from: Pid,
        /// The name.
        to: Atom,
    },
    /// `from` becomes the group leader of `to`.
    GroupLeader {
        /// The new group leader.
        from: Pid,
        /// The process that gets it.
        to: Pid,
    },
    /// `from` sends an exit signal, as `exit/2` does; from nodes without `EXIT_PAYLOAD`.
    Exit2 {
        /// The sender.
        from: Pid,
        /// The receiver.
        to: Pid,
        /// The reason.
        reason: Term,
    },
    /// [`Send`](ControlMessage::Send) with a token.
    SendTt {
        /// The receiver.
        to: Pid,
        /// The seq_trace token.
        token: Term,
    },
    /// [`Exit`](ControlMessage::Exit) with a token.
    ExitTt {
        /// The process that has exited.
        from: Pid,
        /// The process linked to it.
        to: Pid,
        /// The seq_trace token.
        token: Term,
        /// Why.
        reason: Term,
    },
    /// [`RegSend`](ControlMessage::RegSend) with a token.
    RegSendTt {
        /// The sender.
        from: Pid,
        /// The name.
        to: Atom,
        /// The seq_trace token.
        token: Term,
    },
    /// [`Exit2`](ControlMessage::Exit2) with a token.
    Exit2Tt {
        /// The sender.
        from: Pid,
        /// The receiver.
        to: Pid,
        /// The seq_trace token.
        token: Term,
        /// The reason.
        reason: Term,
    },
    /// `from` monitors `to`.
    MonitorP {
        /// The process that monitors.
        from: Pid,
        /// The process of the receiving node.
        to: PidOrName,
        /// The monitor.
        reference: Reference,
    },
    /// `from` takes its monitor of `to` back.
    DemonitorP {
        /// The process that monitored.
        from: Pid,
        /// As in the [`MonitorP`](ControlMessage::MonitorP).
        to: PidOrName,
        /// The monitor.
        reference: Reference,
    },
    /// `from`, monitored by `to`, has exited; from nodes without `EXIT_PAYLOAD`.
    MonitorPExit {
        /// The process that has exited, as it was called in the [`MonitorP`](ControlMessage::MonitorP).
        from: PidOrName,
        /// The process that monitors it.
        to: Pid,
        /// The monitor.
        reference: Reference,
        /// Why.
        reason: Term,
    },
    /// A message to `to`.
    SendSender {
        /// The sender.
        from: Pid,
        /// The receiver.
        to: Pid,
    },
    /// [`SendSender`](ControlMessage::SendSender) with a token.
    SendSenderTt {
        /// The sender.
        from: Pid,
        /// The receiver.
        to: Pid,
        /// The seq_trace token.
        token: Term,
    },
    /// `from`, linked to `to`, has exited; the payload says why.
    PayloadExit {
        /// The process that has exited.
        from: Pid,
        /// The process linked to it.
        to: Pid,
    },
    /// [`PayloadExit`](ControlMessage::PayloadExit) with a token.
    PayloadExitTt {
        /// The process that has exited.
        from: Pid,
        /// The process linked to it.
        to: Pid,
        /// The seq_trace token.
        token: Term,
    },
    /// `from` sends an exit signal, as `exit/2` does; the payload is the reason.
    PayloadExit2 {
        /// The sender.
        from: Pid,
        /// The receiver.
        to: Pid,
    },
    /// [`PayloadExit2`](ControlMessage::PayloadExit2) with a token.
    PayloadExit2Tt {
        /// The sender.
        from: Pid,
        /// The receiver.
        to: Pid,
        /// The seq_trace token.
        token: Term,
    },
    /// `from`, monitored by `to`, has exited; the payload says why.
    PayloadMonitorPExit {
        /// The process that has exited, as it was called in the [`MonitorP`](ControlMessage::MonitorP).
        from: PidOrName,
        /// The process that monitors it.
        to: Pid,
        /// The monitor.
        reference: Reference,
    },
    /// A process is to be spawned; the payload is the list of arguments.
    SpawnRequest(Box<SpawnRequest>),
    /// [`SpawnRequest`](ControlMessage::SpawnRequest) with a token.
    SpawnRequestTt(Box<SpawnRequest>, Term),
    /// What became of a spawn request.
    SpawnReply {
        /// The request.
        request: Reference,
        /// The process that asked.
        to: Pid,
        /// What has been set up.
        flags: SpawnReplyFlags,
        /// The new process, or why there is none.
        result: PidOrName,
    },
    /// [`SpawnReply`](ControlMessage::SpawnReply) with a token.
    SpawnReplyTt {
        /// The request.
        request: Reference,
        /// The process that asked.
        to: Pid,
        /// What has been set up.
        flags: SpawnReplyFlags,
        /// The new process, or why there is none.
        result: PidOrName,
        /// The seq_trace token.
        token: Term,
    },
    /// A message to an alias; to nodes without `ALTACT_SIG`.
    AliasSend {
        /// The sender.
        from: Pid,
        /// The alias.
        to: Reference,
    },
    /// [`AliasSend`](ControlMessage::AliasSend) with a token.
    AliasSendTt {
        /// The sender.
        from: Pid,
        /// The alias.
        to: Reference,
        /// The seq_trace token.
        token: Term,
    },
    /// `from` removes its link to `to`, to be answered before any other signal from `to`.
    UnlinkId {
        /// Tells this unlinking from others of the same link.
        id: UnlinkId,
        /// The process that unlinks.
        from: Pid,
        /// The process of the receiving node.
        to: Pid,
    },
    /// The answer to an [`UnlinkId`](ControlMessage::UnlinkId).
    UnlinkIdAck {
        /// The id that is answered. Nobody has asked with 0, but OTP lets it pass.
        id: u64,
        /// The process that was unlinked from.
        from: Pid,
        /// The process that unlinked.
        to: Pid,
    },
    /// A message or an exit signal with alternative actions (OTP 28 and later).
    AltactSigSend {
        /// What kind of signal this is. What `to` and `token` say is not repeated here.
        flags: AltactFlags,
        /// The sender.
        from: Pid,
        /// The receiver.
        to: AltactTo,
        /// The seq_trace token, if there is one.
        token: Option<Term>,
    },
}

/// What a [`ControlMessage::SpawnRequest`] asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpawnRequest {
    /// The request, and the monitor if `options` ask for one.
    pub id: Reference,
    /// The process that asks.
    pub from: Pid,
    /// The group leader of the new process.
    pub group_leader: Pid,
    /// The module of the function to run.
    pub module: Atom,
    /// The function to run.
    pub function: Atom,
    /// The number of its arguments, which are the payload. OTP goes by those, and takes any small integer here.
    pub arity: i64,
    /// The options, a list, such as `[link, monitor]`.
    pub options: Term,
}

/// A process, by its pid or by its registered name; or a pid or an error.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum PidOrName {
    /// A pid.
    Pid(Pid),
    /// An atom.
    Name(Atom),
}

impl From<Pid> for PidOrName {
    fn from(pid: Pid) -> PidOrName {
        PidOrName::Pid(pid)
    }
}

impl From<Atom> for PidOrName {
    fn from(name: Atom) -> PidOrName {
        PidOrName::Name(name)
    }
}

/// The number of an unlink, never 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnlinkId(pub NonZeroU64);

/// What a spawned process has been connected with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct SpawnReplyFlags(pub u32);

impl SpawnReplyFlags {
    /// The new process is linked to the one that asked.
    pub const LINK: SpawnReplyFlags = SpawnReplyFlags(1);
    /// The new process is monitored by the one that asked.
    pub const MONITOR: SpawnReplyFlags = SpawnReplyFlags(2);

    /// Whether the two are linked.
    #[must_use]
    pub fn has_link(self) -> bool {
        self.0 & SpawnReplyFlags::LINK.0 != 0
    }

    /// Whether one monitors the other.
    #[must_use]
    pub fn has_monitor(self) -> bool {
        self.0 & SpawnReplyFlags::MONITOR.0 != 0
    }
}

/// What kind of signal a [`ControlMessage::AltactSigSend`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct AltactFlags {
    /// It goes before ordinary messages.
    pub priority: bool,
    /// It is an exit signal, as of `exit/2`, and the payload is the reason; else the payload is a message.
    pub exit: bool,
}

/// Where a [`ControlMessage::AltactSigSend`] goes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum AltactTo {
    /// To a process.
    Pid(Pid),
    /// To an alias.
    Alias(Reference),
    /// To a registered name.
    Name(Atom),
}

impl ControlMessage {
    /// Whether a payload follows.
    #[must_use]
    pub fn has_payload(&self) -> bool {
        self.operation().has_payload()
    }
}

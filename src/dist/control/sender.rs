//! Whose signal a control message is, and whose it must be.
//!
//! Three rules depend on it: the signals of one process to another stay in order; a node does not link, monitor or exit
//! in the name of a process of another node; and it does not ask one node for a process of another.

use super::{ControlMessage, PidOrName};
use crate::term::Pid;

/// Whose signal a control message is; those of one process must stay in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sender {
    /// A process with these numbers; taking two processes for one does no harm.
    Process(u32, u32),
    /// The node itself.
    Nobody,
    /// Some process.
    Unknown,
}

impl Sender {
    pub(crate) fn process(pid: &Pid) -> Sender {
        Sender::Process(pid.id, pid.serial)
    }
}

impl ControlMessage {
    /// The process whose signal it is.
    #[must_use]
    pub(crate) fn sender(&self) -> Sender {
        match self {
            ControlMessage::Link { from, .. }
            | ControlMessage::Exit { from, .. }
            | ControlMessage::Unlink { from, .. }
            | ControlMessage::RegSend { from, .. }
            | ControlMessage::Exit2 { from, .. }
            | ControlMessage::ExitTt { from, .. }
            | ControlMessage::RegSendTt { from, .. }
            | ControlMessage::Exit2Tt { from, .. }
            | ControlMessage::MonitorP { from, .. }
            | ControlMessage::DemonitorP { from, .. }
            | ControlMessage::SendSender { from, .. }
            | ControlMessage::SendSenderTt { from, .. }
            | ControlMessage::PayloadExit { from, .. }
            | ControlMessage::PayloadExitTt { from, .. }
            | ControlMessage::PayloadExit2 { from, .. }
            | ControlMessage::PayloadExit2Tt { from, .. }
            | ControlMessage::AliasSend { from, .. }
            | ControlMessage::AliasSendTt { from, .. }
            | ControlMessage::UnlinkId { from, .. }
            | ControlMessage::UnlinkIdAck { from, .. }
            | ControlMessage::AltactSigSend { from, .. }
            | ControlMessage::MonitorPExit { from: PidOrName::Pid(from), .. }
            | ControlMessage::PayloadMonitorPExit { from: PidOrName::Pid(from), .. }
            | ControlMessage::SpawnReply { result: PidOrName::Pid(from), .. }
            | ControlMessage::SpawnReplyTt { result: PidOrName::Pid(from), .. } => Sender::process(from),
            ControlMessage::SpawnRequest(request) | ControlMessage::SpawnRequestTt(request, _) => {
                Sender::process(&request.from)
            }
            // There is no process.
            ControlMessage::SpawnReply { .. } | ControlMessage::SpawnReplyTt { .. } => Sender::Nobody,
            // The new group leader is not the one who makes it that.
            ControlMessage::GroupLeader { .. }
            | ControlMessage::Send { .. }
            | ControlMessage::SendTt { .. }
            | ControlMessage::MonitorPExit { .. }
            | ControlMessage::PayloadMonitorPExit { .. } => Sender::Unknown,
        }
    }

    /// The process that must live on the sending node, where OTP insists on that: who links, unlinks, monitors or
    /// exits. Messages can be forwarded, so their senders may live anywhere.
    #[must_use]
    pub(crate) fn must_be_of_sender(&self) -> Option<&Pid> {
        match self {
            ControlMessage::Link { from, .. }
            | ControlMessage::Unlink { from, .. }
            | ControlMessage::UnlinkId { from, .. }
            | ControlMessage::UnlinkIdAck { from, .. }
            | ControlMessage::MonitorP { from, .. }
            | ControlMessage::DemonitorP { from, .. }
            | ControlMessage::Exit { from, .. }
            | ControlMessage::ExitTt { from, .. }
            | ControlMessage::PayloadExit { from, .. }
            | ControlMessage::PayloadExitTt { from, .. }
            | ControlMessage::Exit2 { from, .. }
            | ControlMessage::Exit2Tt { from, .. }
            | ControlMessage::PayloadExit2 { from, .. }
            | ControlMessage::PayloadExit2Tt { from, .. } => Some(from),
            _ => None,
        }
    }

    /// The process, or a reference that it made, that must be of the receiving node, where OTP insists on that.
    /// Messages and what else is lost when nobody is there may be for anyone.
    #[must_use]
    pub(crate) fn must_be_of_receiver(&self) -> Option<Receiver<'_>> {
        Some(match self {
            ControlMessage::Link { to, .. }
            | ControlMessage::Unlink { to, .. }
            | ControlMessage::MonitorP { to: PidOrName::Pid(to), .. }
            | ControlMessage::DemonitorP { to: PidOrName::Pid(to), .. }
            | ControlMessage::MonitorPExit { to, .. }
            | ControlMessage::PayloadMonitorPExit { to, .. }
            | ControlMessage::Exit2 { to, .. }
            | ControlMessage::Exit2Tt { to, .. }
            | ControlMessage::PayloadExit2 { to, .. }
            | ControlMessage::PayloadExit2Tt { to, .. }
            | ControlMessage::SpawnReply { to, .. }
            | ControlMessage::SpawnReplyTt { to, .. } => Receiver::OfNode(to),
            // Only what was linked with the node as it is now can be meant.
            ControlMessage::UnlinkId { to, .. }
            | ControlMessage::UnlinkIdAck { to, .. }
            | ControlMessage::Exit { to, .. }
            | ControlMessage::ExitTt { to, .. }
            | ControlMessage::PayloadExit { to, .. }
            | ControlMessage::PayloadExitTt { to, .. } => Receiver::OfIncarnation(to),
            _ => return None,
        })
    }
}

/// Which node a process must be of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Receiver<'a> {
    /// The receiving one, or an earlier one of its name: a process that is dead.
    OfNode(&'a Pid),
    /// The receiving one with its creation.
    OfIncarnation(&'a Pid),
}

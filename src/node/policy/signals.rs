//! The check of all that a peer sends against its limits.

use super::PeerLimits;
use crate::atom;
use crate::dist::control::{AltactTo, ControlMessage, PidOrName, SpawnReplyFlags};
use crate::node::Node;
use crate::node::connection::Connection;
use crate::process::{Signal, answer_of_the_dead};
use crate::term::etf::Encoded;
use crate::term::{Atom, Pid};

impl Node {
    /// Whether what came is to be seen to. If not, whoever has to know that is told here.
    pub(in crate::node) fn takes(
        &self,
        connection: &Connection,
        control: &ControlMessage,
        payload: Option<&Encoded>,
    ) -> bool {
        let Some(limits) = self.policies().limits(connection) else { return true };
        let peer = connection.peer.as_atom();
        let size = payload.map_or(0, |payload| payload.bytes().len());
        match control {
            ControlMessage::RegSend { to, .. } | ControlMessage::RegSendTt { to, .. } => {
                self.takes_name(&limits, peer, to) && self.takes_size(&limits, peer, size)
            }
            ControlMessage::Send { .. }
            | ControlMessage::SendTt { .. }
            | ControlMessage::SendSender { .. }
            | ControlMessage::SendSenderTt { .. }
            | ControlMessage::AliasSend { .. }
            | ControlMessage::AliasSendTt { .. } => self.takes_size(&limits, peer, size),
            ControlMessage::AltactSigSend { flags, to, .. } => {
                let named = |to: &AltactTo| match to {
                    AltactTo::Name(name) => self.takes_name(&limits, peer, name),
                    AltactTo::Pid(_) | AltactTo::Alias(_) => true,
                };
                let rest = || {
                    if flags.exit {
                        self.takes_exits(&limits, peer)
                    } else {
                        self.takes_size(&limits, peer, size)
                    }
                };
                named(to) && rest()
            }
            ControlMessage::Exit2 { .. }
            | ControlMessage::Exit2Tt { .. }
            | ControlMessage::PayloadExit2 { .. }
            | ControlMessage::PayloadExit2Tt { .. } => self.takes_exits(&limits, peer),
            ControlMessage::Link { from, .. } if !limits.takes_links() => {
                let ControlMessage::Link { to, .. } = control else { return true };
                self.answer_as_dead(to, from, Signal::Link);
                false
            }
            ControlMessage::MonitorP { from, to: PidOrName::Name(name), reference } => {
                let takes = self.takes_name(&limits, peer, name);
                if !takes {
                    self.answer_as_dead(
                        self.pid(),
                        from,
                        Signal::Monitor(reference.clone(), Some(name.clone())),
                    );
                }
                takes
            }
            ControlMessage::SpawnRequest(request) | ControlMessage::SpawnRequestTt(request, _) => {
                let takes = self.takes_size(&limits, peer, size);
                if !takes {
                    let reply = ControlMessage::SpawnReply {
                        request: request.id.clone(),
                        to: request.from.clone(),
                        flags: SpawnReplyFlags::default(),
                        result: atom!("system_limit").into(),
                    };
                    // If the connection is gone there is nobody to tell.
                    let _ = connection.control(reply, None);
                }
                takes
            }
            _ => true,
        }
    }

    /// Answers as if `to` were not there.
    fn answer_as_dead(&self, to: &Pid, from: &Pid, signal: Signal) {
        self.complete(to, answer_of_the_dead(from, signal));
    }

    fn takes_name(&self, limits: &PeerLimits, peer: &Atom, name: &Atom) -> bool {
        let takes = limits.takes_name(name.as_str()) || self.is_service(name.as_str());
        if !takes {
            self.tell_unsent(peer, name);
        }
        takes
    }

    fn takes_size(&self, limits: &PeerLimits, peer: &Atom, bytes: usize) -> bool {
        let takes = limits.takes_size(bytes);
        if !takes && let Some(untold) = self.policies().is_to_tell() {
            tracing::warn!(%peer, bytes, untold, "dropped what is larger than the peer may send");
        }
        takes
    }

    pub(super) fn takes_exits(&self, limits: &PeerLimits, peer: &Atom) -> bool {
        let takes = limits.takes_exits();
        if !takes && let Some(untold) = self.policies().is_to_tell() {
            tracing::warn!(%peer, untold, "dropped an exit signal that the peer may not send");
        }
        takes
    }
}

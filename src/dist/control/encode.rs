//! Writing control messages.

use super::decode::altact;
use super::{
    AltactFlags, AltactTo, ControlMessage, Operation, PidOrName, SpawnReplyFlags, SpawnRequest, UnlinkId,
};
use crate::atom;
use crate::term::etf::{EncodeError, Writer};
use crate::term::{Atom, Integer, Pid, Reference, Term};

/// What OTP writes for elements that are not used, once a cookie.
const UNUSED: Atom = atom!("");

/// An element of the tuple.
enum Element<'a> {
    Unused,
    Pid(&'a Pid),
    Name(&'a Atom),
    PidOrName(&'a PidOrName),
    Reference(&'a Reference),
    Term(&'a Term),
    Number(u64),
    Function(&'a SpawnRequest),
}

impl ControlMessage {
    /// Writes the control message. A payload, if there is one, has to be written after it.
    ///
    /// # Errors
    /// [`EncodeError`], if a token, a reason or options cannot be written.
    pub fn encode(&self, writer: &mut Writer) -> Result<(), EncodeError> {
        self.encode_as(self.operation(), 0, writer)
    }

    /// Writes it under another operation, in a tuple with room for `more` elements that have to be written after it.
    pub(super) fn encode_as(
        &self,
        operation: Operation,
        more: usize,
        writer: &mut Writer,
    ) -> Result<(), EncodeError> {
        use Element as E;
        let mut put = |elements: &[Element<'_>]| put(writer, operation, elements, more);
        match self {
            ControlMessage::Link { from, to }
            | ControlMessage::Unlink { from, to }
            | ControlMessage::GroupLeader { from, to }
            | ControlMessage::SendSender { from, to }
            | ControlMessage::PayloadExit { from, to }
            | ControlMessage::PayloadExit2 { from, to } => put(&[E::Pid(from), E::Pid(to)]),
            ControlMessage::SendSenderTt { from, to, token }
            | ControlMessage::PayloadExitTt { from, to, token }
            | ControlMessage::PayloadExit2Tt { from, to, token } => {
                put(&[E::Pid(from), E::Pid(to), E::Term(token)])
            }
            ControlMessage::Send { to } => put(&[E::Unused, E::Pid(to)]),
            ControlMessage::SendTt { to, token } => put(&[E::Unused, E::Pid(to), E::Term(token)]),
            ControlMessage::RegSend { from, to } => put(&[E::Pid(from), E::Unused, E::Name(to)]),
            ControlMessage::RegSendTt { from, to, token } => {
                put(&[E::Pid(from), E::Unused, E::Name(to), E::Term(token)])
            }
            ControlMessage::Exit { from, to, reason } | ControlMessage::Exit2 { from, to, reason } => {
                put(&[E::Pid(from), E::Pid(to), E::Term(reason)])
            }
            ControlMessage::ExitTt { from, to, token, reason }
            | ControlMessage::Exit2Tt { from, to, token, reason } => {
                put(&[E::Pid(from), E::Pid(to), E::Term(token), E::Term(reason)])
            }
            ControlMessage::MonitorP { from, to, reference }
            | ControlMessage::DemonitorP { from, to, reference } => {
                put(&[E::Pid(from), E::PidOrName(to), E::Reference(reference)])
            }
            ControlMessage::PayloadMonitorPExit { from, to, reference } => {
                put(&[E::PidOrName(from), E::Pid(to), E::Reference(reference)])
            }
            ControlMessage::MonitorPExit { from, to, reference, reason } => {
                put(&[E::PidOrName(from), E::Pid(to), E::Reference(reference), E::Term(reason)])
            }
            ControlMessage::SpawnRequest(request) => put(&spawn_request(request)),
            ControlMessage::SpawnRequestTt(request, token) => {
                let [id, from, group_leader, function, options] = spawn_request(request);
                put(&[id, from, group_leader, function, options, E::Term(token)])
            }
            ControlMessage::SpawnReply { request, to, flags, result } => {
                put(&spawn_reply(request, to, *flags, result))
            }
            ControlMessage::SpawnReplyTt { request, to, flags, result, token } => {
                let [request, to, flags, result] = spawn_reply(request, to, *flags, result);
                put(&[request, to, flags, result, E::Term(token)])
            }
            ControlMessage::AliasSend { from, to } => put(&[E::Pid(from), E::Reference(to)]),
            ControlMessage::AliasSendTt { from, to, token } => {
                put(&[E::Pid(from), E::Reference(to), E::Term(token)])
            }
            ControlMessage::UnlinkId { id: UnlinkId(id), from, to } => {
                put(&[E::Number(id.get()), E::Pid(from), E::Pid(to)])
            }
            ControlMessage::UnlinkIdAck { id, from, to } => put(&[E::Number(*id), E::Pid(from), E::Pid(to)]),
            ControlMessage::AltactSigSend { flags, from, to, token } => {
                let flags = E::Number(altact_bits(*flags, to, token.is_some()));
                let to = match to {
                    AltactTo::Pid(pid) => E::Pid(pid),
                    AltactTo::Alias(reference) => E::Reference(reference),
                    AltactTo::Name(name) => E::Name(name),
                };
                match token {
                    None => put(&[flags, E::Pid(from), to]),
                    Some(token) => put(&[flags, E::Pid(from), to, E::Term(token)]),
                }
            }
        }
    }
}

fn spawn_request(request: &SpawnRequest) -> [Element<'_>; 5] {
    [
        Element::Reference(&request.id),
        Element::Pid(&request.from),
        Element::Pid(&request.group_leader),
        Element::Function(request),
        Element::Term(&request.options),
    ]
}

fn spawn_reply<'a>(
    request: &'a Reference,
    to: &'a Pid,
    flags: SpawnReplyFlags,
    result: &'a PidOrName,
) -> [Element<'a>; 4] {
    let flags = Element::Number(flags.0.into());
    [Element::Reference(request), Element::Pid(to), flags, Element::PidOrName(result)]
}

fn altact_bits(flags: AltactFlags, to: &AltactTo, has_token: bool) -> u64 {
    let mut bits = match to {
        AltactTo::Pid(_) => 0,
        AltactTo::Alias(_) => altact::ALIAS,
        AltactTo::Name(_) => altact::NAME,
    };
    for (is_set, bit) in
        [(flags.priority, altact::PRIORITY), (flags.exit, altact::EXIT), (has_token, altact::TOKEN)]
    {
        if is_set {
            bits |= bit;
        }
    }
    bits
}

fn put(
    writer: &mut Writer,
    operation: Operation,
    elements: &[Element<'_>],
    more: usize,
) -> Result<(), EncodeError> {
    writer.tuple_header(1 + elements.len() + more)?;
    writer.i64(operation.number().into());
    for element in elements {
        match *element {
            Element::Unused => writer.atom(&UNUSED),
            Element::Pid(pid) | Element::PidOrName(PidOrName::Pid(pid)) => writer.pid(pid),
            Element::Name(name) | Element::PidOrName(PidOrName::Name(name)) => writer.atom(name),
            Element::Reference(reference) => writer.reference(reference),
            Element::Term(term) => writer.term(term)?,
            Element::Number(number) => writer.integer(&Integer::from(number))?,
            Element::Function(request) => {
                writer.tuple_header(3)?;
                writer.atom(&request.module);
                writer.atom(&request.function);
                writer.i64(request.arity);
            }
        }
    }
    Ok(())
}

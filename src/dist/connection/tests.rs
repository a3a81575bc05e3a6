//! What real nodes wrote, read and written again; both sides against each other; and what is refused.
//!
//! The files in `recorded` hold the packets of a connection after the handshake, `>` from `aa@vm` to `bb@vm` and `<`
//! back: the operation (`-` for a first fragment), then the bytes in hexadecimal, with `*` where they repeat. The nodes
//! said hello, then a process of `aa@vm` sent all kinds of terms, linked, unlinked, monitored, spawned, killed, set a
//! group leader, traced, and sent 300 new atoms, an atom of 765 bytes and a binary of 80,000.

use std::io::IoSlice;

use bytes::{BufMut, Bytes, BytesMut};
use proptest::prelude::*;

use super::*;
use crate::atom;
use crate::dist::control::{
    AltactFlags, AltactTo, ControlError, ControlMessage, Operation, PidOrName, UnlinkId,
};
use crate::dist::fragment::FragmentLimits;
use crate::dist::packet::{FrameLimit, LengthSize, Packets};
use crate::dist::{Flags, NodeName};
use crate::term::etf::Writer;
use crate::term::{Atom, Creation, Pid, Reference, Term, arbitrary};

const OTP25: &str = include_str!("recorded/otp25.txt");
const OTP29: &str = include_str!("recorded/otp29.txt");
const OTP29_PASS_THROUGH: &str = include_str!("recorded/otp29-pass-through.txt");

struct Recorded {
    from: NodeName,
    operation: &'static str,
    packet: Bytes,
}

fn recorded(file: &'static str) -> Vec<Recorded> {
    file.lines()
        .map(|line| {
            let mut words = line.split(' ');
            let from = if words.next() == Some(">") { "aa@vm" } else { "bb@vm" };
            let operation = words.next().unwrap();
            let packet = words.flat_map(|word| {
                let (digits, count) = word.split_once('*').unwrap_or((word, "1"));
                hex(digits).repeat(count.parse().unwrap())
            });
            Recorded { from: node(from), operation, packet: packet.collect() }
        })
        .collect()
}

fn hex(digits: &str) -> Vec<u8> {
    (0..digits.len()).step_by(2).map(|i| u8::from_str_radix(&digits[i..i + 2], 16).unwrap()).collect()
}

pub(super) fn node(name: &str) -> NodeName {
    NodeName::new(name).unwrap()
}

pub(super) fn pid(node: &str) -> Pid {
    Pid { node: Atom::new(node).unwrap(), id: 90, serial: 1, creation: Creation(7) }
}

pub(super) fn without_headers() -> Flags {
    Flags::full_node() - Flags::DIST_HDR_ATOM_CACHE - Flags::FRAGMENTS
}

pub(super) fn inbound(peer: &NodeName, flags: Flags) -> Inbound {
    Inbound::new(peer, flags, FragmentLimits::default())
}

pub(super) fn message(event: Option<Event>) -> IncomingMessage {
    match event {
        Some(Event::Message(message)) => message,
        other => panic!("{other:?}"),
    }
}

/// All that waits, as packets.
pub(super) fn packets(outbound: &mut Outbound) -> Vec<Bytes> {
    let mut queue = OutputQueue::new();
    let mut all = Vec::new();
    while outbound.queued_bytes() > 0 {
        outbound.take(&mut queue);
        all.extend(packets_of(&mut queue));
    }
    all
}

/// All of `queue`, as packets.
pub(super) fn packets_of(queue: &mut OutputQueue) -> Vec<Bytes> {
    let mut bytes = BytesMut::new();
    while !queue.is_empty() {
        let mut slices = [IoSlice::new(&[]); 2];
        let filled = queue.io_slices(&mut slices);
        slices[..filled].iter().for_each(|slice| bytes.put_slice(slice));
        let length = slices[..filled].iter().map(|slice| slice.len()).sum();
        queue.advance(length);
    }
    let packets = Packets { length_size: LengthSize::Four, limit: FrameLimit::DEFAULT };
    let all = std::iter::from_fn(|| packets.take(&mut bytes).unwrap()).collect();
    assert!(bytes.is_empty());
    all
}

/// Encodes a message that came, as if to send it on.
fn encode(to: &mut OutgoingMessage, message: &IncomingMessage) -> Result<(), OutgoingError> {
    match &message.payload {
        Some(payload) => to.encode_with(&message.control, |writer| payload.write_to(writer)),
        None => to.encode(&message.control),
    }
}

#[test]
fn what_real_nodes_wrote_is_read_and_written_again() {
    for (file, flags) in
        [(OTP25, Flags::full_node()), (OTP29, Flags::full_node()), (OTP29_PASS_THROUGH, without_headers())]
    {
        for from in [node("aa@vm"), node("bb@vm")] {
            let mut first = inbound(&from, flags);
            let mut outbound = Outbound::new(flags);
            let mut outgoing = OutgoingMessage::new(flags);
            let mut second = inbound(&from, flags);
            for Recorded { packet, operation, .. } in recorded(file).into_iter().filter(|r| r.from == from) {
                let Some(event) = first.handle_packet(packet).unwrap() else {
                    assert_eq!(operation, "-");
                    continue;
                };
                let came = message(Some(event));
                assert_eq!(came.control.operation().to_string(), operation);
                encode(&mut outgoing, &came).unwrap();
                outbound.push(&mut outgoing);
                let again = packets(&mut outbound)
                    .into_iter()
                    .find_map(|packet| second.handle_packet(packet).unwrap());
                let again = message(again);
                // An alias is written to in the newest form, whichever it came in.
                if let ControlMessage::AliasSend { from, to } = &came.control {
                    let (from, to) = (from.clone(), AltactTo::Alias(to.clone()));
                    let flags = AltactFlags::default();
                    let newest = ControlMessage::AltactSigSend { flags, from, to, token: None };
                    assert_eq!(again.control, newest);
                } else {
                    assert_eq!(again.control, came.control);
                }
                let term = |message: &IncomingMessage| message.payload.as_ref().map(|p| p.to_term().unwrap());
                assert!(term(&again) == term(&came), "{:?}", came.control);
            }
            assert_eq!(first.incomplete_bytes(), 0);
        }
    }
}

#[test]
fn all_control_messages_of_one_pair_have_the_same_few_atoms() {
    let flags = Flags::full_node();
    let mut outbound = Outbound::new(flags);
    let mut outgoing = OutgoingMessage::new(flags);
    let send = ControlMessage::SendSender { from: pid("aa@vm"), to: pid("bb@vm") };
    let payload = Term::tuple([atom!("hello").into(), Term::from("binary")]);
    let mut inbound = inbound(&node("aa@vm"), flags);
    let mut atoms = Vec::new();
    for _ in 0..3 {
        outgoing.encode_with(&send, |writer| writer.term(&payload)).unwrap();
        outbound.push(&mut outgoing);
        assert!(outgoing.is_empty());
        let came = message(inbound.handle_packet(packets(&mut outbound).remove(0)).unwrap());
        assert_eq!(came.control, send);
        let came = came.payload.unwrap();
        assert!(came.to_term().unwrap() == payload);
        atoms.push(came.atoms().as_ptr());
    }
    assert_eq!(atoms[1], atoms[2], "no new list of atoms for the same header");
}

#[test]
fn a_large_binary_goes_out_without_a_copy() {
    // In one piece, and in two fragments.
    for (flags, expected) in [
        (Flags::full_node(), &[false, true, false, true][..]),
        (Flags::full_node() - Flags::FRAGMENTS, &[false, true]),
        (without_headers(), &[false, true]),
    ] {
        let mut outbound = Outbound::new(flags);
        let mut outgoing = OutgoingMessage::new(flags);
        let binary = Bytes::from(vec![1; 100_000]);
        let send = ControlMessage::SendSender { from: pid("aa@vm"), to: pid("bb@vm") };
        outgoing.encode_with(&send, |writer| writer.shared_binary(&binary)).unwrap();
        outbound.push(&mut outgoing);
        let mut queue = OutputQueue::new();
        outbound.take(&mut queue);
        assert_eq!(outbound.queued_bytes(), 0);

        let mut slices = [IoSlice::new(&[]); 8];
        let filled = queue.io_slices(&mut slices);
        let is_shared = |slice: &IoSlice<'_>| binary.as_ptr_range().contains(&slice.as_ptr());
        assert_eq!(slices[..filled].iter().map(is_shared).collect::<Vec<_>>(), expected);

        let mut inbound = inbound(&node("aa@vm"), flags);
        let packets = packets_of(&mut queue);
        let came = packets.into_iter().filter_map(|packet| inbound.handle_packet(packet).unwrap()).next();
        assert!(message(came).payload.unwrap().to_term().unwrap() == Term::from(binary));
    }
}

#[test]
fn more_atoms_than_a_header_takes_are_written_in_full() {
    let flags = Flags::full_node();
    let (mut outbound, mut outgoing) = (Outbound::new(flags), OutgoingMessage::new(flags));
    let mut inbound = inbound(&node("aa@vm"), flags);
    let send = ControlMessage::SendSender { from: pid("aa@vm"), to: pid("bb@vm") };
    for round in 0..20 {
        let atoms = (0..300).map(|i| Term::from(Atom::new(&format!("a{round}-{i}")).unwrap()));
        let payload = Term::list(atoms);
        outgoing.encode_with(&send, |writer| writer.term(&payload)).unwrap();
        outbound.push(&mut outgoing);
        let came = message(inbound.handle_packet(packets(&mut outbound).remove(0)).unwrap());
        assert!(came.payload.unwrap().to_term().unwrap() == payload);
    }
}

#[test]
fn ticks_are_empty_packets() {
    let mut outbound = Outbound::new(Flags::full_node());
    outbound.push_tick();
    assert_eq!(outbound.queued_bytes(), 4);
    let tick = packets(&mut outbound).remove(0);
    let event = inbound(&node("aa@vm"), Flags::full_node()).handle_packet(tick).unwrap();
    assert!(matches!(event, Some(Event::Tick)));
}

/// The control message that arrives when `control` is sent with `flags`, and the operation it has on the wire.
fn sent(control: &ControlMessage, flags: Flags, reason: &Term) -> (ControlMessage, Option<Term>) {
    let (mut outbound, mut outgoing) = (Outbound::new(flags), OutgoingMessage::new(flags));
    if control.has_payload() {
        outgoing.encode_with(control, |writer| writer.term(reason)).unwrap();
    } else {
        outgoing.encode(control).unwrap();
    }
    outbound.push(&mut outgoing);
    let came =
        message(inbound(&node("aa@vm"), flags).handle_packet(packets(&mut outbound).remove(0)).unwrap());
    (came.control, came.payload.map(|payload| payload.to_term().unwrap()))
}

#[test]
fn old_nodes_are_told_in_old_forms() {
    let (from, to, token) = (pid("aa@vm"), pid("bb@vm"), Term::from(17));
    let reason = Term::tuple([atom!("shutdown").into(), Term::from(3)]);
    let reference = Reference::new(atom!("bb@vm"), Creation(7), &[1, 2, 3]).unwrap();
    let monitored = PidOrName::Name(atom!("rex"));
    let old = (Flags::MANDATORY - Flags::UNLINK_ID) | Flags::DIST_MONITOR | Flags::DIST_MONITOR_NAME;
    for old in [old, old | Flags::DIST_HDR_ATOM_CACHE] {
        use ControlMessage as C;
        let sent = |control| {
            let (control, payload) = sent(&control, old, &reason);
            assert_eq!(payload.is_some(), control.has_payload());
            control
        };
        let (f, t, r) = (|| from.clone(), || to.clone(), || reason.clone());
        assert_eq!(sent(C::SendSender { from: f(), to: t() }), C::Send { to: t() });
        assert_eq!(
            sent(C::SendSenderTt { from: f(), to: t(), token: token.clone() }),
            C::SendTt { to: t(), token: token.clone() }
        );
        assert_eq!(sent(C::PayloadExit { from: f(), to: t() }), C::Exit { from: f(), to: t(), reason: r() });
        assert_eq!(
            sent(C::PayloadExitTt { from: f(), to: t(), token: token.clone() }),
            C::ExitTt { from: f(), to: t(), token: token.clone(), reason: r() }
        );
        assert_eq!(
            sent(C::PayloadExit2 { from: f(), to: t() }),
            C::Exit2 { from: f(), to: t(), reason: r() }
        );
        assert_eq!(
            sent(C::PayloadExit2Tt { from: f(), to: t(), token: token.clone() }),
            C::Exit2Tt { from: f(), to: t(), token: token.clone(), reason: r() }
        );
        assert_eq!(
            sent(C::PayloadMonitorPExit { from: monitored.clone(), to: t(), reference: reference.clone() }),
            C::MonitorPExit { from: monitored.clone(), to: t(), reference: reference.clone(), reason: r() }
        );
        let id = UnlinkId(std::num::NonZeroU64::MIN);
        assert_eq!(sent(C::UnlinkId { id, from: f(), to: t() }), C::Unlink { from: f(), to: t() });
        let exit = C::AltactSigSend {
            flags: AltactFlags { priority: true, exit: true },
            from: f(),
            to: AltactTo::Pid(t()),
            token: None,
        };
        assert_eq!(sent(exit), C::Exit2 { from: f(), to: t(), reason: r() });

        let mut outgoing = OutgoingMessage::new(old);
        let alias = C::AliasSend { from: f(), to: reference.clone() };
        let error = outgoing.encode_with(&alias, |writer| writer.term(&r())).unwrap_err();
        assert!(matches!(error, OutgoingError::Unsupported(u) if u.lacking == Flags::ALIAS));
        assert!(outgoing.is_empty());
    }
}

/// Connections to nodes of several releases take turns with the memory of one message.
#[test]
fn a_message_is_used_again_for_other_flags() {
    let control = ControlMessage::RegSend { from: pid("aa@vm"), to: atom!("name") };
    let payload: Term = "[a, {b, c}]".parse().unwrap();
    let full = Flags::full_node();
    let mut used = OutgoingMessage::new(full);
    for flags in [full, full - Flags::DIST_HDR_ATOM_CACHE - Flags::FRAGMENTS, full - Flags::NATIVE_RECORDS] {
        used.set_flags(flags);
        let mut fresh = OutgoingMessage::new(flags);
        let written = [&mut used, &mut fresh].map(|message| {
            message.encode_with(&control, |writer| writer.term(&payload)).unwrap();
            let mut outbound = Outbound::new(flags);
            outbound.push(message);
            let mut queue = OutputQueue::new();
            outbound.take(&mut queue);
            let mut slices = [IoSlice::new(&[]); 8];
            let count = queue.io_slices(&mut slices);
            slices[..count].iter().flat_map(|slice| slice.to_vec()).collect::<Vec<u8>>()
        });
        assert_eq!(written[0], written[1], "{flags}");
    }
}

#[test]
fn an_alias_is_written_to_as_the_flags_say() {
    let to = Reference::new(atom!("bb@vm"), Creation(7), &[1, 2, 3, 4, 5]).unwrap();
    let send = ControlMessage::AliasSend { from: pid("aa@vm"), to: to.clone() };
    let operation = |flags| sent(&send, flags, &Term::NIL).0.operation();
    assert_eq!(operation(Flags::full_node()), Operation::AltactSigSend);
    assert_eq!(operation(Flags::full_node() - Flags::ALTACT_SIG), Operation::AliasSend);
}

#[test]
fn a_payload_is_given_where_there_has_to_be_one() {
    let mut outgoing = OutgoingMessage::new(Flags::full_node());
    let (from, to) = (pid("aa@vm"), pid("bb@vm"));
    let error = outgoing.encode(&ControlMessage::SendSender { from: from.clone(), to: to.clone() });
    assert_eq!(error, Err(OutgoingError::PayloadMissing { operation: Operation::SendSender }));
    let error = outgoing.encode_with(&ControlMessage::Link { from, to }, |writer| writer.term(&Term::NIL));
    assert_eq!(error, Err(OutgoingError::PayloadUnexpected { operation: Operation::Link }));
}

/// Refused with flags and from a node.
fn refused(flags: Flags, packet: &[u8]) -> ProtocolError {
    inbound(&node("aa@vm"), flags).handle_packet(Bytes::copy_from_slice(packet)).unwrap_err()
}

#[test]
fn packets_of_the_wrong_kind_are_refused() {
    let full = Flags::full_node();
    assert_eq!(refused(full, &[112, 131, 104, 0]), ProtocolError::HeaderMissing);
    for kind in [68, 69, 70] {
        assert_eq!(refused(without_headers(), &[131, kind, 0, 104, 0]), ProtocolError::HeaderNotAgreed);
    }
    for kind in [69, 70] {
        assert_eq!(refused(full - Flags::FRAGMENTS, &[131, kind]), ProtocolError::FragmentsNotAgreed);
        assert_eq!(refused(full, &[131, kind, 0, 0, 0]), ProtocolError::PacketTooShort);
    }
    assert_eq!(refused(full, &[7]), ProtocolError::UnknownPacket { first: (7, None) });
    assert_eq!(refused(full, &[131, 104, 0]), ProtocolError::UnknownPacket { first: (131, Some(104)) });
    assert!(matches!(refused(full, &[131, 68]), ProtocolError::Header(_)));
    assert!(matches!(refused(without_headers(), &[112, 104, 0]), ProtocolError::Version(_)));
    assert!(matches!(refused(without_headers(), &[112]), ProtocolError::Version(_)));
    let unknown = refused(full, &[131, 68, 0, 104, 1, 97, 99]);
    assert_eq!(unknown, ProtocolError::Control(ControlError::UnknownOperation { number: 99 }));
    // With a header there is no version before a term.
    assert!(matches!(refused(full, &[131, 68, 0, 131, 104, 0]), ProtocolError::Control(_)));
}

#[test]
fn no_node_speaks_for_processes_of_another() {
    let (other, own, to) = (pid("cc@vm"), pid("aa@vm"), pid("bb@vm"));
    let reference = || Reference::new(atom!("aa@vm"), Creation(7), &[1, 2, 3]).unwrap();
    let receive = |control: &ControlMessage| {
        let flags = Flags::full_node();
        let (mut outbound, mut outgoing) = (Outbound::new(flags), OutgoingMessage::new(flags));
        if control.has_payload() {
            outgoing.encode_with(control, |writer| writer.term(&Term::NIL)).unwrap();
        } else {
            outgoing.encode(control).unwrap();
        }
        outbound.push(&mut outgoing);
        inbound(&node("aa@vm"), flags).handle_packet(packets(&mut outbound).remove(0))
    };
    let monitor = |from: &Pid| ControlMessage::MonitorP {
        from: from.clone(),
        to: to.clone().into(),
        reference: reference(),
    };
    assert!(receive(&monitor(&own)).is_ok());
    let error = receive(&monitor(&other)).unwrap_err();
    let (node, sender) = (atom!("aa@vm"), atom!("cc@vm"));
    assert_eq!(error, ProtocolError::ForeignSender { node, operation: Operation::MonitorP, sender });
    assert!(receive(&ControlMessage::Link { from: other.clone(), to: to.clone() }).is_err());
    assert!(receive(&ControlMessage::PayloadExit { from: other.clone(), to: to.clone() }).is_err());
    // A message may be forwarded.
    assert!(receive(&ControlMessage::SendSender { from: other, to }).is_ok());
}

#[test]
fn a_missing_payload_is_a_malformed_one_and_bytes_after_terms_are_ignored() {
    let with = |prefix: &[u8], suffix: &[u8]| {
        let mut writer = Writer::new();
        writer.raw(prefix);
        ControlMessage::RegSend { from: pid("aa@vm"), to: atom!("rex") }.encode(&mut writer).unwrap();
        writer.raw(suffix);
        writer.into_bytes()
    };
    let payload = |flags, packet| {
        message(inbound(&node("aa@vm"), flags).handle_packet(packet).unwrap()).payload.unwrap()
    };
    for (flags, prefix, version) in
        [(Flags::full_node(), &[131, 68, 0][..], &[][..]), (without_headers(), &[112, 131], &[131])]
    {
        assert!(payload(flags, with(prefix, &[])).to_term().is_err());
        let junk = [version, &[97, 1, 255, 255]].concat();
        assert!(payload(flags, with(prefix, &junk)).to_term().unwrap() == Term::from(1));
    }
    // The version of a payload is missing.
    assert!(payload(without_headers(), with(&[112, 131], &[97, 1])).to_term().is_err());
    let link = ControlMessage::Link { from: pid("aa@vm"), to: pid("bb@vm") };
    let mut writer = Writer::new();
    writer.raw(&[131, 68, 0]);
    link.encode(&mut writer).unwrap();
    writer.raw(b"junk");
    let event = inbound(&node("aa@vm"), Flags::full_node()).handle_packet(writer.into_bytes()).unwrap();
    assert_eq!(message(event).control, link);
}

/// Cuts a packet with a header into fragments of `size` bytes after the header.
fn fragments(packet: &Bytes, header: usize, sequence: u64, size: usize) -> Vec<Bytes> {
    let pieces: Vec<&[u8]> = packet[header..].chunks(size).collect();
    let count = u64::try_from(pieces.len()).unwrap();
    (0..count)
        .zip(pieces)
        .map(|(number, piece)| {
            let mut out = BytesMut::new();
            out.put_slice(&[131, if number == 0 { 69 } else { 70 }]);
            out.put_u64(sequence);
            out.put_u64(count - number);
            if number == 0 {
                out.put_slice(&packet[2..header]);
            }
            out.put_slice(piece);
            out.freeze()
        })
        .collect()
}

#[test]
fn headers_of_first_fragments_count_at_once() {
    let flags = Flags::full_node();
    let (mut outbound, mut outgoing) = (Outbound::new(flags), OutgoingMessage::new(flags));
    let send = ControlMessage::SendSender { from: pid("aa@vm"), to: pid("bb@vm") };
    for payload in ["one", "two", "three"] {
        outgoing.encode_with(&send, |writer| writer.term(&Atom::new(payload).unwrap().into())).unwrap();
        outbound.push(&mut outgoing);
    }
    let whole = packets(&mut outbound);
    let header = |packet: &Bytes| {
        let control = [104, 3, 97, 22];
        packet.windows(4).position(|window| window == control).unwrap()
    };
    let first = fragments(&whole[0], header(&whole[0]), 1, 20);
    let second = fragments(&whole[1], header(&whole[1]), 2, 25);
    let mut inbound = inbound(&node("aa@vm"), flags);
    assert!(inbound.handle_packet(first[0].clone()).unwrap().is_none());
    assert!(inbound.handle_packet(second[0].clone()).unwrap().is_none());
    assert!(matches!(inbound.handle_packet(Bytes::new()), Ok(Some(Event::Tick))));
    let mut came = vec![message(inbound.handle_packet(whole[2].clone()).unwrap())];
    assert!(inbound.incomplete_bytes() > 0);
    for packet in first[1..].iter().chain(&second[1..]) {
        came.extend(inbound.handle_packet(packet.clone()).unwrap().map(|event| message(Some(event))));
    }
    let atoms: Vec<Term> =
        came.into_iter().map(|message| message.payload.unwrap().to_term().unwrap()).collect();
    assert!(atoms == [atom!("three").into(), atom!("one").into(), atom!("two").into()]);
}

proptest! {
    #[test]
    fn no_bytes_can_panic(
        which in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        length in any::<prop::sample::Index>(),
        pass_through in any::<bool>(),
    ) {
        let flags = if pass_through { without_headers() } else { Flags::full_node() };
        let packets = recorded(if pass_through { OTP29_PASS_THROUGH } else { OTP29 });
        let which = which.index(packets.len());
        let mut inbound = inbound(&packets[which].from, flags);
        for Recorded { packet, .. } in packets[..which].iter().filter(|r| r.from == packets[which].from) {
            inbound.handle_packet(packet.clone()).unwrap();
        }
        let mut packet = packets[which].packet.to_vec();
        let at = at.index(packet.len());
        packet[at] = byte;
        packet.truncate(length.index(packet.len() + 1));
        if let Ok(Some(Event::Message(IncomingMessage { payload: Some(payload), .. }))) =
            inbound.handle_packet(packet.into())
        {
            let _ = payload.to_term();
        }
    }

    #[test]
    fn random_bytes_do_not_panic(packets in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..10), pass_through in any::<bool>()) {
        let flags = if pass_through { without_headers() } else { Flags::full_node() };
        let mut inbound = inbound(&node("aa@vm"), flags);
        for mut packet in packets {
            // Random bytes would be refused at once.
            if let [first, second, ..] = &mut packet[..] {
                (*first, *second) = if pass_through { (112, 131) } else { (131, 68 + *second % 3) };
            }
            let _ = inbound.handle_packet(packet.into());
        }
    }

    #[test]
    fn any_messages_arrive_as_they_were_sent(
        payloads in prop::collection::vec(arbitrary::term(), 1..20),
        pass_through in any::<bool>(),
    ) {
        let flags = if pass_through { without_headers() } else { Flags::full_node() };
        let (mut outbound, mut outgoing) = (Outbound::new(flags), OutgoingMessage::new(flags));
        let mut inbound = inbound(&node("aa@vm"), flags);
        let send = ControlMessage::SendSender { from: pid("aa@vm"), to: pid("bb@vm") };
        for payload in &payloads {
            outgoing.encode_with(&send, |writer| writer.term(payload)).unwrap();
            outbound.push(&mut outgoing);
        }
        let came = packets(&mut outbound).into_iter().map(|packet| {
            let message = message(inbound.handle_packet(packet).unwrap());
            assert_eq!(message.control, send);
            message.payload.unwrap().to_term().unwrap()
        });
        prop_assert!(came.collect::<Vec<_>>() == payloads);
    }
}

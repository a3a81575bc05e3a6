//! Both halves joined by a byte pipe, and each half against what real nodes have sent.

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;

use super::message::{
    ChallengeAck, ChallengeReply, Complement, MessageError, SendChallenge, SendName, Status,
};
use super::*;
use crate::dist::packet::{FrameLimit, LengthSize, Packets};
use crate::dist::{Cookie, NameError};

const CHALLENGE_A: u32 = 0x4a73_8d93;
const CHALLENGE_B: u32 = 0xea1b_afde;

fn node(name: &str) -> NodeName {
    NodeName::new(name).unwrap()
}

fn cookie(text: &str) -> Cookie {
    Cookie::new(text).unwrap()
}

fn initiate() -> Initiate {
    Initiate {
        own: OwnName::Named { name: node("c2525@vm"), creation: Creation(0x10004) },
        flags: Flags::from_bits(0xd_07df_7fbd),
        required: Flags::MANDATORY,
        peer: Some(node("b25@vm")),
        cookie: cookie("abc"),
        challenge: CHALLENGE_A,
        length_size: LengthSize::Two,
    }
}

fn accept() -> Accept {
    Accept {
        name: node("b25@vm"),
        creation: Creation(0x10001),
        flags: Flags::from_bits(0xd_07df_7fbd),
        required: Flags::MANDATORY,
        length_size: LengthSize::Two,
    }
}

/// What is in `out`, as packets.
fn packets(out: &mut BytesMut) -> Vec<Bytes> {
    let two = Packets { length_size: LengthSize::Two, limit: FrameLimit::HANDSHAKE };
    let packets = std::iter::from_fn(|| two.take(out).unwrap()).collect();
    assert!(out.is_empty());
    packets
}

fn encoded(write: impl FnOnce(&mut BytesMut)) -> BytesMut {
    let mut out = BytesMut::new();
    write(&mut out);
    out
}

fn hex(digits: &str) -> Vec<u8> {
    (0..digits.len()).step_by(2).map(|i| u8::from_str_radix(&digits[i..i + 2], 16).unwrap()).collect()
}

/// Answers the questions of a half, as a node would.
struct Answers {
    alive: bool,
    accepted: Result<Accepted, Refusal>,
    cookie: &'static str,
}

const LET_IN: Answers = Answers { alive: true, accepted: Ok(Accepted::Ok), cookie: "abc" };

enum Half {
    A(Initiator),
    B(Acceptor),
    End(Result<Established, HandshakeError>),
}

impl Half {
    fn handle(self, packet: &[u8], out: &mut BytesMut, answers: &Answers) -> Half {
        let step = match self {
            Half::A(a) => match a.handle_packet(packet, out) {
                Ok(InitiatorStep::Receive(a)) => return Half::A(a),
                Ok(InitiatorStep::Alive(question)) => question.answer(answers.alive, out).map(Half::A),
                Ok(InitiatorStep::Established(established)) => return Half::End(Ok(established)),
                Err(error) => Err(error),
            },
            Half::B(b) => match b.handle_packet(packet, out) {
                Ok(AcceptorStep::Receive(b)) => return Half::B(b),
                Ok(AcceptorStep::Name(name)) => match answers.accepted {
                    Ok(status) => {
                        Ok(Half::B(name.accept(status, cookie(answers.cookie).into(), CHALLENGE_B, out)))
                    }
                    Err(refusal) => Err(name.refuse(refusal, out)),
                },
                Ok(AcceptorStep::NameWanted(wanted)) => {
                    let name = node(&format!("3FVJ6KV2X1GF3@{}", wanted.host()));
                    Ok(Half::B(wanted.accept(
                        name,
                        Creation(77),
                        cookie(answers.cookie).into(),
                        CHALLENGE_B,
                        out,
                    )))
                }
                Ok(AcceptorStep::Established(established)) => return Half::End(Ok(established)),
                Err(error) => Err(error),
            },
            end => panic!("a packet after the end, {}", matches!(end, Half::End(Ok(_)))),
        };
        step.unwrap_or_else(|error| Half::End(Err(error)))
    }

    fn close(self) -> Half {
        Half::End(match self {
            Half::A(a) => Err(a.handle_close()),
            Half::B(b) => Err(b.handle_close()),
            Half::End(end) => end,
        })
    }
}

/// Joins both halves by a pipe that hands over `step` bytes at a time.
fn pair(a: Initiate, b: Accept, answers: &Answers, step: usize) -> [Result<Established, HandshakeError>; 2] {
    let packets = Packets { length_size: a.length_size, limit: FrameLimit::HANDSHAKE };
    let mut wires = [BytesMut::new(), BytesMut::new()];
    let mut buffers = [BytesMut::new(), BytesMut::new()];
    let mut halves = [Some(Half::A(Initiator::start(a, &mut wires[0]))), Some(Half::B(Acceptor::new(b)))];
    while !halves.iter().all(|half| matches!(half, Some(Half::End(_)))) {
        for from in [0, 1] {
            let to = 1 - from;
            let (wire, buffer) = (&mut wires[from], &mut buffers[to]);
            if wire.is_empty() && matches!(&halves[from], Some(Half::End(Err(_)))) {
                halves[to] = halves[to].take().map(Half::close);
            }
            buffer.extend_from_slice(&wire.split_to(step.min(wire.len())));
            if let Some(packet) = packets.take(buffer).unwrap() {
                halves[to] = halves[to].take().map(|half| half.handle(&packet, &mut wires[to], answers));
            }
        }
    }
    halves.map(|half| match half {
        Some(Half::End(end)) => end,
        _ => unreachable!(),
    })
}

#[test]
fn two_halves_meet_wherever_the_bytes_are_split() {
    for length_size in [LengthSize::Two, LengthSize::Four] {
        for step in 1..60 {
            let (a, b) = (Initiate { length_size, ..initiate() }, Accept { length_size, ..accept() });
            let [a, b] = pair(a, b, &LET_IN, step);
            let (a, b) = (a.unwrap(), b.unwrap());
            assert_eq!((&a.own_name, a.own_creation), (&b.peer, b.peer_creation));
            assert_eq!((&b.own_name, b.own_creation), (&a.peer, a.peer_creation));
            assert_eq!(a.flags, b.flags);
        }
    }
}

#[test]
fn the_bytes_of_otp_25() {
    // handshakes-all-pairs.log: c2525@vm connects to b25@vm, OTP 25.2.3 both.
    let mut out = BytesMut::new();
    let a = Initiator::start(initiate(), &mut out);
    let name = packets(&mut out);
    assert_eq!(name, [hex("4e0000000d07df7fbd00010004000863323532354076 6d".replace(' ', "").as_str())]);

    let AcceptorStep::Name(question) = Acceptor::new(accept()).handle_packet(&name[0], &mut out).unwrap()
    else {
        panic!("no name");
    };
    assert_eq!(question.name(), &node("c2525@vm"));
    let b = question.accept(Accepted::Ok, cookie("abc").into(), CHALLENGE_B, &mut out);
    let answer = packets(&mut out);
    assert_eq!(answer, [b"sok".to_vec(), hex("4e0000000d07df7fbdea1bafde00010001000662323540766d")]);

    let InitiatorStep::Receive(a) = a.handle_packet(&answer[0], &mut out).unwrap() else {
        panic!("no status")
    };
    let InitiatorStep::Receive(a) = a.handle_packet(&answer[1], &mut out).unwrap() else {
        panic!("no challenge")
    };
    let reply = packets(&mut out);
    assert_eq!(reply, [hex("724a738d934b8ca4afa0f8a5c2e8bc3130a0d2ece6")]);

    let AcceptorStep::Established(b) = b.handle_packet(&reply[0], &mut out).unwrap() else {
        panic!("no reply")
    };
    let ack = packets(&mut out);
    assert_eq!(ack, [hex("61fea4be920823cabf6036fb93b70ce456")]);
    let InitiatorStep::Established(a) = a.handle_packet(&ack[0], &mut out).unwrap() else { panic!("no ack") };
    assert_eq!((a.flags.bits(), b.flags.bits()), (0xd_07df_7fbd, 0xd_07df_7fbd));
}

#[test]
fn alive_answered_with_true_goes_on() {
    let answers = Answers { accepted: Ok(Accepted::Alive), ..LET_IN };
    let [a, b] = pair(initiate(), accept(), &answers, 7);
    assert!(a.is_ok() && b.is_ok());
}

#[test]
fn alive_answered_with_false_ends_both() {
    let answers = Answers { accepted: Ok(Accepted::Alive), alive: false, ..LET_IN };
    let [a, b] = pair(initiate(), accept(), &answers, 7);
    assert_eq!(a, Err(HandshakeError::KeptOldConnection { node: Some(node("b25@vm")).into() }));
    assert_eq!(b, Err(HandshakeError::PeerKeptOldConnection { node: node("c2525@vm") }));
}

#[test]
fn refusals_are_told_apart() {
    let answers = Answers { accepted: Err(Refusal::Nok), ..LET_IN };
    let [a, b] = pair(initiate(), accept(), &answers, 7);
    assert_eq!(a, Err(HandshakeError::Nok { node: Some(node("b25@vm")).into() }));
    assert!(matches!(b, Err(HandshakeError::Refused { refusal: Refusal::Nok, .. })));

    let answers = Answers { accepted: Err(Refusal::NotAllowed), ..LET_IN };
    let [a, b] = pair(initiate(), accept(), &answers, 7);
    assert_eq!(a, Err(HandshakeError::NotAllowed { node: Some(node("b25@vm")).into() }));
    assert!(matches!(b, Err(HandshakeError::Refused { refusal: Refusal::NotAllowed, .. })));
}

#[test]
fn the_greater_name_wins_a_simultaneous_connect() {
    let ask = |own: &str| {
        let mut out = BytesMut::new();
        let _ = Initiator::start(initiate(), &mut out);
        let name = packets(&mut out).remove(0);
        match Acceptor::new(Accept { name: node(own), ..accept() }).handle_packet(&name, &mut out) {
            Ok(AcceptorStep::Name(question)) => question.simultaneous(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(ask("d@vm"), Err(Refusal::Nok));
    assert_eq!(ask("b@vm"), Ok(Accepted::OkSimultaneous));
}

#[test]
fn a_wrong_cookie_is_named_by_both() {
    let answers = Answers { cookie: "other", ..LET_IN };
    let [a, b] = pair(initiate(), accept(), &answers, 7);
    assert_eq!(a, Err(HandshakeError::CookieRefused { node: node("b25@vm") }));
    assert_eq!(b, Err(HandshakeError::CookieDiffers { node: node("c2525@vm") }));
}

#[test]
fn a_wrong_acknowledgement_is_a_wrong_cookie() {
    let mut out = BytesMut::new();
    let a = Initiator::start(initiate(), &mut out);
    let InitiatorStep::Receive(a) = a.handle_packet(b"sok", &mut out).unwrap() else { panic!("no status") };
    let challenge = hex("4e0000000d07df7fbdea1bafde00010001000662323540766d");
    let InitiatorStep::Receive(a) = a.handle_packet(&challenge, &mut out).unwrap() else {
        panic!("no challenge")
    };
    let error = a.handle_packet(&[b"a".as_slice(), &[0; 16]].concat(), &mut out).unwrap_err();
    assert_eq!(error, HandshakeError::CookieDiffers { node: node("b25@vm") });
}

#[test]
fn missing_flags_are_refused_and_named() {
    let all = Flags::full_node();
    for flag in [Flags::MAP_TAG, Flags::BIG_CREATION, Flags::V4_NC, Flags::UNLINK_ID] {
        let few = all - Flags::MANDATORY_25_DIGEST - flag;
        let [a, b] = pair(Initiate { flags: few, ..initiate() }, accept(), &LET_IN, 7);
        assert!(matches!(a, Err(HandshakeError::NotAllowed { .. })));
        let node_a = Some(node("c2525@vm")).into();
        assert_eq!(b, Err(HandshakeError::MissingFlags { node: node_a, missing: flag }));

        let [a, _] = pair(initiate(), Accept { flags: few, ..accept() }, &LET_IN, 7);
        let node_b = Some(node("b25@vm")).into();
        assert_eq!(a, Err(HandshakeError::MissingFlags { node: node_b, missing: flag }));
    }
    let error = HandshakeError::MissingFlags { node: Some(node("a@b")).into(), missing: Flags::V4_NC };
    assert_eq!(error.to_string(), "a@b is too old or incomplete to connect to, it lacks the flags: V4_NC");
}

#[test]
fn the_digest_flag_stands_in_for_the_others() {
    let few = Flags::MANDATORY_25_DIGEST | Flags::UNLINK_ID | Flags::V4_NC;
    let [a, b] = pair(Initiate { flags: few, ..initiate() }, accept(), &LET_IN, 7);
    assert!(a.unwrap().flags.contains(Flags::MANDATORY));
    assert!(b.unwrap().flags.contains(Flags::MANDATORY));
}

#[test]
fn a_name_without_a_host_is_closed_without_a_status() {
    let name = SendName { flags: Flags::full_node(), creation: Some(Creation(1)), name: "nohost" };
    let packet = encoded(|out| name.encode(out));
    let mut out = BytesMut::new();
    let error = Acceptor::new(accept()).handle_packet(&packet, &mut out).unwrap_err();
    assert_eq!(error, HandshakeError::BadName(NameError::NoHost { name: "nohost".into() }));
    assert!(out.is_empty());
}

#[test]
fn our_own_name_is_answered_with_nok() {
    let own = OwnName::Named { name: node("b25@vm"), creation: Creation(5) };
    let [a, b] = pair(Initiate { own, ..initiate() }, accept(), &LET_IN, 7);
    assert!(matches!(a, Err(HandshakeError::Nok { .. })));
    assert_eq!(b, Err(HandshakeError::OwnName { name: node("b25@vm") }));
}

#[test]
fn another_node_than_the_one_called_is_refused() {
    let [a, _] = pair(Initiate { peer: Some(node("x@vm")), ..initiate() }, accept(), &LET_IN, 7);
    assert_eq!(a, Err(HandshakeError::WrongNode { expected: node("x@vm"), got: node("b25@vm") }));
    let [a, _] = pair(Initiate { peer: None, ..initiate() }, accept(), &LET_IN, 7);
    assert_eq!(a.unwrap().peer, node("b25@vm"));
}

#[test]
fn a_node_without_a_name_is_given_one() {
    let own = OwnName::NameMe { host: "vm".into() };
    let [a, b] = pair(Initiate { own, ..initiate() }, accept(), &LET_IN, 7);
    let (a, b) = (a.unwrap(), b.unwrap());
    assert_eq!((a.own_name, a.own_creation), (node("3FVJ6KV2X1GF3@vm"), Creation(77)));
    assert_eq!((b.peer, b.peer_creation), (node("3FVJ6KV2X1GF3@vm"), Creation(77)));
    // As nodes of OTP 25 and 27 wrote them.
    assert_eq!(a.peer_flags.bits(), 0xf_07df_7fbc);
    assert_eq!(b.peer_flags.bits(), 0xf_07df_7fbc);
    assert!(!a.flags.contains(Flags::PUBLISHED) && !b.flags.contains(Flags::PUBLISHED));
}

#[test]
fn a_name_that_was_not_asked_for_is_no_status() {
    let mut out = BytesMut::new();
    let named = Status::Named { name: "x@vm", creation: Creation(1) };
    let packet = encoded(|out| named.encode(out));
    let error = Initiator::start(initiate(), &mut out).handle_packet(&packet, &mut out).unwrap_err();
    assert!(matches!(error, HandshakeError::UnexpectedStatus { status } if status.starts_with("named:")));
    let error = Initiator::start(initiate(), &mut out).handle_packet(b"smaybe", &mut out).unwrap_err();
    assert_eq!(error, HandshakeError::UnexpectedStatus { status: "maybe".into() });
}

#[test]
fn an_old_name_is_completed_later() {
    let name = SendName { flags: Flags::full_node(), creation: None, name: "old@vm" };
    let packet = encoded(|out| name.encode(out));
    assert_eq!(packet[..], hex("6e000507df7fbd6f6c6440766d"));
    let mut out = BytesMut::new();
    let Ok(AcceptorStep::Name(question)) = Acceptor::new(accept()).handle_packet(&packet, &mut out) else {
        panic!("no name");
    };
    assert_eq!(question.creation(), None);
    let b = question.accept(Accepted::Ok, cookie("abc").into(), CHALLENGE_B, &mut out);
    assert_eq!(b.state(), HandshakeState::RecvComplement);
    out.clear();

    let complement = Complement { flags: Flags::full_node(), creation: Creation(9) };
    let packet = encoded(|out| complement.encode(out));
    assert_eq!(packet[..], hex("630000006d00000009"));
    let Ok(AcceptorStep::Receive(b)) = b.handle_packet(&packet, &mut out) else { panic!("no complement") };
    let reply = ChallengeReply { challenge: CHALLENGE_A, digest: cookie("abc").digest(CHALLENGE_B) };
    let packet = encoded(|out| reply.encode(out));
    let Ok(AcceptorStep::Established(b)) = b.handle_packet(&packet, &mut out) else { panic!("no reply") };
    assert_eq!((b.peer_flags, b.peer_creation), (Flags::full_node(), Creation(9)));
}

#[test]
fn an_old_name_with_an_incomplete_complement_is_closed() {
    let packet = encoded(|out| {
        SendName { flags: Flags::full_node(), creation: None, name: "old@vm" }.encode(out);
    });
    let mut out = BytesMut::new();
    let Ok(AcceptorStep::Name(question)) = Acceptor::new(accept()).handle_packet(&packet, &mut out) else {
        panic!("no name");
    };
    let b = question.accept(Accepted::Ok, cookie("abc").into(), CHALLENGE_B, &mut out);
    let packet = encoded(|out| Complement { flags: Flags::NONE, creation: Creation(9) }.encode(out));
    let error = b.handle_packet(&packet, &mut out).unwrap_err();
    assert!(matches!(error, HandshakeError::MissingFlags { missing: Flags::V4_NC, .. }));
}

#[test]
fn bytes_after_the_last_field_are_ignored() {
    let name = SendName { flags: Flags::full_node(), creation: Some(Creation(1)), name: "a@vm" };
    let mut packet = encoded(|out| name.encode(out));
    packet.extend_from_slice(b"later");
    assert_eq!(SendName::decode(&packet), Ok(name));
    assert!(ChallengeAck::decode(&[b"a".as_slice(), &[0; 17]].concat()).is_ok());
    let named = b"snamed:\x00\x103FVJ6KV2X1GF3@vm\x12\x92\x8dymore";
    let status = Status::Named { name: "3FVJ6KV2X1GF3@vm", creation: Creation(0x1292_8d79) };
    assert_eq!(Status::decode(named), Ok(status));
}

#[test]
fn faults_of_messages_are_told() {
    assert_eq!(SendName::decode(b""), Err(MessageError::Empty));
    assert_eq!(SendName::decode(b"GET / HTTP/1.1"), Err(MessageError::Tag(b'G')));
    assert_eq!(SendChallenge::decode(b"N\x00\x00"), Err(MessageError::TooShort));
    assert_eq!(SendName::decode(b"n\x00\x06\x00\x00\x00\x00a@b"), Err(MessageError::Version(6)));
    assert_eq!(SendName::decode(b"n\x00\x05\x00\x00\x00\x00\xff"), Err(MessageError::NotUtf8));
    let mut out = BytesMut::new();
    let error = Acceptor::new(accept()).handle_packet(b"GET / HTTP/1.1", &mut out).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the other side is not a node of OTP 23 or later, or misbehaves: it sent a message that starts with byte \
         71, waiting for its name"
    );
}

proptest! {
    #[test]
    fn no_bytes_can_panic(bytes in prop::collection::vec(any::<u8>(), 0..80), tag in prop::sample::select(&b"Nncsra"[..])) {
        let mut packet = bytes;
        if let Some(first) = packet.first_mut() {
            *first = tag;
        }
        let _ = SendName::decode(&packet);
        let _ = Complement::decode(&packet);
        let _ = SendChallenge::decode(&packet);
        let _ = ChallengeReply::decode(&packet);
        let mut out = BytesMut::new();
        let _ = Acceptor::new(accept()).handle_packet(&packet, &mut out);
        let _ = Initiator::start(initiate(), &mut out).handle_packet(&packet, &mut out);
    }

    #[test]
    fn both_halves_agree_whatever_their_flags_are(
        bits in any::<[u64; 2]>(),
        lacking in prop_oneof![4 => Just(0u64), 1 => any::<u64>()],
        step in 1usize..100,
    ) {
        let mandatory = Flags::from_bits(Flags::MANDATORY.bits() & !lacking);
        let [a, b] = bits.map(|bits| (Flags::from_bits(bits) | mandatory) - Flags::NAME_ME);
        match pair(Initiate { flags: a, ..initiate() }, Accept { flags: b, ..accept() }, &LET_IN, step) {
            [Ok(at_a), Ok(at_b)] => {
                prop_assert_eq!(at_a.flags, at_b.flags);
                prop_assert_eq!(at_a.flags, a.effective(b));
                prop_assert_eq!((at_a.peer_flags, at_b.peer_flags), (b, a));
            }
            [Err(_), Err(_)] => {
                let missing = [a, b].map(|flags| flags.missing(Flags::MANDATORY));
                prop_assert!(!missing.iter().all(|missing| missing.is_empty()));
            }
            [a, b] => prop_assert!(false, "only one of them failed: {a:?} {b:?}"),
        }
    }
}

//! What answers the side of a handshake that connects.
#![no_main]

use bytes::BytesMut;
use erlnode::dist::Flags;
use erlnode::dist::handshake::message::{ChallengeAck, SendChallenge, Status};
use erlnode::dist::handshake::{Initiate, Initiator, InitiatorStep, OwnName};
use erlnode::dist::packet::LengthSize;
use erlnode_fuzz::{CREATION, bound_memory, cookie, own_name, peer_name, pieces};
use libfuzzer_sys::fuzz_target;

const CHALLENGE: u32 = 0x4a73_8d93;

/// What was read is written in the same way, but for bytes after it.
fn messages_come_back(packet: &[u8]) {
    let mut out = BytesMut::new();
    if let Ok(status) = Status::decode(packet) {
        status.encode(&mut out);
        assert!(packet.starts_with(&out));
        assert_eq!(Status::decode(&out), Ok(status));
    }
    out.clear();
    if let Ok(challenge) = SendChallenge::decode(packet) {
        challenge.encode(&mut out);
        assert!(packet.starts_with(&out));
    }
    out.clear();
    if let Ok(ack) = ChallengeAck::decode(packet) {
        ack.encode(&mut out);
        assert!(packet.starts_with(&out));
    }
}

fuzz_target!(|data: &[u8]| {
    bound_memory(data);
    let Some((&choice, data)) = data.split_first() else { return };
    let own = if choice % 2 == 0 {
        OwnName::Named { name: own_name(), creation: CREATION }
    } else {
        OwnName::NameMe { host: "vm".to_owned() }
    };
    let settings = Initiate {
        own,
        flags: Flags::full_node(),
        required: Flags::MANDATORY,
        peer: (choice % 4 < 2).then(peer_name),
        cookie: cookie(),
        challenge: CHALLENGE,
        length_size: LengthSize::Two,
    };
    let digest = cookie().digest(CHALLENGE).0;
    let mut out = BytesMut::new();
    let mut state = Initiator::start(settings, &mut out);
    for piece in pieces(data) {
        messages_come_back(piece);
        // Nobody guesses a digest, so this stands for the right one.
        let packet = if piece == b"a" { [b"a", &digest[..]].concat() } else { piece.to_vec() };
        out.clear();
        state = match state.handle_packet(&packet, &mut out) {
            Ok(InitiatorStep::Receive(next)) => next,
            Ok(InitiatorStep::Alive(question)) => match question.answer(choice % 8 < 4, &mut out) {
                Ok(next) => next,
                Err(_) => return,
            },
            Ok(InitiatorStep::Established(established)) => {
                assert_eq!(packet.get(1..17), Some(&digest[..]), "connected without the cookie");
                assert!(established.peer_flags.missing(Flags::MANDATORY).is_empty());
                assert!(Flags::full_node().contains(established.flags - Flags::NAME_ME));
                if choice % 4 < 2 {
                    assert_eq!(established.peer, peer_name());
                }
                return;
            }
            Err(_) => return,
        };
    }
    let _ = state.handle_close();
});

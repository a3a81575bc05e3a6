//! What speaks to the side of a handshake that is connected to.
#![no_main]

use bytes::BytesMut;
use erlnode::dist::handshake::message::{ChallengeReply, Complement, SendName};
use erlnode::dist::handshake::{Accept, Accepted, Acceptor, AcceptorStep, Refusal};
use erlnode::dist::packet::LengthSize;
use erlnode::dist::{Flags, NodeName};
use erlnode_fuzz::{CREATION, bound_memory, cookie, own_name, pieces};
use libfuzzer_sys::fuzz_target;

const CHALLENGE: u32 = 0xea1b_afde;

/// What was read is written in the same way, but for bytes after it.
fn messages_come_back(packet: &[u8]) {
    let mut out = BytesMut::new();
    if let Ok(name) = SendName::decode(packet) {
        name.encode(&mut out);
        assert!(packet.starts_with(&out));
        assert_eq!(SendName::decode(&out), Ok(name));
    }
    out.clear();
    if let Ok(complement) = Complement::decode(packet) {
        complement.encode(&mut out);
        assert!(packet.starts_with(&out));
    }
    out.clear();
    if let Ok(reply) = ChallengeReply::decode(packet) {
        reply.encode(&mut out);
        assert!(packet.starts_with(&out));
    }
}

fuzz_target!(|data: &[u8]| {
    bound_memory(data);
    let Some((&choice, data)) = data.split_first() else { return };
    let settings = Accept {
        name: own_name(),
        creation: CREATION,
        flags: Flags::full_node(),
        required: Flags::MANDATORY,
        length_size: LengthSize::Two,
    };
    let digest = cookie().digest(CHALLENGE).0;
    let mut out = BytesMut::new();
    let mut state = Acceptor::new(settings);
    for piece in pieces(data) {
        messages_come_back(piece);
        // Nobody guesses a digest, so this stands for the right one, after any challenge.
        let packet = if piece.len() == 5 && piece.starts_with(b"r") {
            [piece, &digest[..]].concat()
        } else {
            piece.to_vec()
        };
        out.clear();
        let status = match choice % 4 {
            0 => Ok(Accepted::Ok),
            1 => Ok(Accepted::Alive),
            2 => Ok(Accepted::OkSimultaneous),
            _ => Err(Refusal::NotAllowed),
        };
        state = match state.handle_packet(&packet, &mut out) {
            Ok(AcceptorStep::Receive(next)) => next,
            Ok(AcceptorStep::Name(name)) => {
                assert_ne!(*name.name(), own_name());
                match status {
                    Ok(status) => name.accept(status, cookie().into(), CHALLENGE, &mut out),
                    Err(refusal) => {
                        let _ = name.refuse(refusal, &mut out);
                        return;
                    }
                }
            }
            Ok(AcceptorStep::NameWanted(wanted)) => {
                let Ok(name) = NodeName::new(&format!("3FVJ6KV2X1GF3@{}", wanted.host())) else {
                    let _ = wanted.refuse(Refusal::NotAllowed, &mut out);
                    return;
                };
                wanted.accept(name, CREATION, cookie().into(), CHALLENGE, &mut out)
            }
            Ok(AcceptorStep::Established(established)) => {
                assert_eq!(packet.get(5..21), Some(&digest[..]), "connected without the cookie");
                assert!(established.peer_flags.missing(Flags::MANDATORY).is_empty());
                assert!(Flags::full_node().contains(established.flags - Flags::NAME_ME));
                return;
            }
            Err(_) => return,
        };
    }
    let _ = state.handle_close();
});

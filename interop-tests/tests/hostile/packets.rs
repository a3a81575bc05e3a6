//! Packets, headers, atoms and fragments that can't be.

use interop_tests::raw_peer::{RawPeer, encoded, message};

use crate::stream::Outcome::{Closed, Stays};
use crate::stream::{Case, case, to_echo, to_name};

/// A fragment without its length; a first one has a header without atoms.
pub(crate) fn fragment(first: bool, sequence: u64, number: u64, rest: &[u8]) -> Vec<u8> {
    let mut frame = vec![131, if first { 69 } else { 70 }];
    frame.extend(sequence.to_be_bytes());
    frame.extend(number.to_be_bytes());
    frame.extend(first.then_some(0));
    frame.extend(rest);
    frame
}

/// The first of so many fragments of a message for `echo`.
fn first_fragment(peer: &mut RawPeer, number: u64) {
    let control = encoded(&to_name(peer, "echo"));
    peer.send_frame(&fragment(true, 7, number, &control));
}

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = vec![
        case("unknown first byte", Closed("unknown bytes"), |peer, _| peer.send_frame(&[1, 2, 3])),
        case("only a version", Closed("unknown bytes"), |peer, _| peer.send_frame(&[131])),
        case("unknown kind of packet", Closed("unknown bytes"), |peer, _| peer.send_frame(&[131, 71, 0])),
        case("pass-through despite atom cache", Closed("pass-through"), |peer, _| {
            let control = encoded(&to_name(peer, "echo"));
            peer.send_frame(&[&[112, 131], &control[..], &[131, 106]].concat());
        }),
        case("atom cache entry never set", Closed("entry 7"), |peer, _| {
            peer.send_frame(&[131, 68, 1, 0, 7, 104, 2, 97, 1, 82, 0]);
        }),
        case("atom that the header does not have", Closed("REG_SEND"), |peer, _| {
            let own = encoded(&peer.pid(1));
            peer.send_frame(&[&[131, 68, 0, 104, 4, 97, 6], &own[..], &[82, 0, 82, 1, 106]].concat());
        }),
        case("header cut short", Closed("header"), |peer, _| peer.send_frame(&[131, 68, 200, 0, 7])),
        case("atom not UTF-8", Closed("UTF-8"), |peer, _| {
            peer.send_frame(&[131, 68, 1, 8, 7, 2, 0xff, 0xfe, 104, 0]);
        }),
        case("atom of 256 characters", Closed("characters"), |peer, _| {
            peer.send_frame(&[&[131, 68, 1, 0x18, 7, 1, 0][..], &[b'a'; 256], &[104, 0]].concat());
        }),
        case("no control message", Closed("operation"), |peer, _| peer.send_frame(&[131, 68, 0])),
        case("control message cut short", Closed("REG_SEND"), |peer, _| {
            let frame = message(&to_name(peer, "echo"), &[]);
            peer.send_frame(&frame[..frame.len() - 2]);
        }),
        case("bytes after the payload", Stays, |peer, _| to_echo(peer, &[106, 1, 2, 3])),
        case("hundred thousand ticks at once", Stays, |peer, _| peer.send_bytes(&[0; 400_000])),
    ];
    cases.extend(fragments().map(Case::not_for_otp));
    cases
}

/// All of these end OTP 25, 27 and 29 with a segmentation fault, or may.
fn fragments() -> [Case; 9] {
    [
        case("the only fragment", Stays, |peer, _| {
            let own = peer.pid(1);
            let payload = encoded(&format!("{{{own}, <<\"in one fragment\">>}}"));
            let control = encoded(&to_name(peer, "echo"));
            peer.send_frame(&fragment(true, 7, 1, &[control, payload].concat()));
            assert!(peer.receive_with(b"in one fragment").is_some());
        }),
        case("fragments whose end never comes", Stays, |peer, _| first_fragment(peer, u64::MAX)),
        case("fragment without a first", Closed("sequence 7"), |peer, _| {
            peer.send_frame(&fragment(false, 7, 3, &[1, 2, 3]));
        }),
        case("last fragment without a first", Closed("sequence 7"), |peer, _| {
            peer.send_frame(&fragment(false, 7, 1, &[1, 2, 3]));
        }),
        case("fragment left out", Closed("sequence 7"), |peer, _| {
            first_fragment(peer, 4);
            peer.send_frame(&fragment(false, 7, 2, &[106]));
        }),
        case("fragment twice", Closed("sequence 7"), |peer, _| {
            first_fragment(peer, 4);
            peer.send_frame(&fragment(false, 7, 3, &[106]));
            peer.send_frame(&fragment(false, 7, 3, &[106]));
        }),
        case("fragments begun twice", Closed("sequence 7"), |peer, _| {
            first_fragment(peer, 4);
            first_fragment(peer, 4);
        }),
        case("fragment number 0", Closed("sequence 7"), |peer, _| first_fragment(peer, 0)),
        case("fragment cut short", Closed("cut short"), |peer, _| peer.send_frame(&[131, 70, 0, 0])),
    ]
}

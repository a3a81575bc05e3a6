//! Messages, reasons and arguments that are no terms.

use interop_tests::Release::Otp27;
use interop_tests::raw_peer::{RawPeer, encoded};

use crate::stream::Outcome::{Closed, Stays};
use crate::stream::{Case, case, dead, reference, request, to_echo, to_name};

/// No term begins with this byte.
const BROKEN: &[u8] = &[200];

/// What the log says of it.
const WHY: &str = "is no term";

fn with_payload(peer: &mut RawPeer, control: &str, payload: &[u8]) {
    let control = control.replace("OWN", &peer.pid(1));
    peer.send(&control, payload);
}

/// A request to run `rust:add` with options and arguments.
fn spawn(peer: &mut RawPeer, options: &str, arguments: &[u8]) {
    let request = request(peer);
    with_payload(peer, &format!("{{29, {request}, OWN, OWN, {{rust, add, 2}}, {options}}}"), arguments);
}

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = vec![
        case("nothing for a live process", Closed(WHY), |peer, _| {
            with_payload(peer, &to_name(peer, "echo"), &[]);
        }),
        case("broken message for an absent name", Stays, |peer, _| {
            with_payload(peer, &to_name(peer, "nobody"), BROKEN);
        }),
        case("nothing for an absent name", Stays, |peer, _| {
            with_payload(peer, &to_name(peer, "nobody"), &[]);
        }),
        case("broken message for a dead process", Stays, |peer, target| {
            with_payload(peer, &format!("{{22, OWN, {}}}", dead(target)), BROKEN);
        })
        .since(Otp27),
        case("broken message for an alias of nobody", Stays, |peer, target| {
            with_payload(peer, &format!("{{33, OWN, {}}}", reference(target)), BROKEN);
        }),
        case("broken reason for a live process", Closed(WHY), |peer, target| {
            with_payload(peer, &format!("{{26, OWN, {}}}", target.echo), BROKEN);
        }),
        case("broken reason for a dead process", Stays, |peer, target| {
            with_payload(peer, &format!("{{26, OWN, {}}}", dead(target)), BROKEN);
        })
        .since(Otp27),
        case("broken reason through a link with a dead process", Stays, |peer, target| {
            with_payload(peer, &format!("{{24, OWN, {}}}", dead(target)), BROKEN);
        })
        .since(Otp27),
        case("broken reason of a monitor that nobody has", Closed(WHY), |peer, target| {
            with_payload(peer, &format!("{{28, OWN, {}, {}}}", target.echo, reference(target)), BROKEN);
        }),
        case("no reason of a monitor that nobody has", Closed(WHY), |peer, target| {
            with_payload(peer, &format!("{{28, OWN, {}, {}}}", target.echo, reference(target)), &[]);
        }),
        case("broken arguments", Closed(WHY), |peer, _| spawn(peer, "[]", BROKEN)),
        case("no arguments", Closed(WHY), |peer, _| spawn(peer, "[]", &[])),
        case("arguments with an improper tail", Stays, |peer, _| {
            spawn(peer, "[]", &encoded("[1 | 2]"));
        }),
        case("arguments that are no list", Stays, |peer, _| spawn(peer, "[]", &encoded("a"))),
        case("more arguments than announced", Stays, |peer, _| {
            spawn(peer, "[]", &encoded("[1, 2, 3]"));
        }),
        case("options that are unknown", Stays, |peer, _| {
            spawn(peer, "[strange]", &encoded("[1, 2]"));
            assert!(peer.receive_with(b"badopt").is_some());
        }),
        case("options with an improper tail", Stays, |peer, _| {
            spawn(peer, "[link | a]", &encoded("[1, 2]"));
            assert!(peer.receive_with(b"badopt").is_some());
        }),
        case("options that are no list", Stays, |peer, _| {
            spawn(peer, "a", &encoded("[1, 2]"));
            assert!(peer.receive_with(b"badopt").is_some());
        }),
    ];
    cases.extend(messages());
    cases
}

/// Messages for `echo`, which is there.
fn messages() -> [Case; 11] {
    [
        case("unknown tag", Closed(WHY), |peer, _| to_echo(peer, BROKEN)),
        case("term cut short", Closed(WHY), |peer, _| to_echo(peer, &[109, 0, 0, 0, 9, 1])),
        case("list that is not there", Closed(WHY), |peer, _| to_echo(peer, &[108, 255, 255, 255, 255])),
        case("tuple that is not there", Closed(WHY), |peer, _| to_echo(peer, &[105, 255, 255, 255, 255])),
        case("map that is not there", Closed(WHY), |peer, _| to_echo(peer, &[116, 255, 255, 255, 255])),
        case("number that is not there", Closed(WHY), |peer, _| to_echo(peer, &[111, 255, 255, 255, 255, 0])),
        case("version within", Closed(WHY), |peer, _| to_echo(peer, &[131, 106])),
        // It would inflate to 2 bytes. Only a term that stands alone can be compressed, so no bomb gets this far.
        case("compressed", Closed(WHY), |peer, _| {
            to_echo(peer, &[80, 0, 0, 0, 2, 0x78, 0x9c, 0x4b, 0x67, 0, 0, 0, 0, 0]);
        }),
        case("key twice", Closed(WHY), |peer, _| to_echo(peer, &[116, 0, 0, 0, 2, 97, 1, 106, 97, 1, 106])),
        case("key twice in a key", Closed(WHY), |peer, _| {
            to_echo(
                peer,
                &[&[116, 0, 0, 0, 1], &[116, 0, 0, 0, 2, 97, 1, 106, 97, 1, 106][..], &[106]].concat(),
            );
        }),
        case("float that is no number", Closed(WHY), |peer, _| {
            to_echo(peer, &[70, 0x7f, 0xf0, 0, 0, 0, 0, 0, 0]);
        }),
    ]
}

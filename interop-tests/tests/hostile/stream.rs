//! What comes after a proper handshake: each case at a Rust node, and at real ones, which must do the same.

use interop_tests::raw_peer::{RawOptions, RawPeer, encoded};
use interop_tests::{Epmd, Release};

use crate::site::{Site, Target, beam_target, connect};
use crate::{control, packets, payloads};

/// Something that a peer sends after the handshake.
pub(crate) struct Case {
    name: &'static str,
    outcome: Outcome,
    otp: Otp,
    send: fn(&mut RawPeer, &Target),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The connection is closed, and the log has this text.
    Closed(&'static str),
    /// Nothing happens.
    Stays,
}

/// What real nodes do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Otp {
    /// The same, from this release on.
    SameSince(Release),
    /// They crash.
    NotAsked,
}

/// What a Rust node has to do, and OTP does.
pub(crate) fn case(name: &'static str, outcome: Outcome, send: fn(&mut RawPeer, &Target)) -> Case {
    Case { name, outcome, otp: Otp::SameSince(Release::Otp25), send }
}

impl Case {
    /// Not before this release does OTP do the same.
    pub(crate) fn since(self, release: Release) -> Case {
        Case { otp: Otp::SameSince(release), ..self }
    }

    /// Whoever asks OTP loses the node.
    pub(crate) fn not_for_otp(self) -> Case {
        Case { otp: Otp::NotAsked, ..self }
    }
}

/// A message without payload.
pub(crate) fn control(peer: &mut RawPeer, control: &str) {
    peer.send(control, &[]);
}

/// The message `{Pid, Payload}` to `echo`, for it to send back.
pub(crate) fn to_echo(peer: &mut RawPeer, payload: &[u8]) {
    let message = [&[104, 2], &encoded(&peer.pid(2))[..], payload].concat();
    peer.send(&to_name(peer, "echo"), &message);
}

/// The control message that sends to a name.
pub(crate) fn to_name(peer: &RawPeer, name: &str) -> String {
    format!("{{6, {}, '', {name}}}", peer.pid(1))
}

/// A reference that the other node could have made, and has not.
pub(crate) fn reference(target: &Target) -> String {
    let (node, creation) = parts(target);
    format!("#Ref<{node}.1.2.3/{creation}>")
}

/// A reference of the peer's own, as it names its requests by.
pub(crate) fn request(peer: &RawPeer) -> String {
    peer.pid(1).replace('<', "#Ref<").replace(".1.0/", ".1.2.3/")
}

/// A pid of the other node that no process has.
pub(crate) fn dead(target: &Target) -> String {
    let (node, creation) = parts(target);
    format!("<{node}.134217727.0/{creation}>")
}

/// The pid of `echo`, but from a node of that name which is no more.
pub(crate) fn old_echo(target: &Target) -> String {
    let (head, _) = target.echo.split_once('/').unwrap();
    format!("{head}/3>")
}

fn parts(target: &Target) -> (&str, &str) {
    let (head, creation) = target.echo.trim_matches(['<', '>']).split_once('/').unwrap();
    let node = head.rsplitn(3, '.').nth(2).unwrap();
    (node, creation)
}

fn all_cases() -> impl Iterator<Item = Case> {
    packets::cases().into_iter().chain(control::cases()).chain(payloads::cases())
}

#[tokio::test]
async fn a_rust_node_closes_the_connection_of_who_breaks_the_protocol_and_no_other() {
    let mut site = Site::start(Release::Otp27).await;
    let target = site.target().await;
    let mut wrong = Vec::new();
    for Case { name, outcome, send, .. } in all_cases() {
        let mut peer = connect(&target, &site.options());
        send(&mut peer, &target);
        match outcome {
            Outcome::Stays if peer.is_answered() => {}
            Outcome::Stays => wrong.push(format!("{name}: closed, {:?}", site.complaints(0).await)),
            Outcome::Closed(why) if peer.is_closed() => {
                wrong.extend(site.expect_complaint(name, &[peer.name(), why]).await.err());
            }
            Outcome::Closed(_) => wrong.push(format!("{name}: still open")),
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    site.finish().await;
}

async fn a_real_node_does_the_same(release: Release) {
    let epmd = Epmd::start(release).await;
    let (beam, target) = beam_target(&epmd, release).await;
    let mut wrong = Vec::new();
    for (number, Case { name, outcome, otp, send }) in all_cases().enumerate() {
        let as_ours = match otp {
            Otp::NotAsked => continue,
            Otp::SameSince(first) => release >= first,
        };
        let mut peer = connect(&target, &RawOptions::new(&format!("peer{number}@raw"), &target.cookie));
        send(&mut peer, &target);
        // What a process is sent is looked at by that process, so some of it takes a while.
        let stays = (outcome == Outcome::Stays) == as_ours;
        if !(if stays { peer.is_answered() } else { peer.is_closed() }) {
            wrong.push(format!("{name}: {}", if stays { "closed" } else { "stays" }));
        }
    }
    assert!(wrong.is_empty(), "{}: {wrong:#?}", beam.name());
}

#[tokio::test]
async fn otp_25_does_the_same() {
    a_real_node_does_the_same(Release::Otp25).await;
}

#[tokio::test]
async fn otp_27_does_the_same() {
    a_real_node_does_the_same(Release::Otp27).await;
}

#[tokio::test]
async fn otp_29_does_the_same() {
    a_real_node_does_the_same(Release::Otp29).await;
}

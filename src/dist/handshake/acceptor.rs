//! The half of the handshake that is connected to.
//!
//! ```text
//!       new ──▶ RecvName ─── send_name ──▶ NameReceived / NameWanted ─── refuse: nok, not_allowed ──▶ error
//!                                               │             │
//!                          ok, ok_simultaneous, named:      alive
//!                                               │             ▼
//!                                               │      RecvAliveAnswer ─── false ──▶ error
//!                                               ▼             │ true
//!                                        send_challenge ◀─────┘
//!                                               │
//!                         (after an old name) RecvComplement ─── complement ──┐
//!                                               ▼                            │
//!                                      RecvChallengeReply ◀───────────────────┘
//!                                               │ send_challenge_reply, answered by send_challenge_ack
//!                                               ▼
//!                                          Established
//! ```

use std::fmt;

use bytes::BytesMut;

use super::error::PeerLabel;
use super::initiator::unexpected;
use super::message::{
    ChallengeAck, ChallengeReply, Complement, MessageError, SendChallenge, SendName, Status,
};
use super::{Established, HandshakeError, HandshakeState};
use crate::dist::packet::{LengthSize, put_packet};
use crate::dist::{AcceptedCookies, Flags, NameError, NodeName};
use crate::term::Creation;

/// What the acceptor needs to know.
#[derive(Debug, Clone)]
pub struct Accept {
    /// The name of this node.
    pub name: NodeName,
    /// The creation of this node.
    pub creation: Creation,
    /// What this node understands.
    pub flags: Flags,
    /// The flags that the other node must have, as a rule [`Flags::MANDATORY`].
    pub required: Flags,
    /// Four over TLS, else two.
    pub length_size: LengthSize,
}

/// The half of the handshake that is connected to; see the [module](super) for how to drive it.
#[derive(Debug)]
pub struct Acceptor {
    settings: Accept,
    state: State,
}

#[derive(Debug)]
#[expect(clippy::enum_variant_names, reason = "the names that OTP has for them")]
enum State {
    RecvName,
    RecvAliveAnswer { peer: Peer, secrets: Secrets },
    RecvComplement { peer: Peer, secrets: Secrets },
    RecvChallengeReply { peer: Peer, creation: Creation, secrets: Secrets },
}

/// The other node as far as it is known.
#[derive(Debug)]
struct Peer {
    name: NodeName,
    /// Only the low half before the complement of an old name.
    flags: Flags,
    /// `None` before the complement of an old name.
    creation: Option<Creation>,
    /// Whether this node gave it its name.
    is_named_by_us: bool,
}

#[derive(Debug)]
struct Secrets {
    cookies: AcceptedCookies,
    challenge: u32,
}

/// What comes after a packet.
#[derive(Debug)]
pub enum AcceptorStep {
    /// Write what is in `out`, then wait for the next packet.
    Receive(Acceptor),
    /// A node has given its name: may it connect?
    Name(NameReceived),
    /// A node wants to be given a name.
    NameWanted(NameWanted),
    /// The nodes are connected.
    Established(Established),
}

/// A node has given its name and waits to hear whether it may connect.
#[derive(Debug)]
pub struct NameReceived {
    settings: Accept,
    peer: Peer,
}

/// A node has given its host and waits for a name.
#[derive(Debug)]
pub struct NameWanted {
    settings: Accept,
    host: String,
    flags: Flags,
}

/// How a node is let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Accepted {
    /// There is no other connection to it.
    Ok,
    /// This node was connecting to it as well, and gives that up.
    OkSimultaneous,
    /// There is a connection to it, which may be dead: it is asked. If it says that the old one has gone, and knows
    /// the cookie, then the new one takes its place.
    Alive,
}

/// How a node is kept out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// This node is connecting to it as well, and goes on with that.
    Nok,
    /// It is not allowed.
    NotAllowed,
    /// This node is shutting down.
    ShuttingDown,
}

impl Acceptor {
    /// Waits for a name.
    #[must_use]
    pub fn new(settings: Accept) -> Acceptor {
        Acceptor { settings, state: State::RecvName }
    }

    /// What is waited for.
    #[must_use]
    pub fn state(&self) -> HandshakeState {
        match self.state {
            State::RecvName => HandshakeState::RecvName,
            State::RecvAliveAnswer { .. } => HandshakeState::RecvAliveAnswer,
            State::RecvComplement { .. } => HandshakeState::RecvComplement,
            State::RecvChallengeReply { .. } => HandshakeState::RecvChallengeReply,
        }
    }

    /// Takes the next packet; what it has to be answered with is appended to `out`.
    ///
    /// # Errors
    /// The handshake has failed: write what is in `out`, then close.
    pub fn handle_packet(self, packet: &[u8], out: &mut BytesMut) -> Result<AcceptorStep, HandshakeError> {
        let bad = |state| move |fault: MessageError| HandshakeError::BadMessage { state, fault };
        match self.state {
            State::RecvName => {
                let message = SendName::decode(packet).map_err(bad(HandshakeState::RecvName))?;
                recv_name(self.settings, message, out)
            }
            State::RecvAliveAnswer { peer, secrets } => {
                match Status::decode(packet).map_err(bad(HandshakeState::RecvAliveAnswer))? {
                    Status::True => {
                        Ok(AcceptorStep::Receive(send_challenge(self.settings, peer, secrets, out)))
                    }
                    Status::False => Err(HandshakeError::PeerKeptOldConnection { node: peer.name }),
                    other => Err(unexpected(other)),
                }
            }
            State::RecvComplement { peer, secrets } => {
                let rest = Complement::decode(packet).map_err(bad(HandshakeState::RecvComplement))?;
                let peer = Peer { flags: peer.flags | rest.flags, creation: Some(rest.creation), ..peer };
                let missing = peer.flags.missing(self.settings.required);
                if !missing.is_empty() {
                    // Too late for a status.
                    return Err(HandshakeError::MissingFlags { node: PeerLabel::Node(peer.name), missing });
                }
                let state = State::RecvChallengeReply { peer, creation: rest.creation, secrets };
                Ok(AcceptorStep::Receive(Acceptor { settings: self.settings, state }))
            }
            State::RecvChallengeReply { peer, creation, secrets } => {
                let reply =
                    ChallengeReply::decode(packet).map_err(bad(HandshakeState::RecvChallengeReply))?;
                let Some(cookie) = secrets.cookies.proven_by(reply.digest, secrets.challenge) else {
                    return Err(HandshakeError::CookieDiffers { node: peer.name });
                };
                let ack = ChallengeAck { digest: cookie.digest(reply.challenge) };
                put_packet(self.settings.length_size, out, |packet| ack.encode(packet));
                let flags = flags_for(&self.settings, &peer).effective(peer.flags);
                Ok(AcceptorStep::Established(Established {
                    own_name: self.settings.name,
                    own_creation: self.settings.creation,
                    peer: peer.name,
                    peer_creation: creation,
                    peer_flags: peer.flags,
                    flags,
                    is_peer_named_here: peer.is_named_by_us,
                }))
            }
        }
    }

    /// What it means that the other side has closed the connection now.
    #[must_use]
    pub fn handle_close(self) -> HandshakeError {
        HandshakeError::Closed { state: self.state() }
    }
}

impl NameReceived {
    /// The name of the node that connects. It has not proved anything yet.
    #[must_use]
    pub fn name(&self) -> &NodeName {
        &self.peer.name
    }

    /// What it understands; only the low half if its message is of the old form.
    #[must_use]
    pub fn flags(&self) -> Flags {
        self.peer.flags
    }

    /// Its creation; `None` if its message is of the old form.
    #[must_use]
    pub fn creation(&self) -> Option<Creation> {
        self.peer.creation
    }

    /// What to do with it if this node is connecting to it at the same time: the node with the greater name goes on.
    ///
    /// # Errors
    /// [`Refusal::Nok`]: this node goes on with its own attempt.
    pub fn simultaneous(&self) -> Result<Accepted, Refusal> {
        if self.settings.name > self.peer.name { Err(Refusal::Nok) } else { Ok(Accepted::OkSimultaneous) }
    }

    /// Lets it in if it knows one of `cookies`; `challenge` is a random number, a fresh one for each handshake.
    #[must_use]
    pub fn accept(
        self,
        status: Accepted,
        cookies: AcceptedCookies,
        challenge: u32,
        out: &mut BytesMut,
    ) -> Acceptor {
        let NameReceived { settings, peer } = self;
        let secrets = Secrets { cookies, challenge };
        let text = match status {
            Accepted::Ok => Status::Ok,
            Accepted::OkSimultaneous => Status::OkSimultaneous,
            Accepted::Alive => Status::Alive,
        };
        put_packet(settings.length_size, out, |packet| text.encode(packet));
        match status {
            Accepted::Ok | Accepted::OkSimultaneous => send_challenge(settings, peer, secrets, out),
            Accepted::Alive => Acceptor { settings, state: State::RecvAliveAnswer { peer, secrets } },
        }
    }

    /// Keeps it out; write what is in `out`, then close.
    #[must_use]
    pub fn refuse(self, refusal: Refusal, out: &mut BytesMut) -> HandshakeError {
        refuse(&self.settings, PeerLabel::Node(self.peer.name), refusal, out)
    }
}

impl NameWanted {
    /// What has to stand after the `@`.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// What the node understands.
    #[must_use]
    pub fn flags(&self) -> Flags {
        self.flags
    }

    /// Gives it `name` and `creation` and lets it in if it knows one of `cookies`.
    ///
    /// A name that was given before, and is free again, must get another creation.
    #[must_use]
    pub fn accept(
        self,
        name: NodeName,
        creation: Creation,
        cookies: AcceptedCookies,
        challenge: u32,
        out: &mut BytesMut,
    ) -> Acceptor {
        let status = Status::Named { name: name.as_str(), creation };
        put_packet(self.settings.length_size, out, |packet| status.encode(packet));
        let peer = Peer { name, flags: self.flags, creation: Some(creation), is_named_by_us: true };
        send_challenge(self.settings, peer, Secrets { cookies, challenge }, out)
    }

    /// Keeps it out; write what is in `out`, then close.
    #[must_use]
    pub fn refuse(self, refusal: Refusal, out: &mut BytesMut) -> HandshakeError {
        refuse(&self.settings, PeerLabel::Unnamed, refusal, out)
    }
}

/// Why, as the end of a sentence.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Refusal::Nok => "this node is connecting to it, and goes on with that",
            Refusal::NotAllowed => "it is not among the nodes that this one allows",
            Refusal::ShuttingDown => "this node is shutting down",
        })
    }
}

fn recv_name(
    settings: Accept,
    message: SendName<'_>,
    out: &mut BytesMut,
) -> Result<AcceptorStep, HandshakeError> {
    let SendName { flags, creation, name } = message;
    // Not in an old message, whose flags do not reach that far. The creation is 0.
    if flags.contains(Flags::NAME_ME) {
        if name.is_empty() || name.contains('@') {
            return Err(HandshakeError::BadName(NameError::NotAHost { name: name.to_owned() }));
        }
        let missing = flags.missing(settings.required);
        if !missing.is_empty() {
            put_packet(settings.length_size, out, |packet| Status::NotAllowed.encode(packet));
            return Err(HandshakeError::MissingFlags { node: PeerLabel::Unnamed, missing });
        }
        return Ok(AcceptorStep::NameWanted(NameWanted { settings, host: name.to_owned(), flags }));
    }
    // As OTP does, no status for a name that is none; and a host of the other kind is let in.
    let name = NodeName::new(name).map_err(HandshakeError::BadName)?;
    if name == settings.name {
        put_packet(settings.length_size, out, |packet| Status::Nok.encode(packet));
        return Err(HandshakeError::OwnName { name });
    }
    // The high half of the flags in an old message comes later.
    let required = if creation.is_some() { settings.required } else { settings.required & Flags::LOW };
    let missing = flags.missing(required);
    if !missing.is_empty() {
        put_packet(settings.length_size, out, |packet| Status::NotAllowed.encode(packet));
        return Err(HandshakeError::MissingFlags { node: PeerLabel::Node(name), missing });
    }
    let peer = Peer { name, flags, creation, is_named_by_us: false };
    Ok(AcceptorStep::Name(NameReceived { settings, peer }))
}

fn send_challenge(settings: Accept, peer: Peer, secrets: Secrets, out: &mut BytesMut) -> Acceptor {
    let flags = flags_for(&settings, &peer);
    let message = SendChallenge {
        flags,
        challenge: secrets.challenge,
        creation: settings.creation,
        name: settings.name.as_str(),
    };
    put_packet(settings.length_size, out, |packet| message.encode(packet));
    let state = match peer.creation {
        Some(creation) => State::RecvChallengeReply { peer, creation, secrets },
        None => State::RecvComplement { peer, secrets },
    };
    Acceptor { settings, state }
}

/// The flags of this node as it tells them `peer`.
fn flags_for(settings: &Accept, peer: &Peer) -> Flags {
    // As OTP 25 to 29 answer a node that they have given a name.
    if peer.is_named_by_us { (settings.flags - Flags::PUBLISHED) | Flags::NAME_ME } else { settings.flags }
}

fn refuse(settings: &Accept, node: PeerLabel, refusal: Refusal, out: &mut BytesMut) -> HandshakeError {
    let status = match refusal {
        Refusal::Nok => Status::Nok,
        Refusal::NotAllowed | Refusal::ShuttingDown => Status::NotAllowed,
    };
    put_packet(settings.length_size, out, |packet| status.encode(packet));
    HandshakeError::Refused { node, refusal }
}

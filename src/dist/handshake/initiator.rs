//! The half of the handshake that connects.
//!
//! ```text
//!       start ─── send_name ──▶ RecvStatus ─── alive ───▶ AliveQuestion ─── false ──▶ error
//!                                   │                           │
//!                  ok, ok_simultaneous, named:                 true
//!                                   ▼                           │
//!                             RecvChallenge ◀───────────────────┘
//!                                   │ send_challenge, answered by send_challenge_reply
//!                                   ▼
//!                           RecvChallengeAck ─── send_challenge_ack ──▶ Established
//! ```

use bytes::BytesMut;

use super::message::{ChallengeAck, ChallengeReply, MessageError, SendChallenge, SendName, Status};
use super::{Established, HandshakeError, HandshakeState};
use crate::dist::packet::{LengthSize, put_packet};
use crate::dist::{Cookie, Flags, NodeName};
use crate::term::Creation;

/// What the initiator needs to know.
#[derive(Debug, Clone)]
pub struct Initiate {
    /// How this node introduces itself.
    pub own: OwnName,
    /// What this node understands.
    pub flags: Flags,
    /// The flags that the other node must have, as a rule [`Flags::MANDATORY`].
    pub required: Flags,
    /// The node that should answer; `None` takes any, when only an address is known.
    pub peer: Option<NodeName>,
    /// The cookie for that node.
    pub cookie: Cookie,
    /// A random number, a fresh one for each handshake.
    pub challenge: u32,
    /// Four over TLS, else two.
    pub length_size: LengthSize,
}

/// How a node introduces itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OwnName {
    /// By its name.
    Named {
        /// The name.
        name: NodeName,
        /// The creation that epmd gave it.
        creation: Creation,
    },
    /// By its host only: the other node is to give it a name (`NAME_ME`). Such a node is hidden.
    NameMe {
        /// What stands after the `@` of the name to come.
        host: String,
    },
}

/// The half of the handshake that connects; see the [module](super) for how to drive it.
#[derive(Debug)]
pub struct Initiator {
    settings: Initiate,
    state: State,
}

#[derive(Debug)]
#[expect(clippy::enum_variant_names, reason = "the names that OTP has for them")]
enum State {
    RecvStatus,
    RecvChallenge { name: NodeName, creation: Creation },
    RecvChallengeAck { established: Established },
}

/// What comes after a packet.
#[derive(Debug)]
pub enum InitiatorStep {
    /// Write what is in `out`, then wait for the next packet.
    Receive(Initiator),
    /// The other node still has a connection to this one and asks whether it has gone.
    Alive(AliveQuestion),
    /// The nodes are connected.
    Established(Established),
}

/// The other node still has a connection to this one, and waits to hear whether it has gone.
#[derive(Debug)]
pub struct AliveQuestion {
    settings: Initiate,
    name: NodeName,
    creation: Creation,
}

impl Initiator {
    /// Starts a handshake; the first packet is appended to `out`.
    #[must_use]
    pub fn start(mut settings: Initiate, out: &mut BytesMut) -> Initiator {
        if let OwnName::NameMe { .. } = settings.own {
            // As OTP does: a node without a name of its own cannot be visible.
            settings.flags = (settings.flags - Flags::PUBLISHED) | Flags::NAME_ME;
        }
        let (name, creation) = match &settings.own {
            OwnName::Named { name, creation } => (name.as_str(), *creation),
            OwnName::NameMe { host } => (host.as_str(), Creation(0)),
        };
        let message = SendName { flags: settings.flags, creation: Some(creation), name };
        put_packet(settings.length_size, out, |packet| message.encode(packet));
        Initiator { settings, state: State::RecvStatus }
    }

    /// What is waited for.
    #[must_use]
    pub fn state(&self) -> HandshakeState {
        match self.state {
            State::RecvStatus => HandshakeState::RecvStatus,
            State::RecvChallenge { .. } => HandshakeState::RecvChallenge,
            State::RecvChallengeAck { .. } => HandshakeState::RecvChallengeAck,
        }
    }

    /// Takes the next packet; what it has to be answered with is appended to `out`.
    ///
    /// # Errors
    /// The handshake has failed: write what is in `out`, then close.
    pub fn handle_packet(self, packet: &[u8], out: &mut BytesMut) -> Result<InitiatorStep, HandshakeError> {
        let bad = |state| move |fault: MessageError| HandshakeError::BadMessage { state, fault };
        match self.state {
            State::RecvStatus => {
                let status = Status::decode(packet).map_err(bad(HandshakeState::RecvStatus))?;
                recv_status(self.settings, status)
            }
            State::RecvChallenge { name, creation } => {
                let message = SendChallenge::decode(packet).map_err(bad(HandshakeState::RecvChallenge))?;
                recv_challenge(self.settings, (name, creation), message, out)
            }
            State::RecvChallengeAck { established } => {
                let ack = ChallengeAck::decode(packet).map_err(bad(HandshakeState::RecvChallengeAck))?;
                if ack.digest != self.settings.cookie.digest(self.settings.challenge) {
                    return Err(HandshakeError::CookieDiffers { node: established.peer });
                }
                Ok(InitiatorStep::Established(established))
            }
        }
    }

    /// What it means that the other side has closed the connection now.
    #[must_use]
    pub fn handle_close(self) -> HandshakeError {
        let state = self.state();
        match self.state {
            State::RecvStatus | State::RecvChallenge { .. } => HandshakeError::Closed { state },
            State::RecvChallengeAck { established } => {
                HandshakeError::CookieRefused { node: established.peer }
            }
        }
    }
}

impl AliveQuestion {
    /// Answers: `gone` if this node has no connection to the other that it trusts, so that the new one takes its
    /// place.
    ///
    /// # Errors
    /// [`HandshakeError::KeptOldConnection`] if it is not gone; write what is in `out`, then close.
    pub fn answer(self, gone: bool, out: &mut BytesMut) -> Result<Initiator, HandshakeError> {
        let status = if gone { Status::True } else { Status::False };
        put_packet(self.settings.length_size, out, |packet| status.encode(packet));
        if !gone {
            return Err(HandshakeError::KeptOldConnection { node: self.settings.peer.into() });
        }
        let state = State::RecvChallenge { name: self.name, creation: self.creation };
        Ok(Initiator { settings: self.settings, state })
    }
}

fn recv_status(settings: Initiate, status: Status<'_>) -> Result<InitiatorStep, HandshakeError> {
    let (name, creation) = match (&settings.own, status) {
        (_, Status::Nok) => return Err(HandshakeError::Nok { node: settings.peer.into() }),
        (_, Status::NotAllowed) => return Err(HandshakeError::NotAllowed { node: settings.peer.into() }),
        (OwnName::Named { name, creation }, Status::Ok | Status::OkSimultaneous) => (name.clone(), *creation),
        (OwnName::Named { name, creation }, Status::Alive) => {
            let (name, creation) = (name.clone(), *creation);
            return Ok(InitiatorStep::Alive(AliveQuestion { settings, name, creation }));
        }
        (OwnName::NameMe { .. }, Status::Named { name, creation }) => {
            (NodeName::new(name).map_err(HandshakeError::BadName)?, creation)
        }
        // A name that was not asked for, no name though one was asked for, or no status at all.
        (_, status) => return Err(unexpected(status)),
    };
    Ok(InitiatorStep::Receive(Initiator { settings, state: State::RecvChallenge { name, creation } }))
}

fn recv_challenge(
    settings: Initiate,
    (own_name, own_creation): (NodeName, Creation),
    message: SendChallenge<'_>,
    out: &mut BytesMut,
) -> Result<InitiatorStep, HandshakeError> {
    let peer = NodeName::new(message.name).map_err(HandshakeError::BadName)?;
    if let Some(expected) = settings.peer.clone().filter(|expected| *expected != peer) {
        return Err(HandshakeError::WrongNode { expected, got: peer });
    }
    if peer == own_name {
        return Err(HandshakeError::OwnName { name: peer });
    }
    let missing = message.flags.missing(settings.required);
    if !missing.is_empty() {
        return Err(HandshakeError::MissingFlags { node: Some(peer).into(), missing });
    }
    let reply =
        ChallengeReply { challenge: settings.challenge, digest: settings.cookie.digest(message.challenge) };
    put_packet(settings.length_size, out, |packet| reply.encode(packet));
    let established = Established {
        own_name,
        own_creation,
        peer,
        peer_creation: message.creation,
        peer_flags: message.flags,
        flags: settings.flags.effective(message.flags),
        is_peer_named_here: false,
    };
    Ok(InitiatorStep::Receive(Initiator { settings, state: State::RecvChallengeAck { established } }))
}

/// The error of a status that cannot be dealt with.
pub(super) fn unexpected(status: Status<'_>) -> HandshakeError {
    let mut text = BytesMut::new();
    status.encode(&mut text);
    // Without the tag, and no more of it than a log line should have.
    let status = String::from_utf8_lossy(text.get(1..).unwrap_or_default()).chars().take(40).collect();
    HandshakeError::UnexpectedStatus { status }
}

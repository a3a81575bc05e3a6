//! Why a handshake failed.

use std::fmt;

use super::Refusal;
use super::message::MessageError;
use crate::dist::{Flags, NameError, NodeName};

/// Why a handshake failed. Each message is one sentence that says what to do or where to look.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HandshakeError {
    /// The other side sent something that is not the message it has to send now. It is at fault, or it is no node.
    #[error("the other side is not a node of OTP 23 or later, or misbehaves: {fault}, waiting for {state}")]
    BadMessage {
        /// What was waited for.
        state: HandshakeState,
        /// What is wrong with what came.
        #[source]
        fault: MessageError,
    },
    /// The other side sent a status that does not exist or does not belong here. It is at fault.
    #[error("the other side answered our name with the status {status:?}, which is not known here")]
    UnexpectedStatus {
        /// The status, cut to 40 characters.
        status: String,
    },
    /// The name the other side gave is no node name. It is at fault.
    #[error("the other side gives a name that is no node name: {0}")]
    BadName(#[source] NameError),
    /// Another node answered than the one that was called: the port belongs to someone else now.
    #[error(
        "the node there calls itself {got}, not {expected}: use that name, or ask epmd again if another one took the port"
    )]
    WrongNode {
        /// The node that was called.
        expected: NodeName,
        /// The node that answered.
        got: NodeName,
    },
    /// A node with our own name connected: two nodes run under one name, or this one called itself.
    #[error("the other side has the name of this node, {name}: start one of the two under another name")]
    OwnName {
        /// The name.
        name: NodeName,
    },
    /// The other node lacks flags without which no node can talk to it. The two are incompatible.
    #[error("{node} is too old or incomplete to connect to, it lacks the flags: {missing}")]
    MissingFlags {
        /// The other node.
        node: PeerLabel,
        /// The flags it lacks.
        missing: Flags,
    },
    /// The other node sent the digest of another cookie.
    #[error("{node} has another cookie than this node: set the same on both")]
    CookieDiffers {
        /// The other node.
        node: NodeName,
    },
    /// The other node closed on seeing our digest, which is how nodes answer a wrong cookie.
    #[error("{node} closed the connection on seeing our cookie's digest: set the same cookie on both")]
    CookieRefused {
        /// The other node.
        node: NodeName,
    },
    /// The other node is connecting to this one at the same moment, and its attempt has precedence. Not a failure:
    /// wait for it.
    #[error("{node} is connecting to this node at the same time, its connection is used instead")]
    Nok {
        /// The other node.
        node: PeerLabel,
    },
    /// The other node does not let this one in.
    #[error(
        "{node} does not allow this node to connect: see net_kernel:allow/1 there, or its log for missing flags"
    )]
    NotAllowed {
        /// The other node.
        node: PeerLabel,
    },
    /// This node refused the other one, as the caller said.
    #[error("this node refused {node}: {refusal}")]
    Refused {
        /// The other node.
        node: PeerLabel,
        /// Why.
        refusal: Refusal,
    },
    /// The other node still has a connection to this one, which this node, asked about it, keeps.
    #[error("there is a working connection to {node} already, which is kept")]
    KeptOldConnection {
        /// The other node.
        node: PeerLabel,
    },
    /// This node still has a connection to the other one, which the other one, asked about it, keeps.
    #[error("{node} has a working connection to this node already, which it keeps")]
    PeerKeptOldConnection {
        /// The other node.
        node: NodeName,
    },
    /// The other side closed the connection.
    #[error("the other side closed the connection, waiting for {state}: {}", state.meaning_of_close())]
    Closed {
        /// What was waited for.
        state: HandshakeState,
    },
}

/// What a half of the handshake waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HandshakeState {
    /// Acceptor: `send_name`.
    RecvName,
    /// Initiator: the answer to its name.
    RecvStatus,
    /// Acceptor: the answer to `alive`.
    RecvAliveAnswer,
    /// Initiator: `send_challenge`.
    RecvChallenge,
    /// Acceptor: the second half of an old `send_name`.
    RecvComplement,
    /// Acceptor: `send_challenge_reply`.
    RecvChallengeReply,
    /// Initiator: `send_challenge_ack`.
    RecvChallengeAck,
}

impl HandshakeState {
    fn meaning_of_close(self) -> &'static str {
        match self {
            HandshakeState::RecvName => "it gave no name",
            HandshakeState::RecvStatus => {
                "it does not take our name, expects TLS (or none), or is no node; its log may tell"
            }
            HandshakeState::RecvAliveAnswer => "it does not tell whether it has lost its old connection",
            HandshakeState::RecvChallenge => "it changed its mind or is shutting down; its log may tell",
            HandshakeState::RecvComplement => "it did not complete its old handshake",
            HandshakeState::RecvChallengeReply => {
                "it does not accept our flags or has no cookie for us; its log may tell"
            }
            HandshakeState::RecvChallengeAck => "it does not accept our cookie",
        }
    }
}

impl fmt::Display for HandshakeState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            HandshakeState::RecvName => "its name",
            HandshakeState::RecvStatus => "its status",
            HandshakeState::RecvAliveAnswer => "its answer to the status alive",
            HandshakeState::RecvChallenge => "its challenge",
            HandshakeState::RecvComplement => "the complement of its name",
            HandshakeState::RecvChallengeReply => "its reply to our challenge",
            HandshakeState::RecvChallengeAck => "its acknowledgement of our reply",
        })
    }
}

/// How an error calls the other node, whose name need not be known yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PeerLabel {
    /// Its name.
    Node(NodeName),
    /// It wants to be given a name, or was called without knowing its name.
    Unnamed,
}

impl From<Option<NodeName>> for PeerLabel {
    fn from(name: Option<NodeName>) -> PeerLabel {
        name.map_or(PeerLabel::Unnamed, PeerLabel::Node)
    }
}

impl fmt::Display for PeerLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PeerLabel::Node(name) => name.fmt(f),
            PeerLabel::Unnamed => f.write_str("the other node"),
        }
    }
}

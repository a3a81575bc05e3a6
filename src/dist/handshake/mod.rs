//! The handshake: two nodes tell each other who they are and prove that they know the cookie.
//!
//! ```text
//!         A, the initiator                              B, the acceptor
//!                │  send_name: name, flags, creation           │
//!                ├────────────────────────────────────────────▶│  may it connect?
//!                │          status: ok | alive | nok | …        │
//!                │◀────────────────────────────────────────────┤
//!                │  (only after alive)  status: true | false    │
//!                ├────────────────────────────────────────────▶│
//!                │  send_challenge: name, flags, challenge of B  │
//!                │◀────────────────────────────────────────────┤
//!                │  send_challenge_reply: challenge of A, digest │
//!                ├────────────────────────────────────────────▶│  is it the digest of B's challenge?
//!                │              send_challenge_ack: digest       │
//!  of A's? ◀─────┤◀────────────────────────────────────────────┤
//! ```
//!
//! [`Initiator`] and [`Acceptor`] are the two halves. Each takes one packet at a time (see [`packet`]), without its
//! length, and appends complete packets to `out`, which the caller writes:
//!
//! - `handle_packet` takes the state by value and gives a step: the next state, a question to the caller, or the end.
//! - On an error, write what is in `out`, then close.
//! - When the other side closes, `handle_close` says what that means.
//! - How long to wait is up to the caller; OTP gives each message 7 s (kernel parameter `net_setuptime`).
//!
//! Bytes after the last packet belong to the connection.
//!
//! [`packet`]: crate::dist::packet

mod acceptor;
mod error;
mod initiator;
pub mod message;
#[cfg(test)]
mod tests;

pub use self::acceptor::{Accept, Accepted, Acceptor, AcceptorStep, NameReceived, NameWanted, Refusal};
pub use self::error::{HandshakeError, HandshakeState, PeerLabel};
pub use self::initiator::{AliveQuestion, Initiate, Initiator, InitiatorStep, OwnName};
use crate::dist::{Flags, NodeName};
use crate::term::Creation;

/// What both nodes know when the handshake is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Established {
    /// The name of this node: its own, or the one that the other node gave it.
    pub own_name: NodeName,
    /// The creation of this node.
    pub own_creation: Creation,
    /// The name of the other node.
    pub peer: NodeName,
    /// The creation of the other node.
    pub peer_creation: Creation,
    /// The flags that the other node sent, for instance to see whether it is hidden.
    pub peer_flags: Flags,
    /// What may be used on the connection: the flags that both nodes have.
    pub flags: Flags,
    /// Whether this node gave the other one its name, for as long as the connection lasts.
    pub is_peer_named_here: bool,
}

//! A connection after the handshake, without its socket.
//!
//! ```text
//! bytes ─▶ Packets ─▶ Inbound ─▶ Event: a tick, or a control message and its payload, left encoded
//!
//! control message, payload ─▶ OutgoingMessage ─▶ Outbound ─▶ OutputQueue ─▶ slices for one vectored write
//! ```
//!
//! What a packet looks like after its [length](super::packet) depends on the flags that both nodes have. With
//! `DIST_HDR_ATOM_CACHE`, a [distribution header](super::header) or [fragments](super::fragment); without
//!
//! | 1                 | 1     | …               | 1     | …       |
//! | ----------------- | ----- | --------------- | ----- | ------- |
//! | 112, pass through | `131` | control message | `131` | payload |
//!
//! The payload is absent where the [operation](super::control) has none.
//!
//! Large messages go out in fragments, where both nodes have `FRAGMENTS`, and other messages between them; but those of
//! one process stay in order.

mod error;
mod fragmenter;
mod inbound;
mod outbound;
mod outgoing;
mod queue;
#[cfg(test)]
mod tests;

pub use self::error::ProtocolError;
pub use self::fragmenter::FRAGMENT_SIZE;
pub use self::inbound::{Event, Inbound, IncomingMessage};
pub use self::outbound::Outbound;
pub use self::outgoing::{OutgoingError, OutgoingMessage};
pub use self::queue::OutputQueue;

/// Starts a packet without distribution header.
const PASS_THROUGH: u8 = 112;
/// After the version byte: a whole message with its header.
const HEADER: u8 = 68;
/// After the version byte: the first fragment of a message, with its header.
const FIRST_FRAGMENT: u8 = 69;
/// After the version byte: another fragment of a message.
const NEXT_FRAGMENT: u8 = 70;

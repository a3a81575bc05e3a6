//! Why a connection cannot go on.

use crate::dist::control::{ControlError, Operation};
use crate::dist::fragment::FragmentError;
use crate::dist::header::HeaderError;
use crate::dist::packet::PacketTooLong;
use crate::term::Atom;
use crate::term::etf::DecodeError;

/// The other node broke the protocol: the connection has to be closed, as OTP does.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProtocolError {
    /// A packet is longer than allowed here.
    #[error(transparent)]
    PacketTooLong(#[from] PacketTooLong),
    /// A packet starts with none of the bytes that a packet can start with.
    #[error("a packet starts with the unknown bytes {0:?}", .first)]
    UnknownPacket {
        /// Its first byte and, if there is one, its second.
        first: (u8, Option<u8>),
    },
    /// A packet ends before its own header does.
    #[error("a packet is cut short")]
    PacketTooShort,
    /// A packet without distribution header, though headers were agreed on.
    #[error("a pass-through packet came although both nodes have an atom cache")]
    HeaderMissing,
    /// A packet with distribution header, though headers were not agreed on.
    #[error("a packet with a distribution header came although the nodes did not agree on an atom cache")]
    HeaderNotAgreed,
    /// A fragment, though fragments were not agreed on.
    #[error("a fragment came although the nodes did not agree on fragments")]
    FragmentsNotAgreed,
    /// A distribution header is malformed.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// A fragment does not belong where it came.
    #[error(transparent)]
    Fragment(#[from] FragmentError),
    /// A control message in a pass-through packet does not start with the version of the term format.
    #[error("a pass-through packet holds no term: {0}")]
    Version(#[source] DecodeError),
    /// A control message is malformed.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// A message, reason or list of arguments is malformed.
    #[error("what came with a control message is no term: {0}")]
    Payload(#[source] DecodeError),
    /// A node speaks for a process of another one.
    #[error("{node} sent {operation} in the name of a process of {sender}")]
    ForeignSender {
        /// The node that sent it.
        node: Atom,
        /// What it sent.
        operation: Operation,
        /// The node of the process.
        sender: Atom,
    },
    /// A node sends what is for a process of another one, or of an earlier node of this name.
    #[error("{node} sent {operation} for a process of {receiver}, which does not live here")]
    ForeignReceiver {
        /// The node that sent it.
        node: Atom,
        /// What it sent.
        operation: Operation,
        /// The node of the process.
        receiver: Atom,
    },
}

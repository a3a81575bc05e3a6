//! A message on its way out, before it is known which messages go before it.

use bytes::Bytes;

use super::{OutputQueue, PASS_THROUGH};
use crate::dist::Flags;
use crate::dist::control::{ControlMessage, Operation, PayloadPlace, Sender, Unsupported};
use crate::term::Atom;
use crate::term::etf::{EncodeError, SHARE_THRESHOLD, Writer};

/// Room for the length of a packet and the largest header: 255 new atoms of 255 characters.
const HEADER_ROOM: usize = 1 << 19;

/// A message, encoded for connections with certain flags, but for its distribution header.
///
/// That depends on what was sent before and so is written when the message is [pushed](super::Outbound::push), in
/// order, by one at a time. The rest of the work is done here, by as many senders at a time as there are. It can be
/// used again and again and keeps its memory.
///
/// ```
/// use erlnode::atom;
/// use erlnode::dist::Flags;
/// use erlnode::dist::connection::{Outbound, OutgoingMessage};
/// use erlnode::dist::control::ControlMessage;
/// use erlnode::term::{Creation, Pid};
///
/// let flags = Flags::full_node();
/// let mut outbound = Outbound::new(flags);
/// let mut message = OutgoingMessage::new(flags);
/// let from = Pid { node: atom!("rust@vm"), id: 1, serial: 0, creation: Creation(1) };
/// message.encode_with(&ControlMessage::RegSend { from, to: atom!("logger") }, |writer| {
///     writer.atom(&atom!("hello"));
///     Ok(())
/// })?;
/// outbound.push(&mut message);
/// # Ok::<(), erlnode::dist::connection::OutgoingError>(())
/// ```
#[derive(Debug)]
pub struct OutgoingMessage {
    flags: Flags,
    writer: Writer,
    sender: Sender,
    /// How many bytes the control message has, if a payload follows; else 0.
    control: usize,
}

impl OutgoingMessage {
    /// An empty message for connections with these flags, those that both nodes have.
    #[must_use]
    pub fn new(flags: Flags) -> OutgoingMessage {
        let writer = Writer::new();
        let mut message = OutgoingMessage { flags, writer, sender: Sender::Nobody, control: 0 };
        message.set_flags(flags);
        message
    }

    /// Makes it an empty message for connections with these flags; its memory stays.
    pub fn set_flags(&mut self, flags: Flags) {
        self.writer.set_atom_refs(flags.contains(Flags::DIST_HDR_ATOM_CACHE));
        self.writer.set_native_records(flags.contains(Flags::NATIVE_RECORDS));
        self.flags = flags;
    }

    /// The flags it is encoded for.
    #[must_use]
    pub fn flags(&self) -> Flags {
        self.flags
    }

    /// Encodes a control message that has no payload, in the [form](ControlMessage::form) for the flags.
    ///
    /// What was encoded before is forgotten.
    ///
    /// # Errors
    /// [`OutgoingError`]; the message is empty then.
    pub fn encode(&mut self, control: &ControlMessage) -> Result<(), OutgoingError> {
        self.try_encode(control, None::<fn(&mut Writer) -> Result<(), OutgoingError>>)
    }

    /// Encodes a control message and the payload that `payload` writes, one term, in the
    /// [form](ControlMessage::form) for the flags.
    ///
    /// What was encoded before is forgotten.
    ///
    /// # Errors
    /// [`OutgoingError`]; the message is empty then.
    pub fn encode_with(
        &mut self,
        control: &ControlMessage,
        payload: impl FnOnce(&mut Writer) -> Result<(), EncodeError>,
    ) -> Result<(), OutgoingError> {
        self.try_encode_with(control, |writer| payload(writer).map_err(OutgoingError::from))
    }

    /// As [`encode_with`](OutgoingMessage::encode_with), with a `payload` that has errors of its own.
    ///
    /// # Errors
    /// [`OutgoingError`], or that of `payload`; the message is empty then.
    pub fn try_encode_with<E: From<OutgoingError>>(
        &mut self,
        control: &ControlMessage,
        payload: impl FnOnce(&mut Writer) -> Result<(), E>,
    ) -> Result<(), E> {
        self.try_encode(control, Some(payload))
    }

    fn try_encode<E: From<OutgoingError>>(
        &mut self,
        control: &ControlMessage,
        payload: Option<impl FnOnce(&mut Writer) -> Result<(), E>>,
    ) -> Result<(), E> {
        self.writer.clear();
        let written = self.write(control, payload);
        if written.is_err() {
            self.writer.clear();
        }
        written
    }

    fn write<E: From<OutgoingError>>(
        &mut self,
        control: &ControlMessage,
        payload: Option<impl FnOnce(&mut Writer) -> Result<(), E>>,
    ) -> Result<(), E> {
        let passes_through = !self.flags.has_headers();
        let form = control.form(self.flags).map_err(OutgoingError::from)?;
        let operation = form.operation();
        if passes_through {
            self.writer.raw(&[PASS_THROUGH]);
            self.writer.version();
        }
        form.encode(&mut self.writer).map_err(OutgoingError::from)?;
        self.sender = control.sender();
        self.control = 0;
        match (form.payload(), payload) {
            (PayloadPlace::None, None) => {}
            (PayloadPlace::Inside, Some(payload)) => payload(&mut self.writer)?,
            (PayloadPlace::After, Some(payload)) => {
                self.control = self.writer.len();
                if passes_through {
                    self.writer.version();
                }
                payload(&mut self.writer)?;
            }
            (PayloadPlace::None, Some(_)) => {
                return Err(OutgoingError::PayloadUnexpected { operation }.into());
            }
            (PayloadPlace::Inside | PayloadPlace::After, None) => {
                return Err(OutgoingError::PayloadMissing { operation }.into());
            }
        }
        match u32::try_from(self.writer.len() + HEADER_ROOM) {
            Ok(_) => Ok(()),
            Err(_) => Err(OutgoingError::from(EncodeError::TooLarge { count: self.writer.len() }).into()),
        }
    }

    /// How many bytes it has, without length and header.
    #[must_use]
    pub fn len(&self) -> usize {
        self.writer.len()
    }

    /// Whether nothing is encoded.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.writer.is_empty()
    }

    pub(super) fn atoms(&self) -> &[Atom] {
        self.writer.atoms()
    }

    /// Whose message it is, which must not overtake others of the same sender.
    pub(super) fn sender(&self) -> Sender {
        self.sender
    }

    /// How many bytes the control message has, if a payload follows that can be cut into fragments.
    pub(super) fn control_before_payload(&self) -> Option<usize> {
        Some(self.control).filter(|control| *control > 0)
    }

    /// Moves the message to the end of `pieces`, without copying, and leaves this empty.
    pub(super) fn take_pieces(&mut self, pieces: &mut impl Extend<Bytes>) {
        self.writer.take_pieces(pieces);
    }

    /// Moves the message to the end of `out`, large parts without copying, and leaves this empty.
    pub(super) fn move_to(&mut self, out: &mut OutputQueue) {
        if self.writer.len() < SHARE_THRESHOLD {
            self.writer.pieces().for_each(|piece| out.copy(piece));
            self.writer.clear();
        } else {
            let mut pieces = Pieces(out);
            self.writer.take_pieces(&mut pieces);
        }
    }
}

/// Takes the pieces of a message into a queue.
struct Pieces<'q>(&'q mut OutputQueue);

impl Extend<Bytes> for Pieces<'_> {
    fn extend<I: IntoIterator<Item = Bytes>>(&mut self, pieces: I) {
        pieces.into_iter().for_each(|piece| self.0.share(piece));
    }
}

/// Why a message cannot be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OutgoingError {
    /// The other node cannot be told that.
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
    /// A term cannot be written.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// A mistake of the caller: the operation needs a payload.
    #[error("{operation} has a payload, none was given")]
    PayloadMissing {
        /// The operation.
        operation: Operation,
    },
    /// A mistake of the caller: the operation has no payload.
    #[error("{operation} has no payload, one was given")]
    PayloadUnexpected {
        /// The operation.
        operation: Operation,
    },
}

//! Packets in, events out.

use bytes::{Buf, Bytes};

use super::{FIRST_FRAGMENT, HEADER, NEXT_FRAGMENT, PASS_THROUGH, ProtocolError};
use crate::dist::atom_cache::InputCache;
use crate::dist::control::ControlMessage;
use crate::dist::fragment::{Assembled, FragmentLimits, Reassembly};
use crate::dist::{Flags, NodeName};
use crate::term::Atom;
use crate::term::etf::{Encoded, Reader, tag};

/// What a packet is about.
#[derive(Debug, Clone)]
pub enum Event {
    /// The other node is alive.
    Tick,
    /// The other node wants something done.
    Message(IncomingMessage),
}

/// What the other node wants done.
#[derive(Debug, Clone)]
pub struct IncomingMessage {
    /// What, and with which processes.
    pub control: ControlMessage,
    /// The message, reason or arguments, not decoded yet; `None` if the operation has none.
    ///
    /// As in OTP, whoever decodes it finds out whether it is malformed, and then the connection has to be closed. A
    /// payload that nobody wants may be anything, and one that is missing is found malformed.
    pub payload: Option<Encoded>,
}

/// The receiving side of a connection.
///
/// Hand it every packet in the order of arrival, also if nobody is interested in the messages: each changes the state
/// that the next ones are read with. After an error it must not be used any more.
#[derive(Debug)]
pub struct Inbound {
    peer: Atom,
    has_headers: bool,
    has_fragments: bool,
    cache: InputCache,
    reassembly: Reassembly,
}

impl Inbound {
    /// The receiving side of a connection to `peer`, with the flags that both nodes have.
    #[must_use]
    pub fn new(peer: &NodeName, flags: Flags, limits: FragmentLimits) -> Inbound {
        Inbound {
            peer: peer.as_atom().clone(),
            has_headers: flags.has_headers(),
            has_fragments: flags.contains(Flags::FRAGMENTS),
            cache: InputCache::new(),
            reassembly: Reassembly::new(limits),
        }
    }

    /// The node that the packets come from.
    pub(crate) fn peer(&self) -> &Atom {
        &self.peer
    }

    /// Takes the next packet, without its length; `None` if it is a part of a message that is not complete yet.
    ///
    /// # Errors
    /// [`ProtocolError`]: the other node is at fault, close the connection.
    pub fn handle_packet(&mut self, mut packet: Bytes) -> Result<Option<Event>, ProtocolError> {
        let whole = match *packet {
            [] => return Ok(Some(Event::Tick)),
            [PASS_THROUGH, ..] if self.has_headers => return Err(ProtocolError::HeaderMissing),
            [PASS_THROUGH, ..] => {
                packet.advance(1);
                return self.pass_through(packet).map(Some);
            }
            [tag::VERSION, HEADER | FIRST_FRAGMENT | NEXT_FRAGMENT, ..] if !self.has_headers => {
                return Err(ProtocolError::HeaderNotAgreed);
            }
            [tag::VERSION, FIRST_FRAGMENT | NEXT_FRAGMENT, ..] if !self.has_fragments => {
                return Err(ProtocolError::FragmentsNotAgreed);
            }
            [tag::VERSION, HEADER, ..] => {
                packet.advance(2);
                let (atoms, rest) = self.cache.read(&packet)?;
                let header = packet.len() - rest.len();
                packet.advance(header);
                Some(Assembled { bytes: packet, atoms })
            }
            [tag::VERSION, FIRST_FRAGMENT, ..] => {
                packet.advance(2);
                let (sequence, fragment) = fragment_ids(&mut packet)?;
                let (atoms, rest) = self.cache.read(&packet)?;
                let header = packet.len() - rest.len();
                packet.advance(header);
                self.reassembly.first(sequence, fragment, atoms, packet)?
            }
            [tag::VERSION, NEXT_FRAGMENT, ..] => {
                packet.advance(2);
                let (sequence, fragment) = fragment_ids(&mut packet)?;
                self.reassembly.next(sequence, fragment, &packet)?
            }
            [first, ref rest @ ..] => {
                return Err(ProtocolError::UnknownPacket { first: (first, rest.first().copied()) });
            }
        };
        whole.map(|whole| self.with_header(whole)).transpose()
    }

    /// How many bytes of messages that are not complete wait for the rest of them.
    #[must_use]
    pub fn incomplete_bytes(&self) -> usize {
        self.reassembly.bytes()
    }

    fn pass_through(&self, mut packet: Bytes) -> Result<Event, ProtocolError> {
        let mut reader = Reader::new(&packet, &[]);
        reader.version().map_err(ProtocolError::Version)?;
        let control = self.control(&mut reader)?;
        if !control.has_payload() {
            return Ok(Event::Message(IncomingMessage { control, payload: None }));
        }
        // Without its version the payload is no term; nothing is no term either, as the reader will find out.
        let start = if reader.version().is_ok() { reader.offset() } else { packet.len() };
        packet.advance(start);
        Ok(Event::Message(IncomingMessage { control, payload: Some(Encoded::new(packet, None)) }))
    }

    fn with_header(&self, whole: Assembled) -> Result<Event, ProtocolError> {
        let Assembled { mut bytes, atoms } = whole;
        let mut reader = Reader::new(&bytes, atoms.as_deref().unwrap_or_default());
        let control = self.control(&mut reader)?;
        // Bytes after a control message without payload, and after a payload, are ignored, as OTP does.
        let start = reader.offset();
        let payload = control.has_payload().then(|| {
            bytes.advance(start);
            Encoded::new(bytes, atoms)
        });
        Ok(Event::Message(IncomingMessage { control, payload }))
    }

    fn control(&self, reader: &mut Reader<'_>) -> Result<ControlMessage, ProtocolError> {
        let control = ControlMessage::decode(reader)?;
        match control.must_be_of_sender() {
            Some(from) if from.node != self.peer => Err(ProtocolError::ForeignSender {
                node: self.peer.clone(),
                operation: control.operation(),
                sender: from.node.clone(),
            }),
            _ => Ok(control),
        }
    }
}

/// The sequence id and the fragment id.
fn fragment_ids(packet: &mut Bytes) -> Result<(u64, u64), ProtocolError> {
    let (Ok(sequence), Ok(fragment)) = (packet.try_get_u64(), packet.try_get_u64()) else {
        return Err(ProtocolError::PacketTooShort);
    };
    Ok((sequence, fragment))
}

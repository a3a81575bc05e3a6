//! Packets in, events out.

use bytes::buf::Limit;
use bytes::{Buf, Bytes, BytesMut};

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

    /// Takes out of `input` what has come of the next packet, with its length, if that is a further fragment of which
    /// much is missing: the rest is to be read to its [place](Inbound::place), where it need not be moved any more.
    ///
    /// # Errors
    /// [`ProtocolError`]: the other node is at fault, close the connection.
    pub fn begin_packet(&mut self, input: &mut BytesMut) -> Result<(), ProtocolError> {
        let Some((&length, [tag::VERSION, NEXT_FRAGMENT, rest @ ..])) = input.split_first_chunk() else {
            return Ok(());
        };
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        let missing = length.saturating_sub(2 + rest.len());
        let is_worth_it = missing >= LEAST_TO_PLACE && length <= MOST_TO_PLACE;
        if rest.len() < FRAGMENT_IDS || !is_worth_it || !self.has_headers || !self.has_fragments {
            return Ok(());
        }
        let mut come = input.split();
        // The length, and the first two bytes of the packet.
        come.advance(4 + 2);
        let (sequence, fragment) = fragment_ids(&mut come)?;
        self.reassembly.begin(sequence, fragment, length - 2 - FRAGMENT_IDS, &come)?;
        Ok(())
    }

    /// Where the rest of a packet belongs that has [begun](Inbound::begin_packet) to come; `None` if there is none, so
    /// that whole packets come next.
    pub fn place(&mut self) -> Option<Limit<&mut Vec<u8>>> {
        self.reassembly.place()
    }

    /// Takes the packet that was read to its [place](Inbound::place), if all of it has come; `None` if not, or if it
    /// was not the last one of a message.
    ///
    /// # Errors
    /// [`ProtocolError`]: the other node is at fault, close the connection.
    pub fn finish_packet(&mut self) -> Result<Option<Event>, ProtocolError> {
        self.reassembly.finish().map(|whole| self.with_header(whole)).transpose()
    }

    /// Lets go of memory that was not needed since this was called last.
    pub fn release_unused(&mut self) {
        self.reassembly.release_unused();
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

/// How many bytes sequence id and fragment id have.
const FRAGMENT_IDS: usize = 16;

/// What is missing of a fragment is read to its place if it is so much: 16 KiB, which takes longer to copy than
/// another system call.
const LEAST_TO_PLACE: usize = 16 << 10;

/// Room is made for a whole fragment when its length has come, if that is not more: 1 MiB, while OTP's have 64 KiB.
const MOST_TO_PLACE: usize = 1 << 20;

/// The sequence id and the fragment id.
fn fragment_ids(packet: &mut impl Buf) -> Result<(u64, u64), ProtocolError> {
    let (Ok(sequence), Ok(fragment)) = (packet.try_get_u64(), packet.try_get_u64()) else {
        return Err(ProtocolError::PacketTooShort);
    };
    Ok((sequence, fragment))
}

#[cfg(test)]
mod tests {
    use bytes::BufMut;
    use proptest::prelude::*;

    use super::super::tests::{inbound, message, node, packets, pid};
    use super::super::{Outbound, OutgoingMessage};
    use super::*;
    use crate::dist::packet::{FrameLimit, LengthSize, Packets};
    use crate::term::{Pid, Term};

    /// What a connection does that reads pieces of these sizes, over and over: the payloads of the messages that came,
    /// and how many bytes were read to their place.
    fn read(mut stream: &[u8], sizes: &[usize]) -> (Vec<Term>, usize) {
        let packets = Packets { length_size: LengthSize::Four, limit: FrameLimit::DEFAULT };
        let mut inbound = inbound(&node("aa@vm"), Flags::full_node());
        let (mut input, mut came, mut placed) = (BytesMut::new(), Vec::new(), 0);
        let mut sizes = sizes.iter().cycle();
        while !stream.is_empty() {
            let size = *sizes.next().unwrap();
            let read = match inbound.place() {
                Some(mut place) => {
                    let size = size.min(stream.len()).min(place.remaining_mut());
                    place.put_slice(&stream[..size]);
                    placed += size;
                    size
                }
                None => {
                    input.put_slice(&stream[..size.min(stream.len())]);
                    size.min(stream.len())
                }
            };
            stream = &stream[read..];
            came.extend(inbound.finish_packet().unwrap());
            while let Some(packet) = packets.take(&mut input).unwrap() {
                came.extend(inbound.handle_packet(packet).unwrap());
            }
            inbound.begin_packet(&mut input).unwrap();
        }
        assert_eq!(inbound.incomplete_bytes(), 0);
        let payload = |event| message(Some(event)).payload.unwrap().to_term().unwrap();
        (came.into_iter().map(payload).collect(), placed)
    }

    /// The bytes of messages of these sizes, each of the process with that number, and their payloads as they come.
    fn written(messages: &[(u32, usize)]) -> (Vec<u8>, Vec<Term>) {
        let mut outbound = Outbound::new(Flags::full_node());
        for (number, (id, size)) in messages.iter().enumerate() {
            let mut outgoing = OutgoingMessage::new(outbound.flags());
            let from = Pid { id: *id, ..pid("aa@vm") };
            let control = ControlMessage::SendSender { from, to: pid("bb@vm") };
            let bytes: Vec<u8> =
                (0..*size).map(|at| ((at / 1000 + number) % 251).try_into().unwrap()).collect();
            let payload = Term::tuple([number.into(), Term::from(Bytes::from(bytes))]);
            outgoing.encode_with(&control, |writer| writer.term(&payload)).unwrap();
            outbound.push(&mut outgoing);
        }
        let (mut stream, mut expected) = (Vec::new(), Vec::new());
        let mut whole = inbound(&node("aa@vm"), Flags::full_node());
        for packet in packets(&mut outbound) {
            stream.put_u32(packet.len().try_into().unwrap());
            stream.put_slice(&packet);
            if let Some(event) = whole.handle_packet(packet).unwrap() {
                expected.push(message(Some(event)).payload.unwrap().to_term().unwrap());
            }
        }
        (stream, expected)
    }

    #[test]
    fn most_of_a_large_message_is_read_to_its_place() {
        let (stream, expected) = written(&[(1, 3 << 20)]);
        let (came, placed) = read(&stream, &[4096]);
        assert!(came == expected);
        assert!(placed > 2 << 20, "{placed}");
    }

    #[test]
    fn a_fragment_of_nothing_is_refused_when_it_begins() {
        let mut inbound = inbound(&node("aa@vm"), Flags::full_node());
        let mut input = BytesMut::from(&[0, 1, 0, 0, 131, 70][..]);
        input.put_u64(7);
        inbound.begin_packet(&mut input).unwrap();
        assert_eq!(input.len(), 14, "not all of the numbers are there");
        input.put_u64(1);
        assert!(matches!(inbound.begin_packet(&mut input), Err(ProtocolError::Fragment(_))));
    }

    proptest! {
        #![proptest_config(crate::term::arbitrary::cases(40))]

        #[test]
        fn fragments_arrive_whole_however_they_are_read(
            messages in prop::collection::vec((0..3u32, prop::sample::select(&[0, 10, 5000, 70_000, 200_000, 700_000][..])), 1..8),
            sizes in prop::collection::vec(1..100_000usize, 1..8),
        ) {
            let (stream, expected) = written(&messages);
            let (came, _) = read(&stream, &sizes);
            prop_assert!(came == expected);
        }
    }
}

//! A node played by hand: control messages out, control messages in, in the order of the test.

use bytes::BytesMut;

use super::cluster::COOKIE;
use super::soon;
use crate::dist::connection::{Event, Inbound, Outbound, OutgoingMessage, OutputQueue};
use crate::dist::control::ControlMessage;
use crate::dist::driver;
use crate::dist::fragment::FragmentLimits;
use crate::dist::handshake::{Initiate, OwnName};
use crate::dist::packet::{FrameLimit, LengthSize, Packets};
use crate::dist::transport::Stream;
use crate::dist::{Cookie, Flags, NodeName};
use crate::node::Node;
use crate::term::{Creation, Pid, Reference, Term};

pub(crate) const PEER_CREATION: Creation = Creation(7);

pub(crate) struct Peer {
    name: NodeName,
    stream: Stream,
    outbound: Outbound,
    inbound: Inbound,
    input: BytesMut,
    flags: Flags,
}

impl Peer {
    /// Connects to `node` as a hidden node of that name.
    pub(crate) async fn connect(node: &Node, name: &str) -> Peer {
        Peer::connect_with(node, name, Flags::full_node() - Flags::PUBLISHED).await.unwrap()
    }

    /// The same as a node that understands no more than `flags`.
    pub(super) async fn connect_with(
        node: &Node,
        name: &str,
        flags: Flags,
    ) -> Result<Peer, driver::SetupError> {
        let stream =
            Stream::connect(&[([127, 0, 0, 1], node.dist_port()).into()], super::PATIENCE).await.unwrap();
        let settings = Initiate {
            own: OwnName::Named { name: NodeName::new(name).unwrap(), creation: PEER_CREATION },
            flags,
            required: Flags::MANDATORY,
            peer: Some(node.name().clone()),
            cookie: Cookie::new(COOKIE).unwrap(),
            challenge: 1,
            length_size: LengthSize::Two,
        };
        let (established, input) = driver::initiate(&stream, settings, super::PATIENCE, || true).await?;
        Ok(Peer {
            name: NodeName::new(name).unwrap(),
            stream,
            outbound: Outbound::new(established.flags),
            inbound: Inbound::new(&established.peer, established.flags, FragmentLimits::default()),
            input,
            flags: established.flags,
        })
    }

    pub(crate) fn pid(&self, id: u32) -> Pid {
        Pid { node: self.name.as_atom().clone(), id, serial: 0, creation: PEER_CREATION }
    }

    pub(crate) fn reference(&self, id: u32) -> Reference {
        Reference::new(self.name.as_atom().clone(), PEER_CREATION, &[id, 0, 0]).unwrap()
    }

    pub(crate) async fn send(&mut self, control: ControlMessage) {
        let mut message = OutgoingMessage::new(self.flags);
        message.encode(&control).unwrap();
        self.write(message).await;
    }

    pub(crate) async fn send_with(&mut self, control: ControlMessage, payload: &Term) {
        let mut message = OutgoingMessage::new(self.flags);
        message.encode_with(&control, |writer| writer.term(payload)).unwrap();
        self.write(message).await;
    }

    async fn write(&mut self, mut message: OutgoingMessage) {
        self.outbound.push(&mut message);
        let mut queue = OutputQueue::new();
        loop {
            self.outbound.take(&mut queue);
            if queue.is_empty() {
                return;
            }
            let mut slices = [std::io::IoSlice::new(&[]); 64];
            let filled = queue.io_slices(&mut slices);
            let bytes: Vec<u8> = slices[..filled].iter().flat_map(|slice| slice.to_vec()).collect();
            soon(self.stream.write_all(&bytes)).await.unwrap();
            let written = bytes.len();
            queue.advance(written);
        }
    }

    /// The next control message with its payload; `None` when the node has closed the connection.
    pub(crate) async fn receive(&mut self) -> Option<(ControlMessage, Option<Term>)> {
        let packets = Packets { length_size: LengthSize::Four, limit: FrameLimit::DEFAULT };
        loop {
            while let Some(packet) = packets.take(&mut self.input).unwrap() {
                if let Some(Event::Message(message)) = self.inbound.handle_packet(packet).unwrap() {
                    let payload = message.payload.map(|payload| payload.to_term().unwrap());
                    return Some((message.control, payload));
                }
            }
            self.input.reserve(4096);
            match soon(self.stream.read(&mut self.input)).await {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }
}

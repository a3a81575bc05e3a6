//! Large messages on their way out, in turns.
//!
//! Each process with a large message under way has a lane, and the lanes take turns, a fragment each. What the same
//! process sends meanwhile waits in its lane, since its messages must arrive in order; what others send goes straight
//! to the queue:
//!
//! ```text
//! small messages of others ───────────────────────────────┐
//! lane of <0.90.0>:  fragment 3, 2, 1, then what it held ──┼─▶ queue
//! lane of <0.91.0>:  fragment 900, 899, …                 ──┘
//! ```

use std::collections::VecDeque;

use bytes::{BufMut, Bytes, BytesMut};

use super::{FIRST_FRAGMENT, NEXT_FRAGMENT, OutgoingMessage};
use crate::dist::control::Sender;
use crate::term::Atom;
use crate::term::etf::tag;

/// How large a message has to be to be cut into fragments, and how large those are: 64 KiB, as in OTP.
pub const FRAGMENT_SIZE: usize = 64 << 10;

/// Large messages that are under way.
#[derive(Debug, Default)]
pub(super) struct Fragmenter {
    /// Those that had their turn longest ago first.
    lanes: VecDeque<Lane>,
    sequences: u64,
    /// How many bytes wait in all lanes, without headers.
    bytes: usize,
}

/// What one process sends.
#[derive(Debug)]
struct Lane {
    sender: Sender,
    message: Large,
    /// What comes after it.
    held: VecDeque<OutgoingMessage>,
}

/// A message that is cut into fragments.
#[derive(Debug)]
struct Large {
    sequence: u64,
    /// How many fragments are left.
    fragments: u64,
    /// How many bytes the next fragment has.
    size: usize,
    /// How many bytes are left.
    left: usize,
    pieces: VecDeque<Bytes>,
    /// Of the message, for the header that the first fragment has; `None` once that is out.
    atoms: Option<Vec<Atom>>,
}

/// What can go out next.
#[derive(Debug)]
pub(super) enum Turn {
    /// A fragment: what its packet starts with after the length, up to the header; the atoms of the header, if it is
    /// a first one; and the bytes after that.
    Fragment(BytesMut, Option<Vec<Atom>>, Vec<Bytes>),
    /// A message that was held back.
    Message(OutgoingMessage),
}

impl Fragmenter {
    /// How many bytes wait, without headers.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The same, but of each message that is being cut only so many at most.
    pub(super) fn bytes_up_to(&self, most: usize) -> usize {
        let over: usize = self.lanes.iter().map(|lane| lane.message.left.saturating_sub(most)).sum();
        self.bytes - over
    }

    /// How many processes have something under way.
    pub(super) fn lanes(&self) -> usize {
        self.lanes.len()
    }

    /// Whether this is a message to be cut into fragments, where the other node knows them.
    pub(super) fn is_large(message: &OutgoingMessage) -> bool {
        message.len() > FRAGMENT_SIZE && message.control_before_payload().is_some()
    }

    /// Whether a message of `sender` has to wait for what is under way.
    pub(super) fn holds(&self, sender: Sender) -> bool {
        self.lanes.iter().any(|lane| lane.sender == sender)
    }

    /// Takes a message that is large, or of a sender that is [held](Fragmenter::holds), and leaves an empty one.
    pub(super) fn push(&mut self, message: &mut OutgoingMessage) {
        self.bytes += message.len();
        let sender = message.sender();
        if let Some(lane) = self.lanes.iter_mut().find(|lane| lane.sender == sender) {
            let empty = OutgoingMessage::new(message.flags());
            lane.held.push_back(std::mem::replace(message, empty));
        } else {
            let message = self.cut(message);
            self.lanes.push_back(Lane { sender, message, held: VecDeque::new() });
        }
    }

    /// What can go out next, of the lane whose turn it is.
    pub(super) fn next(&mut self) -> Option<Turn> {
        let mut lane = self.lanes.pop_front()?;
        if lane.message.fragments > 0 {
            let turn = lane.message.next_fragment();
            if let Turn::Fragment(_, _, pieces) = &turn {
                self.bytes -= pieces.iter().map(Bytes::len).sum::<usize>();
            }
            if lane.message.fragments > 0 || !lane.held.is_empty() {
                self.lanes.push_back(lane);
            }
            return Some(turn);
        }
        let mut message = lane.held.pop_front()?;
        if Fragmenter::is_large(&message) {
            lane.message = self.cut(&mut message);
            self.lanes.push_front(lane);
            return self.next();
        }
        self.bytes -= message.len();
        if !lane.held.is_empty() {
            // Small as it is, it does not use up the turn.
            self.lanes.push_front(lane);
        }
        Some(Turn::Message(message))
    }

    /// Takes the pieces out of a message.
    fn cut(&mut self, message: &mut OutgoingMessage) -> Large {
        // Everything up to the payload has to be in the first fragment.
        let size = FRAGMENT_SIZE.max(message.control_before_payload().unwrap_or(0));
        let left = message.len();
        let rest = left.saturating_sub(size);
        let fragments = 1 + rest.div_ceil(FRAGMENT_SIZE) as u64;
        let atoms = Some(message.atoms().to_vec());
        let mut pieces = VecDeque::new();
        message.take_pieces(&mut pieces);
        self.sequences += 1;
        Large { sequence: self.sequences, fragments, size, left, pieces, atoms }
    }
}

impl Large {
    fn next_fragment(&mut self) -> Turn {
        let atoms = self.atoms.take();
        let mut start = BytesMut::new();
        start.put_slice(&[tag::VERSION, if atoms.is_some() { FIRST_FRAGMENT } else { NEXT_FRAGMENT }]);
        start.put_u64(self.sequence);
        start.put_u64(self.fragments);
        let mut pieces = Vec::new();
        let mut missing = self.size;
        while missing > 0
            && let Some(piece) = self.pieces.front_mut()
        {
            if piece.len() <= missing {
                missing -= piece.len();
                pieces.extend(self.pieces.pop_front());
            } else {
                pieces.push(piece.split_to(missing));
                missing = 0;
            }
        }
        self.fragments -= 1;
        self.left -= pieces.iter().map(Bytes::len).sum::<usize>();
        self.size = FRAGMENT_SIZE;
        Turn::Fragment(start, atoms, pieces)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::super::tests::{inbound, message, node, packets, packets_of, pid};
    use super::super::{Inbound, Outbound, OutputQueue};
    use super::*;
    use crate::atom;
    use crate::dist::Flags;
    use crate::dist::control::{ControlMessage, PidOrName};
    use crate::term::{Pid, Reference, Term};

    fn process(id: u32) -> Pid {
        Pid { id, ..pid("aa@vm") }
    }

    fn push(outbound: &mut Outbound, control: &ControlMessage, payload: &Term) {
        let mut message = OutgoingMessage::new(outbound.flags());
        message.encode_with(control, |writer| writer.term(payload)).unwrap();
        outbound.push(&mut message);
        assert!(message.is_empty());
    }

    /// A message of process `id` with a number and so many bytes.
    fn send(outbound: &mut Outbound, id: u32, number: usize, size: usize) {
        let control = ControlMessage::SendSender { from: process(id), to: pid("bb@vm") };
        let payload = Term::tuple([number.into(), Term::from(Bytes::from(vec![1; size]))]);
        push(outbound, &control, &payload);
    }

    /// The senders and numbers of the messages in `packets`.
    fn receive(inbound: &mut Inbound, packets: Vec<Bytes>) -> Vec<(u32, Term)> {
        let mut came = Vec::new();
        for packet in packets {
            let Some(event) = inbound.handle_packet(packet).unwrap() else { continue };
            let message = message(Some(event));
            let payload = message.payload.unwrap().to_term().unwrap();
            match message.control {
                ControlMessage::SendSender { from, .. } => {
                    came.push((from.id, payload.as_tuple().unwrap()[0].clone()));
                }
                _ => came.push((0, payload)),
            }
        }
        came
    }

    #[test]
    fn small_messages_of_others_go_between_fragments() {
        let flags = Flags::full_node();
        let (mut outbound, mut inbound) = (Outbound::new(flags), inbound(&node("aa@vm"), flags));
        let mut queue = OutputQueue::new();
        send(&mut outbound, 1, 0, 1_000_000);
        outbound.take(&mut queue);
        assert_eq!(queue.len() / FRAGMENT_SIZE, 2, "not all at once");
        assert!(receive(&mut inbound, packets_of(&mut queue)).is_empty());
        send(&mut outbound, 2, 0, 10);
        send(&mut outbound, 1, 1, 10);
        outbound.push_tick();
        outbound.take(&mut queue);
        let mut packets_then = packets_of(&mut queue);
        assert!(packets_then.remove(1).is_empty(), "a tick passes, too");
        assert_eq!(receive(&mut inbound, packets_then), [(2, 0.into())]);
        assert_eq!(receive(&mut inbound, packets(&mut outbound)), [(1, 0.into()), (1, 1.into())]);
    }

    #[test]
    fn large_messages_take_turns() {
        let flags = Flags::full_node();
        let (mut outbound, mut inbound) = (Outbound::new(flags), inbound(&node("aa@vm"), flags));
        send(&mut outbound, 1, 0, 5_000_000);
        send(&mut outbound, 2, 0, 300_000);
        send(&mut outbound, 3, 0, 200_000);
        let came = receive(&mut inbound, packets(&mut outbound));
        assert_eq!(came, [(3, 0.into()), (2, 0.into()), (1, 0.into())]);
    }

    #[test]
    fn what_may_be_of_a_sender_under_way_comes_after_its_messages() {
        let flags = Flags::full_node();
        let (mut outbound, mut inbound) = (Outbound::new(flags), inbound(&node("aa@vm"), flags));
        send(&mut outbound, 1, 0, 1_000_000);
        let reference = Reference::new(atom!("bb@vm"), pid("bb@vm").creation, &[1]).unwrap();
        let down = ControlMessage::PayloadMonitorPExit {
            from: PidOrName::Name(atom!("name_of_1")),
            to: pid("bb@vm"),
            reference,
        };
        push(&mut outbound, &down, &atom!("normal").into());
        let came = receive(&mut inbound, packets(&mut outbound));
        assert_eq!(came, [(1, 0.into()), (0, atom!("normal").into())]);
    }

    #[test]
    fn fragments_are_as_otp_makes_them() {
        let flags = Flags::full_node();
        let mut outbound = Outbound::new(flags);
        send(&mut outbound, 1, 0, 200_000);
        let packets = packets(&mut outbound);
        assert_eq!(packets.len(), 4);
        // The version, the kind, two numbers; the first has a header too.
        assert!(packets[0].starts_with(&[131, 69, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 4]));
        assert!(packets[1].starts_with(&[131, 70, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 3]));
        assert_eq!(packets[1].len(), 65554);
    }

    #[test]
    fn without_the_flag_there_are_no_fragments() {
        let flags = Flags::full_node() - Flags::FRAGMENTS;
        let mut outbound = Outbound::new(flags);
        send(&mut outbound, 1, 0, 200_000);
        assert_eq!(packets(&mut outbound).len(), 1);
    }

    proptest! {
        #![proptest_config(crate::term::arbitrary::cases(60))]

        #[test]
        fn the_messages_of_each_process_arrive_in_order(
            steps in prop::collection::vec((0..4u32, prop::sample::select(&[0, 10, 5000, 70_000, 400_000][..]), any::<bool>()), 0..40),
        ) {
            let flags = Flags::full_node();
            let (mut outbound, mut inbound) = (Outbound::new(flags), inbound(&node("aa@vm"), flags));
            let mut queue = OutputQueue::new();
            let mut came = Vec::new();
            for (number, (id, size, is_taken)) in steps.iter().enumerate() {
                send(&mut outbound, *id, number, *size);
                if *is_taken {
                    outbound.take(&mut queue);
                    came.extend(receive(&mut inbound, packets_of(&mut queue)));
                }
            }
            came.extend(receive(&mut inbound, packets(&mut outbound)));
            prop_assert_eq!(came.len(), steps.len());
            prop_assert_eq!(inbound.incomplete_bytes(), 0);
            let mut last: HashMap<u32, Term> = HashMap::new();
            for (id, number) in came {
                if let Some(before) = last.insert(id, number.clone()) {
                    prop_assert!(before < number);
                }
            }
        }
    }
}

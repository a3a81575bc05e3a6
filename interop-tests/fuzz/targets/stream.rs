//! A connected stream: the packets of a node after the handshake. What they say is sent on to a second node.
#![no_main]

use std::io::IoSlice;

use bytes::{Bytes, BytesMut};
use erlnode::dist::connection::{
    Event, Inbound, IncomingMessage, Outbound, OutgoingMessage, OutputQueue, ProtocolError,
};
use erlnode::dist::control::PayloadPlace;
use erlnode::dist::fragment::FragmentLimits;
use erlnode::dist::packet::{FrameLimit, LengthSize, Packets};
use erlnode_fuzz::{bound_memory, check_term, flags, peer_name, pieces};
use libfuzzer_sys::fuzz_target;

const LIMITS: FragmentLimits = FragmentLimits { sequences: 4, bytes: 1 << 16 };

fn packets(outbound: &mut Outbound) -> Vec<Bytes> {
    let (mut queue, mut bytes) = (OutputQueue::new(), BytesMut::new());
    loop {
        outbound.take(&mut queue);
        if queue.is_empty() {
            break;
        }
        let mut slices = [IoSlice::new(&[]); 3];
        let filled = queue.io_slices(&mut slices);
        slices[..filled].iter().for_each(|slice| bytes.extend_from_slice(slice));
        queue.advance(slices[..filled].iter().map(|slice| slice.len()).sum());
    }
    let packets = Packets { length_size: LengthSize::Four, limit: FrameLimit::DEFAULT };
    std::iter::from_fn(|| packets.take(&mut bytes).expect("no packet is too long")).collect()
}

fuzz_target!(|data: &[u8]| {
    bound_memory(data);
    let Some((&choice, data)) = data.split_first() else { return };
    let flags = flags(choice);
    let mut first = Inbound::new(&peer_name(), flags, LIMITS);
    let mut second = Inbound::new(&peer_name(), flags, FragmentLimits::default());
    let (mut outbound, mut outgoing) = (Outbound::new(flags), OutgoingMessage::new(flags));
    for piece in pieces(data) {
        let Ok(event) = first.handle_packet(Bytes::copy_from_slice(piece)) else { return };
        assert!(first.incomplete_bytes() <= LIMITS.bytes);
        let Some(Event::Message(IncomingMessage { control, payload })) = event else { continue };
        assert_eq!(payload.is_some(), control.has_payload());
        let Ok(form) = control.form(flags) else { continue };
        let place = form.payload();
        let encoded = match &payload {
            Some(payload) => {
                let mut reader = payload.reader();
                let term = payload.to_term();
                assert_eq!(reader.check().is_ok(), term.is_ok());
                let Ok(term) = term else { continue };
                check_term(&term);
                outgoing.encode_with(&control, |writer| payload.write_to(writer))
            }
            None => outgoing.encode(&control),
        };
        // Only for a native record, which the other node does not know.
        let Ok(()) = encoded else { continue };
        outbound.push(&mut outgoing);
        let mut again = None;
        for packet in packets(&mut outbound) {
            match second.handle_packet(packet) {
                Ok(event) => again = event,
                // An exit signal in the newest form can be in anybody's name, in the older ones it can't.
                Err(ProtocolError::ForeignSender { .. }) => return,
                Err(error) => panic!("what was written from {control:?} can't be read: {error}"),
            }
        }
        let Some(Event::Message(again)) = again else { panic!("{control:?} is lost") };
        if place != PayloadPlace::Inside && again.control.operation() == control.operation() {
            assert_eq!(again.control, control);
        }
        if let (Some(before), Some(after)) = (payload, again.payload) {
            assert!(before.to_term() == after.to_term(), "{before:?} {after:?}");
        }
    }
});

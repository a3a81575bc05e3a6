//! What something answers that says it is an epmd.
#![no_main]

use erlnode::epmd::NodeEntry;
use erlnode::epmd::message::{AliveReply, Dump, KillReply, Listing, PortReply, StopReply, encode_names};
use erlnode_fuzz::bound_memory;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    bound_memory(data);
    if let Ok(reply) = AliveReply::decode(data) {
        let highest = if data.first() == Some(&118) { 6 } else { 5 };
        let mut out = Vec::new();
        reply.encode(highest, &mut out);
        assert_eq!(AliveReply::decode(&out), Ok(reply));
        assert_eq!(AliveReply::length(data[0]), Some(out.len()));
        assert!(reply == AliveReply::Refused || data.starts_with(&out));
    }
    if let Ok(reply) = PortReply::decode(data) {
        let mut out = Vec::new();
        reply.encode(&mut out);
        assert_eq!(PortReply::decode(&out), Ok(reply.clone()));
        assert!(reply == PortReply::NotFound || data.starts_with(&out));
    }
    if let Ok(listing) = Listing::decode(data) {
        let nodes: Vec<NodeEntry> =
            listing.nodes.iter().filter_map(|node| NodeEntry::new(&node.name, node.port).ok()).collect();
        let mut out = Vec::new();
        encode_names(listing.epmd_port, &nodes, &mut out);
        let again = Listing::decode(&out).expect("what was encoded can be decoded");
        assert_eq!(again.epmd_port, listing.epmd_port);
        assert_eq!(again.nodes.len(), nodes.len());
    }
    let _ = Dump::decode(data);
    if let Ok(reply) = KillReply::decode(data) {
        assert_eq!(reply.as_bytes(), data);
    }
    if let Ok(reply) = StopReply::decode(data) {
        assert_eq!(StopReply::decode(reply.as_bytes()), Ok(reply));
    }
});

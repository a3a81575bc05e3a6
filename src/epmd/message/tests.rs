//! Bytes as OTP's daemon takes and gives them.

use proptest::prelude::*;

use super::*;
use crate::term::Creation;

fn foo() -> NodeEntry {
    NodeEntry::new("foo", 5000).unwrap()
}

fn encoded(request: Request<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    request.encode(&mut out).unwrap();
    out
}

#[test]
fn a_registration_is_written_as_nodes_do() {
    let bytes = encoded(Request::Alive(RawEntry::from(&foo())));
    assert_eq!(bytes, b"\x00\x10\x78\x13\x88M\x00\x00\x06\x00\x05\x00\x03foo\x00\x00");
    let hidden = foo().hidden().with_extra("EXT").unwrap();
    let bytes = encoded(Request::Alive(RawEntry::from(&hidden)));
    assert_eq!(bytes, b"\x00\x13\x78\x13\x88H\x00\x00\x06\x00\x05\x00\x03foo\x00\x03EXT");
}

#[test]
fn the_other_requests_are_written_as_documented() {
    assert_eq!(encoded(Request::Port("foo")), b"\x00\x04zfoo");
    assert_eq!(encoded(Request::Names), b"\x00\x01n");
    assert_eq!(encoded(Request::Dump), b"\x00\x01d");
    assert_eq!(encoded(Request::Kill), b"\x00\x01k");
    assert_eq!(encoded(Request::Stop(b"foo")), b"\x00\x04sfoo");
}

#[test]
fn a_request_too_long_for_any_daemon_is_not_written() {
    let mut out = b"before".to_vec();
    let longest = "x".repeat(MAX_REQUEST_BYTES - 3);
    assert_eq!(Request::Port(&longest).encode(&mut out), Ok(()));
    out.truncate(6);
    for bytes in [longest.len() + 1, 100_000] {
        let error = Request::Port(&"x".repeat(bytes)).encode(&mut out);
        assert_eq!(error, Err(RequestTooLong { bytes: bytes + 3 }));
    }
    let foo = foo();
    let entry = RawEntry { extra: &[0; 70_000], ..RawEntry::from(&foo) };
    assert!(Request::Alive(entry).encode(&mut out).is_err());
    assert_eq!(out, b"before");
}

#[test]
fn a_lookup_is_for_a_lawful_name_and_perhaps_one_nul() {
    assert_eq!(Request::decode(b"zfoo"), Ok(Request::Port("foo")));
    assert_eq!(Request::decode(b"zfoo\0"), Ok(Request::Port("foo")));
    let long = format!("z{}", "\u{e9}".repeat(256));
    for bad in [b"z".as_slice(), b"z\0", b"zfoo\0\0", b"zfoo\0bar", b"z\xff", long.as_bytes()] {
        assert_eq!(Request::decode(bad), Err(DecodeError::Name { message: "PORT2_REQ" }));
    }
}

#[test]
fn the_name_of_a_stop_ends_at_the_first_nul() {
    assert_eq!(Request::decode(b"sfoo\0bar"), Ok(Request::Stop(b"foo")));
    assert_eq!(Request::decode(b"s\0"), Ok(Request::Stop(b"")));
    assert_eq!(Request::decode(b"s"), Err(DecodeError::Name { message: "STOP_REQ" }));
}

#[test]
fn bytes_that_are_announced_but_not_used_are_ignored() {
    assert_eq!(Request::decode(b"nabc"), Ok(Request::Names));
    assert_eq!(Request::decode(b"d\0"), Ok(Request::Dump));
    assert_eq!(Request::decode(b"kabc"), Ok(Request::Kill));
    let mut bytes = encoded(Request::Alive(RawEntry::from(&foo()))).split_off(2);
    bytes.extend_from_slice(&[b'x'; 100]);
    assert_eq!(Request::decode(&bytes), Ok(Request::Alive(RawEntry::from(&foo()))));
}

#[test]
fn a_registration_must_be_whole_and_have_a_name_without_nul() {
    let bytes = encoded(Request::Alive(RawEntry::from(&foo()))).split_off(2);
    for length in 1..bytes.len() {
        let result = Request::decode(&bytes[..length]);
        assert!(matches!(result, Err(DecodeError::Truncated { message: "ALIVE2_REQ", .. })), "{result:?}");
    }
    let foo = foo();
    for name in [b"".as_slice(), b"f\0o", b"foo\0"] {
        let entry = RawEntry { name, ..RawEntry::from(&foo) };
        let result = encoded(Request::Alive(entry));
        assert_eq!(Request::decode(&result[2..]), Err(DecodeError::Name { message: "ALIVE2_REQ" }));
    }
}

#[test]
fn what_only_old_nodes_sent_is_unknown() {
    assert_eq!(Request::decode(b"a\0\0xx"), Err(DecodeError::Tag { tag: 97 }));
    assert_eq!(Request::decode(b"pfoo"), Err(DecodeError::Tag { tag: 112 }));
    assert!(Request::decode(b"").is_err());
}

#[test]
fn a_frame_is_waited_for_unless_its_length_is_absurd() {
    assert_eq!(Frame::find(b""), Ok(Frame::Missing(2)));
    assert_eq!(Frame::find(b"\0"), Ok(Frame::Missing(1)));
    assert_eq!(Frame::find(b"\0\x04zf"), Ok(Frame::Missing(2)));
    assert_eq!(Frame::find(b"\0\x01n"), Ok(Frame::Whole(b"n")));
    assert_eq!(Frame::find(b"\0\x01nn"), Err(DecodeError::Excess { excess: 1 }));
    assert_eq!(Frame::find(b"\0\0"), Err(DecodeError::Length { length: 0, max: 3057 }));
    assert_eq!(Frame::find(&3057_u16.to_be_bytes()), Ok(Frame::Missing(3057)));
    assert_eq!(Frame::find(&3058_u16.to_be_bytes()), Err(DecodeError::Length { length: 3058, max: 3057 }));
}

#[test]
fn the_highest_version_chooses_the_reply_to_a_registration() {
    let cases = [
        (AliveReply::Registered(Creation(0x6b00_daef)), 6, b"v\0\x6b\0\xda\xef".as_slice()),
        (AliveReply::Registered(Creation(2)), 5, b"y\0\0\x02"),
        (AliveReply::Registered(Creation(3)), 0, b"y\0\0\x03"),
        (AliveReply::Refused, 65535, b"v\x01\0\0\0c"),
        (AliveReply::Refused, 5, b"y\x01\0c"),
    ];
    for (reply, highest, bytes) in cases {
        let mut out = Vec::new();
        reply.encode(highest, &mut out);
        assert_eq!(out, bytes);
        assert_eq!(AliveReply::length(out[0]), Some(out.len()));
        assert_eq!(AliveReply::decode(&out), Ok(reply));
        for length in 0..out.len() {
            assert!(AliveReply::decode(&out[..length]).is_err());
        }
    }
    assert_eq!(AliveReply::decode(b"w\0\0\0\0\0"), Err(DecodeError::Tag { tag: 119 }));
}

#[test]
fn a_found_node_is_written_with_all_it_told() {
    let entry = foo().with_extra("EXT").unwrap();
    let mut out = Vec::new();
    PortReply::Found(entry.clone()).encode(&mut out);
    assert_eq!(out, b"w\0\x13\x88M\0\0\x06\0\x05\0\x03foo\0\x03EXT");
    assert_eq!(PortReply::decode(&out), Ok(PortReply::Found(entry.clone())));
    assert!(PortReply::decode(&out[..out.len() - 1]).is_err());
    out.push(b'x');
    assert_eq!(PortReply::decode(&out), Ok(PortReply::Found(entry)));

    let mut out = Vec::new();
    PortReply::NotFound.encode(&mut out);
    assert_eq!(out, b"w\x01");
    assert_eq!(PortReply::decode(&out), Ok(PortReply::NotFound));
}

#[test]
fn names_are_a_line_each() {
    let mut out = Vec::new();
    encode_names(56, [&NodeEntry::new("five", 5000).unwrap(), &foo()], &mut out);
    assert_eq!(out, b"\0\0\08name five at port 5000\nname foo at port 5000\n");
    let listing = Listing::decode(&out).unwrap();
    assert_eq!(listing.epmd_port, 56);
    let node = |name: &str| ListedNode { name: name.to_owned(), port: 5000 };
    assert_eq!(listing.nodes, [node("five"), node("foo")]);
}

#[test]
fn odd_names_do_not_spoil_the_rest_of_a_listing() {
    let text = b"\0\0\0\0name a at port 1 at port 2\nname x\ny at port 3\n\xff\nname b at port 70000\nname c at port 4\n";
    let listing = Listing::decode(text).unwrap();
    let nodes: Vec<_> = listing.nodes.iter().map(|node| (node.name.as_str(), node.port)).collect();
    assert_eq!(nodes, [("a at port 1", 2), ("c", 4)]);
    assert!(Listing::decode(b"\0\0\0").is_err());
    assert!(Listing::decode(b"\0\x01\0\0").is_err());
}

#[test]
fn a_dump_has_brackets_and_nuls() {
    let mut out = Vec::new();
    encode_dump(56, [("five", 5000, 7), ("foo", 5000, 5)], [("bar", 4000, 6)], &mut out);
    let expected = b"\0\0\08active name     <five> at port 5000, fd = 7\n\0active name     <foo> at port 5000, fd = 5\n\0\
        old/unused name <bar>, port = 4000, fd = 6 \n\0";
    assert_eq!(out, expected);
    let dump = Dump::decode(&out).unwrap();
    assert_eq!((dump.epmd_port, dump.text.as_bytes()), (56, &expected[4..]));
}

#[test]
fn the_short_replies_are_read_back() {
    for reply in [KillReply::Killed, KillReply::Refused] {
        assert_eq!(KillReply::decode(reply.as_bytes()), Ok(reply));
    }
    for reply in [StopReply::Stopped, StopReply::NotFound] {
        assert_eq!(StopReply::decode(reply.as_bytes()), Ok(reply));
    }
    assert_eq!(StopReply::NotFound.as_bytes(), b"NOEXISTSTOPPED");
    assert_eq!(StopReply::decode(b"NOEXIST"), Ok(StopReply::NotFound));
    assert!(KillReply::decode(b"").is_err() && StopReply::decode(b"").is_err());
}

proptest! {
    #[test]
    fn any_bytes_are_decoded_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64), tag in 0_usize..10) {
        let tags = [120, 122, 110, 100, 107, 115, 118, 119, 121, 0];
        let mut tagged = vec![tags[tag]];
        tagged.extend_from_slice(&bytes);
        for input in [&bytes, &tagged] {
            let _ = Frame::find(input);
            let _ = Request::decode(input);
            let _ = AliveReply::decode(input);
            let _ = PortReply::decode(input);
            let _ = Listing::decode(input);
        }
    }

    #[test]
    fn a_node_is_read_as_it_was_written(
        name in "[^\0]{1,255}", port: u16, kind: u8, protocol: u8, highest: u16, lowest: u16,
        extra in proptest::collection::vec(any::<u8>(), 0..1020),
    ) {
        let entry = NodeEntry::new(&name, port).unwrap().with_type(NodeType(kind)).with_protocol(protocol);
        let entry = entry.with_versions(highest, lowest).with_extra(extra).unwrap();
        let bytes = encoded(Request::Alive(RawEntry::from(&entry)));
        let Ok(Frame::Whole(body)) = Frame::find(&bytes) else { panic!("no frame in {bytes:?}") };
        let Ok(Request::Alive(raw)) = Request::decode(body) else { panic!("no request in {body:?}") };
        prop_assert_eq!(NodeEntry::try_from(&raw), Ok(entry.clone()));
        let mut out = Vec::new();
        PortReply::Found(entry.clone()).encode(&mut out);
        prop_assert_eq!(PortReply::decode(&out), Ok(PortReply::Found(entry)));
    }
}

//! The server as its clients see it: bytes out, bytes in, and whether the connection stays.
//!
//! Where the cases of OTP's `epmd_SUITE` are, the same ones in 25.2.3, 27.3.4 and 29.1.1; `interop` is
//! `interop-tests/tests/epmd`:
//!
//! | case | test |
//! | --- | --- |
//! | `register_name`, `get_port_nr` | `a_node_is_registered_found_and_dropped` |
//! | `register_name_ipv6` | `a_node_registers_at_each_address` |
//! | `register_names_1`, `_2` | `two_nodes_end_in_either_order` |
//! | `register_duplicate_name` | `a_clash_leaves_a_connection_without_a_name` |
//! | `unicode_name`, `long_unicode_name`, `alive_req_too_large` | `names_and_extra_have_their_limits` |
//! | `slow_get_port_nr` | `every_request_may_come_byte_by_byte`, `a_connection_that_makes_progress_is_not_idle` |
//! | `unregister_others_name_1` | `a_stop_with_relaxed_check_ends_the_connection_of_the_node` |
//! | `unregister_others_name_2` | interop, `answers`: `both_relaxed_daemons_stop_and_end_alike` |
//! | `register_overflow` | `a_thousand_names_come_and_go_again_and_again` |
//! | `stupid_names_req` | `a_thousand_names_come_and_go_again_and_again` |
//! | `name_with_null_inside`, `name_null_terminated` | `what_is_no_request_gets_no_reply` |
//! | `zero_length`, `too_large`, `alive_req_too_small_1`, `_2` | `what_is_no_request_gets_no_reply` |
//! | `no_data`, `one_byte`, `two_bytes`, `partial_packet` | `a_connection_without_a_request_is_closed_after_a_minute` |
//! | `returns_valid_empty_extra`, `returns_valid_populated_extra_with_nulls` | `a_lookup_gives_extra_as_it_came` |
//! | `names_stdout` | interop, `command`: `the_queries_print_as_those_of_otp_25`, `_27`, `_29` |
//! | `buffer_overrun_1`, `_2` | `no_length_of_extra_leads_beyond_the_request` |
//! | `no_nonlocal_register`, `no_nonlocal_kill` | `other_machines_may_only_look` |
//! | `no_live_killing` | `a_kill_is_refused_while_there_are_nodes`, `what_is_no_request_gets_no_reply` |
//! | `socket_reset_before_alive2_reply_is_written` | `a_connection_reset_before_the_reply_leaves_no_name` |

use std::io::ErrorKind;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::{Duration, advance, sleep};

use super::connection::{Peer, serve};
use super::stream::{Observed, Probe};
use super::*;
use crate::epmd::message::{RawEntry, Request};

async fn start() -> Server {
    Server::builder().port(0).start().await.unwrap()
}

async fn relaxed() -> Server {
    Server::builder().port(0).relaxed_command_check(true).start().await.unwrap()
}

fn framed(body: &[u8]) -> Vec<u8> {
    let mut bytes = u16::try_from(body.len()).unwrap().to_be_bytes().to_vec();
    bytes.extend_from_slice(body);
    bytes
}

fn alive(name: &[u8]) -> Vec<u8> {
    alive_with(name, b"", 6)
}

fn alive_with(name: &[u8], extra: &[u8], highest: u16) -> Vec<u8> {
    let entry = NodeEntry::new("foo", 5000).unwrap();
    let mut out = Vec::new();
    let request = Request::Alive(RawEntry { name, extra, highest, ..RawEntry::from(&entry) });
    request.encode(&mut out).unwrap();
    out
}

async fn connect(server: &Server) -> TcpStream {
    TcpStream::connect(server.local_addrs()[0]).await.unwrap()
}

/// Sends `bytes` and reads until the server closes the connection.
async fn answer(server: &Server, bytes: &[u8]) -> Vec<u8> {
    let mut stream = connect(server).await;
    // The server may close the connection before it has read all of it.
    let _ = stream.write_all(bytes).await;
    let mut reply = Vec::new();
    match stream.read_to_end(&mut reply).await {
        // Bytes that the server did not read make its end a reset.
        Err(error) if error.kind() != ErrorKind::ConnectionReset => panic!("{error}"),
        _ => reply,
    }
}

/// Sends `bytes` and reads a reply after which the server does not close the connection.
async fn hold<const LENGTH: usize>(server: &Server, bytes: &[u8]) -> (TcpStream, [u8; LENGTH]) {
    let mut stream = connect(server).await;
    stream.write_all(bytes).await.unwrap();
    let mut reply = [0; LENGTH];
    stream.read_exact(&mut reply).await.unwrap();
    let more = stream.try_read(&mut [0]);
    assert!(more.is_err_and(|error| error.kind() == ErrorKind::WouldBlock), "more than a reply, or closed");
    (stream, reply)
}

async fn registered(server: &Server, name: &str) -> TcpStream {
    let (stream, reply) = hold::<6>(server, &alive(name.as_bytes())).await;
    assert_eq!(reply[..2], *b"v\0");
    stream
}

/// Ends a connection and waits until the server has done so too, by when it has dropped the name.
async fn end(mut stream: TcpStream) {
    stream.shutdown().await.unwrap();
    assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
}

#[tokio::test]
async fn a_node_is_registered_found_and_dropped() {
    let server = start().await;
    assert_eq!(answer(&server, &framed(b"zfoo")).await, b"w\x01");
    let node = registered(&server, "foo").await;
    assert_eq!(answer(&server, &framed(b"zfoo")).await, b"w\0\x13\x88M\0\0\x06\0\x05\0\x03foo\0\0");
    assert_eq!(answer(&server, &framed(b"zfoo\0")).await, b"w\0\x13\x88M\0\0\x06\0\x05\0\x03foo\0\0");
    assert_eq!(answer(&server, &framed(b"zFOO")).await, b"w\x01");
    assert_eq!(server.nodes().len(), 1);
    end(node).await;
    assert_eq!(answer(&server, &framed(b"zfoo")).await, b"w\x01");
}

#[tokio::test]
async fn any_byte_ends_a_registration() {
    let server = start().await;
    let mut node = registered(&server, "foo").await;
    node.write_all(b"x").await.unwrap();
    assert_eq!(node.read(&mut [0]).await.unwrap(), 0);
    assert_eq!(answer(&server, &framed(b"zfoo")).await, b"w\x01");
}

#[tokio::test]
async fn a_byte_together_with_the_registration_voids_it() {
    let server = start().await;
    let mut bytes = alive(b"foo");
    bytes.push(b'x');
    assert_eq!(answer(&server, &bytes).await, b"");
    assert!(server.nodes().is_empty());
}

#[tokio::test]
async fn a_clash_leaves_a_connection_without_a_name() {
    let server = start().await;
    let node = registered(&server, "foo").await;
    let (mut second, reply) = hold::<6>(&server, &alive(b"foo")).await;
    assert_eq!(reply, *b"v\x01\0\0\0c");
    second.write_all(&framed(b"n")).await.unwrap();
    assert_eq!(second.read(&mut [0]).await.unwrap(), 0, "no request is taken on it any more");
    let (third, _) = hold::<6>(&server, &alive(b"foo")).await;
    end(third).await;
    assert_eq!(server.nodes().len(), 1, "the end of a connection without a name drops none");
    end(node).await;
    end(registered(&server, "foo").await).await;
}

#[tokio::test]
async fn the_creation_counts_up_with_each_use_of_a_name() {
    let server = start().await;
    let mut creations = Vec::new();
    for _ in 0..3 {
        let (node, reply) = hold::<6>(&server, &alive(b"foo")).await;
        creations.push(u32::from_be_bytes(reply[2..].try_into().unwrap()));
        end(node).await;
    }
    assert!(creations[0] > 1_700_000_000);
    assert_eq!(creations[1..], [creations[0] + 1, creations[0] + 2]);
    let (_node, reply) = hold::<4>(&server, &alive_with(b"foo", b"", 5)).await;
    assert_eq!(reply[..3], *b"y\0\0");
    assert!((1..=3).contains(&reply[3]));
}

#[tokio::test]
async fn names_and_extra_have_their_limits() {
    let server = start().await;
    let longest = "\u{e9}".repeat(255);
    let extra = [b'x'; 1021];
    let taken = [
        alive(longest.as_bytes()),
        alive(b"a@b"),
        alive_with(b"extra", &extra[..1020], 6),
        alive(&"\u{1d11e}".repeat(255).into_bytes()),
    ];
    for request in taken {
        let (_node, reply) = hold::<6>(&server, &request).await;
        assert_eq!(reply[..2], *b"v\0");
    }
    let (_node, _) = hold::<6>(&server, &alive(longest.as_bytes())).await;
    assert_eq!(answer(&server, &framed(format!("z{longest}").as_bytes())).await[..2], *b"w\0");
    let too_long = "\u{e9}".repeat(256);
    let refused = [alive(too_long.as_bytes()), alive(b"x\xc3"), alive_with(b"extra2", &extra, 6)];
    for request in refused {
        let (_node, reply) = hold::<6>(&server, &request).await;
        assert_eq!(reply, *b"v\x01\0\0\0c");
    }
}

#[tokio::test]
async fn what_is_no_request_gets_no_reply() {
    let server = start().await;
    let registration = alive(b"foo");
    let bad = [
        framed(b""),
        framed(b"\0"),
        framed(b"z"),
        framed(b"a\0\0foo"),
        framed(&registration[2..registration.len() - 2]),
        alive(b""),
        alive(b"f\0o"),
        alive(b"foo\0"),
        framed(&[b'z'; 63_000]),
        framed(&[b'z'; 3057]),
        framed(b"z\xff"),
        [framed(b"n"), framed(b"n")].concat(),
        3058_u16.to_be_bytes().to_vec(),
        framed(b"sfoo"),
    ];
    for request in bad {
        assert_eq!(answer(&server, &request).await, b"", "{request:?}");
    }
    let longest = [&registration[2..], &vec![b'x'; 3057 + 2 - registration.len()]].concat();
    let (_node, reply) = hold::<6>(&server, &framed(&longest)).await;
    assert_eq!(reply[..2], *b"v\0", "bytes that a request does not use are ignored");
}

#[tokio::test]
async fn every_request_may_come_byte_by_byte() {
    let server = relaxed().await;
    let _node = registered(&server, "node").await;
    for request in
        [alive(b"foo"), framed(b"znode"), framed(b"n"), framed(b"d"), framed(b"snobody"), framed(b"snode")]
    {
        let registers = request[2] == b'x';
        let whole = if registers { Vec::new() } else { answer(&server, &request).await };
        let whole = if request.ends_with(b"snode") { b"NOEXISTSTOPPED".to_vec() } else { whole };
        let mut stream = connect(&server).await;
        stream.set_nodelay(true).unwrap();
        for byte in &request {
            stream.write_all(&[*byte]).await.unwrap();
            tokio::task::yield_now().await;
        }
        if registers {
            let mut reply = [0; 6];
            stream.read_exact(&mut reply).await.unwrap();
            assert_eq!(reply[..2], *b"v\0");
            end(stream).await;
        } else {
            let mut reply = Vec::new();
            stream.read_to_end(&mut reply).await.unwrap();
            assert_eq!(reply, whole, "{request:?}");
        }
    }
}

#[tokio::test]
async fn a_node_registers_at_each_address() {
    let server = start().await;
    // A machine may be without IPv6; where it has it, this is one of the addresses.
    let with_ipv6 = std::net::TcpListener::bind("[::1]:0").is_ok();
    assert_eq!(server.local_addrs().iter().any(SocketAddr::is_ipv6), with_ipv6);
    for address in server.local_addrs() {
        let mut node = TcpStream::connect(address).await.unwrap();
        node.write_all(&alive(b"foo")).await.unwrap();
        let mut reply = [0; 6];
        node.read_exact(&mut reply).await.unwrap();
        assert_eq!(reply[..2], *b"v\0", "{address}");
        end(node).await;
    }
}

#[tokio::test]
async fn two_nodes_end_in_either_order() {
    let server = start().await;
    for first_ends_first in [true, false] {
        let (foo, bar) = (registered(&server, "foo").await, registered(&server, "bar").await);
        let (first, second, left) = if first_ends_first { (foo, bar, "bar") } else { (bar, foo, "foo") };
        end(first).await;
        assert_eq!(server.nodes().iter().map(|node| node.name().as_str()).collect::<Vec<_>>(), [left]);
        end(second).await;
        assert!(server.nodes().is_empty());
    }
}

#[tokio::test]
async fn a_lookup_gives_extra_as_it_came() {
    let server = start().await;
    for extra in [b"".as_slice(), b"ABC\0\0"] {
        let (node, reply) = hold::<4>(&server, &alive_with(b"foo", extra, 5)).await;
        assert_eq!(reply[..2], *b"y\0");
        let length = u8::try_from(extra.len()).unwrap();
        let expected = [b"w\0\x13\x88M\0\0\x05\0\x05\0\x03foo\0", [length].as_slice(), extra].concat();
        assert_eq!(answer(&server, &framed(b"zfoo")).await, expected);
        end(node).await;
    }
}

#[tokio::test]
async fn no_length_of_extra_leads_beyond_the_request() {
    let server = start().await;
    let registration = alive(b"gurka");
    let without_extra = &registration[2..registration.len() - 2];
    for length in (1_u16..=3000).step_by(13).chain([u16::MAX]) {
        let bare = [without_extra, &length.to_be_bytes()].concat();
        assert_eq!(answer(&server, &framed(&bare)).await, b"", "a length of {length}, and nothing there");
    }
    for length in [1020_u16, 1021, 3000, 3040, 3050, 10_000] {
        let full = [without_extra, &length.to_be_bytes(), &vec![255; usize::from(length)]].concat();
        let mut stream = connect(&server).await;
        // The server may close the connection before it has read all of it.
        let _ = stream.write_all(&framed(&full)).await;
        let mut reply = [0; 2];
        let read = stream.read_exact(&mut reply).await;
        let expected: Option<&[u8]> = match (full.len(), length) {
            (_, ..=1020) => Some(b"v\0"),
            (..=3057, _) => Some(b"v\x01"),
            _ => None,
        };
        assert_eq!(read.is_ok().then_some(reply.as_slice()), expected, "{length}");
    }
}

#[tokio::test]
async fn a_thousand_names_come_and_go_again_and_again() {
    let server = start().await;
    let names: Vec<String> = (1..=1000).map(|number| format!("foo{number}")).collect();
    for round in 0..4 {
        let mut nodes = Vec::new();
        for name in &names {
            nodes.push(registered(&server, name).await);
        }
        // One ends; the others are all listed, each once.
        end(nodes.remove(0)).await;
        let listing = answer(&server, &framed(b"n")).await;
        let mut listed: Vec<&str> = str::from_utf8(&listing[4..]).unwrap().lines().collect();
        let mut expected: Vec<String> =
            names[1..].iter().map(|name| format!("name {name} at port 5000")).collect();
        listed.sort_unstable();
        expected.sort_unstable();
        assert_eq!(listed, expected);
        if round % 2 == 1 {
            nodes.reverse();
        }
        for node in nodes {
            end(node).await;
        }
        assert!(server.nodes().is_empty());
    }
}

#[tokio::test]
async fn a_connection_reset_before_the_reply_leaves_no_name() {
    let delay = Duration::from_millis(100);
    let server = Server::builder().port(0).delay_write(delay).start().await.unwrap();
    let mut node = connect(&server).await;
    node.write_all(&alive(b"test")).await.unwrap();
    while server.nodes().is_empty() {
        tokio::task::yield_now().await;
    }
    // Without lingering the end of the connection is a reset.
    socket2::SockRef::from(&node).set_linger(Some(Duration::ZERO)).unwrap();
    drop(node);
    let dropped = async {
        while !server.nodes().is_empty() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), dropped).await.expect("the name is dropped");
}

#[tokio::test]
async fn names_and_dump_list_the_newest_first() {
    let server = start().await;
    let port = u32::from(server.port()).to_be_bytes().to_vec();
    let nothing = answer(&server, &framed(b"n")).await;
    assert_eq!(nothing, port);
    let _foo = registered(&server, "foo").await;
    let bar = registered(&server, "bar").await;
    let names = answer(&server, &framed(b"nabc")).await;
    assert_eq!(names, [&port[..], b"name bar at port 5000\nname foo at port 5000\n"].concat());
    end(bar).await;
    let names = answer(&server, &framed(b"n")).await;
    assert_eq!(names, [&port[..], b"name foo at port 5000\n"].concat());
    let dump = answer(&server, &framed(b"d")).await;
    let text =
        b"active name     <foo> at port 5000, fd = 1\n\0old/unused name <bar>, port = 5000, fd = 2 \n\0";
    assert_eq!(dump, [&port[..], text].concat());
}

#[tokio::test]
async fn a_kill_is_refused_while_there_are_nodes() {
    let server = start().await;
    let node = registered(&server, "foo").await;
    assert_eq!(answer(&server, &framed(b"k")).await, b"NO");
    end(node).await;
    assert_eq!(answer(&server, &framed(b"k")).await, b"OK");
    server.killed().await;
    let address = server.local_addrs()[0];
    server.close().await;
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn a_kill_with_relaxed_check_ends_all_connections() {
    let server = relaxed().await;
    let mut node = registered(&server, "foo").await;
    assert_eq!(answer(&server, &framed(b"k")).await, b"OK");
    assert_eq!(node.read(&mut [0]).await.unwrap(), 0);
    server.killed().await;
}

#[tokio::test]
async fn a_stop_with_relaxed_check_ends_the_connection_of_the_node() {
    let server = relaxed().await;
    let mut node = registered(&server, "foo").await;
    assert_eq!(answer(&server, &framed(b"sfoo")).await, b"STOPPED");
    assert_eq!(node.read(&mut [0]).await.unwrap(), 0);
    assert_eq!(answer(&server, &framed(b"sfoo")).await, b"NOEXISTSTOPPED");
    let _again = registered(&server, "foo").await;
    assert_eq!(server.nodes().len(), 1);
}

#[tokio::test]
async fn closing_ends_all_connections_and_frees_the_port() {
    let server = start().await;
    let mut node = registered(&server, "foo").await;
    let mut idle = connect(&server).await;
    let (address, port) = (server.local_addrs()[0], server.port());
    server.close().await;
    assert_eq!(node.read(&mut [0]).await.unwrap(), 0);
    // It may have been closed before it was accepted.
    assert!(matches!(idle.read(&mut [0]).await, Ok(0) | Err(_)));
    assert!(TcpStream::connect(address).await.is_err());
    let next = Server::builder().port(port).start().await.unwrap();
    assert_eq!(next.local_addrs()[0], address);
}

#[tokio::test]
async fn a_port_in_use_is_an_error_of_its_own() {
    let server = start().await;
    let error = Server::builder().port(server.port()).start().await.unwrap_err();
    assert!(matches!(error, BindError::InUse { .. }), "{error}");
}

#[tokio::test]
async fn all_loopback_addresses_have_the_same_port() {
    let server = start().await;
    let addresses = server.local_addrs();
    assert!(addresses.iter().all(|address| address.ip().is_loopback() && address.port() == server.port()));
    assert!(addresses.iter().any(|address| address.ip() == IpAddr::from([127, 0, 0, 1])));
    let everywhere = Server::builder().port(0).addresses([IpAddr::from([0, 0, 0, 0])]).start().await.unwrap();
    let first = everywhere.local_addrs().iter().find(|address| address.is_ipv4()).unwrap();
    assert!(first.ip().is_unspecified());
    TcpStream::connect(("127.0.0.1", everywhere.port())).await.unwrap();
}

#[tokio::test]
async fn an_address_of_another_machine_is_an_error() {
    let elsewhere = IpAddr::from([192, 0, 2, 1]);
    let error = Server::builder().port(0).addresses([elsewhere]).start().await.unwrap_err();
    assert!(matches!(error, BindError::Address { address, .. } if address.ip() == elsewhere), "{error}");
}

#[tokio::test]
async fn connections_beyond_the_limit_are_closed_until_there_is_room() {
    let server = Server::builder().port(0).max_connections(2).start().await.unwrap();
    let foo = registered(&server, "foo").await;
    let _bar = registered(&server, "bar").await;
    assert_eq!(answer(&server, b"").await, b"");
    end(foo).await;
    // The place is free a moment after the end of the connection can be seen.
    while answer(&server, &framed(b"zbar")).await.is_empty() {}
}

#[tokio::test]
async fn names_beyond_the_limit_are_refused_until_there_is_room() {
    let server = Server::builder().port(0).max_names(1).start().await.unwrap();
    let foo = registered(&server, "foo").await;
    assert_eq!(hold::<6>(&server, &alive(b"bar")).await.1, *b"v\x01\0\0\0c");
    end(foo).await;
    registered(&server, "bar").await;
}

#[tokio::test]
async fn a_request_beyond_the_limit_gets_no_reply() {
    let server = Server::builder().port(0).max_request_bytes(6).start().await.unwrap();
    assert_eq!(answer(&server, &framed(b"zfoo")).await, b"w\x01");
    assert_eq!(answer(&server, &framed(b"zfood")).await, b"");
}

#[tokio::test]
async fn a_new_name_takes_the_place_of_an_unused_one_beyond_the_limit() {
    let server = Server::builder().port(0).max_unused_names(0).start().await.unwrap();
    for name in ["a", "b"] {
        end(registered(&server, name).await).await;
    }
    let dump = answer(&server, &framed(b"d")).await;
    assert_eq!(dump[4..], *b"old/unused name <b>, port = 5000, fd = 2 \n\0");
}

#[tokio::test]
async fn a_server_takes_over_sockets_that_listen() {
    let sockets = [(); 2].map(|()| std::net::TcpListener::bind("127.0.0.1:0").unwrap());
    let addresses = sockets.each_ref().map(|socket| socket.local_addr().unwrap());
    // A client can be earlier than the server.
    let mut early = TcpStream::connect(addresses[1]).await.unwrap();
    let server = Server::builder().start_on(sockets.into()).await.unwrap();
    assert_eq!(server.local_addrs(), addresses);
    early.write_all(&framed(b"n")).await.unwrap();
    let mut reply = Vec::new();
    early.read_to_end(&mut reply).await.unwrap();
    assert_eq!(reply, u32::from(addresses[0].port()).to_be_bytes());
}

/// What a node registers, given to the state as its connection would.
async fn register(state: &State<MemoryTable>, entry: &NodeEntry, probe: Probe) -> bool {
    let peer = SocketAddr::from(([127, 0, 0, 1], 1234));
    state.register(&RawEntry::from(entry), peer, probe).await.unwrap().1.is_some()
}

#[tokio::test]
async fn a_node_that_starts_again_at_once_gets_its_name() {
    let state = State::new(4369, Limits::default(), MemoryTable::default(), Vec::new());
    let foo = NodeEntry::new("foo", 5000).unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let accept = async || {
        let node = std::net::TcpStream::connect(address).unwrap();
        (node, Observed::new(listener.accept().await.unwrap().0))
    };
    // The tasks of these connections do not run, so nobody but who decides about the name can see them end.
    let (node, connection) = accept().await;
    assert!(register(&state, &foo, connection.probe()).await);
    assert!(!register(&state, &foo, Probe::blind()).await, "the node lives");
    drop(node);
    let (mut node, next) = accept().await;
    assert!(register(&state, &foo, next.probe()).await, "the node has closed its connection");
    std::io::Write::write_all(&mut node, b"x").unwrap();
    let (_node, third) = accept().await;
    assert!(register(&state, &foo, third.probe()).await, "the node has ended its registration by a byte");
    drop(third);
    assert!(register(&state, &foo, Probe::blind()).await, "the connection is closed from this side");
    assert_eq!(state.table.nodes(), [foo]);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_restart_at_once_is_refused() {
    let server = start().await;
    let mut creations = std::collections::BTreeSet::new();
    let mut node = None;
    for _ in 0..500 {
        let mut next = connect(&server).await;
        drop(node.take());
        next.write_all(&alive(b"foo")).await.unwrap();
        let mut reply = [0; 6];
        next.read_exact(&mut reply).await.unwrap();
        assert_eq!(reply[..2], *b"v\0");
        assert!(creations.insert(reply), "another creation each time");
        node = Some(next);
    }
}

/// A connection by memory, so that time can be made up; gives the client's end and the task.
fn piped(local: bool) -> (Arc<State<MemoryTable>>, DuplexStream, JoinHandle<()>) {
    let state = Arc::new(State::new(4369, Limits::default(), MemoryTable::default(), Vec::new()));
    let (client, stream) = duplex(4096);
    let peer = Peer { address: SocketAddr::from(([192, 0, 2, 1], 1234)), local };
    let task = tokio::spawn(serve(Arc::clone(&state), stream, Probe::blind(), peer));
    (state, client, task)
}

#[tokio::test(start_paused = true)]
async fn a_connection_without_a_request_is_closed_after_a_minute() {
    for bytes in [b"".as_slice(), b"\0", b"\0\x05", b"\0\x05z"] {
        let (_state, mut client, task) = piped(true);
        client.write_all(bytes).await.unwrap();
        sleep(Duration::from_millis(59_999)).await;
        assert!(!task.is_finished());
        sleep(Duration::from_millis(2)).await;
        assert!(task.is_finished());
        assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_makes_progress_is_not_idle() {
    let (_state, mut client, _task) = piped(true);
    for byte in framed(b"n") {
        sleep(Duration::from_secs(50)).await;
        client.write_all(&[byte]).await.unwrap();
    }
    let mut reply = Vec::new();
    client.read_to_end(&mut reply).await.unwrap();
    assert_eq!(reply, 4369_u32.to_be_bytes());
}

#[tokio::test(start_paused = true)]
async fn a_registration_and_a_clash_stay_for_as_long_as_they_like() {
    for request in [alive(b"foo"), alive(b"\xff")] {
        let (_state, mut client, task) = piped(true);
        client.write_all(&request).await.unwrap();
        client.read_exact(&mut [0; 6]).await.unwrap();
        advance(Duration::from_secs(1_000_000)).await;
        sleep(Duration::from_secs(1)).await;
        assert!(!task.is_finished());
    }
}

#[tokio::test]
async fn other_machines_may_only_look() {
    for request in [alive(b"foo"), framed(b"d"), framed(b"k"), framed(b"sfoo")] {
        let (state, mut client, _task) = piped(false);
        client.write_all(&request).await.unwrap();
        assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
        assert!(state.table.nodes().is_empty());
    }
    for (request, length) in [(framed(b"zfoo"), 2), (framed(b"n"), 4)] {
        let (_state, mut client, _task) = piped(false);
        client.write_all(&request).await.unwrap();
        let mut reply = Vec::new();
        client.read_to_end(&mut reply).await.unwrap();
        assert_eq!(reply.len(), length);
    }
}

#[tokio::test]
async fn a_name_is_free_again_if_its_reply_cannot_be_written() {
    let (state, mut client, task) = piped(true);
    client.write_all(&alive(b"foo")).await.unwrap();
    drop(client);
    task.await.unwrap();
    assert!(state.table.nodes().is_empty());
}

#[test]
fn local_is_loopback_or_the_very_address() {
    let address = |ip: &str| SocketAddr::new(ip.parse().unwrap(), 1);
    let local = |peer, own| Peer::new(address(peer), address(own)).local;
    assert!(local("127.0.0.1", "127.0.0.1") && local("127.9.9.9", "127.0.1.1") && local("::1", "::1"));
    assert!(local("192.0.2.1", "192.0.2.1") && local("2001:db8::1", "2001:db8::1"));
    assert!(local("::ffff:127.0.0.1", "::ffff:127.0.0.1"));
    assert!(!local("192.0.2.2", "192.0.2.1") && !local("2001:db8::2", "2001:db8::1"));
}

#[test]
fn other_machines_get_a_quarter_of_the_connections() {
    let limits = Limits { max_connections: 8, ..Limits::default() };
    let state = State::new(4369, limits, MemoryTable::default(), Vec::new());
    let peer = SocketAddr::from(([192, 0, 2, 1], 1234));
    let remote = [state.place(peer, false), state.place(peer, false)];
    assert!(remote.iter().all(Option::is_some));
    assert!(state.place(peer, false).is_none());
    let local: Vec<_> = (0..6).map(|_| state.place(peer, true)).collect();
    assert!(local.iter().all(Option::is_some));
    assert!(state.place(peer, true).is_none());
    drop(remote);
    assert!(state.place(peer, true).is_some());
}

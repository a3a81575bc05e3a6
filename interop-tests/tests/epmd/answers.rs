//! Both daemons side by side: the same bytes in, the same bytes out.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::thread;
use std::time::Duration;

use erlnode::epmd::{NodeEntry, Server};
use interop_tests::{Epmd, Release, free_port};

use super::{client, our_daemon};

/// What a daemon replies, and whether it then leaves the connection open.
pub(super) fn answer(port: u16, bytes: &[u8]) -> (Vec<u8>, bool, TcpStream) {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(250))).unwrap();
    stream.write_all(bytes).unwrap();
    let mut reply = Vec::new();
    let open = match stream.read_to_end(&mut reply) {
        Ok(_) => false,
        Err(error) if error.kind() == ErrorKind::ConnectionReset => false,
        Err(error) => matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
    };
    (reply, open, stream)
}

fn framed(body: &[u8]) -> Vec<u8> {
    [&u16::try_from(body.len()).unwrap().to_be_bytes(), body].concat()
}

pub(super) fn alive(name: &[u8], extra: &[u8], highest: u16) -> Vec<u8> {
    let length = |field: &[u8]| u16::try_from(field.len()).unwrap().to_be_bytes();
    let mut body = b"x\x13\x88M\0".to_vec();
    body.extend_from_slice(&highest.to_be_bytes());
    body.extend_from_slice(b"\0\x05");
    for field in [name, extra] {
        body.extend_from_slice(&length(field));
        body.extend_from_slice(field);
    }
    framed(&body)
}

/// What differs from run to run: creations, the port in listings, file descriptors.
fn without_chance(reply: &[u8]) -> String {
    let reply = match reply {
        [b'v', 0, ..] if reply.len() == 6 => b"v, registered".as_slice(),
        [b'y', 0, 0, 1..=3] => b"y, registered",
        [0, 0, _, _, text @ ..] => text,
        reply => reply,
    };
    let text = String::from_utf8_lossy(reply);
    let mut parts = text.split("fd = ");
    let mut kept = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        kept.push_str("fd =");
        kept.push_str(part.trim_start_matches(|digit: char| digit.is_ascii_digit()));
    }
    kept
}

async fn both_daemons_answer_alike(release: Release) {
    let theirs = Epmd::start(release).await;
    let ours = our_daemon(free_port()).await;
    let short = alive(b"short", b"ab", 6);
    let requests: [(&str, Vec<u8>); 48] = [
        ("a node", alive(b"foo", b"EXT", 6)),
        ("the same again", alive(b"foo", b"", 6)),
        ("the same again, by an old node", alive(b"foo", b"", 5)),
        ("an old node", alive(b"old", b"", 5)),
        ("a node of the future", alive(b"new", b"", 65535)),
        ("a name with @", alive(b"a@b", b"", 6)),
        ("a name with a line feed", alive(b"x\ny", b"", 6)),
        ("255 characters of 1 byte", alive(&[b'x'; 255], b"", 6)),
        ("256 characters of 1 byte", alive(&[b'x'; 256], b"", 6)),
        ("255 characters of 4 bytes", alive("\u{1d11e}".repeat(255).as_bytes(), b"", 6)),
        ("256 characters of 4 bytes", alive("\u{1d11e}".repeat(256).as_bytes(), b"", 6)),
        ("a surrogate", alive(b"\xed\xa0\x80", b"", 6)),
        ("an overlong NUL", alive(b"\xc0\x80", b"", 6)),
        ("the last code point", alive(b"\xf4\x8f\xbf\xbf", b"", 6)),
        ("one more", alive(b"\xf4\x90\x80\x80", b"", 6)),
        ("UTF-8 cut short", alive(b"x\xc3", b"", 6)),
        ("1020 bytes of extra", alive(b"extra", &[b'e'; 1020], 6)),
        ("1021 bytes of extra", alive(b"extra2", &[b'e'; 1021], 6)),
        ("no name", alive(b"", b"", 6)),
        ("a NUL in the name", alive(b"f\0o", b"", 6)),
        ("extra cut short", framed(&short[2..short.len() - 1])),
        ("no extra", framed(b"x\x13\x88M\0\0\x06\0\x05\0\x03bar")),
        ("bytes after extra", framed(&[&short[2..], b"more"].concat())),
        ("a byte after the registration", [alive(b"bar", b"", 6), b"x".to_vec()].concat()),
        ("a lookup", framed(b"zfoo")),
        ("a lookup with NUL", framed(b"zfoo\0")),
        ("a lookup with two NULs", framed(b"zfoo\0\0")),
        ("a lookup in other case", framed(b"zFOO")),
        ("a lookup without name", framed(b"z")),
        ("a lookup of NUL", framed(b"z\0")),
        ("a lookup of what is no UTF-8", framed(b"z\xff")),
        ("a lookup of 254 characters", framed(&[b'z'; 255])),
        ("a lookup of 256 characters", framed(&[b'z'; 257])),
        ("a lookup of 3056 characters", framed(&[b'z'; 3057])),
        ("names", framed(b"n")),
        ("names and more", framed(b"nabc")),
        ("two requests", [framed(b"n"), framed(b"n")].concat()),
        ("a dump", framed(b"d")),
        ("a kill", framed(b"k")),
        ("a stop", framed(b"sfoo")),
        ("an old request", framed(b"a\0\0foo")),
        ("another old request", framed(b"pfoo")),
        ("an unknown request", framed(b"\xff")),
        ("length 0", framed(b"")),
        ("length 3057", 3057_u16.to_be_bytes().to_vec()),
        ("length 3058", 3058_u16.to_be_bytes().to_vec()),
        ("a byte", b"\0".to_vec()),
        ("nothing", Vec::new()),
    ];
    // On the way kept open: a name lives as long as its connection.
    let mut connections = Vec::new();
    for (what, request) in requests {
        let ((expected, open, their_connection), (reply, our_open, our_connection)) =
            thread::scope(|scope| {
                let theirs = scope.spawn(|| answer(theirs.port(), &request));
                let ours = answer(ours.port(), &request);
                (theirs.join().unwrap(), ours)
            });
        assert_eq!(without_chance(&reply), without_chance(&expected), "{what}");
        assert_eq!(our_open, open, "{what}: does the connection stay?");
        connections.push((their_connection, our_connection));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn our_daemon_answers_as_that_of_otp_25() {
    both_daemons_answer_alike(Release::Otp25).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn our_daemon_answers_as_that_of_otp_27() {
    both_daemons_answer_alike(Release::Otp27).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn our_daemon_answers_as_that_of_otp_29() {
    both_daemons_answer_alike(Release::Otp29).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn both_daemons_remember_the_same_names() {
    for (release, debug) in
        [(Release::Otp25, true), (Release::Otp27, true), (Release::Otp29, true), (Release::Otp29, false)]
    {
        let theirs = Epmd::start_with(release, if debug { &["-d"] } else { &[] }).await;
        let max_unused = if debug { 5 } else { 1000 };
        let ours = Server::builder().port(free_port()).max_unused_names(max_unused).start().await.unwrap();
        let mut dumps = Vec::new();
        for port in [theirs.port(), ours.port()] {
            let mut nodes = Vec::new();
            let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];
            for name in names {
                nodes.push(client(port).register(NodeEntry::new(name, 5000).unwrap()).await.unwrap());
            }
            // Each is gone when this returns. The last one stays.
            for node in nodes.drain(..8) {
                node.close().await;
            }
            let mut texts = vec![client(port).dump().await.unwrap().text];
            for name in ["c", "j", "k", "l", "a"] {
                nodes.push(client(port).register(NodeEntry::new(name, 5001).unwrap()).await.unwrap());
                texts.push(client(port).dump().await.unwrap().text);
            }
            dumps.push(texts.iter().map(|text| without_chance(text.as_bytes())).collect::<Vec<_>>());
        }
        assert_eq!(dumps[1], dumps[0], "{release}, debug: {debug}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_relaxed_daemons_stop_and_end_alike() {
    let theirs = Epmd::start_with(Release::Otp29, &["-relaxed_command_check"]).await;
    let ours = Server::builder().port(free_port()).relaxed_command_check(true).start().await.unwrap();
    for port in [theirs.port(), ours.port()] {
        let (_, open, mut node) = answer(port, &alive(b"foo", b"", 6));
        assert!(open);
        for name in [b"sbar".as_slice(), b"s\0", b"sfoo\0x", b"sfoo"] {
            let expected = if name.starts_with(b"sfoo\0") { "STOPPED" } else { "NOEXISTSTOPPED" };
            let (reply, open, _) = answer(port, &framed(name));
            assert_eq!((String::from_utf8_lossy(&reply).as_ref(), open), (expected, false), "{name:?}");
        }
        assert_eq!(node.read(&mut [0]).unwrap(), 0, "the connection of the node is closed");
        let _node = answer(port, &alive(b"foo", b"", 6));
        let (reply, open, _) = answer(port, &framed(b"k"));
        assert_eq!((reply.as_slice(), open), (b"OK".as_slice(), false));
    }
    ours.killed().await;
}

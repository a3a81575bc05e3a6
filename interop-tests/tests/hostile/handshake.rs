//! No handshake, half of one, or one that must not succeed.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use erlnode::dist::Flags;
use erlnode::dist::handshake::HandshakeError;

use interop_tests::raw_peer::{RawError, RawOptions, RawPeer};
use interop_tests::{BeamNode, NodeOptions, Release};

use crate::site::{Site, Target, connect};

/// How long each message of a handshake may take.
const SETUP_TIME: Duration = Duration::from_secs(7);

/// A packet of the handshake: its length, then `parts`.
fn packet(parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let length = u16::try_from(body.len()).unwrap();
    [&length.to_be_bytes()[..], &body].concat()
}

/// `send_name`, with a name that may be anything.
fn send_name(name: &[u8]) -> Vec<u8> {
    let length = u16::try_from(name.len()).unwrap();
    let flags = Flags::full_node().bits();
    packet(&[b"N", &flags.to_be_bytes(), &[0, 0, 0, 9], &length.to_be_bytes(), name])
}

/// Sends `bytes` and nothing more.
fn begin(target: &Target, bytes: &[u8]) -> TcpStream {
    let mut stream = RawPeer::dial(target.port).unwrap();
    stream.write_all(bytes).unwrap();
    stream
}

/// All that comes until the other side closes.
fn rest_of(mut stream: TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    // A reset closes, too.
    let _ = stream.read_to_end(&mut bytes);
    bytes
}

#[tokio::test]
async fn who_does_not_shake_hands_properly_is_refused_at_once() {
    let mut site = Site::start(Release::Otp29).await;
    let target = site.target().await;
    let long = [&[b'a'; 256][..], b"@raw"].concat();
    let own_name = site.rust.name().as_bytes().to_vec();
    let cases: [(&[u8], &[u8], &str); 13] = [
        // What is sent, what is answered, what is logged.
        (&packet(&[]), b"", "waiting for its name"),
        (&packet(&[b"hello"]), b"", "waiting for its name"),
        (&packet(&[b"n", &[0, 4], &[0xff; 4], b"old@raw"]), b"", "waiting for its name"),
        (&packet(&[b"N", &[0xff; 8]]), b"", "waiting for its name"),
        (&packet(&[b"N", &[0xff; 8], &[0, 0, 0, 9], &[0, 9], b"cut@raw"]), b"", "waiting for its name"),
        (&send_name(b"nohost"), b"", "has no host"),
        (&send_name(b""), b"", "has no host"),
        (&send_name(b"@raw"), b"", "nothing before the @"),
        (&send_name(b"peer@"), b"", "nothing after the @"),
        (&send_name(b"peer@raw@raw"), b"", "more than one @"),
        (&send_name(&long), b"", "260 characters"),
        (&send_name(b"\xff\xfe@raw"), b"", "UTF-8"),
        (&send_name(&own_name), b"\x00\x04snok", "has the name of this node"),
    ];
    for (sent, answer, why) in cases {
        let received = rest_of(begin(&target, sent));
        assert_eq!(received, answer, "{}", String::from_utf8_lossy(sent));
        site.expect_complaint(why, &["127.0.0.1", why]).await.unwrap();
    }
    let not_the_answer = [&send_name(b"confused@raw")[..], &packet(&[b"sok"])].concat();
    let received = rest_of(begin(&target, &not_the_answer));
    assert!(received.starts_with(b"\x00\x03sok"), "{received:?}");
    site.expect_complaint("a status for an answer", &["waiting for its reply"]).await.unwrap();
    site.finish().await;
}

#[tokio::test]
async fn who_lacks_a_mandatory_flag_is_told_so() {
    let mut site = Site::start(Release::Otp27).await;
    let target = site.target().await;
    let mandatory = (0..64).map(|bit| Flags::from_bits(1 << bit));
    let mandatory: Vec<Flags> = mandatory.filter(|flag| Flags::MANDATORY.contains(*flag)).collect();
    assert_eq!(mandatory.len(), 13);
    for flag in mandatory {
        let flags = Flags::full_node() - Flags::MANDATORY_25_DIGEST - flag;
        let error = RawPeer::connect(target.port, &RawOptions { flags, ..site.options() });
        assert!(
            matches!(error, Err(RawError::Handshake(HandshakeError::NotAllowed { .. }))),
            "{flag}: {error:?}"
        );
        site.expect_complaint("flag", &[&flag.to_string(), "lacks the flags"]).await.unwrap();
    }
    let flags = Flags::MANDATORY_25_DIGEST | Flags::UNLINK_ID | Flags::V4_NC;
    connect(&target, &RawOptions { flags, ..site.options() });
    site.finish().await;
}

#[tokio::test]
async fn who_has_another_cookie_is_refused_whoever_it_says_it_is() {
    let mut site = Site::start(Release::Otp25).await;
    let target = site.target().await;
    let connected = site.beam.name().to_owned();
    for name in ["stranger@raw", &connected] {
        let error = RawPeer::connect(target.port, &RawOptions::new(name, "another"));
        let refused = matches!(error, Err(RawError::Handshake(HandshakeError::CookieRefused { .. })));
        assert!(refused, "{name}: {error:?}");
        site.expect_complaint(name, &[name, "another cookie"]).await.unwrap();
    }
    // Whoever knows the cookie may have a name of the other kind.
    let peer = RawOptions { name: "peer@host.example.org".to_owned(), ..site.options() };
    assert!(connect(&target, &peer).is_answered());
    site.finish().await;
}

#[tokio::test]
async fn half_handshakes_end_after_the_setup_time() {
    let mut site = Site::start(Release::Otp27).await;
    let target = site.target().await;
    let other = BeamNode::start(Release::Otp27, NodeOptions::with(&site.epmd)).await;
    let started = Instant::now();
    let connected = site.beam.name().to_owned();
    let mut waiting = vec![
        begin(&target, b""),
        begin(&target, b"\x00"),
        begin(&target, b"\xff\xff"),
        begin(&target, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        // The first bytes of a TLS connection.
        begin(&target, &[22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3]),
        begin(&target, &send_name(b"cut@raw")[..10]),
        begin(&target, &send_name(b"silent@raw")),
        // Asked whether its old connection is gone, it says nothing.
        begin(&target, &send_name(connected.as_bytes())),
    ];
    // A node that is not connected yet, and has nothing to do with this.
    let mut impostor = begin(&target, &send_name(other.name().as_bytes()));
    impostor.read_exact(&mut [0; 5]).expect("it is let in so far");
    waiting.push(impostor);
    // Who waits for that node gets a connection to it all the same.
    let connect = format!("erpc:call({}, rust, connect, [{}])", site.rust.atom(), other.atom());
    let connect = site.beam.eval_async(&connect);
    // Whoever only looks whether the port is open is not worth a word.
    drop(begin(&target, b""));
    waiting.extend((0..300).map(|number| begin(&target, &send_name(format!("half{number}@raw").as_bytes()))));
    // One byte a second is no message in time, though something comes all the time.
    let mut slow = begin(&target, b"\x00\x64");
    let number = waiting.len() + 1;
    while started.elapsed() < SETUP_TIME - Duration::from_millis(500) {
        tokio::time::sleep(Duration::from_secs(1)).await;
        // It may have been closed by now, if this test was held up.
        let _ = slow.write_all(b"N");
    }
    waiting.push(slow);
    for stream in waiting {
        rest_of(stream);
    }
    let took = started.elapsed();
    assert!(took > SETUP_TIME, "{took:?}");
    let complaints = site.complaints(number).await;
    assert_eq!(complaints.len(), number, "{complaints:#?}");
    assert!(complaints.iter().all(|line| line.contains("said nothing for 7 s")), "{complaints:#?}");
    assert_eq!(connect.result().await.as_deref(), Ok("true"));
    site.finish().await;
}

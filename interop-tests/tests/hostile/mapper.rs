//! The same spirit at the built-in epmd: the nodes that are registered with it do not notice.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use interop_tests::raw_peer::RawPeer;
use interop_tests::{BeamNode, NodeOptions, PATIENCE, Release, RustNode, free_port, wait_until};

/// A request: its length, then its bytes.
fn request(body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap();
    [&length.to_be_bytes()[..], body].concat()
}

fn begin(port: u16, bytes: &[u8]) -> TcpStream {
    let mut stream = RawPeer::dial(port).unwrap();
    stream.write_all(bytes).unwrap();
    stream
}

fn answer(port: u16, bytes: &[u8]) -> Vec<u8> {
    let mut answer = Vec::new();
    // A reset closes, too.
    let _ = begin(port, bytes).read_to_end(&mut answer);
    answer
}

#[tokio::test]
async fn registered_nodes_do_not_notice_what_the_built_in_epmd_is_sent() {
    let port = free_port();
    let options = NodeOptions::with_epmd_port(port);
    let rust = RustNode::start(options.clone()).await;
    assert!(rust.stderr().contains("this node serves it"), "{}", rust.stderr());
    let beam = BeamNode::start(Release::Otp27, options.clone()).await;
    let names = || answer(port, &request(b"n"));
    let before = names();

    for sent in [
        &b""[..],
        &[0, 0],
        b"GET / HTTP/1.1\r\n\r\n",
        &request(b"?"),
        // Not for whoever asks: to end, and to take a name away.
        &request(b"k"),
        &request(&[b"s", beam.name().as_bytes()].concat()),
        &request(b"x"),
        &request(&[b'x', 0, 1, 77, 0, 0, 6, 0, 5, 0xff, 0xff, b'a']),
        &request(&[b'x', 0, 1, 77, 0, 0, 6, 0, 5, 0, 0, 0, 0]),
        &request(&[b'z'; 3058]),
        &[0xff, 0xff, b'z'],
    ] {
        let mut stream = begin(port, sent);
        stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        let mut piece = [0; 64];
        // It is closed, or the rest is waited for: in both cases nobody else has to wait.
        if let Ok(length) = stream.read(&mut piece) {
            assert!(matches!(&piece[..length], b"" | b"NO"), "{sent:?}: {:?}", &piece[..length]);
        }
    }
    let idle: Vec<TcpStream> = (0..500).map(|_| begin(port, &[0, 9, b'z'])).collect();
    assert_eq!(names(), before);
    let other = BeamNode::start(Release::Otp25, options).await;
    other.expect(&format!("net_adm:ping({})", beam.atom()), "pong").await;
    other.expect(&format!("net_adm:ping({})", rust.atom()), "pong").await;
    drop((idle, other));
    wait_until(PATIENCE, async || names() == before).await;
}

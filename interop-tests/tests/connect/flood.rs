//! Half handshakes in numbers do not keep anybody out.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use erlnode::node::Node;
use interop_tests::raw_peer::RawPeer;
use interop_tests::{BeamNode, Epmd, NodeOptions, PATIENCE, Release, RustNode, unique_name, wait_until};

use super::connected;

/// More than any node of these tests has places for handshakes.
const MANY: usize = 600;

/// A connection that begins a handshake and says nothing more.
fn half(port: u16) -> TcpStream {
    let mut stream = RawPeer::dial(port).unwrap();
    // The length of a name that does not come.
    let _ = stream.write_all(&[0, 30, b'N']);
    stream
}

/// Whether the other side has closed the connection.
fn is_closed(stream: &mut TcpStream) -> bool {
    stream.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
    matches!(stream.read(&mut [0]), Ok(0)) || stream.write(&[0]).is_err()
}

async fn who_floods_keeps_nobody_out(release: Release) {
    const PLACES: usize = 20;
    let epmd = Epmd::start(release).await;
    let builder = Node::builder(&unique_name("rust")).cookie("interop").hidden(true);
    let builder = builder.epmd_port(epmd.port()).max_handshakes(PLACES);
    let node = builder.net_setuptime(Duration::from_secs(120)).start().await.unwrap();
    let port = node.dist_port();
    let early = BeamNode::start(release, NodeOptions::with(&epmd)).await;
    let shell = early.shell();
    let connect = format!("net_kernel:connect_node('{}'), monitor_node('{0}', true)", node.name());
    shell.expect(&connect, "true").await;

    let mut halves: Vec<TcpStream> = (0..200).map(|_| half(port)).collect();
    let newest = halves.split_off(200 - PLACES);
    for stream in &mut halves {
        wait_until(PATIENCE, async || is_closed(stream)).await;
    }
    assert_eq!(newest.len(), PLACES);

    let late = BeamNode::start(release, NodeOptions::with(&epmd)).await;
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                if let Ok(mut stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) {
                    let _ = stream.write_all(&[0, 30, b'N']);
                    // Some stay for a while.
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
        });
        let connecting = async {
            for _ in 0..10 {
                late.expect(&format!("net_adm:ping('{}')", node.name()), "pong").await;
                late.expect(&format!("erlang:disconnect_node('{}')", node.name()), "true").await;
                wait_until(PATIENCE, async || connected(&node).len() == 1).await;
            }
        };
        tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(connecting));
        stop.store(true, Ordering::Relaxed);
    });
    let undisturbed =
        format!("receive {{nodedown, _}} = Down -> Down after 0 -> net_adm:ping('{}') end", node.name());
    shell.expect(&undisturbed, "pong").await;
    drop(newest);
    node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_floods_keeps_nobody_out_with_otp_25() {
    who_floods_keeps_nobody_out(Release::Otp25).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_floods_keeps_nobody_out_with_otp_29() {
    who_floods_keeps_nobody_out(Release::Otp29).await;
}

#[tokio::test]
async fn the_log_tells_of_a_flood_in_a_line() {
    let epmd = Epmd::start(Release::Otp27).await;
    let rust = RustNode::start(NodeOptions::with(&epmd).environment("ERLNODE_LOG", "info")).await;
    let port = epmd.names()[0].1;
    let mut halves: Vec<TcpStream> = (0..MANY).map(|_| half(port)).collect();
    wait_until(PATIENCE, async || is_closed(&mut halves[0])).await;
    let beam = BeamNode::start(Release::Otp27, NodeOptions::with(&epmd)).await;
    beam.expect(&format!("net_adm:ping({})", rust.atom()), "pong").await;
    let log = rust.stderr();
    let flood = log.lines().filter(|line| line.contains("too many handshakes at once")).count();
    // On a machine that takes its time for them there may be a second line, or a third.
    assert!((1..10).contains(&flood), "{log}");
    assert!(!log.contains("given up for a later one"), "{log}");
    drop(halves);
}

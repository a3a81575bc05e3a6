//! A node that was told to take little: who exceeds a limit loses that connection, and nobody else notices.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use erlnode::dist::fragment::FragmentLimits;
use erlnode::node::{Node, Process};
use erlnode::process::Exit;
use erlnode::term::{Pid, Term};
use interop_tests::raw_peer::{RawOptions, RawPeer, encoded};
use interop_tests::{BeamNode, Epmd, NodeOptions, PATIENCE, Release, unique_name, wait_until};
use tokio::task::spawn_blocking;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::packets::fragment;
use crate::stream::to_name;

/// In bytes; a fragment of a real node has up to 65,560.
const FRAME_LIMIT: u32 = 100_000;

/// Three pieces of a real node, but not four.
const FRAGMENT_LIMITS: FragmentLimits = FragmentLimits { sequences: 3, bytes: 200_000 };

/// Stays within a limit, then exceeds it.
type Exceed = fn(&mut RawPeer);

/// What the node logs.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn lines(&self) -> Vec<String> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        text.lines().map(str::to_owned).collect()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

async fn echo(mut process: Process) -> Result<(), Exit> {
    loop {
        let (from, payload): (Pid, Term) = process.receive().await.decode()?;
        process.send(from, payload).await?;
    }
}

/// The first piece of a message for `echo`, of `size` bytes and more.
fn first_piece(peer: &mut RawPeer, sequence: u64, size: usize) {
    let piece = [encoded(&to_name(peer, "echo")), vec![0; size]].concat();
    peer.send_frame(&fragment(true, sequence, 9, &piece));
}

fn long_frame(peer: &mut RawPeer) {
    // As long as can be, and nothing that the node wants.
    let mut frame = [&[131, 68, 0], &encoded(&to_name(peer, "nobody"))[..]].concat();
    frame.resize(FRAME_LIMIT as usize, 0);
    peer.send_frame(&frame);
    assert!(peer.is_answered());
    peer.send_bytes(&(FRAME_LIMIT + 1).to_be_bytes());
}

fn many_sequences(peer: &mut RawPeer) {
    for sequence in 1..=3 {
        first_piece(peer, sequence, 10);
    }
    assert!(peer.is_answered());
    first_piece(peer, 4, 10);
}

fn many_bytes(peer: &mut RawPeer) {
    first_piece(peer, 1, 65_000);
    peer.send_frame(&fragment(false, 1, 8, &[0; 65_000]));
    first_piece(peer, 2, 65_000);
    assert!(peer.is_answered());
    peer.send_frame(&fragment(false, 2, 8, &[0; 65_000]));
}

#[tokio::test]
async fn who_exceeds_a_limit_is_disconnected_and_nobody_else_is() {
    let log = Log::default();
    let writer = log.clone();
    let _logging = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::WARN)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .set_default();
    let epmd = Epmd::start(Release::Otp29).await;
    let node = Node::builder(&unique_name("rust"))
        .cookie("interop")
        .epmd_port(epmd.port())
        .serve_epmd(false)
        .frame_limit(FRAME_LIMIT)
        .fragment_limits(FRAGMENT_LIMITS)
        .start()
        .await
        .unwrap();
    let echo = node.spawn(echo);
    node.register("echo", &echo).unwrap();
    let beam = BeamNode::start(Release::Otp29, NodeOptions::with(&epmd)).await;
    let name = node.name().as_str();
    let watch = format!(
        "Watch = spawn(fun() -> monitor_node('{name}', true), receive {{nodedown, _}} -> lost end end),
         register(watch, Watch), net_adm:ping('{name}')"
    );
    beam.expect(&watch, "pong").await;

    let cases: [(&str, Exceed); 3] = [
        ("a packet of 100001 bytes is announced, the limit is 100000", long_frame),
        ("more than 3 fragmented messages are incomplete", many_sequences),
        ("incomplete fragmented messages have more than 200000 bytes", many_bytes),
    ];
    for (number, (why, exceed)) in cases.into_iter().enumerate() {
        let (peer, port) = (format!("peer{number}@raw"), node.dist_port());
        let options = RawOptions::new(&peer, "interop");
        spawn_blocking(move || {
            let mut peer = RawPeer::connect(port, &options).unwrap();
            exceed(&mut peer);
            assert!(peer.is_closed(), "{why}");
        })
        .await
        .unwrap();
        wait_until(PATIENCE, async || log.lines().len() > number).await;
        let lines = log.lines();
        assert_eq!(lines.len(), number + 1, "{lines:#?}");
        assert!(lines[number].contains(why) && lines[number].contains(&peer), "{lines:#?}");
    }

    // What a BEAM node sends stays within the limits, and its connection is the one that it had.
    let large = format!(
        "{{echo, '{name}'}} ! {{self(), binary:copy(<<7>>, 150000)}}, receive Binary -> byte_size(Binary) end"
    );
    beam.expect_within(Duration::from_secs(60), &large, "150000").await;
    beam.expect("is_pid(whereis(watch))", "true").await;
    assert_eq!(log.lines().len(), cases.len(), "{:#?}", log.lines());
    node.shutdown().await;
}

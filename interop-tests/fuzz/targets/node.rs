//! A live node, and a peer that has the cookie: what it sends after the handshake, packets and absurd messages.
//!
//! The node has to be there afterwards, for its own processes and for the next peer, and nothing of the last one may be
//! left. Each input is a connection of its own, so what a peer leaves behind when it goes is tried as well.
#![no_main]

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::OnceLock;
use std::time::Duration;

use bytes::BytesMut;
use erlnode::dist::handshake::{HandshakeError, Initiate, Initiator, InitiatorStep, OwnName};
use erlnode::dist::packet::{FrameLimit, LengthSize, Packets};
use erlnode::dist::{Flags, NodeName};
use erlnode::epmd;
use erlnode::node::{Caller, Node, Process};
use erlnode::process::Exit;
use erlnode::term::etf::Writer;
use erlnode::term::{Pid, Reference, Term};
use erlnode_fuzz::absurd::Cast;
use erlnode_fuzz::{CREATION, bound_memory, cookie, pieces};
use libfuzzer_sys::fuzz_target;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};

/// How long the node may take for what comes at once as a rule.
const PATIENCE: Duration = Duration::from_secs(15);

struct Target {
    runtime: Runtime,
    node: Node,
    /// How many processes it has when nothing is asked of it. A service that a peer has ended is missing for a while.
    at_rest: usize,
    /// Serves the node's name.
    _epmd: epmd::Server,
}

/// Echoes, and links to whom it answers and monitors it. It ends when it gets an empty list.
async fn echo(mut process: Process) -> Result<(), Exit> {
    process.trap_exit(true);
    loop {
        let message = process.receive().await.to_term()?;
        match &message {
            Term::Tuple(parts) => {
                if let [Term::Pid(from), payload] = &parts[..] {
                    process.link(from).await;
                    process.monitor(from.clone()).await;
                    process.send(from.clone(), payload.clone()).await?;
                }
            }
            message if *message == Term::NIL => return Ok(()),
            _ => {}
        }
    }
}

fn target() -> &'static Target {
    static TARGET: OnceLock<Target> = OnceLock::new();
    TARGET.get_or_init(|| {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("threads");
        let (node, epmd) = runtime.block_on(async {
            // Whoever closes its end must not end this program, which has no `main` of Rust's that sees to it.
            let _ = signal(SignalKind::pipe()).expect("it is a signal");
            let epmd = epmd::Server::builder().port(0).start().await.expect("a port");
            let node = Node::builder("bb@localhost")
                .cookie("secret")
                .epmd_port(epmd.port())
                .listen_address(Ipv4Addr::LOCALHOST.into())
                .start()
                .await
                .expect("a node");
            node.export("fuzz", "f", async |_: Caller, (a,): (Term,)| Ok(a));
            node.export("fuzz", "f", async |_: Caller, (a, b): (Term, Term)| Ok(Term::tuple([a, b])));
            (node, epmd)
        });
        let at_rest = node.processes().len();
        Target { runtime, node, at_rest, _epmd: epmd }
    })
}

/// The peer: a name at a host that need not be asked for, as the node looks for it when it has gone.
fn peer() -> NodeName {
    NodeName::new("aa@localhost").expect("it is the name of a node")
}

/// Reads, also if the alarm clock of the fuzzer rings.
fn read(stream: &mut TcpStream, piece: &mut [u8]) -> io::Result<usize> {
    loop {
        match stream.read(piece) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// A connection after the handshake; `None` while the node is connecting to the peer itself.
fn connect(port: u16) -> Option<TcpStream> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("the node listens");
    stream.set_nodelay(true).expect("it is a socket");
    stream.set_read_timeout(Some(PATIENCE)).expect("it is a socket");
    let settings = Initiate {
        own: OwnName::Named { name: peer(), creation: CREATION },
        flags: Flags::full_node() - Flags::PUBLISHED,
        required: Flags::MANDATORY,
        peer: None,
        cookie: cookie(),
        challenge: 1,
        length_size: LengthSize::Two,
    };
    let packets = Packets { length_size: LengthSize::Two, limit: FrameLimit::HANDSHAKE };
    let (mut input, mut output) = (BytesMut::new(), BytesMut::new());
    let mut state = Initiator::start(settings, &mut output);
    loop {
        stream.write_all(&output.split()).expect("the node reads");
        let packet = loop {
            if let Some(packet) = packets.take(&mut input).expect("handshakes are short") {
                break packet;
            }
            let mut piece = [0; 256];
            // One byte at a time would do; what comes after the handshake is not looked at.
            let length = read(&mut stream, &mut piece).expect("the node answers");
            assert_ne!(length, 0, "the node closed in the handshake, which was in order");
            input.extend_from_slice(&piece[..length]);
        };
        state = match state.handle_packet(&packet, &mut output) {
            Ok(InitiatorStep::Receive(next)) => next,
            Ok(InitiatorStep::Alive(question)) => question.answer(true, &mut output).expect("it has gone"),
            Ok(InitiatorStep::Established(_)) => {
                stream.write_all(&output).expect("the node reads");
                return Some(stream);
            }
            Err(HandshakeError::Nok { .. }) => return None,
            Err(error) => panic!("the node does not shake hands: {error}"),
        };
    }
}

fn framed(frame: &[u8]) -> Vec<u8> {
    let length = u32::try_from(frame.len()).expect("inputs are short");
    [&length.to_be_bytes(), frame].concat()
}

/// Asks for the end of a process that is not there, which the connection itself answers: so all before it was read.
fn question(text: &[u32; 3]) -> Vec<u8> {
    let peer = peer().as_atom().clone();
    let own = Pid { node: peer.clone(), id: 1, serial: 0, creation: CREATION };
    let reference = Reference::new(peer, CREATION, text).expect("three words");
    let nobody = erlnode::term::Atom::new("is_nobody").expect("short");
    let mut writer = Writer::new();
    writer.raw(&[131, 68, 0]);
    writer
        .term(&Term::tuple([Term::from(19), own.into(), nobody.into(), reference.into()]))
        .expect("it has an encoding");
    framed(&writer.into_bytes())
}

/// Waits for the answer, or the end of the connection.
fn wait_for_answer(stream: &mut TcpStream, text: &[u32; 3]) {
    let answer: Vec<u8> = text.iter().flat_map(|word| word.to_be_bytes()).collect();
    let (mut came, mut piece) = (Vec::new(), vec![0; 64 << 10]);
    loop {
        match read(stream, &mut piece) {
            Ok(0) => return,
            Ok(length) => came.extend_from_slice(&piece[..length]),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return,
            Err(error) => panic!("the node neither answers nor closes: {error}"),
        }
        if came.windows(answer.len()).any(|window| window == answer) {
            return;
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let Target { runtime, node, at_rest, .. } = target();
    bound_memory(data);
    let echo = {
        let _guard = runtime.enter();
        let echo = node.spawn(echo);
        node.unregister("echo");
        node.register("echo", &echo).expect("the name is free");
        echo
    };
    let cast = Cast { peer: peer().as_atom().clone(), target: echo.clone() };
    let port = node.dist_port();
    let mut stream =
        std::iter::repeat_with(|| connect(port)).take(10_000).flatten().next().expect("it gives up");
    let mut bytes = Vec::new();
    for piece in pieces(data) {
        match piece {
            [] => bytes.extend([0; 4]),
            [0..160, choices @ ..] => {
                bytes.extend(framed(&[&[131, 68, 0], &cast.message(choices)[..]].concat()));
            }
            [_, frame @ ..] => bytes.extend(framed(frame)),
        }
    }
    let text = [0x00fe_dcba, 0x9876_5432, 0x1023_4567];
    bytes.extend(question(&text));
    // The node may close before it has read all.
    let _ = stream.write_all(&bytes);
    wait_for_answer(&mut stream, &text);
    drop(stream);

    // The node goes on, and what was begun for the peer ends with it.
    runtime.block_on(async {
        let (tell, told) = tokio::sync::oneshot::channel();
        node.spawn(async move |process: Process| {
            let _ = tell.send(process.pid().clone());
            Ok::<(), Exit>(())
        });
        let told = tokio::time::timeout(PATIENCE, told).await;
        told.expect("processes run").expect("processes run to their end");
        if let Some(echo) = node.whereis("echo").filter(|pid| *pid == echo) {
            node.unregister("echo");
            node.send(echo, Term::NIL).await.expect("it is here");
        }
        for _ in 0..1500 {
            if node.processes().len() <= *at_rest {
                return;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        panic!("{at_rest} processes at rest, {} after", node.processes().len());
    });
});

//! The port mapper: our client with OTP's daemon, OTP's nodes and tools with our daemon, and both daemons side by side.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use erlnode::epmd::{Address, Client, Error, NodeEntry, NodeType, RegistrationState, Server};
use interop_tests::{BeamNode, Epmd, NodeOptions, PATIENCE, Release, erlnode_command, free_port, wait_until};
use rustix::process::{Pid, Resource, Signal, getrlimit, kill_process, setrlimit};
use tokio::task::JoinSet;

async fn our_daemon(port: u16) -> Server {
    // Nodes with short names look for each other at the address of the host name.
    Server::builder().port(port).host_addresses(true).start().await.expect("the port is free")
}

fn client(port: u16) -> Client {
    Client::new(Address::new("localhost", port))
}

/// Standard output and exit status of a program.
async fn run(command: &mut Command) -> (String, Option<i32>) {
    let command = std::mem::replace(command, Command::new(""));
    let output = tokio::process::Command::from(command).output().await.expect("the program starts");
    (String::from_utf8_lossy(&output.stdout).into_owned(), output.status.code())
}

async fn our_node_is_registered_with_otps_daemon(release: Release) {
    let epmd = Epmd::start(release).await;
    let client = client(epmd.port());
    let entry = NodeEntry::new("rust", 5000).unwrap().hidden().with_extra("extra").unwrap();
    let registration = client.register(entry.clone()).await.unwrap();
    assert!(registration.creation().0 >= 4);
    assert_eq!(epmd.names(), [("rust".to_owned(), 5000)]);
    assert_eq!(client.port_please("rust").await.unwrap(), Some(entry.clone()));
    assert_eq!(client.port_please("Rust").await.unwrap(), None);
    let unicode = client.register(NodeEntry::new("rüst", 5001).unwrap()).await.unwrap();
    assert_eq!(client.port_please("rüst").await.unwrap().as_ref(), Some(unicode.entry()));
    let listing = client.names().await.unwrap();
    assert_eq!((listing.epmd_port, listing.nodes[0].name.as_str()), (epmd.port(), "rüst"));
    assert!(matches!(client.register(entry.clone()).await, Err(Error::NameTaken { .. })));

    let beam = BeamNode::start(release, NodeOptions::with(&epmd)).await;
    beam.expect("erl_epmd:port_please(\"rust\", {127,0,0,1})", "{port,5000,6}").await;

    let creation = registration.creation();
    registration.close().await;
    assert_eq!(client.port_please("rust").await.unwrap(), None, "the name is free when `close` returns");
    let again = client.register(entry).await.unwrap();
    assert_eq!(again.creation().0, creation.0 + 1);
}

#[tokio::test]
async fn our_node_is_registered_with_the_daemon_of_otp_25() {
    our_node_is_registered_with_otps_daemon(Release::Otp25).await;
}

#[tokio::test]
async fn our_node_is_registered_with_the_daemon_of_otp_27() {
    our_node_is_registered_with_otps_daemon(Release::Otp27).await;
}

#[tokio::test]
async fn our_node_is_registered_with_the_daemon_of_otp_29() {
    our_node_is_registered_with_otps_daemon(Release::Otp29).await;
}

#[tokio::test]
async fn our_node_registers_again_when_otps_daemon_is_back() {
    let epmd = Epmd::start(Release::Otp27).await;
    let port = epmd.port();
    let mut registration = client(port).register(NodeEntry::new("rust", 5000).unwrap()).await.unwrap();
    let creation = registration.creation();
    epmd.kill_9();
    assert_eq!(registration.changed().await, RegistrationState::Lost { attempts: 0 });
    let lost = Instant::now();
    let epmd = Epmd::start_on(Release::Otp27, port).await;
    while registration.state() != RegistrationState::Registered {
        registration.changed().await;
    }
    assert!(lost.elapsed() >= Duration::from_millis(1900), "not before 2 seconds");
    assert_eq!(epmd.names(), [("rust".to_owned(), 5000)]);
    assert_eq!(registration.creation(), creation);
}

async fn nodes_meet_by_our_daemon(release: Release) {
    let server = our_daemon(free_port()).await;
    let options = NodeOptions::with_epmd_port(server.port());
    let (a, b) = tokio::join!(
        BeamNode::start(release, options.clone()),
        BeamNode::start(release, options.clone().hidden()),
    );
    a.expect(&format!("net_adm:ping({}).", b.atom()), "pong").await;
    a.expect("length(element(2, net_adm:names()))", "2").await;

    // Nodes of all releases say 5 to 6, where the documentation says 6 to 6, and even hidden ones call themselves normal.
    for node in server.nodes() {
        assert_eq!((node.highest_version(), node.lowest_version()), (6, 5));
        assert_eq!(node.node_type(), NodeType::NORMAL);
    }
    let (names, status) =
        run(release.command("epmd").args(["-port", &server.port().to_string(), "-names"])).await;
    let mut expected = format!("epmd: up and running on port {} with data:\n", server.port());
    for node in server.nodes() {
        expected.push_str(&format!("name {} at port {}\n", node.name(), node.port()));
    }
    assert_eq!((names, status), (expected, Some(0)));

    let alive_name = a.name().split('@').next().unwrap().to_owned();
    let taken = BeamNode::try_start(release, options.name(&alive_name)).await;
    assert!(
        taken.is_err_and(|output| output.contains("seems to be in use") || output.contains("duplicate_name"))
    );
    a.kill_9();
    wait_until(PATIENCE, async || server.nodes().len() == 1).await;
}

#[tokio::test]
async fn nodes_of_otp_25_meet_by_our_daemon() {
    nodes_meet_by_our_daemon(Release::Otp25).await;
}

#[tokio::test]
async fn nodes_of_otp_27_meet_by_our_daemon() {
    nodes_meet_by_our_daemon(Release::Otp27).await;
}

#[tokio::test]
async fn nodes_of_otp_29_meet_by_our_daemon() {
    nodes_meet_by_our_daemon(Release::Otp29).await;
}

#[tokio::test]
async fn otps_nodes_register_again_when_our_daemon_is_back() {
    let server = our_daemon(free_port()).await;
    let port = server.port();
    let options = NodeOptions::with_epmd_port(port);
    let (a, b) = tokio::join!(
        BeamNode::start(Release::Otp25, options.clone()),
        BeamNode::start(Release::Otp29, options.clone()),
    );
    let creation = a.eval("erlang:system_info(creation)").await.unwrap();
    server.close().await;
    let server = our_daemon(port).await;
    wait_until(PATIENCE, async || server.nodes().len() == 2).await;
    a.expect("erlang:system_info(creation)", &creation).await;
    a.expect(&format!("net_adm:ping({}).", b.atom()), "pong").await;
}

/// What a daemon replies, and whether it then leaves the connection open.
fn answer(port: u16, bytes: &[u8]) -> (Vec<u8>, bool, TcpStream) {
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

fn alive(name: &[u8], extra: &[u8], highest: u16) -> Vec<u8> {
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

#[tokio::test(flavor = "multi_thread")]
async fn both_daemons_answer_alike() {
    let theirs = Epmd::start(Release::Otp29).await;
    let ours = our_daemon(free_port()).await;
    let short = alive(b"short", b"ab", 6);
    let requests: [(&str, Vec<u8>); 44] = [
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

/// `erlnode epmd` on a port of its own; killed when dropped.
struct ErlnodeEpmd {
    child: std::process::Child,
    port: u16,
}

impl ErlnodeEpmd {
    fn start(arguments: &[&str]) -> ErlnodeEpmd {
        let port = free_port();
        let mut command = erlnode_command();
        command.args(["epmd", "--port", &port.to_string()]).args(arguments).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut ready = [0; 16];
        child.stdout.as_mut().unwrap().read_exact(&mut ready).expect("a line that it is ready");
        assert_eq!(&ready, b"epmd is ready on");
        ErlnodeEpmd { child, port }
    }

    fn wait(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

impl Drop for ErlnodeEpmd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_queries_of_both_commands_print_alike() {
    let ours = ErlnodeEpmd::start(&[]);
    let theirs = Epmd::start(Release::Otp29).await;
    let mut entries = Vec::new();
    for port in [ours.port, theirs.port()] {
        entries.push(client(port).register(NodeEntry::new("foo", 5000).unwrap()).await.unwrap());
    }
    let nobody = free_port();
    for port in [ours.port, theirs.port(), nobody] {
        let port = port.to_string();
        for query in [&["-names"][..], &["-dump"], &["-started"], &["-stop", "foo"], &["-kill"]] {
            let expected = run(Release::Otp29.command("epmd").args(["-port", &port]).args(query)).await;
            let printed = run(erlnode_command().args(["epmd", "-port", &port]).args(query)).await;
            assert_eq!(printed, expected, "{query:?} on port {port}");
        }
        let expected = run(Release::Otp29.command("epmd").args(["-port", &port, "-names"])).await;
        assert_eq!(run(erlnode_command().args(["names", "--port", &port])).await, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_ends_when_it_is_told_to() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut epmd = ErlnodeEpmd::start(&[]);
        let _node = client(epmd.port).register(NodeEntry::new("foo", 5000).unwrap()).await.unwrap();
        kill_process(Pid::from_child(&epmd.child), signal).unwrap();
        assert_eq!(epmd.wait(), Some(0));
    }
    let mut epmd = ErlnodeEpmd::start(&["-relaxed_command_check"]);
    let port = epmd.port.to_string();
    let _node = client(epmd.port).register(NodeEntry::new("foo", 5000).unwrap()).await.unwrap();
    let again = run(erlnode_command().args(["epmd", "-port", &port])).await;
    assert_eq!(again, (String::new(), Some(0)), "one that finds another running has nothing to do");
    let stopped = run(Release::Otp27.command("epmd").args(["-port", &port, "-stop", "foo"])).await;
    assert_eq!(stopped, ("STOPPED\n".to_owned(), Some(0)));
    let killed = run(Release::Otp27.command("epmd").args(["-port", &port, "-kill"])).await;
    assert_eq!(killed, ("Killed\n".to_owned(), Some(0)));
    assert_eq!(epmd.wait(), Some(0));
}

#[tokio::test]
async fn without_an_epmd_names_says_what_to_do() {
    let port = free_port().to_string();
    let output = erlnode_command().args(["names", "--port", &port]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains(&format!("no epmd is running at localhost:{port}; start one")), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_nodes_and_a_thousand_clients() {
    const NODES: u16 = 10_000;
    const CLIENTS: u16 = 1_000;
    let mut limit = getrlimit(Resource::Nofile);
    assert!(
        limit.maximum.is_none_or(|maximum| maximum >= 12_000),
        "this test opens 11,000 connections; raise the limit with `ulimit -Hn 12000`"
    );
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).unwrap();

    let epmd = ErlnodeEpmd::start(&[]);
    let client = client(epmd.port);
    let mut registering = JoinSet::new();
    for part in 0..50 {
        let client = client.clone();
        registering.spawn(async move {
            let mut registered = Vec::new();
            for number in (part..NODES).step_by(50) {
                let entry = NodeEntry::new(&format!("node{number}"), number).unwrap();
                registered.push(client.register(entry).await.unwrap());
            }
            registered
        });
    }
    let registered: Vec<_> = registering.join_all().await.into_iter().flatten().collect();
    assert_eq!(client.names().await.unwrap().nodes.len(), usize::from(NODES));

    let mut asking = JoinSet::new();
    for number in 0..CLIENTS {
        let client = client.clone();
        asking.spawn(async move {
            for number in (number..NODES).step_by(usize::from(CLIENTS)) {
                let entry = client.port_please(&format!("node{number}")).await.unwrap();
                assert_eq!(entry.map(|entry| entry.port()), Some(number));
            }
        });
    }
    asking.join_all().await;
    drop(registered);
    wait_until(PATIENCE, async || client.names().await.unwrap().nodes.is_empty()).await;
}

//! Nodes that die, freeze and wake up again: who hears of it, how soon, and what works afterwards.

use std::fs;
use std::time::{Duration, Instant};

use bytes::Bytes;
use erlnode::node::Node;
use erlnode::term::Term;
use interop_tests::{
    BeamNode, Epmd, NodeOptions, PATIENCE, Release, RustNode, free_port, unique_name, wait_until,
};
use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit, setrlimit};
use tokio::time::sleep;

/// How soon the death of a process of the operating system has to be known everywhere: its sockets are closed at once,
/// and without that it would take 45 s, three quarters of the usual `net_ticktime`.
const SOON: Duration = Duration::from_secs(40);

/// A `net_ticktime` for tests: looked at every 2 s, over after 8 to 10 s.
const TICKTIME: u64 = 8;

/// Nodes with that `net_ticktime`.
fn beam_options(epmd: &Epmd) -> NodeOptions {
    beam_with(epmd, TICKTIME)
}

fn rust_options(epmd: &Epmd) -> NodeOptions {
    rust_with(epmd, TICKTIME)
}

fn beam_with(epmd: &Epmd, ticktime: u64) -> NodeOptions {
    NodeOptions::with(epmd).arguments(["-kernel", "net_ticktime", &ticktime.to_string()])
}

fn rust_with(epmd: &Epmd, ticktime: u64) -> NodeOptions {
    NodeOptions::with(epmd).arguments(["--net-ticktime", &ticktime.to_string()])
}

/// A BEAM node watches processes of a Rust node, in every way there is, and the Rust node is killed.
async fn a_killed_rust_node_is_seen(release: Release) {
    let epmd = Epmd::start(release).await;
    let rust = RustNode::start(NodeOptions::with(&epmd)).await;
    let beam = BeamNode::start(release, NodeOptions::with(&epmd)).await;
    let name = rust.atom();
    let shell = beam.shell();
    let watch = format!(
        "process_flag(trap_exit, true), Pid = erpc:call({name}, rust, spawn_echo, []), link(Pid),
         ByPid = monitor(process, Pid), ByName = monitor(process, {{echo, {name}}}), monitor_node({name}, true), ok"
    );
    shell.expect(&watch, "ok").await;
    // What is waited for when the node dies.
    let erpc = beam.eval_async(&format!("erpc:call({name}, rust, sleep, [60000])"));
    let call = beam.eval_async(&format!("gen_server:call({{echo, {name}}}, anything, infinity)"));
    let spawned = format!("element(2, spawn_monitor({name}, rust, sleep, [60000]))");
    let spawned = beam.eval_async(&format!("M = {spawned}, receive {{'DOWN', M, _, _, Why}} -> Why end"));
    beam.wait_until(&format!("erpc:call({name}, erlang, whereis, [echo]) =/= undefined"), "true").await;
    tokio::time::sleep(Duration::from_millis(200)).await;

    let killed = Instant::now();
    rust.kill_9();
    shell.expect("receive {'EXIT', Pid, Why1} -> Why1 after 40000 -> no end", "noconnection").await;
    shell
        .expect("receive {'DOWN', ByPid, process, Pid, Why2} -> Why2 after 40000 -> no end", "noconnection")
        .await;
    let by_name =
        format!("receive {{'DOWN', ByName, process, {{echo, {name}}}, Why3}} -> Why3 after 40000 -> no end");
    shell.expect(&by_name, "noconnection").await;
    shell.expect(&format!("receive {{nodedown, {name}}} -> down after 40000 -> no end"), "down").await;
    assert_eq!(erpc.result().await.unwrap_err().to_string(), "raised error:{erpc,noconnection}");
    let call = call.result().await.unwrap_err().to_string();
    assert!(call.contains(&format!("{{nodedown,{name}}}")), "{call}");
    assert_eq!(spawned.result().await.as_deref(), Ok("noconnection"));
    assert!(killed.elapsed() < SOON, "{:?}", killed.elapsed());
    beam.expect(&format!("net_adm:ping({name})"), "pang").await;
}

/// A Rust node watches processes of a BEAM node, and tells another one what it sees when that is killed.
async fn a_killed_beam_node_is_seen(release: Release) {
    let epmd = Epmd::start(release).await;
    let rust = RustNode::start(NodeOptions::with(&epmd)).await;
    let beam = BeamNode::start(release, NodeOptions::with(&epmd)).await;
    let victim = BeamNode::start(release, NodeOptions::with(&epmd)).await;
    let (rust_name, name) = (rust.atom(), victim.atom());
    victim.expect("register(sleeper, spawn(timer, sleep, [infinity]))", "true").await;
    let shell = beam.shell();
    let watch = format!(
        "Rust = fun(F, A) -> erpc:call({rust_name}, rust, F, A) end,
         Pid = erpc:call({name}, erlang, whereis, [sleeper]), ByName = {{sleeper, {name}}},
         Rust(link, [Pid, self()]), Rust(monitor, [Pid, self()]), Rust(monitor, [ByName, self()]),
         Rust(monitor_nodes, [self()]), ok"
    );
    shell.expect(&watch, "ok").await;
    // What the Rust node waits for when the other one dies.
    let ask = |arguments: &str| beam.eval_async(&format!("erpc:call({rust_name}, rust, {arguments})"));
    let rpc = ask(&format!("rpc, [{name}, timer, sleep, [60000], 60000]"));
    let call = ask(&format!("call, [{{sleeper, {name}}}, anything, 60000]"));
    tokio::time::sleep(Duration::from_millis(200)).await;

    let killed = Instant::now();
    victim.kill_9();
    shell.expect("receive {rust_exit, Pid, Why1} -> Why1 after 40000 -> no end", "noconnection").await;
    shell.expect("receive {rust_down, Pid, Why2} -> Why2 after 40000 -> no end", "noconnection").await;
    shell.expect("receive {rust_down, ByName, Why3} -> Why3 after 40000 -> no end", "noconnection").await;
    shell.expect(&format!("receive {{nodedown, {name}}} -> down after 40000 -> no end"), "down").await;
    assert_eq!(rpc.result().await.as_deref(), Ok("{error,{error,{erpc,noconnection}}}"));
    let call = call.result().await.unwrap();
    assert!(call.contains(&format!("{{nodedown,{name}}}")), "{call}");
    assert!(killed.elapsed() < SOON, "{:?}", killed.elapsed());
    beam.expect(&format!("erpc:call({rust_name}, rust, ping, [{name}])"), "pang").await;
    beam.expect(&format!("erpc:call({rust_name}, erlang, nodes, [])"), &format!("[{}]", beam.atom())).await;
}

#[tokio::test]
async fn a_killed_rust_node_is_seen_by_otp_25() {
    a_killed_rust_node_is_seen(Release::Otp25).await;
}

#[tokio::test]
async fn a_killed_rust_node_is_seen_by_otp_27() {
    a_killed_rust_node_is_seen(Release::Otp27).await;
}

#[tokio::test]
async fn a_killed_rust_node_is_seen_by_otp_29() {
    a_killed_rust_node_is_seen(Release::Otp29).await;
}

#[tokio::test]
async fn a_killed_node_of_otp_25_is_seen() {
    a_killed_beam_node_is_seen(Release::Otp25).await;
}

#[tokio::test]
async fn a_killed_node_of_otp_27_is_seen() {
    a_killed_beam_node_is_seen(Release::Otp27).await;
}

#[tokio::test]
async fn a_killed_node_of_otp_29_is_seen() {
    a_killed_beam_node_is_seen(Release::Otp29).await;
}

/// Looked at every quarter of `net_ticktime`, and over after four of those without a byte; the last byte may have come
/// up to a quarter before. How much later it may be at the most, only a clock of the test's own could tell; much sooner
/// than with the usual `net_ticktime` it is.
fn is_ticktime(silence: Duration) -> bool {
    silence > Duration::from_secs(TICKTIME) * 3 / 4 - Duration::from_millis(500) && silence < SOON
}

/// Nobody closes the connections of a node that is frozen: only the missing ticks tell.
async fn a_frozen_beam_node_is_given_up_and_talked_to_again(release: Release) {
    let epmd = Epmd::start(release).await;
    let rust = RustNode::start(rust_options(&epmd)).await;
    let beam = BeamNode::start(release, beam_options(&epmd)).await;
    let frozen = BeamNode::start(release, beam_options(&epmd).hidden()).await;
    let shell = beam.shell();
    let (rust_name, name) = (rust.atom(), frozen.atom());
    let watch = format!(
        "Rust = fun(F, A) -> erpc:call({rust_name}, rust, F, A) end,
         Rust(monitor, [{{rex, {name}}}, self()]), ok"
    );
    shell.expect(&watch, "ok").await;
    frozen.stop_signal();
    let since = Instant::now();
    // The answer will be that there is none: the one who waits is not left waiting.
    let rpc = format!("erpc:call({rust_name}, rust, rpc, [{name}, erlang, node, [], 60000])");
    let rpc = beam.eval_async(&rpc);
    shell.expect("receive {rust_down, _, Why} -> Why after 40000 -> no end", "noconnection").await;
    assert!(is_ticktime(since.elapsed()), "{:?}", since.elapsed());
    assert_eq!(rpc.result().await.as_deref(), Ok("{error,{error,{erpc,noconnection}}}"));
    let log = rust.stderr();
    let warning = log.find("not even ticks").expect("a warning comes first");
    assert!(log[warning..].contains("was silent for longer than net_ticktime"), "{log}");
    assert_eq!(log.matches("not even ticks").count(), 1, "{log}");
    frozen.cont_signal();
    // Its first attempt may go over the old connection, of which it has yet to notice the end.
    frozen.wait_until(&format!("net_adm:ping({rust_name})"), "pong").await;
    shell.expect(&format!("Rust(ping, [{name}])"), "pong").await;
    shell.expect(&format!("Rust(rpc, [{name}, erlang, node, [], 40000])"), &format!("{{ok,{name}}}")).await;
}

#[tokio::test]
async fn a_frozen_node_of_otp_25_is_given_up_and_talked_to_again() {
    a_frozen_beam_node_is_given_up_and_talked_to_again(Release::Otp25).await;
}

#[tokio::test]
async fn a_frozen_node_of_otp_29_is_given_up_and_talked_to_again() {
    a_frozen_beam_node_is_given_up_and_talked_to_again(Release::Otp29).await;
}

#[tokio::test]
async fn a_frozen_rust_node_is_given_up_and_talked_to_again() {
    let epmd = Epmd::start(Release::Otp27).await;
    let rust = RustNode::start(rust_options(&epmd)).await;
    let beam = BeamNode::start(Release::Otp27, beam_options(&epmd)).await;
    let shell = beam.shell();
    let name = rust.atom();
    let watch = format!("Pid = erpc:call({name}, rust, spawn_echo, []), monitor(process, Pid), ok");
    shell.expect(&watch, "ok").await;
    rust.stop_signal();
    let since = Instant::now();
    shell.expect("receive {'DOWN', _, _, Pid, Why} -> Why after 40000 -> no end", "noconnection").await;
    assert!(is_ticktime(since.elapsed()), "{:?}", since.elapsed());
    rust.cont_signal();
    // It is the same node as before, and its processes live.
    shell.expect("Pid ! {self(), again}, receive again -> again after 40000 -> no end", "again").await;
    beam.expect("nodes()", &format!("[{name}]")).await;
}

/// A pause that is shorter than `net_ticktime` costs nothing, though a tick is missed.
#[tokio::test]
async fn a_short_freeze_goes_unnoticed() {
    let ticktime = 20;
    let epmd = Epmd::start(Release::Otp29).await;
    let rust = RustNode::start(rust_with(&epmd, ticktime)).await;
    let beam = BeamNode::start(Release::Otp29, beam_with(&epmd, ticktime)).await;
    let shell = beam.shell();
    let name = rust.atom();
    shell.expect(&format!("net_adm:ping({name}), monitor_node({name}, true)"), "true").await;
    let sent = shell.eval_async(&format!(
        "[{{echo, {name}}} ! {{self(), N}} || N <- lists:seq(1, 1000), timer:sleep(2) =:= ok],
         [receive N -> ok end || N <- lists:seq(1, 1000)], all"
    ));
    rust.stop_signal();
    tokio::time::sleep(Duration::from_secs(6)).await;
    rust.cont_signal();
    assert_eq!(sent.result().await.as_deref(), Ok("all"));
    shell.expect("receive {nodedown, _} -> down after 0 -> up end", "up").await;
}

/// Connections over which nothing is sent stay up by ticks alone, whoever made them.
#[tokio::test]
async fn ticks_keep_idle_connections_up() {
    let epmd = Epmd::start(Release::Otp27).await;
    let rust = RustNode::start(rust_options(&epmd)).await;
    let mut watchers = Vec::new();
    let mut nodes = Vec::new();
    for release in [Release::Otp25, Release::Otp29] {
        let visible = BeamNode::start(release, beam_options(&epmd)).await;
        let hidden = BeamNode::start(release, beam_options(&epmd).hidden()).await;
        nodes.extend([visible, hidden]);
    }
    let name = rust.atom();
    for (number, node) in nodes.iter().enumerate() {
        if number % 3 == 0 {
            node.expect(&format!("net_kernel:connect_node({name})"), "true").await;
        } else {
            // The Rust node is asked by one that is connected, and makes the connection.
            let connect = format!("erpc:call({name}, rust, connect, [{}])", node.atom());
            nodes[0].expect(&connect, "true").await;
        }
        let watch =
            format!("monitor_node({name}, true), receive {{nodedown, {name}}} -> down after 14000 -> up end");
        watchers.push(node.eval_async(&watch));
    }
    for watcher in watchers {
        assert_eq!(watcher.result().await.as_deref(), Ok("up"), "{}", rust.stderr());
    }
    assert!(!rust.stderr().contains("nodedown"), "{}", rust.stderr());
}

/// Senders that wait for room in the queue to a node that is frozen are told when it is given up.
#[tokio::test]
async fn who_waits_to_send_to_a_frozen_node_does_not_wait_forever() {
    let epmd = Epmd::start(Release::Otp27).await;
    let rust = RustNode::start(rust_options(&epmd)).await;
    let beam = BeamNode::start(Release::Otp27, beam_options(&epmd)).await;
    let frozen = BeamNode::start(Release::Otp29, beam_options(&epmd)).await;
    frozen.expect("register(sleeper, spawn(timer, sleep, [infinity]))", "true").await;
    let (rust_name, name) = (rust.atom(), frozen.atom());
    beam.expect(&format!("erpc:call({rust_name}, rust, connect, [{name}])"), "true").await;
    frozen.stop_signal();
    let send =
        format!("erpc:call({rust_name}, rust, send, [{{sleeper, {name}}}, binary:copy(<<1>>, 4000000)])");
    let sends: Vec<_> = (0..10).map(|_| beam.eval_async(&send)).collect();
    let since = Instant::now();
    for send in sends {
        assert_eq!(send.result().await.as_deref(), Ok("ok"));
    }
    assert!(since.elapsed() < SOON, "{:?}", since.elapsed());
    beam.expect(&format!("net_adm:ping({rust_name})"), "pong").await;
}

/// A node that dies with large messages half sent, in both directions, leaves nothing behind.
#[tokio::test]
async fn a_node_dies_in_the_middle_of_large_messages() {
    let epmd = Epmd::start(Release::Otp29).await;
    let rust = RustNode::start(NodeOptions::with(&epmd)).await;
    let beam = BeamNode::start(Release::Otp29, NodeOptions::with(&epmd)).await;
    let name = rust.atom();
    for round in 0..5 {
        let victim = BeamNode::start(Release::Otp27, NodeOptions::with(&epmd)).await;
        let exchange = format!(
            "Large = binary:copy(<<7>>, 50000000),
             [spawn(fun Loop() -> {{echo, {name}}} ! {{self(), Large}}, receive Large -> Loop() end end)
              || _ <- lists:seq(1, 4)], ok"
        );
        victim.expect(&exchange, "ok").await;
        tokio::time::sleep(Duration::from_millis(300 + 50 * round)).await;
        victim.kill_9();
        let gone = format!("lists:member({}, erpc:call({name}, erlang, nodes, []))", victim.atom());
        beam.wait_until(&gone, "false").await;
    }
    let echo = format!("{{echo, {name}}} ! {{self(), small}}, receive small -> small after 40000 -> no end");
    beam.expect(&echo, "small").await;
    let log = rust.stderr();
    assert!(!log.contains("broke the protocol") && !log.contains("ERROR "), "{log}");
}

#[tokio::test]
async fn a_node_that_can_have_no_more_files_open_says_so_once_and_goes_on() {
    let port = free_port();
    let mut limit = getrlimit(Resource::Nofile);
    // So that there is something to raise.
    limit.current = limit.maximum.map(|maximum| maximum - 1);
    setrlimit(Resource::Nofile, limit).unwrap();
    let options = NodeOptions::with_epmd_port(free_port()).arguments(["--dist-port", &port.to_string()]);
    let node = RustNode::start(options).await;
    let process = Pid::from_raw(i32::try_from(node.pid()).unwrap());
    let limits = fs::read_to_string(format!("/proc/{}/limits", node.pid())).unwrap();
    let files = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let [soft, hard] = [3, 4].map(|column| files.split_whitespace().nth(column).unwrap());
    assert_eq!(soft, hard, "{files}");

    let none = Rlimit { current: Some(0), maximum: limit.maximum };
    prlimit(process, Resource::Nofile, none).unwrap();
    let connections = [(); 3].map(|()| std::net::TcpStream::connect(("127.0.0.1", port)).unwrap());
    let says = |text: &str| node.stderr().matches(text).count();
    wait_until(PATIENCE, async || says("no connections can be taken") > 0).await;
    // Longer than it waits before it tries again, so that it has failed again.
    sleep(Duration::from_millis(500)).await;
    prlimit(process, Resource::Nofile, Rlimit { current: limit.maximum, ..none }).unwrap();
    wait_until(PATIENCE, async || says("connections are taken again") > 0).await;
    assert_eq!(says("no connections can be taken"), 1, "{}", node.stderr());
    drop(connections);
}

/// What is sent to a node that is frozen waits at the senders: with messages, and with the results of calls.
#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_beam_node_costs_bounded_memory_and_holds_up_nobody_else() {
    const LIMIT: usize = 1 << 20;
    const SIZE: usize = 200_000;
    const SENDERS: usize = 40;
    let epmd = Epmd::start(Release::Otp27).await;
    let options = || NodeOptions::with(&epmd);
    let (frozen, other) =
        tokio::join!(BeamNode::start(Release::Otp27, options()), BeamNode::start(Release::Otp29, options()));
    let node = Node::builder(&unique_name("rust"))
        .cookie("interop")
        .epmd_port(epmd.port())
        .hidden(true)
        .dist_buf_busy_limit(LIMIT)
        .start()
        .await
        .unwrap();
    for beam in [&frozen, &other] {
        node.connect(beam.name()).await.unwrap();
        let sink = "register(sink, spawn(fun() -> (fun F(N) -> \
            receive {count, P} -> P ! N, F(N); B when is_binary(B) -> F(N + byte_size(B)) end end)(0) end))";
        beam.expect(sink, "true").await;
    }
    frozen.stop_signal();
    let senders: Vec<_> = (0..SENDERS)
        .map(|_| {
            let to = ("sink".to_owned(), frozen.name().to_owned());
            node.spawn(async move |process| {
                for _ in 0..10 {
                    process
                        .send((to.0.as_str(), to.1.as_str()), Term::Binary(Bytes::from(vec![7; SIZE])))
                        .await?;
                }
                Ok(())
            })
        })
        .collect();
    let info = || node.connection_info(frozen.name()).unwrap();
    // The kernels take some of it.
    wait_until(PATIENCE, async || info().waiting.len() >= SENDERS / 2).await;
    let full = info();
    assert!(full.is_busy && full.queued < LIMIT + 8 * SIZE, "{full:?}");

    for _ in 0..100 {
        node.send(("sink", other.name()), Term::Binary(Bytes::from(vec![7; 1000]))).await.unwrap();
    }
    other.wait_until("sink ! {count, self()}, receive N -> N end", "100000").await;
    assert_eq!(node.connection_info(other.name()).unwrap().waits, 0);
    assert!(senders.iter().any(|pid| node.is_process_alive(pid)), "nobody waits");

    frozen.cont_signal();
    let all = (SENDERS * 10 * SIZE).to_string();
    frozen.wait_until("sink ! {count, self()}, receive N -> N end", &all).await;
    let after = info();
    assert!(after.waiting.is_empty() && after.waits > 0, "{after:?}");
    node.shutdown().await;
}

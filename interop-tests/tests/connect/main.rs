//! How connections come about: whoever begins, both at once, again and again, and by way of which epmd.
//!
//! Where the cases of OTP's `erl_distribution_SUITE` are; `failures` is `interop-tests/tests/failures.rs`, the others are
//! here or in a module here, and `unit` are tests beside the code:
//!
//! | case | test |
//! | --- | --- |
//! | `tick` | unit, `dist::tick`: `a_silent_node_is_down_within_the_bounds_that_otp_documents`; `failures`: `ticks_keep_idle_connections_up` and those of frozen nodes |
//! | `tick_intensity` | unit, `node::net_kernel::ticktime`; `options`: `start_takes_connections_as_its_options_say` |
//! | `tick_change` | `net_kernel`: `net_ticktime_changes_while_a_cluster_with_otp_25_runs`, `_29`; unit, `dist::tick`: `in_a_transition_ticks_come_at_the_shorter_period_and_looks_at_the_longer` |
//! | `connect_node` | `net_kernel`: `answers_as_a_node_of_otp_25`, `_27`, `_29` |
//! | `nodenames`, `hostnames`, `illegal_nodenames` | unit, `dist::name` |
//! | `hidden_node` | `either_side_begins_with_otp_25`, `_27`, `_29`; `net_kernel`: `nodes_of_otp_25_that_come_and_go_are_told_of`, `_27`, `_29` |
//! | `dyn_node_name` | `dynamic_names`; a node named by another does not take a new name when that one ends |
//! | `epmd_reconnect` | `a_node_outlives_epmd` |
//! | `setopts`, `inet_dist_options_options` | none: the options of sockets are not for others to set, `{error, enotsup}` |
//! | `table_waste` | none: an attempt that fails is taken out of the table |
//! | `net_setuptime` | `reasons`: `what_epmd_knows_may_not_be_a_node`; `options`: `start_takes_connections_as_its_options_say` |
//! | `net_ticker_spawn_options`, `dist_ctrl_proc_smoke`, `dist_ctrl_proc_reject`, `erl_uds_dist_smoke_test` | none: processes and carriers of a BEAM node |
//! | `monitor_nodes_nodedown_reason`, `_complex_nodedown_reason`, `_node_type`, `_down_up` | `net_kernel`: `nodes_of_otp_25_that_come_and_go_are_told_of`, `_27`, `_29` |
//! | `monitor_nodes_errors`, `_misc`, `_combinations` | unit, `node::node_monitor::options` |
//! | `monitor_nodes_otp_6481`, `_cleanup`, `_many` | unit, `node::node_monitor`; `node::tests::relations` |
//! | `erl_1424`, `xdg_cookie`, `cmdline_setcookie_2` | none: the command line and the files of `erl` |
//! | `net_kernel_start` | none: a node has its name for as long as it lives |
//! | `differing_cookies`, `connection_cookie`, `dyn_differing_cookies` | `cookies` |

mod addresses;
mod cookies;
mod dynamic_names;
mod flood;
mod foreign;
mod net_kernel;
mod options;
mod reasons;

use std::time::{Duration, Instant};

use erlnode::node::{ConnectError, Node, NodeType, StartError};
use erlnode::term::{Atom, Term};
use interop_tests::{
    BeamNode, Epmd, NodeOptions, PATIENCE, Release, RustNode, free_port, unique_name, wait_until,
};

/// A Rust node in this process, with a cookie that all nodes of [`NodeOptions`] have.
async fn node(name: &str, epmd_port: u16) -> Node {
    Node::builder(name).cookie("interop").epmd_port(epmd_port).start().await.unwrap()
}

fn connected(node: &Node) -> Vec<Atom> {
    node.nodes(NodeType::Connected)
}

/// Starts a process under the name `collector` on both nodes: it keeps what it gets, and gives it out in a list.
async fn start_collectors(node: &Node, beam: &BeamNode) {
    let collector = node.spawn(async |mut process| {
        let mut kept = Vec::new();
        loop {
            let message = process.receive().await.to_term()?;
            match message.as_tuple() {
                Some([Term::Atom(get), Term::Pid(from)]) if get == "get" => {
                    process.send(from, std::mem::take(&mut kept)).await?;
                }
                _ => kept.push(message),
            }
        }
    });
    node.register("collector", &collector).unwrap();
    let collector = "register(collector, spawn(fun() ->
        Loop = fun Loop(Kept) ->
            receive
                {get, From} -> From ! lists:reverse(Kept), Loop([]);
                What -> Loop([What | Kept])
            end
        end,
        Loop([])
    end))";
    beam.expect(collector, "true").await;
}

/// What the collector of `node` has got; asked by a process of that node.
async fn collected(node: &Node) -> Vec<Term> {
    let (give, given) = tokio::sync::oneshot::channel();
    node.spawn(async move |mut process| {
        process.send("collector", ("get".parse::<Term>().unwrap(), process.pid().clone())).await?;
        let _ = give.send(process.receive().await.decode::<Vec<Term>>()?);
        Ok(())
    });
    given.await.unwrap()
}

/// Has both nodes send to each other while there is no connection, at as much the same time as can be.
async fn both_connect_at_once(release: Release, prefix: &str) {
    const ROUNDS: i64 = 50;
    const MESSAGES: i64 = 20;
    let epmd = Epmd::start(release).await;
    let node = node(&unique_name(prefix), epmd.port()).await;
    let beam = BeamNode::start(release, NodeOptions::with(&epmd)).await;
    start_collectors(&node, &beam).await;
    let rust = node.name().as_atom().to_string();
    for round in 0..ROUNDS {
        let send = format!(
            "erlang:yield(), [{{collector, '{rust}'}} ! {{{round}, N}} || N <- lists:seq(1, {MESSAGES})], ok"
        );
        let sent = beam.eval_async(&send);
        // The other one takes its time to read that; so now one is first, now the other.
        tokio::time::sleep(Duration::from_micros(u64::try_from(round * 30).unwrap())).await;
        let to = (Atom::new("collector").unwrap(), Atom::new(beam.name()).unwrap());
        for number in 1..=MESSAGES {
            node.send(to.clone(), (round, number)).await.unwrap_or_else(|error| panic!("{round}: {error}"));
        }
        assert_eq!(sent.result().await.as_deref(), Ok("ok"));
        let expected: Vec<Term> =
            (1..=MESSAGES).map(|number| Term::tuple([Term::from(round), Term::from(number)])).collect();
        let mut got = Vec::new();
        let deadline = Instant::now() + PATIENCE;
        while got.len() < expected.len() && Instant::now() < deadline {
            got.extend(collected(&node).await);
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        assert_eq!(got, expected, "what the Rust node got in round {round}");
        let got = format!(
            "Collect = fun Collect(Got) when length(Got) < {MESSAGES} ->
                collector ! {{get, self()}}, receive More -> Collect(Got ++ More) end;
                Collect(Got) -> Got end,
             Collect([]) =:= [{{{round}, N}} || N <- lists:seq(1, {MESSAGES})]"
        );
        beam.expect(&got, "true").await;
        assert_eq!(connected(&node).len(), 1);
        beam.expect("nodes(connected)", &format!("[{}]", name_as_atom(&rust))).await;
        // What global had on its way when the connection ended may make another.
        wait_until(PATIENCE, async || {
            let apart = format!("erlang:disconnect_node('{rust}'), timer:sleep(5), nodes(connected)");
            beam.eval(&apart).await.as_deref() == Ok("[]") && connected(&node).is_empty()
        })
        .await;
    }
    node.shutdown().await;
}

/// As Erlang prints it.
fn name_as_atom(name: &str) -> String {
    let plain = name.chars().all(|character| character.is_ascii_alphanumeric() || "_@".contains(character));
    if plain { name.to_owned() } else { format!("'{name}'") }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_connect_at_once_with_otp_25() {
    both_connect_at_once(Release::Otp25, "a").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn both_connect_at_once_with_otp_27() {
    both_connect_at_once(Release::Otp27, "z").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn both_connect_at_once_with_otp_29_which_has_the_smaller_name() {
    both_connect_at_once(Release::Otp29, "z").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn both_connect_at_once_with_otp_29_which_has_the_greater_name() {
    both_connect_at_once(Release::Otp29, "a").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_rust_nodes_connect_at_once() {
    let epmd = Epmd::start(Release::Otp27).await;
    let (a, b) = (node(&unique_name("a"), epmd.port()).await, node(&unique_name("b"), epmd.port()).await);
    for round in 0..50 {
        let names = (a.name().as_str().to_owned(), b.name().as_str().to_owned());
        let (ab, ba) = tokio::join!(a.connect(&names.1), b.connect(&names.0));
        assert!(ab.is_ok() && ba.is_ok(), "{round}: {ab:?}, {ba:?}");
        assert_eq!((connected(&a).len(), connected(&b).len()), (1, 1));
        assert!(a.ping(&names.1).await.is_ok() && b.ping(&names.0).await.is_ok());
        // What `global` still has to say to the other node connects them anew.
        wait_until(PATIENCE, async || {
            a.disconnect(&names.1).await;
            connected(&b).is_empty()
        })
        .await;
    }
    a.shutdown().await;
    b.shutdown().await;
}

async fn either_side_begins(release: Release) {
    let epmd = Epmd::start(release).await;
    let rust = RustNode::start(NodeOptions::with(&epmd)).await;
    let beam = BeamNode::start(release, NodeOptions::with(&epmd)).await;
    let other = BeamNode::start(release, NodeOptions::with(&epmd).hidden()).await;
    beam.expect(&format!("net_kernel:connect_node({})", rust.atom()), "true").await;
    beam.expect("nodes()", &format!("[{}]", rust.atom())).await;
    // The Rust node is told to begin; it is told so by the node that it is connected to already.
    let connect = format!("erpc:call({}, rust, connect, [{}])", rust.atom(), other.atom());
    beam.expect(&connect, "true").await;
    other.expect("nodes(hidden) ++ nodes()", &format!("[{}]", rust.atom())).await;
    beam.expect(
        &format!("erpc:call({}, erlang, nodes, [hidden])", rust.atom()),
        &format!("[{}]", other.atom()),
    )
    .await;
    for node in [&beam, &other] {
        node.expect(&format!("net_adm:ping({})", rust.atom()), "pong").await;
        node.expect(&format!("erpc:call({}, rust, ping, [{}])", rust.atom(), node.atom()), "pong").await;
    }
}

#[tokio::test]
async fn either_side_begins_with_otp_25() {
    either_side_begins(Release::Otp25).await;
}

#[tokio::test]
async fn either_side_begins_with_otp_27() {
    either_side_begins(Release::Otp27).await;
}

#[tokio::test]
async fn either_side_begins_with_otp_29() {
    either_side_begins(Release::Otp29).await;
}

#[tokio::test]
async fn a_name_that_is_taken_can_not_be_taken_again() {
    let epmd = Epmd::start(Release::Otp29).await;
    let beam = BeamNode::start(Release::Otp29, NodeOptions::with(&epmd)).await;
    let error =
        Node::builder(beam.name()).cookie("interop").epmd_port(epmd.port()).start().await.unwrap_err();
    assert!(matches!(error, StartError::Epmd(erlnode::epmd::Error::NameTaken { .. })), "{error:?}");
    let rust = RustNode::start(NodeOptions::with(&epmd)).await;
    let second = BeamNode::try_start(Release::Otp27, NodeOptions::with(&epmd).name(rust.name())).await;
    assert!(second.unwrap_err().contains("in use"));
    let second = RustNode::try_start(NodeOptions::with(&epmd).name(rust.name())).await.unwrap_err();
    assert!(second.contains("exit status: 1") && second.contains("is taken"), "{second}");
    beam.expect(&format!("net_adm:ping({})", rust.atom()), "pong").await;
}

#[tokio::test]
async fn who_can_not_be_reached_is_told_apart() {
    let epmd = Epmd::start(Release::Otp27).await;
    let node = node(&unique_name("rust"), epmd.port()).await;
    let beam = BeamNode::start(Release::Otp27, NodeOptions::with(&epmd).cookie("another")).await;
    let absent = unique_name("absent");
    assert!(matches!(node.connect(&absent).await, Err(ConnectError::NotRunning { .. })));
    let error = node.connect(beam.name()).await.unwrap_err();
    assert!(error.to_string().contains("same cookie"), "{error}");
    let error = node.connect("other@host.example.org").await.unwrap_err();
    assert!(matches!(error, ConnectError::Name(_)), "{error}");
    beam.kill_9();
    epmd.kill_9();
    wait_until(PATIENCE, async || matches!(node.connect(beam.name()).await, Err(ConnectError::Epmd(_))))
        .await;
    node.shutdown().await;
}

#[tokio::test]
async fn a_hundred_starts_under_one_name_leave_no_trace() {
    let epmd = Epmd::start(Release::Otp27).await;
    let beam = BeamNode::start(Release::Otp27, NodeOptions::with(&epmd)).await;
    let name = unique_name("rust");
    let before = epmd.names();
    let mut creations = Vec::new();
    let ping = format!("net_adm:ping('{name}')");
    for _ in 0..50 {
        let node = node(&name, epmd.port()).await;
        creations.push(node.creation());
        beam.expect(&ping, "pong").await;
        node.shutdown().await;
        assert_eq!(epmd.names(), before);
        // Every other one goes without a word.
        let node = RustNode::start(NodeOptions::with(&epmd).name(&name)).await;
        beam.expect(&ping, "pong").await;
        node.kill_9();
        wait_until(PATIENCE, async || epmd.names() == before).await;
    }
    assert!(
        creations.is_sorted_by(|a, b| a.0 + 1 < b.0),
        "each is told apart from those before: {creations:?}"
    );
    beam.wait_until("nodes(connected)", "[]").await;
}

#[tokio::test]
async fn who_comes_back_under_its_name_is_another_node() {
    let epmd = Epmd::start(Release::Otp29).await;
    let beam = BeamNode::start(Release::Otp29, NodeOptions::with(&epmd)).await;
    let name = unique_name("rust");
    let options = NodeOptions::with(&epmd).name(&name);
    let shell = beam.shell();
    let first = RustNode::start(options.clone()).await;
    let old = format!(
        "net_kernel:monitor_nodes(true), Old = erpc:call('{name}', rust, spawn_echo, []),
         Monitor = monitor(process, Old), process_flag(trap_exit, true), link(Old),
         receive {{nodeup, '{name}'}} -> up end"
    );
    shell.expect(&old, "up").await;
    first.kill_9();
    shell.expect("receive {'EXIT', Old, Why1} -> Why1 end", "noconnection").await;
    shell.expect("receive {'DOWN', Monitor, process, Old, Why2} -> Why2 end", "noconnection").await;
    shell.expect(&format!("receive {{nodedown, '{name}'}} -> down end"), "down").await;
    drop(first);
    let second = RustNode::start(options).await;
    shell.expect(&format!("New = erpc:call('{name}', rust, spawn_echo, []), New =:= Old"), "false").await;
    // The old pid is no process of the new node, though it has the same number.
    shell.expect(&format!("receive {{nodeup, '{name}'}} -> up end"), "up").await;
    shell.expect("Old ! {self(), old}, New ! {self(), new}, receive Who -> Who end", "new").await;
    shell
        .expect("monitor(process, Old), receive {'DOWN', _, process, Old, Why3} -> Why3 end", "noproc")
        .await;
    shell.expect("link(Old), receive {'EXIT', Old, Why4} -> Why4 end", "noproc").await;

    // The other way round: a BEAM node comes back.
    let other = unique_name("otp");
    let options = NodeOptions::with(&epmd).name(&other);
    let first = BeamNode::start(Release::Otp27, options.clone()).await;
    let old = format!("erpc:call('{other}', erlang, spawn, [timer, sleep, [infinity]])");
    shell.expect(&format!("Beam = {old}, rpc:call('{name}', rust, monitor, [Beam, self()]), ok"), "ok").await;
    shell.expect(&format!("rpc:call('{name}', rust, link, [Beam, self()]), ok"), "ok").await;
    first.kill_9();
    shell.expect("receive {rust_down, Beam, Why5} -> Why5 end", "noconnection").await;
    shell.expect("receive {rust_exit, Beam, Why6} -> Why6 end", "noconnection").await;
    drop(first);
    let again = BeamNode::start(Release::Otp27, options).await;
    again.expect(&format!("net_adm:ping('{name}')"), "pong").await;
    shell.expect(&format!("rpc:call('{name}', rust, monitor, [Beam, self()]), ok"), "ok").await;
    shell.expect("receive {rust_down, Beam, Why7} -> Why7 end", "noproc").await;
    drop(second);
}

/// Where epmd is gone for a while, nodes that are connected stay so, and register again when it is back.
#[tokio::test]
async fn a_node_outlives_epmd() {
    let epmd = Epmd::start(Release::Otp25).await;
    let port = epmd.port();
    let rust = RustNode::start(NodeOptions::with(&epmd)).await;
    let beam = BeamNode::start(Release::Otp25, NodeOptions::with(&epmd)).await;
    let creation = format!("binary_to_list(term_to_binary(erpc:call({}, rust, self, [])))", rust.atom());
    let creation_before = beam.eval(&creation).await.unwrap();
    epmd.kill_9();
    drop(epmd);
    beam.expect(&format!("net_adm:ping({})", rust.atom()), "pong").await;
    let epmd = Epmd::start_on(Release::Otp29, port).await;
    wait_until(PATIENCE, async || epmd.names().len() == 2).await;
    let late = BeamNode::start(Release::Otp29, NodeOptions::with(&epmd)).await;
    late.expect(&format!("net_adm:ping({})", rust.atom()), "pong").await;
    let creation_after = late.eval(&creation).await.unwrap();
    let last_four =
        |bytes: &str| bytes.trim_end_matches(']').rsplit(',').take(4).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(last_four(&creation_before), last_four(&creation_after), "it keeps its creation");
}

/// A BEAM node registers with the epmd of a Rust node, which finds it there; and again when that comes back.
#[tokio::test]
async fn beam_nodes_live_with_the_built_in_epmd() {
    let port = free_port();
    let options = NodeOptions::with_epmd_port(port);
    let name = unique_name("rust");
    let rust = RustNode::start(options.clone().name(&name)).await;
    let beam = BeamNode::start(Release::Otp27, options.clone()).await;
    let ping = format!("erpc:call('{name}', rust, ping, [node()])");
    beam.expect(&ping, "pong").await;
    rust.kill_9();
    rust.wait_exit(PATIENCE).await.unwrap();
    beam.wait_until("nodes()", "[]").await;
    let rust = RustNode::start(options.clone().name(&name)).await;
    // The BEAM node tries every 2 s.
    beam.wait_until("element(2, erl_epmd:names()) =/= []", "true").await;
    beam.wait_until("length(element(2, erl_epmd:names()))", "2").await;
    let other = BeamNode::start(Release::Otp29, options).await;
    other.expect(&format!("net_adm:ping({})", beam.atom()), "pong").await;
    other.expect(&ping, "pong").await;
    drop(rust);
}

//! What `net_kernel` of a Rust node answers, beside that of a BEAM node in its place; and what a Rust process can ask.

use std::time::Duration;

use erlnode::node::{DistAutoConnect, NetTicktime, Node, NodeMonitorOptions, NodeType};
use erlnode::term::Atom;
use interop_tests::{BeamNode, Epmd, NodeOptions, PATIENCE, Release, RustNode, unique_name, wait_until};

use super::connected;

/// Asked of a node that is called NODE here and is connected to OTHER, and to the one that asks.
const QUESTIONS: [&str; 34] = [
    "erpc:call(NODE, net_kernel, get_net_ticktime, [])",
    "erpc:call(NODE, net_kernel, set_net_ticktime, [60])",
    "gen_server:call({net_kernel, NODE}, ticktime)",
    "erpc:call(NODE, net_kernel, set_net_ticktime, [30, 0])",
    "timer:sleep(200), gen_server:call({net_kernel, NODE}, ticktime)",
    "gen_server:call({net_kernel, NODE}, {new_ticktime, 60000, 600000})",
    "erpc:call(NODE, net_kernel, get_net_ticktime, [])",
    "erpc:call(NODE, net_kernel, set_net_ticktime, [7])",
    "gen_server:call({net_kernel, NODE}, {new_ticktime, 7000, 1})",
    "gen_server:call({net_kernel, NODE}, ticktime)",
    "try erpc:call(NODE, net_kernel, set_net_ticktime, [foo]) catch C:{exception, R, _} -> {C, R} end",
    "try erpc:call(NODE, net_kernel, set_net_ticktime, [7, -1]) catch C:{exception, R, _} -> {C, R} end",
    "gen_server:call({net_kernel, NODE}, {is_auth, node()})",
    "gen_server:call({net_kernel, NODE}, longnames)",
    "gen_server:call({net_kernel, NODE}, nodename)",
    "gen_server:call({net_kernel, NODE}, get_state)",
    "[erpc:call(NODE, net_kernel, F, []) || F <- [longnames, epmd_module, get_state]]",
    "gen_server:call({net_kernel, NODE}, {connect, normal, OTHER})",
    "gen_server:call({net_kernel, NODE}, {connect, hidden, NODE})",
    "[erpc:call(NODE, net_kernel, connect_node, [N]) || N <- [OTHER, NODE, absent@nowhere, node()]]",
    "erpc:call(NODE, net_adm, ping, [OTHER])",
    "erpc:call(NODE, net_adm, ping, [absent@nowhere])",
    "lists:sort([N || {N, _} <- element(2, erpc:call(NODE, net_adm, names, []))]) =:= \
     lists:sort([N || {N, _} <- element(2, net_adm:names())])",
    "[[lists:member(N, erpc:call(NODE, erlang, nodes, [L])) || N <- [NODE, OTHER, node(), foo@bar]] || \
     L <- [visible, connected, hidden, this, known, [], [this, visible], [hidden, visible]]]",
    "length([N || N <- erpc:call(NODE, erlang, nodes, [[this, hidden, connected]]), \
     lists:member(N, [NODE, OTHER, node()])])",
    "[{X, maps:map(fun(_, V) -> if is_integer(V) -> id; true -> V end end, M)} || X <- [NODE, OTHER, node()], {N, M} <- \
     erpc:call(NODE, erlang, nodes, [[this, connected], #{connection_id => true, node_type => true}]), N =:= X]",
    "erpc:call(NODE, erlang, nodes, [this, #{connection_id => false}])",
    "[try erpc:call(NODE, erlang, nodes, A) catch C:{exception, R, _} -> {C, R} end || \
     A <- [[foo], [visible, #{foo => true}], [visible, #{node_type => 1}]]]",
    "[{erpc:call(NODE, net_kernel, monitor_nodes, [F, O])} || F <- [true, false, 1], O <- [[], [foo], #{foo => true}, \
     x, [{node_type, x}], #{node_type => x}, [nodedown_reason, connection_id, {node_type, all}]]]",
    "[(fun({ok, [{owner, P}, {state, up}, {address, {net_address, {{127,0,0,1}, Port}, _, tcp, inet}}, {type, T}, \
     {in, I}, {out, O}]}) when is_pid(P), is_integer(Port), is_integer(I), is_integer(O) -> T end)( \
     erpc:call(NODE, net_kernel, node_info, [N])) || N <- [node(), OTHER]]",
    "[erpc:call(NODE, net_kernel, node_info, A) || A <- [[OTHER, state], [OTHER, foo], [foo@bar], [foo@bar, in]]]",
    "lists:sort([N || {N, [{owner, _} | _]} <- element(2, erpc:call(NODE, net_kernel, nodes_info, [])), \
     lists:member(N, [OTHER, node()])])",
    "[gen_server:call({net_kernel, NODE}, {O, N, [nodelay]}) || O <- [setopts, getopts], N <- [foo@bar]]",
    "gen_server:call({net_kernel, NODE}, {disconnect, foo@bar})",
];

/// Asked at the end: it makes the node one that others can't connect to.
const LAST_QUESTIONS: [&str; 5] = [
    "[erpc:call(NODE, net_kernel, allow, [N]) || N <- [[1], []]]",
    "gen_server:call({net_kernel, NODE}, allowed)",
    "gen_server:call({net_kernel, NODE}, {allow, [node(), OTHER]}), erpc:call(NODE, net_kernel, allowed, [])",
    "[erpc:call(NODE, net_adm, ping, [N]) || N <- [OTHER, 'absent@nowhere']]",
    "erpc:call(NODE, erlang, disconnect_node, [OTHER])",
];

async fn answers_as_a_beam_node(release: Release) {
    let epmd = Epmd::start(release).await;
    let options = || NodeOptions::with(&epmd);
    let rust = RustNode::start(options()).await;
    let (asker, other, beam) = tokio::join!(
        BeamNode::start(release, options()),
        BeamNode::start(release, options().hidden()),
        BeamNode::start(release, options()),
    );
    for question in QUESTIONS.iter().chain(&LAST_QUESTIONS) {
        let mut answers = Vec::new();
        for name in [beam.atom(), rust.atom()] {
            if answers.is_empty() {
                // Neither node is to find the other; if they do all the same, no answer tells.
                asker
                    .expect("[erlang:disconnect_node(N) || N <- nodes(connected)], nodes(connected)", "[]")
                    .await;
            }
            let asked = question.replace("NODE", &name).replace("OTHER", &other.atom());
            let connect = format!(
                "[erlang:disconnect_node(N) || N <- nodes()], true = net_kernel:connect_node({name}), \
                 true = erpc:call({name}, net_kernel, connect_node, [{}]), ",
                other.atom()
            );
            let answer = asker.eval(&format!("{connect}{asked}")).await;
            answers.push(answer.unwrap_or_else(|error| panic!("{asked}: {error}")).replace(&name, "NODE"));
        }
        assert_eq!(answers[1], answers[0], "{release:?}: {question}");
    }
}

#[tokio::test]
async fn answers_as_a_node_of_otp_25() {
    answers_as_a_beam_node(Release::Otp25).await;
}

#[tokio::test]
async fn answers_as_a_node_of_otp_27() {
    answers_as_a_beam_node(Release::Otp27).await;
}

#[tokio::test]
async fn answers_as_a_node_of_otp_29() {
    answers_as_a_beam_node(Release::Otp29).await;
}

fn builder(name: &str, epmd: &Epmd) -> erlnode::node::Builder {
    Node::builder(&unique_name(name)).cookie("interop").epmd_port(epmd.port())
}

async fn nodes_that_come_and_go_are_told_of(release: Release) {
    let epmd = Epmd::start(release).await;
    let node = builder("rust", &epmd).start().await.unwrap();
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let (ready, is_ready) = tokio::sync::oneshot::channel();
    node.spawn(async move |mut process| {
        let all = NodeType::Connected;
        process.monitor_nodes(NodeType::Visible);
        process
            .monitor_nodes_with(NodeMonitorOptions::list().node_type(all).nodedown_reason().connection_id());
        process.monitor_nodes_with(NodeMonitorOptions::map().node_type(NodeType::Hidden).nodedown_reason());
        process.monitor_nodes_with(NodeMonitorOptions::map());
        process.demonitor_nodes_with(NodeMonitorOptions::map());
        let _ = ready.send(());
        loop {
            let _ = tell.send(process.receive().await.to_term()?.to_string());
        }
    });
    is_ready.await.unwrap();
    let mut expect = async |expected: &[String]| {
        let mut got = Vec::new();
        while got.len() < expected.len() {
            let next = tokio::time::timeout(PATIENCE, told.recv()).await;
            got.push(next.unwrap_or_else(|_| panic!("only {got:?}")).unwrap());
        }
        got.sort();
        assert_eq!(got, expected);
    };
    let id = || node.nodes_info(NodeType::Connected).first().unwrap().connection_id.unwrap();
    let mut ids = Vec::new();
    let visible = BeamNode::start(release, NodeOptions::with(&epmd)).await;
    let name = visible.atom();
    for reason in ["disconnect", "connection_closed"] {
        visible.expect(&format!("net_kernel:connect_node('{}')", node.name()), "true").await;
        ids.push(id());
        let last = id();
        expect(&[
            format!("{{nodeup,{name},[{{connection_id,{last}}},{{node_type,visible}}]}}"),
            format!("{{nodeup,{name}}}"),
        ])
        .await;
        if reason == "disconnect" {
            assert!(node.disconnect(visible.name()).await);
        } else {
            visible.kill_9();
        }
        expect(&[
            format!(
                "{{nodedown,{name},[{{connection_id,{last}}},{{nodedown_reason,{reason}}},{{node_type,visible}}]}}"
            ),
            format!("{{nodedown,{name}}}"),
        ])
        .await;
    }
    assert!(ids.is_sorted_by(|a, b| a < b), "{ids:?}");
    let hidden = BeamNode::start(release, NodeOptions::with(&epmd).hidden()).await;
    let name = hidden.atom();
    node.connect(hidden.name()).await.unwrap();
    let last = id();
    expect(&[
        format!("{{nodeup,{name},#{{node_type => hidden}}}}"),
        format!("{{nodeup,{name},[{{connection_id,{last}}},{{node_type,hidden}}]}}"),
    ])
    .await;
    hidden.expect(&format!("erlang:disconnect_node('{}')", node.name()), "true").await;
    expect(&[
        format!("{{nodedown,{name},#{{node_type => hidden,nodedown_reason => connection_closed}}}}"),
        format!(
            "{{nodedown,{name},[{{connection_id,{last}}},{{nodedown_reason,connection_closed}},{{node_type,hidden}}]}}"
        ),
    ])
    .await;
    node.shutdown().await;
}

#[tokio::test]
async fn nodes_of_otp_25_that_come_and_go_are_told_of() {
    nodes_that_come_and_go_are_told_of(Release::Otp25).await;
}

#[tokio::test]
async fn nodes_of_otp_27_that_come_and_go_are_told_of() {
    nodes_that_come_and_go_are_told_of(Release::Otp27).await;
}

#[tokio::test]
async fn nodes_of_otp_29_that_come_and_go_are_told_of() {
    nodes_that_come_and_go_are_told_of(Release::Otp29).await;
}

/// What comes of sending, pinging, linking and so on where connections are not made by themselves.
async fn expect_no_connection(node: &Node, other: &BeamNode) {
    let to = (Atom::new("anybody").unwrap(), Atom::new(other.name()).unwrap());
    assert!(node.send(to.clone(), 1).await.is_err());
    let error = node.ping(other.name()).await.unwrap_err();
    assert!(error.to_string().contains("dist_auto_connect"), "{error}");
    let (give, given) = tokio::sync::oneshot::channel();
    let name = other.name().to_owned();
    node.spawn(async move |mut process| {
        let monitor = process.monitor(to).await;
        let down = process.receive().await.to_term()?;
        process.monitor_node(&name).await;
        let nodedown = process.receive().await.to_term()?;
        let _ = give.send((monitor, down, nodedown));
        Ok(())
    });
    let (_, down, nodedown) = given.await.unwrap();
    assert!(down.to_string().ends_with("noconnection}"), "{down}");
    assert_eq!(nodedown.to_string(), format!("{{nodedown,{}}}", other.atom()));
    assert!(connected(node).is_empty());
}

/// As a BEAM node with `-kernel dist_auto_connect never`, and `once`.
async fn connections_are_made_as_dist_auto_connect_says(release: Release) {
    let epmd = Epmd::start(release).await;
    let other = BeamNode::start(release, NodeOptions::with(&epmd)).await;
    let start = async |auto_connect| {
        builder("rust", &epmd).hidden(true).dist_auto_connect(auto_connect).start().await.unwrap()
    };
    let never = start(DistAutoConnect::Never).await;
    expect_no_connection(&never, &other).await;
    never.connect(other.name()).await.unwrap();
    never.ping(other.name()).await.unwrap();
    assert!(never.disconnect(other.name()).await);
    expect_no_connection(&never, &other).await;
    // The other one may connect. Its first attempt may go over the old connection, of which it has yet to notice the end.
    other.wait_until(&format!("net_adm:ping('{}')", never.name()), "pong").await;
    never.ping(other.name()).await.unwrap();
    never.shutdown().await;

    let once = start(DistAutoConnect::Once).await;
    let own = once.name().to_string();
    once.ping(other.name()).await.unwrap();
    other.wait_until(&format!("erlang:disconnect_node('{own}'), nodes(connected)"), "[]").await;
    wait_until(PATIENCE, async || connected(&once).is_empty()).await;
    expect_no_connection(&once, &other).await;
    // Another one is not meant, even one that is not there.
    let absent = once.ping(&unique_name("absent")).await.unwrap_err();
    assert!(absent.to_string().contains("is not running"), "{absent}");
    // As soon as it has been connected again, it is as before.
    once.connect(other.name()).await.unwrap();
    assert!(once.disconnect(other.name()).await);
    expect_no_connection(&once, &other).await;
    other.wait_until(&format!("net_adm:ping('{own}')"), "pong").await;
    once.ping(other.name()).await.unwrap();
    once.shutdown().await;
}

#[tokio::test]
async fn connections_to_otp_25_are_made_as_dist_auto_connect_says() {
    connections_are_made_as_dist_auto_connect_says(Release::Otp25).await;
}

#[tokio::test]
async fn connections_to_otp_29_are_made_as_dist_auto_connect_says() {
    connections_are_made_as_dist_auto_connect_says(Release::Otp29).await;
}

/// A cluster goes over to a shorter `net_ticktime` while it runs; then a frozen node is noticed in that time.
async fn net_ticktime_changes_while_the_cluster_runs(release: Release) {
    let epmd = Epmd::start(release).await;
    let node = builder("rust", &epmd).start().await.unwrap();
    let beam = BeamNode::start(release, NodeOptions::with(&epmd)).await;
    node.connect(beam.name()).await.unwrap();
    let rust = node.name().to_string();
    // Told by the BEAM node, as by any administrator.
    beam.expect(&format!("erpc:call('{rust}', net_kernel, set_net_ticktime, [4, 2])"), "change_initiated")
        .await;
    beam.expect("net_kernel:set_net_ticktime(4, 2)", "change_initiated").await;
    assert_eq!(node.net_ticktime(), NetTicktime::ChangingTo(Duration::from_secs(4)));
    beam.wait_until("net_kernel:get_net_ticktime()", "4").await;
    wait_until(PATIENCE, async || node.net_ticktime() == NetTicktime::Is(Duration::from_secs(4))).await;
    // Ticks alone keep the connection, in both directions.
    let quiet =
        format!("monitor_node('{rust}', true), receive {{nodedown, '{rust}'}} -> down after 9000 -> up end");
    beam.expect(&quiet, "up").await;
    assert_eq!(connected(&node), [beam.name()]);
    beam.stop_signal();
    wait_until(PATIENCE, async || connected(&node).is_empty()).await;
    beam.cont_signal();
    beam.wait_until(&format!("net_adm:ping('{rust}')"), "pong").await;
    node.ping(beam.name()).await.unwrap();
    node.shutdown().await;
}

#[tokio::test]
async fn net_ticktime_changes_while_a_cluster_with_otp_25_runs() {
    net_ticktime_changes_while_the_cluster_runs(Release::Otp25).await;
}

#[tokio::test]
async fn net_ticktime_changes_while_a_cluster_with_otp_29_runs() {
    net_ticktime_changes_while_the_cluster_runs(Release::Otp29).await;
}

/// Who knows only the machines becomes a member by [`Node::world`].
#[tokio::test]
async fn a_node_finds_those_of_a_host() {
    let epmd = Epmd::start(Release::Otp27).await;
    let beam = BeamNode::start(Release::Otp27, NodeOptions::with(&epmd)).await;
    let rust = RustNode::start(NodeOptions::with(&epmd)).await;
    let node = builder("finder", &epmd).start().await.unwrap();
    let listed: Vec<String> =
        node.epmd_names(None).await.unwrap().into_iter().map(|listed| listed.name).collect();
    assert_eq!(listed.len(), 3, "{listed:?}");
    let mut found: Vec<String> =
        node.world([node.name().host(), "nowhere.invalid"]).await.iter().map(Atom::to_string).collect();
    found.sort();
    let mut all = [beam.name(), rust.name(), node.name().as_str()].map(str::to_owned);
    all.sort();
    assert_eq!(found, all);
    wait_until(PATIENCE, async || connected(&node).len() == 2).await;
    node.shutdown().await;
}

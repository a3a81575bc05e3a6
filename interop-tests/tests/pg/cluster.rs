//! Who is a member.

use erlnode::node::Node;
use interop_tests::{BeamNode, Epmd, NodeOptions, PATIENCE, Release, wait_until};

use super::{IDLE, RELEASES, beam, connect, expect_members, group, idle, join, rust_node};

/// One BEAM of each release and two Rust nodes, in two scopes.
struct Cluster {
    old: BeamNode,
    middle: BeamNode,
    new: BeamNode,
    m: Node,
    n: Node,
    _epmd: Epmd,
}

impl Cluster {
    async fn start() -> Cluster {
        let epmd = Epmd::start(Release::Otp27).await;
        let (old, middle, new, m, n) = tokio::join!(
            beam(Release::Otp25, &epmd, &["old"]),
            beam(Release::Otp27, &epmd, &["old", "new"]),
            beam(Release::Otp29, &epmd, &["new"]),
            rust_node(&epmd, &["old", "new"]),
            rust_node(&epmd, &["old", "new"]),
        );
        Cluster { old, middle, new, m, n, _epmd: epmd }
    }

    /// All meet by way of one.
    async fn connect(&self) {
        let Cluster { old, middle, new, m, n, .. } = self;
        connect(m, middle).await;
        for other in [n.name().as_str(), old.name(), new.name()] {
            middle.expect(&format!("net_kernel:connect_node('{other}')"), "true").await;
        }
    }

    async fn expect(&self, scope: &str, name: &str, nodes: &[&str]) {
        let beams = if scope == "old" { [&self.old, &self.middle] } else { [&self.middle, &self.new] };
        expect_members(&[&self.m, &self.n], &beams, scope, name, nodes).await;
    }
}

#[tokio::test]
async fn members_are_known_on_all_nodes() {
    let cluster = Cluster::start().await;
    let Cluster { old, middle, new, m, n, .. } = &cluster;
    // Some join before the nodes meet, and some after.
    old.expect(&format!("pg:join(old, g, {IDLE})"), "ok").await;
    new.expect(&format!("P = {IDLE}, pg:join(new, g, [P, P])"), "ok").await;
    let (a, b) = (idle(m), idle(n));
    join(m, "old", "g", &a).await;
    join(m, "new", "g", &a).await;
    cluster.connect().await;
    join(n, "old", "g", &b).await;
    n.pg_scope("new").join_all(group("g"), &[b.clone(), b.clone()]).await.unwrap();
    middle
        .expect(&format!("P = {IDLE}, register(member, P), [pg:join(S, g, P) || S <- [old, new]]"), "[ok,ok]")
        .await;
    let [in_m, in_n, in_old, in_middle, in_new] =
        [m.name().as_str(), n.name().as_str(), old.name(), middle.name(), new.name()];
    cluster.expect("old", "g", &[in_old, in_middle, in_m, in_n]).await;
    cluster.expect("new", "g", &[in_new, in_new, in_middle, in_m, in_n, in_n]).await;

    // One leaves once, one ends, and one's whole node is gone.
    assert!(n.pg_scope("new").leave(group("g"), &b).await.unwrap());
    middle.expect("exit(whereis(member), kill)", "true").await;
    cluster.expect("old", "g", &[in_old, in_m, in_n]).await;
    cluster.expect("new", "g", &[in_new, in_new, in_m, in_n]).await;
    new.kill_9();
    n.shutdown().await;
    expect_members(&[m], &[middle], "new", "g", &[in_m]).await;
    expect_members(&[m], &[old, middle], "old", "g", &[in_old, in_m]).await;
    assert_eq!(m.pg_scope("old").local_members(group("g")), [a]);
    old.expect("{pg:which_groups(old), length(pg:get_local_members(old, g))}", "{[g],1}").await;
}

/// All that one side has comes in one message.
#[tokio::test]
async fn a_thousand_members_are_known_at_once() {
    for release in RELEASES {
        let epmd = Epmd::start(release).await;
        let (beam, node) = tokio::join!(beam(release, &epmd, &["pg"]), rust_node(&epmd, &["pg"]));
        let many = format!("[pg:join({{room, N rem 10}}, {IDLE}) || N <- lists:seq(1, 1000)], ok");
        beam.expect(&many, "ok").await;
        for number in 0..1000 {
            let room = erlnode::term::Term::tuple([group("room"), (number % 10).into()]);
            node.pg().join(room, &idle(&node)).await.unwrap();
        }
        connect(&node, &beam).await;
        let room = erlnode::term::Term::tuple([group("room"), 3.into()]);
        wait_until(PATIENCE, async || node.pg().members(room.clone()).len() == 200).await;
        let counts = "lists:usort([length(pg:get_members({room, N})) || N <- lists:seq(0, 9)]) =:= [200]";
        beam.wait_until(counts, "true").await;
        // One walk reaches them all; the idle ones of the BEAM have the message in their mailboxes.
        assert_eq!(node.pg().send(room, &"to all").await.unwrap(), 200);
        let got = "[process_info(P, messages) || P <- pg:get_local_members({room, 3})] =:= lists:duplicate(100, {messages, [<<\"to all\">>]})";
        beam.wait_until(got, "true").await;
    }
}

/// What changes while two nodes are apart is known when they have met again.
#[tokio::test]
async fn parted_nodes_tell_each_other_anew() {
    for release in RELEASES {
        let epmd = Epmd::start(release).await;
        let (beam, node) = tokio::join!(beam(release, &epmd, &["pg"]), rust_node(&epmd, &["pg"]));
        let (in_node, in_beam) = (node.name().as_str(), beam.name());
        connect(&node, &beam).await;
        let (a, b) = (idle(&node), idle(&node));
        let shell = beam.shell();
        shell.expect(&format!("P = {IDLE}, Q = {IDLE}, pg:join(one, [P, Q])"), "ok").await;
        node.pg().join_all(group("one"), &[a.clone(), b.clone()]).await.unwrap();
        expect_members(&[&node], &[&beam], "pg", "one", &[in_node, in_node, in_beam, in_beam]).await;
        for round in 0..5 {
            if round % 2 == 0 {
                assert!(node.disconnect(in_beam).await);
            } else {
                beam.expect(&format!("erlang:disconnect_node('{in_node}')"), "true").await;
            }
            expect_members(&[&node], &[], "pg", "one", &[in_node, in_node]).await;
            expect_members(&[], &[&beam], "pg", "one", &[in_beam, in_beam]).await;
            assert!(node.pg().leave(group("one"), &a).await.unwrap());
            join(&node, "pg", "two", &a).await;
            shell
                .expect("{pg:leave(one, P), pg:join(three, P), pg:leave(four, P)}", "{ok,ok,not_joined}")
                .await;
            // Both may connect at the same time, as two nodes do that meet again.
            let connecting = beam.eval_async(&format!("net_kernel:connect_node('{in_node}')"));
            let _ = node.connect(in_beam).await;
            let _ = connecting.result().await;
            expect_members(&[&node], &[&beam], "pg", "one", &[in_node, in_beam]).await;
            expect_members(&[&node], &[&beam], "pg", "two", &[in_node]).await;
            expect_members(&[&node], &[&beam], "pg", "three", &[in_beam]).await;
            shell.expect("{pg:leave(three, P), pg:join(one, P)}", "{ok,ok}").await;
            assert!(node.pg().leave(group("two"), &a).await.unwrap());
            join(&node, "pg", "one", &a).await;
            expect_members(&[&node], &[&beam], "pg", "one", &[in_node, in_node, in_beam, in_beam]).await;
        }
        beam.expect("lists:sort(pg:which_groups())", "[one]").await;
        assert_eq!(node.pg().groups(), [group("one")]);
    }
}

/// Those who monitor on a BEAM hear the same of a Rust node's processes as of its own.
#[tokio::test]
async fn a_beam_hears_of_rust_processes_as_of_its_own() {
    const SCRIPT: &str = "Flush = fun F() -> receive {_, What, G, Ps} when is_list(Ps) -> [{What, G, length(Ps)} | F()] after 0 -> [] end end";
    for release in RELEASES {
        let epmd = Epmd::start(release).await;
        let (watching, beam, node) = tokio::join!(
            beam(release, &epmd, &["pg"]),
            beam(release, &epmd, &["pg"]),
            rust_node(&epmd, &["pg"])
        );
        connect(&node, &watching).await;
        watching.expect(&format!("net_kernel:connect_node('{}')", beam.name()), "true").await;
        let mut heard = Vec::new();
        for name in [beam.name(), node.name().as_str()] {
            let shell = watching.shell();
            let rpc = |call: &str| format!("rpc:call('{name}', pg, {call})");
            let marker = "pg:join(marker, self()), pg:leave(marker, self())";
            shell.expect(&format!("{SCRIPT}, {{_, _}} = pg:monitor_scope(), ok"), "ok").await;
            // Two processes that stay: of a BEAM, and of either node, as the script needs them.
            let pids = if name == beam.name() {
                format!(
                    "[P, Q] = [rpc:call('{name}', erlang, whereis, [N]) || N <- [kernel_sup, code_server]], ok"
                )
            } else {
                format!("[P, Q] = [rpc:call('{name}', erlang, whereis, [N]) || N <- [net_kernel, rex]], ok")
            };
            shell.expect(&pids, "ok").await;
            for (call, answer) in [
                ("join, [g, P]", "ok"),
                ("join, [g, [P, Q]]", "ok"),
                ("leave, [none, P]", "not_joined"),
                ("leave, [g, P]", "ok"),
                ("join, [h, [P, P]]", "ok"),
                ("leave, [h, [P, P]]", "ok"),
                ("leave, [g, [Q, P]]", "ok"),
            ] {
                shell.expect(&rpc(call), answer).await;
            }
            shell.expect("Wait = fun W() -> case pg:get_members(g) of [] -> ok; _ -> timer:sleep(5), W() end end, Wait()", "ok").await;
            shell.expect(&format!("{marker}, timer:sleep(0)"), "ok").await;
            heard.push(shell.eval("Flush()").await.unwrap());
        }
        assert!(heard[0].starts_with("[{join,g,1},{join,g,2},{leave,g,1},"), "{}", heard[0]);
        assert_eq!(heard[0], heard[1], "{release:?}");
    }
}

/// Hidden nodes take no part.
#[tokio::test]
async fn a_hidden_beam_is_left_alone() {
    let epmd = Epmd::start(Release::Otp29).await;
    let hidden = BeamNode::start(Release::Otp29, NodeOptions::with(&epmd).hidden()).await;
    super::start_scope(&hidden, "pg").await;
    let (beam, node) = tokio::join!(beam(Release::Otp27, &epmd, &["pg"]), rust_node(&epmd, &["pg"]));
    hidden.expect(&format!("pg:join(g, {IDLE})"), "ok").await;
    join(&node, "pg", "g", &idle(&node)).await;
    connect(&node, &hidden).await;
    connect(&node, &beam).await;
    expect_members(&[&node], &[&beam], "pg", "g", &[node.name().as_str()]).await;
    expect_members(&[], &[&hidden], "pg", "g", &[hidden.name()]).await;
}

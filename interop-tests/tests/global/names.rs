//! Names and locks.

use erlnode::atom;
use erlnode::node::Node;
use erlnode::otp::global::GlobalError;
use erlnode::term::{Pid, Term};
use interop_tests::{BeamNode, Epmd, PATIENCE, Release, wait_until};

use super::{cluster, expect_members, register, rust_node, sleeper, within};

/// One of each release, and a Rust node, as one cluster.
pub(super) async fn cluster_with(prefix: &str) -> (Epmd, [BeamNode; 3], Node) {
    let epmd = Epmd::start(Release::Otp27).await;
    let (beams, node) = tokio::join!(cluster(&epmd), rust_node(&epmd, prefix));
    node.connect(beams[1].name()).await.unwrap();
    expect_members(&[&node], &beams.each_ref()).await;
    (epmd, beams, node)
}

async fn expect_nowhere(name: &'static str, node: &Node, beams: &[BeamNode; 3]) {
    for beam in beams {
        beam.wait_until(&format!("global:whereis_name({name})"), "undefined").await;
    }
    let name = erlnode::term::Atom::new(name).unwrap();
    wait_until(PATIENCE, async || node.global().whereis_name(name.clone()).is_none()).await;
}

#[tokio::test]
async fn of_all_who_want_a_name_one_gets_it() {
    let (_epmd, beams, node) = cluster_with("m_rust").await;
    for round in 0..10 {
        let wanting =
            format!("global:register_name({{wanted, {round}}}, spawn(fun() -> receive stop -> ok end end))");
        let pending: Vec<_> = beams.iter().map(|beam| beam.eval_async(&wanting)).collect();
        let name = Term::tuple([atom!("wanted").into(), Term::from(round)]);
        let pid = sleeper(&node);
        let own = within(node.global().register_name(name.clone(), &pid)).await;
        let mut winners = usize::from(own.is_ok());
        for pending in pending {
            winners += usize::from(pending.result().await.unwrap() == "yes");
        }
        assert_eq!(winners, 1);
        if own.is_err() {
            assert_eq!(own, Err(GlobalError::NameTaken));
        }
        let winner = node.global().whereis_name(name).unwrap();
        for beam in &beams {
            let node_of = format!("node(global:whereis_name({{wanted, {round}}})) =:= '{}'", winner.node);
            beam.expect(&node_of, "true").await;
        }
    }
}

#[tokio::test]
async fn names_are_changed_from_both_sides() {
    let (_epmd, beams, node) = cluster_with("a_rust").await;
    let global = node.global();
    let (first, second) = (sleeper(&node), sleeper(&node));
    within(global.register_name(atom!("ours"), &first)).await.unwrap();
    assert_eq!(within(global.register_name(atom!("ours"), &second)).await, Err(GlobalError::NameTaken));
    assert_eq!(within(global.register_name(atom!("more"), &first)).await, Err(GlobalError::HasName));
    for beam in &beams {
        beam.expect("global:register_name(ours, self())", "no").await;
    }
    within(global.re_register_name(atom!("ours"), &second)).await.unwrap();
    // A BEAM gives the name to a process of its own, and gives it a Rust process's pid as well.
    beams[0].expect("global:re_register_name(ours, whereis(kernel_sup))", "yes").await;
    assert_eq!(global.whereis_name(atom!("ours")).unwrap().node.as_str(), beams[0].name());
    let pid_of = format!("rpc:call('{}', erlang, whereis, [net_kernel])", node.name());
    beams[2].expect(&format!("global:register_name(theirs, {pid_of})"), "yes").await;
    assert_eq!(global.whereis_name(atom!("theirs")), node.whereis("net_kernel"));
    within(global.unregister_name(atom!("theirs"))).await.unwrap();
    expect_nowhere("theirs", &node, &beams).await;
    beams[1].expect("global:unregister_name(ours)", "ok").await;
    expect_nowhere("ours", &node, &beams).await;
    assert_eq!(global.registered_names(), []);
}

#[tokio::test]
async fn a_name_goes_with_its_process() {
    let (_epmd, beams, node) = cluster_with("rust").await;
    for beam in &beams {
        register(beam, "brief").await;
        assert!(node.global().whereis_name(atom!("brief")).is_some());
        beam.expect("global:send(brief, stop), ok", "ok").await;
        expect_nowhere("brief", &node, &beams).await;
        // Dead before it is registered.
        let dead = "{P, R} = spawn_monitor(fun() -> ok end), receive {'DOWN', R, _, _, _} -> ok end, ";
        beam.expect(&format!("{dead} global:register_name(brief, P)"), "yes").await;
        expect_nowhere("brief", &node, &beams).await;
    }
    let pid = node.spawn(|mut process| async move {
        process.receive().await;
        Ok(())
    });
    within(node.global().register_name(atom!("brief"), &pid)).await.unwrap();
    beams[2].expect("is_pid(global:send(brief, stop))", "true").await;
    expect_nowhere("brief", &node, &beams).await;
    within(node.global().register_name(atom!("brief"), &pid)).await.unwrap();
    expect_nowhere("brief", &node, &beams).await;
}

#[tokio::test]
async fn messages_to_a_global_name_arrive() {
    let (_epmd, beams, node) = cluster_with("rust").await;
    let echo = node.spawn(|mut process| async move {
        loop {
            let (from, message): (Pid, Term) = process.receive().await.decode()?;
            process.send(from, message).await?;
        }
    });
    within(node.global().register_name(atom!("echo"), &echo)).await.unwrap();
    for beam in &beams {
        beam.expect("global:send(echo, {self(), hello}), receive M -> M end", "hello").await;
    }
}

#[tokio::test]
async fn external_names_are_learnt_when_joining() {
    let epmd = Epmd::start(Release::Otp29).await;
    let (beams, node) = tokio::join!(cluster(&epmd), rust_node(&epmd, "rust"));
    let ext = "global:register_name_external(ext, spawn(fun() -> receive stop -> ok end end))";
    beams[2].expect(ext, "yes").await;
    node.connect(beams[0].name()).await.unwrap();
    expect_members(&[&node], &beams.each_ref()).await;
    let names: Vec<(Term, Pid, Term)> =
        node.call("global_name_server", atom!("get_names_ext")).await.unwrap();
    assert_eq!(names.len(), 1);
    assert_eq!(names[0].0, atom!("ext").into());
    assert_eq!(names[0].2, erlnode::term::Atom::new(beams[2].name()).unwrap().into());
    beams[1].expect("global:unregister_name_external(ext)", "ok").await;
    assert_eq!(node.global().registered_names(), []);
}

#[tokio::test]
async fn locks_are_kept_for_those_who_live() {
    let (_epmd, beams, node) = cluster_with("rust").await;
    let nodes = format!("['{}' | [node() | nodes()]]", node.name());
    let [a, b, c] = &beams;
    // Held, shared by the same requester, and given up one by one.
    let holder = |id: &str| {
        format!(
            "Me = self(), Holder = spawn(fun() -> true = global:set_lock({{res, {id}}}, {nodes}, 0), Me ! locked, receive stop -> ok end end), register(holder, Holder), receive locked -> ok end"
        )
    };
    a.expect(&holder("one"), "ok").await;
    b.expect(&format!("global:set_lock({{res, two}}, {nodes}, 0)"), "false").await;
    b.expect(&holder("one"), "ok").await;
    a.expect("exit(whereis(holder), kill)", "true").await;
    c.expect(&format!("timer:sleep(100), global:set_lock({{res, two}}, {nodes}, 0)"), "false").await;
    b.expect("exit(whereis(holder), kill)", "true").await;
    c.wait_until(&format!("global:set_lock({{res, two}}, {nodes}, 0)"), "true").await;
    // Whoever asked is gone by now, and the lock with it. Five take turns.
    a.expect(
        "ets:new(count, [named_table, public, {heir, whereis(kernel_sup), x}]), ets:insert(count, {n, 0})",
        "true",
    )
    .await;
    let increment = |home: &str| {
        format!(
            "[global:trans({{count, self()}}, fun() ->
                 N = rpc:call({home}, ets, lookup_element, [count, n, 2]),
                 timer:sleep(1),
                 rpc:call({home}, ets, insert, [count, {{n, N + 1}}]) end, {nodes}) || _ <- [1, 2, 3]], ok"
        )
    };
    let home = a.atom();
    let turns: Vec<_> = [a, b, c, a, b].map(|beam| beam.eval_async(&increment(&home))).into();
    for turn in turns {
        assert_eq!(turn.result_within(PATIENCE * 2).await.as_deref(), Ok("ok"));
    }
    a.expect("ets:lookup(count, n)", "[{n,15}]").await;
}

#[tokio::test]
async fn the_server_answers_who_asks() {
    let (_epmd, beams, node) = cluster_with("rust").await;
    for beam in &beams {
        let call =
            |request: &str| format!("gen_server:call({{global_name_server, '{}'}}, {request})", node.name());
        beam.expect(&call("get_protocol_version"), "8").await;
        beam.expect(&format!("length({})", call("get_known")), "3").await;
        beam.expect(&format!("length({})", call("get_synced")), "3").await;
        beam.expect(&call("get_names_ext"), "[]").await;
        let whereis = |name: &str| {
            format!(
                "R = make_ref(), {{global_name_server, '{}'}} ! {{whereis, {name}, {{self(), R}}}},
                 receive {{R, Pid}} -> Pid end",
                node.name()
            )
        };
        beam.expect(&whereis("nobody"), "undefined").await;
        register(beam, "somebody").await;
        beam.expect(&format!("node(begin {} end)", whereis("somebody")), &beam.atom()).await;
        let rpc = |function: &str| format!("rpc:call('{}', global, {function})", node.name());
        beam.expect(&rpc("registered_names, []"), "[somebody]").await;
        beam.expect(&format!("node({})", rpc("whereis_name, [somebody]")), &beam.atom()).await;
        beam.expect(&rpc("whereis_name, [nobody]"), "undefined").await;
        beam.expect("global:unregister_name(somebody)", "ok").await;
    }
}

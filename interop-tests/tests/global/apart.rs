//! Nodes that take no part in `global`, or leave: hidden ones, visible ones that are told so, and those that disconnect.

use erlnode::atom;
use erlnode::node::NodeType;
use interop_tests::{BeamNode, Epmd, NodeOptions, Release, wait_until};

use super::{
    PATIENCE, builder, cluster, connect, expect_members, expect_names_work, known, register, sleeper, within,
};

/// A Rust and a BEAM node in the same place see, and are seen as, the same.
#[tokio::test]
async fn a_visible_node_may_leave_global_alone() {
    let epmd = Epmd::start(Release::Otp27).await;
    let beams = cluster(&epmd).await;
    let [a, b, c] = &beams;
    let options = NodeOptions::with(&epmd).arguments(["-connect_all", "false"]);
    let (loner, node) = tokio::join!(BeamNode::start(Release::Otp29, options), async {
        builder(&epmd, "rust").connect_all(false).start().await.unwrap()
    });
    connect(&loner, b.name()).await;
    node.connect(b.name()).await.unwrap();
    // Both are in nodes(), and no members; nothing connects them to the rest, or the rest to them.
    b.expect(
        &format!("lists:member({}, nodes()) andalso lists:member('{}', nodes())", loner.atom(), node.name()),
        "true",
    )
    .await;
    register(c, "somebody").await;
    for beam in &beams {
        beam.expect("length(gen_server:call(global_name_server, get_known))", "2").await;
    }
    a.expect("length(nodes())", "2").await;
    loner.expect("{length(nodes()), global:registered_names()}", "{1,[]}").await;
    assert_eq!((node.nodes(NodeType::Visible).len(), node.global().registered_names().len()), (1, 0));
    assert_eq!(known(&node).await, [] as [&str; 0]);
    // Names of its own, which nobody else knows.
    loner.expect("global:register_name(own, whereis(init))", "yes").await;
    within(node.global().register_name(atom!("own"), &sleeper(&node))).await.unwrap();
    assert!(node.global().whereis_name(atom!("own")).is_some());
    b.expect("global:whereis_name(own)", "undefined").await;
    within(node.global().sync()).await.unwrap();
    // Locks work, and so does all else.
    let lock = within(node.global().set_lock(atom!("res"))).await.unwrap();
    b.expect("global:set_lock({res, self()}, [node()], 0)", "false").await;
    a.expect("ets:lookup(global_locks, res)", "[]").await;
    within(lock.del()).await;
    b.expect(&format!("net_adm:ping('{}')", node.name()), "pong").await;
    // That they go is a loss for nobody.
    node.disconnect(b.name()).await;
    loner.expect(&format!("erlang:disconnect_node({})", b.atom()), "true").await;
    expect_members(&[], &beams.each_ref()).await;
    expect_names_work(&[], &beams.each_ref()).await;
}

#[tokio::test]
async fn a_hidden_node_has_names_and_locks_of_its_own() {
    let epmd = Epmd::start(Release::Otp29).await;
    let beams = cluster(&epmd).await;
    let node = builder(&epmd, "rust").hidden(true).start().await.unwrap();
    node.connect(beams[0].name()).await.unwrap();
    register(&beams[1], "theirs").await;
    within(node.global().register_name(atom!("own"), &sleeper(&node))).await.unwrap();
    assert_eq!(node.global().registered_names(), [atom!("own").into()]);
    let lock = within(node.global().set_lock(atom!("res"))).await.unwrap();
    beams[0].expect("{ets:lookup(global_locks, res), global:registered_names()}", "{[],[theirs]}").await;
    within(lock.del()).await;
    within(node.global().sync()).await.unwrap();
    beams[0].expect(&format!("rpc:call('{}', global, registered_names, [])", node.name()), "[own]").await;
    expect_members(&[], &beams.each_ref()).await;
}

/// Whoever leaves leaves alone: the others stay one cluster.
#[tokio::test]
async fn a_node_leaves_and_the_others_stay_together() {
    let epmd = Epmd::start(Release::Otp27).await;
    let beams = cluster(&epmd).await;
    let (node, other) = tokio::join!(super::rust_node(&epmd, "a_rust"), super::rust_node(&epmd, "z_rust"));
    node.connect(beams[0].name()).await.unwrap();
    other.connect(beams[0].name()).await.unwrap();
    expect_members(&[&node, &other], &beams.each_ref()).await;
    register(&beams[2], "name").await;
    let mut left: Vec<String> =
        within(node.global().disconnect()).await.unwrap().iter().map(ToString::to_string).collect();
    left.sort();
    let mut expected: Vec<String> = beams.iter().map(|beam| beam.name().to_owned()).collect();
    expected.push(other.name().to_string());
    expected.sort();
    assert_eq!(left, expected);
    assert!(node.nodes(NodeType::Connected).is_empty());
    assert_eq!(node.global().registered_names(), []);
    for _ in 0..2 {
        expect_members(&[&other], &beams.each_ref()).await;
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    }
    // It may come back; and leaves when a BEAM asks it to.
    node.connect(beams[1].name()).await.unwrap();
    expect_members(&[&node, &other], &beams.each_ref()).await;
    wait_until(PATIENCE, async || node.global().whereis_name(atom!("name")).is_some()).await;
    beams[1].expect("length(global:disconnect())", "4").await;
    let [a, b, c] = &beams;
    expect_members(&[&node, &other], &[a, c]).await;
    expect_members(&[], &[b]).await;
    expect_names_work(&[&node, &other], &[a, c]).await;
}

//! Who is cut off when connections are lost.

use std::time::Duration;

use erlnode::node::{Node, NodeType};
use interop_tests::{BeamNode, Epmd, NodeOptions, PATIENCE, Release, RustNode, wait_until};

use super::{beam, builder, cluster, connect, expect_members, expect_names_work, register, rust_node};

/// So long nothing may happen that should not.
const A_WHILE: Duration = Duration::from_secs(2);

async fn expect_alone(node: &Node) {
    wait_until(PATIENCE, async || node.nodes(NodeType::Visible).is_empty()).await;
    expect_members(&[node], &[]).await;
}

async fn four(epmd: &Epmd) -> (BeamNode, BeamNode, Node, Node) {
    let [a, b] = [Release::Otp25, Release::Otp29].map(|release| beam(release, epmd));
    let (a, b, m, n) = tokio::join!(a, b, rust_node(epmd, "a_rust"), rust_node(epmd, "z_rust"));
    m.connect(a.name()).await.unwrap();
    m.connect(b.name()).await.unwrap();
    n.connect(b.name()).await.unwrap();
    expect_members(&[&m, &n], &[&a, &b]).await;
    (a, b, m, n)
}

#[tokio::test]
async fn a_rust_node_that_loses_a_beam_is_cut_off_and_so_is_the_beam() {
    let epmd = Epmd::start(Release::Otp27).await;
    let (a, b, m, n) = four(&epmd).await;
    assert!(m.disconnect(a.name()).await);
    expect_alone(&m).await;
    expect_members(&[], &[&a]).await;
    expect_members(&[&n], &[&b]).await;
    tokio::time::sleep(A_WHILE).await;
    expect_members(&[&n], &[&b]).await;
    // Nothing but a new connection brings them together again.
    connect(&a, b.name()).await;
    m.connect(n.name().as_str()).await.unwrap();
    expect_members(&[&m, &n], &[&a, &b]).await;
    expect_names_work(&[&m, &n], &[&a, &b]).await;
}

#[tokio::test]
async fn rust_nodes_that_see_both_ends_of_a_lost_connection_cut_them_off() {
    let epmd = Epmd::start(Release::Otp27).await;
    let (a, b, m, n) = four(&epmd).await;
    a.expect(&format!("erlang:disconnect_node({})", b.atom()), "true").await;
    expect_members(&[], &[&a]).await;
    expect_members(&[], &[&b]).await;
    expect_members(&[&m, &n], &[]).await;
    tokio::time::sleep(A_WHILE).await;
    expect_members(&[&m, &n], &[]).await;
}

#[tokio::test]
async fn a_lost_connection_between_rust_nodes_cuts_both_off() {
    let epmd = Epmd::start(Release::Otp27).await;
    let (a, b, m, n) = four(&epmd).await;
    assert!(m.disconnect(n.name().as_str()).await);
    expect_alone(&m).await;
    expect_alone(&n).await;
    expect_members(&[], &[&a, &b]).await;
}

#[tokio::test]
async fn the_death_of_a_node_cuts_nobody_off() {
    let epmd = Epmd::start(Release::Otp27).await;
    let (a, b, m, n) = four(&epmd).await;
    let third = RustNode::start(NodeOptions::with(&epmd)).await;
    connect(&a, third.name()).await;
    let with_third =
        format!("lists:member('{}', gen_server:call(global_name_server, get_synced))", third.name());
    a.wait_until(&with_third, "true").await;
    b.wait_until(&with_third, "true").await;
    third.kill_9();
    expect_members(&[&m, &n], &[&a, &b]).await;
    register(&a, "still_here").await;
    b.kill_9();
    expect_members(&[&m, &n], &[&a]).await;
    tokio::time::sleep(A_WHILE).await;
    expect_members(&[&m, &n], &[&a]).await;
    expect_names_work(&[&m, &n], &[&a]).await;
}

#[tokio::test]
async fn where_partitions_may_overlap_nobody_is_cut_off() {
    let epmd = Epmd::start(Release::Otp27).await;
    let options = NodeOptions::with(&epmd).arguments(["-kernel", "prevent_overlapping_partitions", "false"]);
    let (a, b, node) = tokio::join!(
        BeamNode::start(Release::Otp27, options.clone()),
        BeamNode::start(Release::Otp29, options),
        async { builder(&epmd, "rust").prevent_overlapping_partitions(false).start().await.unwrap() },
    );
    connect(&a, b.name()).await;
    node.connect(a.name()).await.unwrap();
    expect_members(&[&node], &[&a, &b]).await;
    assert!(node.disconnect(b.name()).await);
    tokio::time::sleep(A_WHILE).await;
    assert_eq!(super::known(&node).await, [a.name()]);
    a.expect("length(gen_server:call(global_name_server, get_known))", "2").await;
}

#[tokio::test]
async fn messages_of_strangers_and_of_former_times_do_nothing() {
    let epmd = Epmd::start(Release::Otp27).await;
    let beams = cluster(&epmd).await;
    let node = rust_node(&epmd, "rust").await;
    node.connect(beams[0].name()).await.unwrap();
    expect_members(&[&node], &beams.each_ref()).await;
    let names = beams.each_ref().map(BeamNode::atom);
    let [a, b, _] = &names;
    let messages = [
        "{remove_connection, 'stranger@nowhere'}".to_owned(),
        format!("{{lost_connection, {a}, 1, 1, 'stranger@nowhere'}}"),
        "{lost_connection, 'stranger@nowhere', 1, 1, 'stranger@elsewhere'}".to_owned(),
        format!("{{cancel_connect, {a}, 1}}"),
        format!("{{init_connect_ack, {a}, 1, 2}}"),
        format!("{{'$gen_cast', {{init_connect, {{8, 99}}, {a}, {{locker, x, y, self()}}}}}}"),
        "{'$gen_cast', {lock_set, self(), true, [], 99}}".to_owned(),
        format!("{{'$gen_cast', {{exchange, {a}, [{{n, self(), m}}], [], 99}}}}"),
        format!(
            "{{'$gen_cast', {{resolved, {a}, [{{insert, {{n, self(), m}}}}], [{{z@z, 8}}], unused, [], 99}}}}"
        ),
        format!("{{'$gen_cast', {{in_sync, {b}, true}}}}"),
        "{'$gen_cast', {async_del_lock, x, y}}".to_owned(),
        "{'$gen_cast', unknown}".to_owned(),
        "{'$gen_call', {self(), tag}, unknown}".to_owned(),
        "unknown".to_owned(),
        "{nodeup}".to_owned(),
    ];
    for _ in 0..2 {
        for message in &messages {
            let source = format!("{{global_name_server, '{}'}} ! {message}, ok", node.name());
            beams[0].expect(&source, "ok").await;
        }
    }
    tokio::time::sleep(A_WHILE).await;
    expect_members(&[&node], &beams.each_ref()).await;
    assert_eq!(node.global().registered_names(), []);
    expect_names_work(&[&node], &beams.each_ref()).await;
}

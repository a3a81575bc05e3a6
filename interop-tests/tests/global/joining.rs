//! Nodes become one cluster.

use std::time::Duration;

use erlnode::node::{Node, NodeType};
use interop_tests::{BeamNode, Epmd, NodeOptions, Release, RustNode, wait_until};

use super::{
    PATIENCE, beam, cluster, connect, expect_members, expect_names_work, known, register, rust_node,
    three_beams,
};

async fn joins_alone(release: Release, prefix: &str) {
    let epmd = Epmd::start(release).await;
    let (beam, node) = tokio::join!(beam(release, &epmd), rust_node(&epmd, prefix));
    node.connect(beam.name()).await.unwrap();
    expect_members(&[&node], &[&beam]).await;
    expect_names_work(&[&node], &[&beam]).await;
    let pid = super::sleeper(&node);
    node.global().register_name("gone with its node", &pid).await.unwrap();
    register(&beam, "stays").await;
    node.shutdown().await;
    beam.wait_until("nodes()", "[]").await;
    beam.wait_until("global:registered_names()", "[stays]").await;
    // Another incarnation, to which this time the BEAM connects.
    let node = rust_node(&epmd, prefix).await;
    connect(&beam, node.name().as_str()).await;
    expect_members(&[&node], &[&beam]).await;
    expect_names_work(&[&node], &[&beam]).await;
    assert_eq!(node.global().registered_names(), [erlnode::atom!("stays").into()]);
    assert_eq!(node.nodes(NodeType::Visible).len(), 1);
}

#[tokio::test]
async fn a_node_joins_otp_25_alone() {
    joins_alone(Release::Otp25, "a_rust").await;
}

#[tokio::test]
async fn a_node_joins_otp_27_alone() {
    joins_alone(Release::Otp27, "z_rust").await;
}

#[tokio::test]
async fn a_node_joins_otp_29_alone() {
    joins_alone(Release::Otp29, "a_rust").await;
}

/// The long way of a cluster of three releases and two Rust nodes; nobody is cut off on it.
async fn joins_three(first: &str, second: &str) {
    let epmd = Epmd::start(Release::Otp27).await;
    let ([a, b, c], node) = tokio::join!(cluster(&epmd), rust_node(&epmd, first));
    node.connect(b.name()).await.unwrap();
    expect_members(&[&node], &[&a, &b, &c]).await;
    expect_names_work(&[&node], &[&a, &b, &c]).await;
    let second = rust_node(&epmd, second).await;
    second.connect(node.name().as_str()).await.unwrap();
    expect_members(&[&node, &second], &[&a, &b, &c]).await;
    expect_names_work(&[&node, &second], &[&a, &b, &c]).await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    expect_members(&[&node, &second], &[&a, &b, &c]).await;
    for beam in [&a, &b, &c] {
        assert!(!beam.output().contains("global"), "{}", beam.output());
    }
    c.kill_9();
    expect_members(&[&node, &second], &[&a, &b]).await;
    node.shutdown().await;
    expect_members(&[&second], &[&a, &b]).await;
    expect_names_work(&[&second], &[&a, &b]).await;
}

#[tokio::test]
async fn two_nodes_join_three_releases_as_the_smallest() {
    joins_three("a_rust", "b_rust").await;
}

#[tokio::test]
async fn two_nodes_join_three_releases_as_the_greatest() {
    joins_three("z_rust", "y_rust").await;
}

#[tokio::test]
async fn beams_join_by_way_of_a_rust_node() {
    let epmd = Epmd::start(Release::Otp25).await;
    let ([a, b, c], node) = tokio::join!(three_beams(&epmd), rust_node(&epmd, "rust"));
    for beam in [&a, &b, &c] {
        connect(beam, node.name().as_str()).await;
        wait_until(PATIENCE, async || known(&node).await.contains(&beam.name().to_owned())).await;
    }
    expect_members(&[&node], &[&a, &b, &c]).await;
    expect_names_work(&[&node], &[&a, &b, &c]).await;
}

#[tokio::test]
async fn rust_nodes_join_without_any_beam() {
    let epmd = Epmd::start(Release::Otp29).await;
    let (a, b, c, d) = tokio::join!(
        rust_node(&epmd, "a"),
        rust_node(&epmd, "b"),
        rust_node(&epmd, "c"),
        rust_node(&epmd, "d")
    );
    a.connect(b.name().as_str()).await.unwrap();
    expect_members(&[&a, &b], &[]).await;
    d.connect(c.name().as_str()).await.unwrap();
    expect_members(&[&c, &d], &[]).await;
    c.connect(a.name().as_str()).await.unwrap();
    expect_members(&[&a, &b, &c, &d], &[]).await;
    expect_names_work(&[&a, &b, &c, &d], &[]).await;
}

#[tokio::test]
async fn mixed_pairs_join() {
    let epmd = Epmd::start(Release::Otp27).await;
    let [a, b] = [Release::Otp25, Release::Otp29].map(|release| beam(release, &epmd));
    let (a, b, m, n) = tokio::join!(a, b, rust_node(&epmd, "a_rust"), rust_node(&epmd, "z_rust"));
    connect(&a, m.name().as_str()).await;
    n.connect(b.name()).await.unwrap();
    expect_members(&[&m], &[&a]).await;
    expect_members(&[&n], &[&b]).await;
    register(&a, "left").await;
    register(&b, "right").await;
    m.connect(n.name().as_str()).await.unwrap();
    expect_members(&[&m, &n], &[&a, &b]).await;
    a.expect("lists:sort(global:registered_names())", "[left,right]").await;
    assert_eq!(m.global().registered_names().len(), 2);
    expect_names_work(&[&m, &n], &[&a, &b]).await;
}

#[tokio::test]
async fn a_node_connects_to_all_members_at_once() {
    let epmd = Epmd::start(Release::Otp27).await;
    let ([a, b, c], node) = tokio::join!(cluster(&epmd), rust_node(&epmd, "rust"));
    let results = tokio::join!(node.connect(a.name()), node.connect(b.name()), node.connect(c.name()));
    assert!(matches!(results, (Ok(()), Ok(()), Ok(()))));
    expect_members(&[&node], &[&a, &b, &c]).await;
    expect_names_work(&[&node], &[&a, &b, &c]).await;
}

/// All connect to all at the same time, again and again.
async fn all_at_once(rust: &[&Node], beams: &[&BeamNode], rounds: usize) {
    let names: Vec<String> = rust
        .iter()
        .map(|node| node.name().as_str().to_owned())
        .chain(beams.iter().map(|beam| beam.name().to_owned()))
        .collect();
    let atoms = names.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(",");
    for _ in 0..rounds {
        let connecting: Vec<_> = beams
            .iter()
            .map(|beam| {
                beam.eval_async(&format!("[net_kernel:connect_node(N) || N <- [{atoms}] -- [node()]]"))
            })
            .collect();
        let mut tasks = tokio::task::JoinSet::new();
        for node in rust {
            for name in names.iter().filter(|name| **name != *node.name().as_str()) {
                let (node, name) = ((*node).clone(), name.clone());
                tasks.spawn(async move { node.connect(&name).await });
            }
        }
        while let Some(connected) = tasks.join_next().await {
            connected.unwrap().unwrap();
        }
        for connecting in connecting {
            connecting.result().await.unwrap();
        }
        expect_members(rust, beams).await;
        // More than once, as what is on its way when a connection ends may make another.
        wait_until(PATIENCE, async || {
            for beam in beams {
                beam.expect("[erlang:disconnect_node(N) || N <- nodes()], ok", "ok").await;
            }
            for node in rust {
                for name in node.nodes(NodeType::Visible) {
                    node.disconnect(name.as_str()).await;
                }
            }
            let mut all_are_alone = rust.iter().all(|node| node.nodes(NodeType::Visible).is_empty());
            for beam in beams {
                all_are_alone &= beam.eval("nodes()").await.as_deref() == Ok("[]");
            }
            all_are_alone
        })
        .await;
    }
}

#[tokio::test]
async fn all_connect_to_all_at_once_again_and_again() {
    let epmd = Epmd::start(Release::Otp29).await;
    let ([a, b, c], m, n) =
        tokio::join!(three_beams(&epmd), rust_node(&epmd, "a_rust"), rust_node(&epmd, "z_rust"));
    all_at_once(&[&m, &n], &[&a, &b, &c], 50).await;
}

#[tokio::test]
async fn a_node_that_dies_at_any_moment_of_its_join_leaves_no_lock_behind() {
    let epmd = Epmd::start(Release::Otp27).await;
    let beams = cluster(&epmd).await;
    let [a, b, c] = beams.each_ref();
    for delay in [0, 2, 5, 100, 200, 203, 206, 210, 215, 230, 400, 1100] {
        let node = RustNode::start(NodeOptions::with(&epmd)).await;
        b.expect(&format!("net_kernel:connect_node('{}')", node.name()), "true").await;
        tokio::time::sleep(Duration::from_millis(delay)).await;
        node.kill_9();
        expect_members(&[], &[a, b, c]).await;
        register(a, &format!("after_{delay}")).await;
    }
}

#[tokio::test]
async fn a_join_that_is_disturbed_begins_again() {
    let epmd = Epmd::start(Release::Otp27).await;
    let ([a, b, c], node) = tokio::join!(three_beams(&epmd), rust_node(&epmd, "rust"));
    for beam in [&a, &b, &c] {
        // Three times what is only right once, while the lockers still wait.
        let source = format!(
            "true = net_kernel:connect_node('{}'), timer:sleep(20),
             [begin gen_server:cast({{global_name_server, '{0}'}},
                  {{init_connect, {{8, Tag}}, node(), {{locker, no_longer_a_pid, #{{}}, self()}}}}),
                  timer:sleep(5) end || Tag <- [-1, -2, -3]], ok",
            node.name()
        );
        beam.expect(&source, "ok").await;
        wait_until(PATIENCE, async || known(&node).await.contains(&beam.name().to_owned())).await;
    }
    expect_members(&[&node], &[&a, &b, &c]).await;
    expect_names_work(&[&node], &[&a, &b, &c]).await;
}

#[tokio::test]
async fn hidden_nodes_take_no_part() {
    let epmd = Epmd::start(Release::Otp27).await;
    let (beam, hidden_beam, node, hidden) = tokio::join!(
        beam(Release::Otp27, &epmd),
        BeamNode::start(Release::Otp29, NodeOptions::with(&epmd).hidden()),
        rust_node(&epmd, "rust"),
        async { super::builder(&epmd, "hidden").hidden(true).start().await.unwrap() },
    );
    for name in [beam.name(), hidden_beam.name(), hidden.name().as_str()] {
        node.connect(name).await.unwrap();
    }
    hidden.connect(beam.name()).await.unwrap();
    connect(&beam, hidden_beam.name()).await;
    expect_members(&[&node], &[&beam]).await;
    expect_names_work(&[&node], &[&beam]).await;
    hidden_beam.expect("gen_server:call(global_name_server, get_known)", "[]").await;
    assert_eq!(known(&hidden).await, [] as [&str; 0]);
    hidden.global().register_name("name", &super::sleeper(&hidden)).await.unwrap();
    assert_eq!(node.global().registered_names(), []);
    // Their end is no news either.
    hidden_beam.kill_9();
    hidden.shutdown().await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    expect_members(&[&node], &[&beam]).await;
}

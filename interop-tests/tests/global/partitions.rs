//! Who is cut off when connections are lost.
//!
//! Of two nodes that have lost each other at least one is cut off from those that still see both. Whether both are is
//! decided by who hears what first: a node that is asked to leave before it has noticed the loss itself has nobody left
//! to report it to, and the other one stays. Clusters of BEAM nodes alone part in the same ways.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use erlnode::node::{Node, NodeType};
use interop_tests::{BeamNode, Epmd, NodeOptions, PATIENCE, Release, RustNode, wait_until};

use super::{beam, builder, cluster, connect, expect_members, expect_names_work, known, register, rust_node};

/// So long nothing may happen that should not.
const A_WHILE: Duration = Duration::from_secs(2);

/// Two BEAM and two Rust nodes that are a cluster.
struct Four {
    a: BeamNode,
    b: BeamNode,
    m: Node,
    n: Node,
    epmd: Epmd,
}

impl Four {
    async fn start() -> Four {
        let epmd = Epmd::start(Release::Otp27).await;
        let [a, b] = [Release::Otp25, Release::Otp29].map(|release| beam(release, &epmd));
        let (a, b, m, n) = tokio::join!(a, b, rust_node(&epmd, "a_rust"), rust_node(&epmd, "z_rust"));
        let four = Four { a, b, m, n, epmd };
        four.connect_all().await;
        four
    }

    async fn connect_all(&self) {
        let Four { a, b, m, n, .. } = self;
        connect(a, b.name()).await;
        m.connect(a.name()).await.unwrap();
        m.connect(b.name()).await.unwrap();
        n.connect(a.name()).await.unwrap();
        n.connect(b.name()).await.unwrap();
        m.connect(n.name().as_str()).await.unwrap();
        expect_members(&[m, n], &[a, b]).await;
    }

    /// Each node with all that it is connected to or takes for members.
    async fn views(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut views = BTreeMap::new();
        for node in [&self.m, &self.n] {
            let connected = node.nodes(NodeType::Visible).into_iter().map(|node| node.to_string());
            views.insert(node.name().to_string(), connected.chain(known(node).await).collect());
        }
        for beam in [&self.a, &self.b] {
            let names =
                "[atom_to_list(Node) || Node <- nodes() ++ gen_server:call(global_name_server, get_known)]";
            let names = beam.eval(names).await.unwrap_or_else(|error| panic!("{}: {error}", beam.name()));
            let names = names.split(['[', ']', ',', '"']).filter(|name| !name.is_empty());
            views.insert(beam.name().to_owned(), names.map(str::to_owned).collect());
        }
        views
    }

    /// Waits until the nodes have parted: into parts that do not overlap, so that one of the two that have lost each
    /// other is alone, or both are, and all others are together. Each part is to be a sound cluster.
    async fn expect_parted(&self, one: &str, other: &str) {
        let mut parts = BTreeSet::new();
        wait_until(PATIENCE, async || {
            parts = self.views().await.into_iter().map(with_itself).collect();
            let is_alone = |node: &str| parts.contains(&BTreeSet::from([node.to_owned()]));
            let lonely = [one, other].into_iter().filter(|node| is_alone(node)).count();
            // Parts that overlap count some nodes twice.
            lonely > 0 && parts.len() == lonely + 1 && parts.iter().map(BTreeSet::len).sum::<usize>() == 4
        })
        .await;
        for part in parts {
            let mut rust = vec![&self.m, &self.n];
            rust.retain(|node| part.contains(node.name().as_str()));
            let mut beams = vec![&self.a, &self.b];
            beams.retain(|beam| part.contains(beam.name()));
            expect_members(&rust, &beams).await;
        }
    }

    /// The same, and so it is to stay.
    async fn expect_parted_for_good(&self, one: &str, other: &str) {
        self.expect_parted(one, other).await;
        tokio::time::sleep(A_WHILE).await;
        self.expect_parted(one, other).await;
    }
}

fn with_itself((node, mut others): (String, BTreeSet<String>)) -> BTreeSet<String> {
    others.insert(node);
    others
}

#[tokio::test]
async fn a_rust_node_that_loses_a_beam_is_cut_off_or_the_beam_is() {
    let four = Four::start().await;
    let Four { a, b, m, n, .. } = &four;
    assert!(m.disconnect(a.name()).await);
    four.expect_parted_for_good(m.name().as_str(), a.name()).await;
    // Nothing but new connections bring them together again.
    four.connect_all().await;
    expect_names_work(&[m, n], &[a, b]).await;
}

#[tokio::test]
async fn rust_nodes_that_see_both_ends_of_a_lost_connection_cut_them_off() {
    let four = Four::start().await;
    let Four { a, b, .. } = &four;
    a.expect(&format!("erlang:disconnect_node({})", b.atom()), "true").await;
    four.expect_parted_for_good(a.name(), b.name()).await;
}

#[tokio::test]
async fn of_two_rust_nodes_that_lose_each_other_one_is_cut_off() {
    let four = Four::start().await;
    let Four { m, n, .. } = &four;
    assert!(m.disconnect(n.name().as_str()).await);
    four.expect_parted_for_good(m.name().as_str(), n.name().as_str()).await;
}

/// The report of a loss comes long before the loss.
#[tokio::test]
async fn who_is_cut_off_before_it_notices_the_loss_leaves_the_other_in() {
    let four = Four::start().await;
    let Four { a, b, m, n, .. } = &four;
    let report = format!("{{lost_connection, node(), 1, 1, {}}}", b.atom());
    a.expect(&format!("{{global_name_server, '{}'}} ! {report}, ok", m.name()), "ok").await;
    for _ in 0..2 {
        expect_members(&[m, n], &[a]).await;
        expect_members(&[], &[b]).await;
        tokio::time::sleep(A_WHILE).await;
    }
}

#[tokio::test]
async fn the_death_of_a_node_cuts_nobody_off() {
    let four = Four::start().await;
    let Four { a, b, m, n, epmd } = &four;
    let third = RustNode::start(NodeOptions::with(epmd)).await;
    connect(a, third.name()).await;
    let with_third =
        format!("lists:member('{}', gen_server:call(global_name_server, get_synced))", third.name());
    a.wait_until(&with_third, "true").await;
    b.wait_until(&with_third, "true").await;
    third.kill_9();
    expect_members(&[m, n], &[a, b]).await;
    register(a, "still_here").await;
    b.kill_9();
    expect_members(&[m, n], &[a]).await;
    tokio::time::sleep(A_WHILE).await;
    expect_members(&[m, n], &[a]).await;
    expect_names_work(&[m, n], &[a]).await;
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

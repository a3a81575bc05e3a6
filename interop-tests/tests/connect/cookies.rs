//! Who may connect: by its cookie, and by its name.

use erlnode::dist::NodeName;
use erlnode::node::{ConnectError, Node};
use interop_tests::{BeamNode, Epmd, NodeOptions, PATIENCE, Release, unique_name, wait_until};

use super::connected;

/// The node is a hidden one, so that the others are not connected to each other by way of it.
async fn start(release: Release) -> (Epmd, Node) {
    let epmd = Epmd::start(release).await;
    let builder = Node::builder(&unique_name("rust")).cookie("old").hidden(true).epmd_port(epmd.port());
    (epmd, builder.start().await.unwrap())
}

/// Ends the connection between the two and waits until both know it.
async fn apart(node: &Node, beam: &BeamNode) {
    let apart = format!("erlang:disconnect_node('{}'), nodes(connected)", node.name());
    wait_until(PATIENCE, async || {
        let gone = beam.eval(&apart).await.as_deref() == Ok("[]");
        gone && !connected(node).iter().any(|other| other == beam.name())
    })
    .await;
}

fn ping(node: &Node) -> String {
    format!("net_adm:ping('{}')", node.name())
}

async fn a_cluster_changes_its_cookie(release: Release) {
    let (epmd, node) = start(release).await;
    let beam = BeamNode::start(release, NodeOptions::with(&epmd).cookie("old")).await;
    let updated = BeamNode::start(release, NodeOptions::with(&epmd).cookie("new")).await;
    beam.expect(&ping(&node), "pong").await;
    updated.expect(&ping(&node), "pang").await;

    node.accept_cookie(Some("new")).unwrap();
    updated.expect(&ping(&node), "pong").await;
    apart(&node, &beam).await;
    beam.expect(&ping(&node), "pong").await;
    apart(&node, &updated).await;
    let error = node.connect(updated.name()).await.unwrap_err();
    assert!(error.to_string().contains("same cookie"), "it connects with the old one: {error}");

    node.set_cookie("new").unwrap();
    node.accept_cookie(Some("old")).unwrap();
    node.connect(updated.name()).await.unwrap();
    apart(&node, &beam).await;
    beam.expect(&ping(&node), "pong").await;
    apart(&node, &beam).await;
    assert!(node.connect(beam.name()).await.is_err());
    beam.expect("erlang:set_cookie(new)", "true").await;
    node.accept_cookie(None).unwrap();
    node.connect(beam.name()).await.unwrap();
    apart(&node, &beam).await;
    beam.expect(&ping(&node), "pong").await;
    apart(&node, &beam).await;
    beam.expect("erlang:set_cookie(old)", "true").await;
    beam.expect(&ping(&node), "pang").await;
    node.shutdown().await;
}

#[tokio::test]
async fn a_cluster_changes_its_cookie_with_otp_25() {
    a_cluster_changes_its_cookie(Release::Otp25).await;
}

#[tokio::test]
async fn a_cluster_changes_its_cookie_with_otp_27() {
    a_cluster_changes_its_cookie(Release::Otp27).await;
}

#[tokio::test]
async fn a_cluster_changes_its_cookie_with_otp_29() {
    a_cluster_changes_its_cookie(Release::Otp29).await;
}

async fn a_node_has_a_cookie_of_its_own(release: Release) {
    let (epmd, node) = start(release).await;
    let beam = BeamNode::start(release, NodeOptions::with(&epmd).cookie("special")).await;
    let other = BeamNode::start(release, NodeOptions::with(&epmd).cookie("old")).await;
    beam.expect(&ping(&node), "pang").await;
    let name: NodeName = beam.name().parse().unwrap();
    node.set_cookie_for(&name, "special").unwrap();
    node.connect(beam.name()).await.unwrap();
    apart(&node, &beam).await;
    beam.expect(&ping(&node), "pong").await;
    apart(&node, &beam).await;
    other.expect(&ping(&node), "pong").await;
    // With the cookie for all it does not get in any more; nor with that which others may come with.
    node.accept_cookie(Some("second")).unwrap();
    for cookie in ["old", "second"] {
        let ping = format!("erlang:set_cookie('{}', {cookie}), {}", node.name(), ping(&node));
        beam.expect(&ping, "pang").await;
    }
    // The other way round: the BEAM node has one for this one only.
    let own = format!("erlang:set_cookie('{}', special), {}", node.name(), ping(&node));
    beam.expect(&own, "pong").await;
    // The name of the node itself stands for all others.
    node.set_cookie_for(node.name(), "newest").unwrap();
    apart(&node, &other).await;
    other.expect(&ping(&node), "pang").await;
    other.expect(&format!("erlang:set_cookie(newest), {}", ping(&node)), "pong").await;
    node.shutdown().await;
}

#[tokio::test]
async fn a_node_has_a_cookie_of_its_own_with_otp_25() {
    a_node_has_a_cookie_of_its_own(Release::Otp25).await;
}

#[tokio::test]
async fn a_node_has_a_cookie_of_its_own_with_otp_27() {
    a_node_has_a_cookie_of_its_own(Release::Otp27).await;
}

#[tokio::test]
async fn a_node_has_a_cookie_of_its_own_with_otp_29() {
    a_node_has_a_cookie_of_its_own(Release::Otp29).await;
}

async fn only_nodes_on_the_list_connect(release: Release) {
    let (epmd, node) = start(release).await;
    let options = NodeOptions::with(&epmd).cookie("old");
    let welcome = BeamNode::start(release, options.clone()).await;
    let stranger = BeamNode::start(release, options).await;
    stranger.expect(&ping(&node), "pong").await;
    node.allow([welcome.name()]);
    assert_eq!(node.allowed(), [welcome.name()]);
    stranger.expect(&ping(&node), "pong").await;
    apart(&node, &stranger).await;
    stranger.expect(&ping(&node), "pang").await;
    let error = node.connect(stranger.name()).await.unwrap_err();
    assert!(matches!(&error, ConnectError::NotAllowed(name) if name.as_str() == stranger.name()), "{error}");
    welcome.expect(&ping(&node), "pong").await;
    apart(&node, &welcome).await;
    node.connect(welcome.name()).await.unwrap();
    let alive = stranger.name().split('@').next().unwrap();
    node.allow([format!("{alive}@")]);
    stranger.expect(&ping(&node), "pong").await;

    // A BEAM node with such a list tells this one.
    apart(&node, &welcome).await;
    welcome.expect("net_kernel:allow([nobody@nowhere])", "ok").await;
    let error = node.connect(welcome.name()).await.unwrap_err();
    assert!(error.to_string().contains("does not allow this node to connect"), "{error}");
    node.shutdown().await;
}

#[tokio::test]
async fn only_nodes_on_the_list_connect_with_otp_25() {
    only_nodes_on_the_list_connect(Release::Otp25).await;
}

#[tokio::test]
async fn only_nodes_on_the_list_connect_with_otp_27() {
    only_nodes_on_the_list_connect(Release::Otp27).await;
}

#[tokio::test]
async fn only_nodes_on_the_list_connect_with_otp_29() {
    only_nodes_on_the_list_connect(Release::Otp29).await;
}

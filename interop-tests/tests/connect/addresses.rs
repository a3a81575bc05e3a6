//! Where nodes listen and how they find each other: IPv4 and IPv6, one port of several, with epmd and without.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener};

use erlnode::node::{Builder, ConnectError, Node, StartError};
use interop_tests::{
    BeamNode, Epmd, NodeOptions, PATIENCE, Release, RustNode, free_port, unique_name, wait_until,
};

use super::connected;

const INET6: [&str; 2] = ["-proto_dist", "inet6_tcp"];

/// A name that no other node has, on this host.
fn name_on(host: &str, prefix: &str) -> String {
    let name = unique_name(prefix);
    format!("{}@{host}", name.split('@').next().unwrap())
}

/// A hidden node, so that nothing is connected but what a test connects.
fn builder(name: &str, epmd: &Epmd) -> Builder {
    Node::builder(name).cookie("interop").hidden(true).epmd_port(epmd.port())
}

/// Connects from either side, with an end in between.
async fn connects_both_ways(node: &Node, beam: &BeamNode) {
    beam.expect(&format!("net_adm:ping('{}')", node.name()), "pong").await;
    assert!(node.disconnect(beam.name()).await);
    beam.wait_until("nodes(connected)", "[]").await;
    node.connect(beam.name()).await.unwrap();
    node.ping(beam.name()).await.unwrap();
    assert!(node.disconnect(beam.name()).await);
    beam.wait_until("nodes(connected)", "[]").await;
}

async fn nodes_have_ipv6_addresses_only(release: Release) {
    let epmd = Epmd::start(release).await;
    let builder = builder(&name_on("::1", "rust"), &epmd).listen_address(Ipv6Addr::LOCALHOST.into());
    let node = builder.start().await.unwrap();
    let options = NodeOptions::with(&epmd).name(&name_on("::1", "otp")).arguments(INET6);
    let beam = BeamNode::start(release, options).await;
    connects_both_ways(&node, &beam).await;
    node.shutdown().await;
}

#[tokio::test]
async fn nodes_have_ipv6_addresses_only_with_otp_25() {
    nodes_have_ipv6_addresses_only(Release::Otp25).await;
}

#[tokio::test]
async fn nodes_have_ipv6_addresses_only_with_otp_27() {
    nodes_have_ipv6_addresses_only(Release::Otp27).await;
}

#[tokio::test]
async fn nodes_have_ipv6_addresses_only_with_otp_29() {
    nodes_have_ipv6_addresses_only(Release::Otp29).await;
}

/// One node on all addresses is there for those who only know IPv6 and for those who only know IPv4.
#[tokio::test]
async fn nodes_of_ipv4_and_ipv6_reach_one_node() {
    let epmd = Epmd::start(Release::Otp29).await;
    let node = builder(&name_on("localhost", "rust"), &epmd).listen_address(Ipv6Addr::UNSPECIFIED.into());
    let node = node.start().await.unwrap();
    let ports: Vec<u16> = epmd.names().into_iter().map(|(_, port)| port).collect();
    assert_eq!(ports, [node.dist_port()]);
    for address in [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)] {
        std::net::TcpStream::connect((address, node.dist_port())).unwrap();
    }
    let old = BeamNode::start(Release::Otp25, NodeOptions::with(&epmd)).await;
    connects_both_ways(&node, &old).await;
    let new = BeamNode::start(Release::Otp29, NodeOptions::with(&epmd).arguments(INET6)).await;
    node.connect(new.name()).await.unwrap();
    node.ping(new.name()).await.unwrap();
    node.shutdown().await;
}

#[tokio::test]
async fn a_node_takes_the_first_free_port_of_a_range() {
    let epmd = Epmd::start(Release::Otp27).await;
    // Two ports in a row that are free, or were a moment ago.
    let (taken, node) = loop {
        let taken = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
        let first = taken.local_addr().unwrap().port();
        let Some(second) = first.checked_add(1) else { continue };
        match builder(&unique_name("rust"), &epmd).dist_ports(first..=second).start().await {
            Ok(node) => break (taken, node),
            Err(StartError::PortsInUse { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    };
    let first = taken.local_addr().unwrap().port();
    assert_eq!(node.dist_port(), first + 1);
    let beam = BeamNode::start(Release::Otp27, NodeOptions::with(&epmd)).await;
    connects_both_ways(&node, &beam).await;

    let error = builder(&unique_name("rust"), &epmd).dist_ports(first..=first + 1).start().await.unwrap_err();
    let text = format!(
        "the ports from {first} to {} are all in use on 0.0.0.0: end what listens there, or give more of them",
        first + 1
    );
    assert_eq!(error.to_string(), text);
    let error = builder(&unique_name("rust"), &epmd).dist_port(first).start().await.unwrap_err();
    assert!(error.to_string().starts_with(&format!("port {first} is in use on 0.0.0.0: ")), "{error}");
    // Documentation addresses are nobody's.
    let nobodys = builder(&unique_name("rust"), &epmd).listen_address([192, 0, 2, 1].into());
    let error = nobodys.start().await.unwrap_err();
    assert!(matches!(error, StartError::Listen { .. }), "{error}");
    // What fails to start leaves no name behind.
    assert_eq!(epmd.names().len(), 2);
    node.shutdown().await;
}

#[tokio::test]
async fn the_command_listens_where_it_is_told_to() {
    let epmd = Epmd::start(Release::Otp29).await;
    let port = free_port();
    let options = NodeOptions::with(&epmd).environment("ERL_DIST_PORT", &port.to_string());
    let rust = RustNode::start(options.arguments(["--listen-address", "127.0.0.1"])).await;
    assert_eq!(epmd.names().into_iter().map(|(_, port)| port).collect::<Vec<_>>(), [port]);
    let listening = |address: Ipv4Addr| std::net::TcpStream::connect((address, port)).is_ok();
    assert!(listening(Ipv4Addr::LOCALHOST) && !listening(Ipv4Addr::new(127, 0, 0, 2)));
    let range = format!("{port}-{port}");
    let full = NodeOptions::with(&epmd).arguments(["--listen-address", "127.0.0.1", "--dist-port", &range]);
    let error = RustNode::try_start(full).await.unwrap_err();
    assert!(error.contains(&format!("erlnode: port {port} is in use on 127.0.0.1: ")), "{error}");
    drop(rust);
}

async fn nodes_find_each_other_without_epmd(release: Release) {
    // Something that listens there would be asked for the ports of nodes.
    let no_epmd = free_port();
    let port = free_port();
    let options = |name: &str| {
        let options = NodeOptions::without_epmd(port).name(name);
        options.environment("ERL_EPMD_PORT", &no_epmd.to_string())
    };
    let rust = options(&name_on("127.0.0.1", "rust")).arguments(["--listen-address", "127.0.0.1"]);
    let rust = RustNode::start(rust).await;
    let interface = ["-kernel", "inet_dist_use_interface", "{127,0,0,2}"];
    let beam = options(&name_on("127.0.0.2", "otp")).arguments(interface);
    let beam = BeamNode::start(release, beam).await;
    beam.expect(&format!("erpc:call({}, rust, add, [1, 2])", rust.atom()), "3").await;
    // Another one is told of both, and connects to the first by itself.
    let third = Node::builder(&name_on("127.0.0.3", "rust")).cookie("interop").hidden(true);
    let third = third.listen_address([127, 0, 0, 3].into()).without_epmd(port).start().await.unwrap();
    third.connect(beam.name()).await.unwrap();
    third.ping(rust.name()).await.unwrap();
    assert_eq!((connected(&third).len(), third.dist_port()), (2, port));
    let absent = third.connect("absent@127.0.0.4").await.unwrap_err();
    assert!(matches!(absent, ConnectError::PortClosed { port: closed, .. } if closed == port), "{absent}");
    third.shutdown().await;
}

#[tokio::test]
async fn nodes_find_each_other_without_epmd_with_otp_25() {
    nodes_find_each_other_without_epmd(Release::Otp25).await;
}

#[tokio::test]
async fn nodes_find_each_other_without_epmd_with_otp_27() {
    nodes_find_each_other_without_epmd(Release::Otp27).await;
}

#[tokio::test]
async fn nodes_find_each_other_without_epmd_with_otp_29() {
    nodes_find_each_other_without_epmd(Release::Otp29).await;
}

async fn a_node_that_does_not_listen_connects(release: Release) {
    let epmd = Epmd::start(release).await;
    let rust = RustNode::start(NodeOptions::with(&epmd)).await;
    let deaf = NodeOptions::with(&epmd).arguments(["-dist_listen", "false"]);
    let beam = BeamNode::start(release, deaf).await;
    beam.expect(&format!("erpc:call({}, rust, add, [1, 2])", rust.atom()), "3").await;
    beam.expect(&format!("erpc:call({}, erlang, nodes, [])", rust.atom()), "[]").await;
    let hidden = format!("erpc:call({}, erlang, nodes, [hidden])", rust.atom());
    beam.expect(&hidden, &format!("[{}]", beam.atom())).await;

    let listening = BeamNode::start(release, NodeOptions::with(&epmd)).await;
    let node = builder(&unique_name("rust"), &epmd).dist_listen(false).start().await.unwrap();
    assert_eq!((node.dist_port(), node.is_hidden()), (0, true));
    node.ping(listening.name()).await.unwrap();
    listening.expect("nodes(hidden)", &format!("[{}]", super::name_as_atom(node.name().as_str()))).await;
    assert_eq!(epmd.names().len(), 2, "neither is registered");
    let error = node.connect(beam.name()).await.unwrap_err();
    assert!(matches!(error, ConnectError::NotRunning { .. }), "{error}");
    node.shutdown().await;
    wait_until(PATIENCE, async || listening.eval("nodes(hidden)").await.as_deref() == Ok("[]")).await;
}

#[tokio::test]
async fn a_node_that_does_not_listen_connects_with_otp_25() {
    a_node_that_does_not_listen_connects(Release::Otp25).await;
}

#[tokio::test]
async fn a_node_that_does_not_listen_connects_with_otp_27() {
    a_node_that_does_not_listen_connects(Release::Otp27).await;
}

#[tokio::test]
async fn a_node_that_does_not_listen_connects_with_otp_29() {
    a_node_that_does_not_listen_connects(Release::Otp29).await;
}

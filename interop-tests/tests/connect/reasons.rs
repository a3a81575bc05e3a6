//! Why there is no connection: each cause has an error of its own, and a sentence that a person can act on.

use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;

use erlnode::dist::driver::SetupError;
use erlnode::epmd::{Address, Client, NodeEntry};
use erlnode::node::{Builder, ConnectError, Node};
use interop_tests::{BeamNode, Epmd, NodeOptions, Release, unique_name};

fn builder(epmd_port: u16) -> Builder {
    let builder = Node::builder(&unique_name("rust")).cookie("interop").hidden(true);
    builder.epmd_port(epmd_port).serve_epmd(false).net_setuptime(Duration::from_secs(2))
}

/// A port on which connections are taken and nothing is ever said.
fn silent() -> (TcpListener, u16) {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

fn host() -> String {
    unique_name("any").split('@').nth(1).unwrap().to_owned()
}

#[tokio::test]
async fn what_epmd_knows_may_not_be_a_node() {
    let epmd = Epmd::start(Release::Otp27).await;
    let node = builder(epmd.port()).start().await.unwrap();
    let client = Client::new(Address::new("localhost", epmd.port()));
    let host = host();

    let error = node.connect(&format!("absent@{host}")).await.unwrap_err();
    assert!(matches!(error, ConnectError::NotRunning { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        format!("absent@{host} is not running: the epmd of {host} does not know it")
    );

    let closed = {
        let (_listener, port) = silent();
        port
    };
    let _closed = client.register(NodeEntry::new("closed", closed).unwrap()).await.unwrap();
    let error = node.connect(&format!("closed@{host}")).await.unwrap_err();
    assert!(matches!(error, ConnectError::PortClosed { port, .. } if port == closed), "{error:?}");
    assert!(error.to_string().starts_with(&format!("nothing listens on port {closed} of {host}")), "{error}");

    let (_listener, port) = silent();
    let _silent = client.register(NodeEntry::new("silent", port).unwrap()).await.unwrap();
    let error = node.connect(&format!("silent@{host}")).await.unwrap_err();
    assert!(
        matches!(&error, ConnectError::Setup(error) if matches!(**error, SetupError::Timeout(_))),
        "{error:?}"
    );
    assert_eq!(error.to_string(), "the other side said nothing for 2 s in the handshake");

    // epmd listens there, which closes on what is no request.
    let _no_node = client.register(NodeEntry::new("mapper", epmd.port()).unwrap()).await.unwrap();
    let error = node.connect(&format!("mapper@{host}")).await.unwrap_err();
    assert!(error.to_string().contains("is no node"), "{error}");

    // Another node has taken the port.
    let other = BeamNode::start(Release::Otp27, NodeOptions::with(&epmd)).await;
    let port =
        epmd.names().into_iter().find(|(name, _)| other.name().starts_with(&format!("{name}@"))).unwrap().1;
    let _moved = client.register(NodeEntry::new("moved", port).unwrap()).await.unwrap();
    let error = node.connect(&format!("moved@{host}")).await.unwrap_err();
    assert!(
        error.to_string().contains(&format!("calls itself {}, not moved@{host}", other.name())),
        "{error}"
    );
    node.shutdown().await;
}

#[tokio::test]
async fn there_may_be_no_host_no_epmd_or_a_silent_one() {
    let (_listener, silent) = silent();
    let without = Node::builder(&unique_name("rust")).cookie("interop").dist_listen(false);
    let node = without.epmd_port(silent).start().await.unwrap();
    let host = host();
    let error = node.connect("any@no-such-host").await.unwrap_err();
    assert!(error.to_string().contains("there is no host `no-such-host`"), "{error}");
    let error = node.connect(&format!("any@{host}")).await.unwrap_err();
    assert!(error.to_string().contains("did not answer within 10 s"), "{error}");
    node.shutdown().await;

    let node = builder(silent).dist_listen(false).epmd_port(1).start().await.unwrap();
    let error = node.connect(&format!("any@{host}")).await.unwrap_err();
    assert!(error.to_string().starts_with("no epmd is running at "), "{error}");
    node.shutdown().await;
}

async fn names_are_of_one_kind(release: Release) {
    let epmd = Epmd::start(release).await;
    let short = builder(epmd.port()).start().await.unwrap();
    let error = short.connect("other@host.example.org").await.unwrap_err();
    assert!(error.to_string().contains("has a long host name, this node uses short ones"), "{error}");
    let long = Node::builder("long@127.0.0.1").cookie("interop").hidden(true).epmd_port(epmd.port());
    let long = long.start().await.unwrap();
    let error = long.connect("other@host").await.unwrap_err();
    assert!(error.to_string().contains("has a short host name, this node uses long ones"), "{error}");
    // As in OTP only who connects minds: a node with the other kind of name gets in.
    let beam = BeamNode::start(release, NodeOptions::with(&epmd).long_names()).await;
    let connect = format!("net_kernel:connect_node('{}')", long.name());
    beam.expect(&connect, "true").await;
    beam.expect(&format!("net_kernel:connect_node('{}')", short.name()), "false").await;
    short.shutdown().await;
    long.shutdown().await;
}

#[tokio::test]
async fn names_are_of_one_kind_with_otp_25() {
    names_are_of_one_kind(Release::Otp25).await;
}

#[tokio::test]
async fn names_are_of_one_kind_with_otp_29() {
    names_are_of_one_kind(Release::Otp29).await;
}

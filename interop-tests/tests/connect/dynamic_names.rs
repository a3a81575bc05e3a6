//! Nodes that start without a name and get one from the first node that they connect to.

use std::process::Stdio;

use erlnode::node::{ConnectError, Node, NodeType, StartError};
use interop_tests::{
    BeamNode, Epmd, NodeOptions, PATIENCE, Release, RustNode, erlnode_command, unique_name, wait_until,
};

use super::connected;

/// Whether a node could have got this name from another.
fn is_dynamic(name: &str) -> bool {
    let alive = name.split('@').next().unwrap();
    (1..=13).contains(&alive.len())
        && alive.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
}

/// The name that `guest` has, and its creation.
async fn identity(guest: &BeamNode) -> (String, u64) {
    let name = guest.eval("atom_to_list(node())").await.unwrap();
    let creation = guest.eval("erlang:system_info(creation)").await.unwrap();
    (name.trim_matches('"').to_owned(), creation.parse().unwrap())
}

async fn a_beam_node_is_named_here(release: Release, options: impl Fn(&Epmd) -> NodeOptions) {
    let epmd = Epmd::start(release).await;
    let rust = RustNode::start(options(&epmd)).await;
    let guest = || async {
        let guest = BeamNode::start(release, options(&epmd).undefined()).await;
        guest.expect(&format!("net_kernel:connect_node({})", rust.atom()), "true").await;
        guest
    };
    let (first, second) = (guest().await, guest().await);
    let (name, creation) = identity(&first).await;
    assert!(is_dynamic(&name), "{name}");
    assert_eq!(name.split('@').nth(1), rust.name().split('@').nth(1));
    assert_ne!(identity(&second).await.0, name);
    // Pids, links and monitors work under that name, and it is a hidden one that no epmd knows.
    first
        .expect(&format!("{{echo, {}}} ! {{self(), hello}}, receive hello -> ok end", rust.atom()), "ok")
        .await;
    let exits = format!(
        "process_flag(trap_exit, true), Echo = erpc:call({}, rust, spawn_echo, []),
         monitor(process, Echo), link(Echo), exit(Echo, stop),
         {{receive {{'EXIT', Echo, Why}} -> Why end, receive {{'DOWN', _, _, Echo, Reason}} -> Reason end}}",
        rust.atom()
    );
    first.expect(&exits, "{stop,stop}").await;
    first
        .expect(
            &format!(
                "erpc:call({}, rust, call, [{{net_kernel, node()}}, {{is_auth, node()}}, 5000])",
                rust.atom()
            ),
            "{ok,yes}",
        )
        .await;
    let nodes =
        |kind: &str| format!("lists:member(node(), erpc:call({}, erlang, nodes, [{kind}]))", rust.atom());
    first.expect(&nodes("hidden"), "true").await;
    first.expect(&nodes("visible"), "false").await;
    assert_eq!(epmd.names().len(), 1);

    // Its name is given again when it is free, with the next creation.
    first.kill_9();
    let hidden = format!("length(erpc:call({}, erlang, nodes, [hidden]))", rust.atom());
    second.wait_until(&hidden, "1").await;
    let third = guest().await;
    assert_eq!(identity(&third).await, (name, creation + 1));
    second.expect(&hidden, "2").await;
}

#[tokio::test]
async fn a_node_of_otp_25_is_named_here() {
    a_beam_node_is_named_here(Release::Otp25, NodeOptions::with).await;
}

#[tokio::test]
async fn a_node_of_otp_27_is_named_here() {
    a_beam_node_is_named_here(Release::Otp27, NodeOptions::with).await;
}

#[tokio::test]
async fn a_node_of_otp_29_is_named_here() {
    a_beam_node_is_named_here(Release::Otp29, NodeOptions::with).await;
}

#[tokio::test]
async fn a_node_with_long_names_is_named_here() {
    a_beam_node_is_named_here(Release::Otp29, |epmd| NodeOptions::with(epmd).long_names()).await;
}

async fn a_beam_node_names_this_one(release: Release) {
    let epmd = Epmd::start(release).await;
    let beam = BeamNode::start(release, NodeOptions::with(&epmd)).await;
    let other = BeamNode::start(release, NodeOptions::with(&epmd)).await;
    let guest = || {
        let builder = Node::builder("undefined").cookie("interop").epmd_port(epmd.port());
        builder.named_by(beam.name()).start()
    };
    let first = guest().await.unwrap();
    let name = first.name().to_string();
    assert!(is_dynamic(&name), "{name}");
    assert_eq!(first.named_by().map(|node| node.as_str()), Some(beam.name()));
    assert_eq!(connected(&first), [beam.name()]);
    beam.expect("nodes(hidden)", &format!("['{name}']")).await;
    assert_eq!(epmd.names().len(), 2, "it is not registered");
    let sum: i64 = first.erpc(beam.name()).call("erlang", "+", (1, 2)).await.unwrap();
    assert_eq!(sum, 3);
    beam.expect(&format!("net_adm:ping('{name}')"), "pong").await;
    // It has the same name for whomever else it connects to.
    first.ping(other.name()).await.unwrap();
    other.expect("nodes(hidden)", &format!("['{name}']")).await;

    let second = guest().await.unwrap();
    assert_ne!(second.name(), first.name());
    let creation = first.creation();
    first.shutdown().await;
    beam.wait_until("length(nodes(hidden))", "1").await;
    let third = guest().await.unwrap();
    assert_eq!((third.name().as_str(), third.creation()), (name.as_str(), creation.next()));

    // Without the node that gave it, the name is nobody's.
    third.ping(other.name()).await.unwrap();
    beam.kill_9();
    wait_until(PATIENCE, async || connected(&third).is_empty()).await;
    wait_until(PATIENCE, async || {
        matches!(third.connect(other.name()).await, Err(ConnectError::NameLost(node)) if node.as_str() == beam.name())
    })
    .await;
    other.wait_until("nodes(hidden)", "[]").await;
    third.shutdown().await;
    second.shutdown().await;
}

#[tokio::test]
async fn a_node_of_otp_25_names_this_one() {
    a_beam_node_names_this_one(Release::Otp25).await;
}

#[tokio::test]
async fn a_node_of_otp_27_names_this_one() {
    a_beam_node_names_this_one(Release::Otp27).await;
}

#[tokio::test]
async fn a_node_of_otp_29_names_this_one() {
    a_beam_node_names_this_one(Release::Otp29).await;
}

#[tokio::test]
async fn rust_nodes_name_each_other() {
    let epmd = Epmd::start(Release::Otp27).await;
    let builder = |name: &str| Node::builder(name).cookie("interop").epmd_port(epmd.port());
    let host = builder(&unique_name("rust")).start().await.unwrap();
    let guest = builder("undefined").named_by(host.name().as_str()).start().await.unwrap();
    assert!(is_dynamic(guest.name().as_str()), "{}", guest.name());
    guest.ping(host.name().as_str()).await.unwrap();
    host.ping(guest.name().as_str()).await.unwrap();
    assert_eq!(host.nodes(NodeType::Hidden), [guest.name().as_atom().clone()]);
    // A list of allowed nodes keeps out who has no name, unless its host is on it.
    host.allow([host.name().as_str()]);
    let error = builder("undefined").named_by(host.name().as_str()).start().await.unwrap_err();
    assert!(error.to_string().contains("does not allow this node to connect"), "{error}");
    host.allow([host.name().host()]);
    let second = builder("undefined").named_by(host.name().as_str()).start().await.unwrap();
    host.shutdown().await;
    wait_until(PATIENCE, async || connected(&guest).is_empty() && connected(&second).is_empty()).await;
    assert!(matches!(builder("undefined").start().await, Err(StartError::Undefined)));
    guest.shutdown().await;
    second.shutdown().await;
}

/// The command leaves no names behind, as each visitor gets that of the one before.
#[tokio::test]
async fn the_command_is_named_by_the_node_it_visits() {
    let epmd = Epmd::start(Release::Otp29).await;
    let beam = BeamNode::start(Release::Otp29, NodeOptions::with(&epmd)).await;
    let rust = RustNode::start(NodeOptions::with(&epmd)).await;
    let run = async |arguments: &[&str]| {
        let mut command = erlnode_command();
        command
            .args(arguments)
            .env("ERL_EPMD_PORT", epmd.port().to_string())
            .env("ERLNODE_COOKIE", "interop");
        let output = tokio::task::spawn_blocking(move || command.stdin(Stdio::null()).output().unwrap());
        let output = output.await.unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().trim().trim_matches('\'').to_owned()
    };
    let alive = beam.name().split('@').next().unwrap();
    let first = run(&["call", "--dynamic-name", alive, "erlang", "nodes", "[hidden]"]).await;
    let name = first.trim_matches(['[', ']', '\'']).to_owned();
    assert!(is_dynamic(&name), "{first}");
    beam.wait_until("nodes(hidden)", "[]").await;
    assert_eq!(run(&["call", "-R", beam.name(), "erlang", "nodes", "[hidden]"]).await, first);
    assert_eq!(run(&["ping", "-R", rust.name()]).await, "pong");
    run(&["send", "-R", rust.name(), "sink", "hello"]).await;
}

//! Our client with OTP's daemon, and OTP's nodes and tools with our daemon.

use std::time::{Duration, Instant};

use erlnode::epmd::{Error, NodeEntry, NodeType, RegistrationState};
use interop_tests::{
    BeamNode, Epmd, NodeOptions, PATIENCE, Release, RustNode, erlnode_command, free_port, wait_until,
};

use super::{client, our_daemon, run};

async fn our_node_is_registered_with_otps_daemon(release: Release) {
    let epmd = Epmd::start(release).await;
    let client = client(epmd.port());
    let entry = NodeEntry::new("rust", 5000).unwrap().hidden().with_extra("extra").unwrap();
    let registration = client.register(entry.clone()).await.unwrap();
    assert!(registration.creation().0 >= 4);
    assert_eq!(epmd.names(), [("rust".to_owned(), 5000)]);
    assert_eq!(client.port_please("rust").await.unwrap(), Some(entry.clone()));
    assert_eq!(client.port_please("Rust").await.unwrap(), None);
    let unicode = client.register(NodeEntry::new("rüst", 5001).unwrap()).await.unwrap();
    assert_eq!(client.port_please("rüst").await.unwrap().as_ref(), Some(unicode.entry()));
    let listing = client.names().await.unwrap();
    assert_eq!((listing.epmd_port, listing.nodes[0].name.as_str()), (epmd.port(), "rüst"));
    assert!(matches!(client.register(entry.clone()).await, Err(Error::NameTaken { .. })));

    let beam = BeamNode::start(release, NodeOptions::with(&epmd)).await;
    beam.expect("erl_epmd:port_please(\"rust\", {127,0,0,1})", "{port,5000,6}").await;

    let creation = registration.creation();
    registration.close().await;
    assert_eq!(client.port_please("rust").await.unwrap(), None, "the name is free when `close` returns");
    let again = client.register(entry).await.unwrap();
    assert_eq!(again.creation().0, creation.0 + 1);
}

#[tokio::test]
async fn our_node_is_registered_with_the_daemon_of_otp_25() {
    our_node_is_registered_with_otps_daemon(Release::Otp25).await;
}

#[tokio::test]
async fn our_node_is_registered_with_the_daemon_of_otp_27() {
    our_node_is_registered_with_otps_daemon(Release::Otp27).await;
}

#[tokio::test]
async fn our_node_is_registered_with_the_daemon_of_otp_29() {
    our_node_is_registered_with_otps_daemon(Release::Otp29).await;
}

#[tokio::test]
async fn our_node_registers_again_when_otps_daemon_is_back() {
    let epmd = Epmd::start(Release::Otp27).await;
    let port = epmd.port();
    let mut registration = client(port).register(NodeEntry::new("rust", 5000).unwrap()).await.unwrap();
    let creation = registration.creation();
    let killed = Instant::now();
    epmd.kill_9();
    assert_eq!(registration.changed().await, RegistrationState::Lost { attempts: 0 });
    let epmd = Epmd::start_on(Release::Otp27, port).await;
    while registration.state() != RegistrationState::Registered {
        registration.changed().await;
    }
    assert!(killed.elapsed() >= Duration::from_millis(1900), "not before 2 seconds");
    assert_eq!(epmd.names(), [("rust".to_owned(), 5000)]);
    assert_eq!(registration.creation(), creation);
}

async fn nodes_meet_by_our_daemon(release: Release) {
    let server = our_daemon(free_port()).await;
    let options = NodeOptions::with_epmd_port(server.port());
    let (a, b) = tokio::join!(
        BeamNode::start(release, options.clone()),
        BeamNode::start(release, options.clone().hidden()),
    );
    a.expect(&format!("net_adm:ping({}).", b.atom()), "pong").await;
    a.expect("length(element(2, net_adm:names()))", "2").await;

    // Nodes of all releases say 5 to 6, where the documentation says 6 to 6, and even hidden ones call themselves normal.
    for node in server.nodes() {
        assert_eq!((node.highest_version(), node.lowest_version()), (6, 5));
        assert_eq!(node.node_type(), NodeType::NORMAL);
    }
    let (names, status) =
        run(release.command("epmd").args(["-port", &server.port().to_string(), "-names"])).await;
    let mut expected = format!("epmd: up and running on port {} with data:\n", server.port());
    for node in server.nodes() {
        expected.push_str(&format!("name {} at port {}\n", node.name(), node.port()));
    }
    assert_eq!((names, status), (expected, Some(0)));

    let alive_name = a.name().split('@').next().unwrap().to_owned();
    let taken = BeamNode::try_start(release, options.name(&alive_name)).await;
    assert!(
        taken.is_err_and(|output| output.contains("seems to be in use") || output.contains("duplicate_name"))
    );
    a.kill_9();
    wait_until(PATIENCE, async || server.nodes().len() == 1).await;
}

#[tokio::test]
async fn nodes_of_otp_25_meet_by_our_daemon() {
    nodes_meet_by_our_daemon(Release::Otp25).await;
}

#[tokio::test]
async fn nodes_of_otp_27_meet_by_our_daemon() {
    nodes_meet_by_our_daemon(Release::Otp27).await;
}

#[tokio::test]
async fn nodes_of_otp_29_meet_by_our_daemon() {
    nodes_meet_by_our_daemon(Release::Otp29).await;
}

#[tokio::test]
async fn otps_nodes_register_again_when_our_daemon_is_back() {
    let server = our_daemon(free_port()).await;
    let port = server.port();
    let options = NodeOptions::with_epmd_port(port);
    let (a, b) = tokio::join!(
        BeamNode::start(Release::Otp25, options.clone()),
        BeamNode::start(Release::Otp29, options.clone()),
    );
    let creation = a.eval("erlang:system_info(creation)").await.unwrap();
    server.close().await;
    let server = our_daemon(port).await;
    wait_until(PATIENCE, async || server.nodes().len() == 2).await;
    a.expect("erlang:system_info(creation)", &creation).await;
    a.expect(&format!("net_adm:ping({}).", b.atom()), "pong").await;
}

async fn facts_are_carried(release: Release) {
    let epmd = Epmd::start(release).await;
    let rust = RustNode::start(NodeOptions::with(&epmd).arguments([
        "--fact",
        "role=d\u{e4}ta",
        "--fact",
        "zone=a=b",
    ]))
    .await;
    let name = rust.name().split('@').next().unwrap();
    let entry = client(epmd.port()).port_please(name).await.unwrap().expect("it is registered");
    assert_eq!(entry.facts(), [("role", "d\u{e4}ta"), ("zone", "a=b")].into_iter().collect());

    // A BEAM node is not disturbed, and can read them where it asks epmd itself.
    let beam = BeamNode::start(release, NodeOptions::with(&epmd)).await;
    beam.expect(&format!("net_adm:ping({}).", rust.atom()), "pong").await;
    let ask = format!(
        "{{ok, S}} = gen_tcp:connect({{127,0,0,1}}, {}, [binary, {{active, false}}]), \
         ok = gen_tcp:send(S, [<<{}:16>>, $z, \"{name}\"]), \
         Read = fun Read(Got) -> case gen_tcp:recv(S, 0) of {{ok, B}} -> Read(<<Got/binary, B/binary>>); _ -> Got end end, \
         <<$w, 0, _:8/binary, N:16, _:N/binary, L:16, Extra:L/binary>> = Read(<<>>), \
         lists:sort(maps:to_list(binary_to_term(Extra))).",
        epmd.port(),
        name.len() + 1
    );
    beam.expect(&ask, "[{<<\"role\">>,<<\"däta\"/utf8>>},{<<\"zone\">>,<<\"a=b\">>}]").await;

    let (printed, status) =
        run(erlnode_command().args(["names", "--json", "--port", &epmd.port().to_string()])).await;
    assert_eq!(status, Some(0));
    let machine: serde_json::Value = serde_json::from_str(&printed).expect("JSON");
    assert_eq!((&machine["host"], &machine["epmd_port"]), (&"localhost".into(), &epmd.port().into()));
    let beam_name = beam.name().split('@').next().unwrap();
    assert_eq!(machine["nodes"][0]["name"], beam_name);
    assert_eq!(machine["nodes"][0]["facts"], serde_json::json!({}));
    let expected = serde_json::json!({
        "name": name, "port": entry.port(), "type": "normal", "protocol": 0, "highest_version": 6, "lowest_version": 5,
        "facts": {"role": "d\u{e4}ta", "zone": "a=b"},
    });
    assert_eq!(machine["nodes"][1], expected);
}

#[tokio::test]
async fn facts_are_carried_by_the_daemon_of_otp_25() {
    facts_are_carried(Release::Otp25).await;
}

#[tokio::test]
async fn facts_are_carried_by_the_daemon_of_otp_27() {
    facts_are_carried(Release::Otp27).await;
}

#[tokio::test]
async fn facts_are_carried_by_the_daemon_of_otp_29() {
    facts_are_carried(Release::Otp29).await;
}

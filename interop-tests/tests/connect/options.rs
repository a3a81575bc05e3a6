//! Options of `erlnode start` for connections: each changes what other nodes see.

use std::io::Read;

use interop_tests::raw_peer::RawPeer;
use interop_tests::{
    BeamNode, Epmd, NodeOptions, PATIENCE, Release, RustNode, free_port, unique_name, wait_until,
};

#[tokio::test]
async fn start_takes_connections_as_its_options_say() {
    let epmd = Epmd::start(Release::Otp27).await;
    let options = || NodeOptions::with(&epmd);
    let (old, new, other) = (unique_name("old"), unique_name("new"), unique_name("other"));
    let port = free_port().to_string();
    let rust = RustNode::start(options().arguments([
        "--accept-cookie=second-treasure",
        "--allow",
        &old,
        "--allow",
        &new,
        "--dist-auto-connect",
        "never",
        "--net-ticktime",
        "5",
        "--net-tickintensity",
        "999",
        "--net-setuptime",
        "0.7",
        "--max-handshakes",
        "2",
        "--dist-port",
        &port,
    ]))
    .await;
    let arguments = std::fs::read_to_string(format!("/proc/{}/cmdline", rust.pid())).unwrap();
    assert!(arguments.contains("--allow") && !arguments.contains("treasure"), "{arguments}");

    let name = rust.atom();
    let (old, new, other) = tokio::join!(
        BeamNode::start(Release::Otp27, options().name(&old)),
        BeamNode::start(Release::Otp29, options().name(&new).cookie("second-treasure")),
        BeamNode::start(Release::Otp25, options().name(&other)),
    );
    for (node, answer) in [(&old, "pong"), (&new, "pong"), (&other, "pang")] {
        node.wait_until(&format!("net_adm:ping({name})"), answer).await;
    }
    let allowed = format!("{{ok,[{},{}]}}", old.atom(), new.atom());
    old.expect(&format!("erpc:call({name}, net_kernel, allowed, [])"), &allowed).await;
    // The next multiple of 999 milliseconds.
    old.expect(&format!("gen_server:call({{net_kernel, {name}}}, ticktime)"), "5994").await;
    // It has gone, and is not connected to unless asked.
    new.expect(&format!("erlang:disconnect_node({name})"), "true").await;
    let nodes = format!("lists:member({}, erpc:call({name}, erlang, nodes, [connected]))", new.atom());
    old.wait_until(&nodes, "false").await;
    old.expect(&format!("erpc:call({name}, rust, ping, [{}])", new.atom()), "pang").await;

    // Who says nothing is not waited for, and of three the first has to go before that.
    let port = port.parse().unwrap();
    let mut silent = [(); 3].map(|()| RawPeer::dial(port).unwrap());
    for stream in &mut silent {
        let mut nothing = [0; 1];
        assert!(matches!(stream.read(&mut nothing), Ok(0) | Err(_)), "it is closed");
    }
    wait_until(PATIENCE, async || rust.stderr().contains("too many handshakes at once")).await;
}

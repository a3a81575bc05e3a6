//! Many nodes, many clients.

use erlnode::epmd::NodeEntry;
use interop_tests::{PATIENCE, wait_until};
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::task::JoinSet;

use super::client;
use super::command::ErlnodeEpmd;

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_nodes_and_a_thousand_clients() {
    const NODES: u16 = 10_000;
    const CLIENTS: u16 = 1_000;
    let mut limit = getrlimit(Resource::Nofile);
    assert!(
        limit.maximum.is_none_or(|maximum| maximum >= 12_000),
        "this test opens 11,000 connections; raise the limit with `ulimit -Hn 12000`"
    );
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).unwrap();

    let epmd = ErlnodeEpmd::start(&[]);
    let client = client(epmd.port);
    let mut registering = JoinSet::new();
    for part in 0..50 {
        let client = client.clone();
        registering.spawn(async move {
            let mut registered = Vec::new();
            for number in (part..NODES).step_by(50) {
                let entry = NodeEntry::new(&format!("node{number}"), number).unwrap();
                registered.push(client.register(entry).await.unwrap());
            }
            registered
        });
    }
    let registered: Vec<_> = registering.join_all().await.into_iter().flatten().collect();
    assert_eq!(client.names().await.unwrap().nodes.len(), usize::from(NODES));

    let mut asking = JoinSet::new();
    for number in 0..CLIENTS {
        let client = client.clone();
        asking.spawn(async move {
            for number in (number..NODES).step_by(usize::from(CLIENTS)) {
                let entry = client.port_please(&format!("node{number}")).await.unwrap();
                assert_eq!(entry.map(|entry| entry.port()), Some(number));
            }
        });
    }
    asking.join_all().await;
    drop(registered);
    wait_until(PATIENCE, async || client.names().await.unwrap().nodes.is_empty()).await;
}

//! The end of a node.

use std::future::pending;

use tokio::net::TcpStream;
use tokio::sync::oneshot;

use super::cluster::pair;
use super::*;
use crate::node::NodeType;

#[tokio::test]
async fn a_process_of_the_node_can_shut_it_down() {
    let (cluster, a, b) = pair().await;
    let down = in_process(&a, async move |mut process: Process| {
        process.monitor_nodes(NodeType::Connected);
        b.spawn(async |process: Process| {
            process.node().shutdown().await;
            pending().await
        });
        let down = next(&mut process).await;
        b.shutdown().await;
        assert!(b.processes().is_empty());
        down
    });
    assert_eq!(down.await.to_string(), "{nodedown,b@localhost}");
    assert!(!cluster.knows("b").await, "the name is free again");
}

#[tokio::test]
async fn all_who_shut_a_node_down_wait_for_its_end() {
    let cluster = Cluster::new().await;
    let node = cluster.node("a").await;
    tokio::join!(node.shutdown(), node.shutdown());
    assert!(!cluster.knows("a").await);
    node.shutdown().await;
}

#[tokio::test]
async fn a_shutdown_that_nobody_waits_for_any_more_goes_on() {
    let cluster = Cluster::new().await;
    let node = cluster.node("a").await;
    assert!(tokio::time::timeout(Duration::ZERO, node.shutdown()).await.is_err());
    soon(async {
        while cluster.knows("a").await {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_node_that_shuts_down_takes_no_connections_while_its_processes_end() {
    let cluster = Cluster::new().await;
    let node = cluster.node("a").await;
    let port = node.dist_port();
    let (ends, ending) = oneshot::channel();
    let (go_on, may_go_on) = oneshot::channel::<()>();
    let (ready, is_ready) = oneshot::channel();
    node.spawn(async move |mut process: Process| {
        process.trap_exit(true);
        let _ = ready.send(());
        process.receive().await;
        let _ = ends.send(());
        let _ = may_go_on.await;
        Ok(())
    });
    is_ready.await.unwrap();
    let shutdown = tokio::spawn(async move { node.shutdown().await });
    soon(ending).await.unwrap();
    assert!(TcpStream::connect(("127.0.0.1", port)).await.is_err(), "nobody listens");
    assert!(cluster.knows("a").await, "the name is taken until the end");
    go_on.send(()).unwrap();
    soon(shutdown).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_call_from_outside_of_any_process_does_not_hold_up_the_end() {
    let node = Node::nonode();
    let _call = node.temporary_process();
    let start = tokio::time::Instant::now();
    node.shutdown().await;
    assert!(start.elapsed() < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn processes_that_do_not_care_for_shutdown_are_killed_after_a_second() {
    let node = Node::nonode();
    let (ready, is_ready) = oneshot::channel();
    let stubborn = node.spawn(async move |process: Process| {
        process.trap_exit(true);
        let _ = ready.send(());
        pending().await
    });
    is_ready.await.unwrap();
    let start = tokio::time::Instant::now();
    node.shutdown().await;
    assert!(!node.is_process_alive(&stubborn));
    assert!(start.elapsed() >= Duration::from_secs(1));
    assert!(start.elapsed() < Duration::from_secs(2));
}

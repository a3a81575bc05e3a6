//! Links, exit signals and monitors between nodes.

use std::num::NonZeroU64;

use super::cluster::pair;
use super::*;
use crate::atom;
use crate::dist::control::{ControlMessage, PidOrName, UnlinkId};
use crate::process::Exit;

#[tokio::test]
async fn the_end_of_a_process_is_told_by_link_and_monitor() {
    let (_cluster, a, b) = pair().await;
    let victim = b.spawn(async |mut process: Process| {
        process.receive().await;
        Err(Exit::new(term("oops")))
    });
    let seen = in_process(&a, {
        let victim = victim.clone();
        async move |mut process: Process| {
            process.trap_exit(true);
            process.link(&victim).await;
            process.monitor(&victim).await;
            process.send(&victim, 1).await.unwrap();
            [next(&mut process).await, next(&mut process).await]
        }
    })
    .await;
    let shown = seen.map(|message| message.as_tuple().unwrap()[0].to_string());
    assert_eq!(shown, ["'EXIT'", "'DOWN'"]);
}

#[tokio::test]
async fn an_unlink_is_acknowledged_by_a_process_that_lives_and_by_one_that_does_not() {
    let cluster = Cluster::new().await;
    let node = cluster.node("a").await;
    let alive = node.spawn(async |mut process: Process| {
        process.receive().await;
        Ok(())
    });
    let dead = node.spawn(async |_: Process| Ok(()));
    while node.is_process_alive(&dead) {
        tokio::task::yield_now().await;
    }
    let mut peer = Peer::connect(&node, "peer@localhost").await;
    let from = peer.pid(1);
    for to in [alive, dead] {
        let id = UnlinkId(NonZeroU64::new(9).unwrap());
        peer.send(ControlMessage::UnlinkId { id, from: from.clone(), to: to.clone() }).await;
        let (answer, _) = peer.receive().await.unwrap();
        assert_eq!(answer, ControlMessage::UnlinkIdAck { id: 9, from: to, to: from.clone() });
    }
}

#[tokio::test]
async fn a_monitor_of_a_name_that_is_not_there_ends_at_once() {
    let cluster = Cluster::new().await;
    let node = cluster.node("a").await;
    let mut peer = Peer::connect(&node, "peer@localhost").await;
    let (from, reference) = (peer.pid(1), peer.reference(1));
    let name = PidOrName::Name(atom!("nobody"));
    // A message to it is dropped.
    peer.send_with(ControlMessage::RegSend { from: from.clone(), to: atom!("nobody") }, &term("hello")).await;
    peer.send(ControlMessage::MonitorP {
        from: from.clone(),
        to: name.clone(),
        reference: reference.clone(),
    })
    .await;
    let (down, reason) = peer.receive().await.unwrap();
    assert_eq!(down, ControlMessage::PayloadMonitorPExit { from: name, to: from, reference });
    assert_eq!(reason, Some(term("noproc")));
}

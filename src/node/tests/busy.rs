//! A peer that does not read: what it costs, and whom.

use bytes::Bytes;

use super::*;
use crate::node::TrySendError;
use crate::process::Exit;

const LIMIT: usize = 1 << 20;
const SIZE: usize = 100_000;

fn large() -> Term {
    Term::Binary(Bytes::from(vec![7; SIZE]))
}

#[tokio::test]
async fn a_peer_that_does_not_read_costs_bounded_memory_and_does_not_hold_up_others() {
    let cluster = Cluster::new().await;
    let node = cluster.builder("a").dist_buf_busy_limit(LIMIT).start().await.unwrap();
    let mut stalled = Peer::connect(&node, "stalled@localhost").await;
    let mut other = Peer::connect(&node, "other@localhost").await;
    let (done, mut sent) = mpsc::unbounded_channel();
    for sender in 0..20 {
        let (to, done) = (stalled.pid(sender), done.clone());
        node.spawn(async move |process: Process| {
            for _ in 0..5 {
                process.send(&to, large()).await?;
            }
            done.send(sender).map_err(Exit::from_error)
        });
    }
    let info = || node.connection_info("stalled@localhost").unwrap();
    soon(async {
        // The kernel has room for some of it.
        while info().waiting.len() < 2 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
    let full = info();
    assert!(full.is_busy && full.queued < LIMIT + 2 * SIZE, "{full:?}");
    assert!(full.waiting.iter().all(|(pid, _)| node.is_process_alive(pid)), "{full:?}");
    let error = node.try_send(stalled.pid(1), 17).unwrap_err();
    assert!(matches!(error, TrySendError::Busy { message: 17, .. }), "{error}");

    let to = other.pid(1);
    node.send(&to, 1).await.unwrap();
    assert_eq!(other.receive().await.unwrap().1, Some(Term::from(1)));
    assert_eq!(node.connection_info("other@localhost").unwrap().waits, 0);

    for _ in 0..100 {
        assert_eq!(stalled.receive().await.unwrap().1, Some(large()));
    }
    for _ in 0..20 {
        soon(sent.recv()).await.unwrap();
    }
    let after = info();
    assert!(after.waiting.is_empty() && after.waits > 0 && after.waited > Duration::ZERO, "{after:?}");
    let error = node.try_send(("nobody", "nowhere@localhost"), 18).unwrap_err();
    assert!(matches!(error, TrySendError::NotConnected { message: 18, .. }), "{error}");
}

/// What `erpc` returns is the reason that a process ends with.
#[tokio::test]
async fn processes_that_end_wait_for_those_they_have_to_tell() {
    let cluster = Cluster::new().await;
    let node = cluster.builder("a").dist_buf_busy_limit(LIMIT).start().await.unwrap();
    let mut stalled = Peer::connect(&node, "stalled@localhost").await;
    let own = stalled.pid(1);
    const COUNT: usize = 100;
    for _ in 0..COUNT {
        let own = own.clone();
        node.spawn(async move |process: Process| {
            process.link(&own).await;
            Err(Exit::new(large()))
        });
    }
    let info = || node.connection_info("stalled@localhost").unwrap();
    soon(async {
        while info().waiting.is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
    assert!(info().queued < LIMIT + 2 * SIZE, "{:?}", info());
    let mut ends = 0;
    while ends < COUNT {
        ends += usize::from(stalled.receive().await.unwrap().1 == Some(large()));
    }
}

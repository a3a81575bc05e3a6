//! A scope in a node, and what programs and other nodes ask of it.

use std::time::Duration;

use tokio::sync::oneshot;

use super::super::{Change, Event, Pg, PgError};
use crate::atom;
use crate::node::tests::cluster::Cluster;
use crate::node::{Node, Process};
use crate::otp::gen_server::CallError;
use crate::process::{ExitKind, Signal};
use crate::term::{Atom, Pid, Term};

fn node() -> (Node, Pg) {
    let node = Node::nonode();
    let pg = node.pg();
    pg.start().unwrap();
    (node, pg)
}

fn idle(node: &Node) -> Pid {
    node.spawn(async |_| std::future::pending().await)
}

fn kill(node: &Node, pid: &Pid) {
    node.deliver(node.pid(), pid, Signal::Exit(ExitKind::Signal, atom!("kill").into()));
}

async fn until(mut condition: impl FnMut() -> bool) {
    let waiting = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waiting).await.expect("it becomes true");
}

#[tokio::test]
async fn processes_join_and_leave_as_often_as_they_like() {
    let (node, pg) = node();
    let (a, b) = (idle(&node), idle(&node));
    pg.join(atom!("g"), &a).await.unwrap();
    pg.join_all(atom!("g"), &[b.clone(), a.clone(), a.clone()]).await.unwrap();
    let members = [b.clone(), a.clone(), a.clone(), a.clone()];
    assert_eq!(pg.members(atom!("g")), members);
    assert_eq!(pg.local_members(atom!("g")), members);
    assert_eq!((pg.groups(), pg.local_groups()), (vec![atom!("g").into()], vec![atom!("g").into()]));
    assert!(!pg.leave(atom!("other"), &a).await.unwrap());
    assert!(pg.leave_all(atom!("g"), &[a.clone(), a.clone()]).await.unwrap());
    assert_eq!(pg.members(atom!("g")), [b.clone(), a.clone()]);
    assert!(pg.leave_all(atom!("g"), &[a.clone(), b.clone(), b]).await.unwrap());
    assert!(!pg.leave(atom!("g"), &a).await.unwrap());
    assert!(pg.groups().is_empty() && pg.local_groups().is_empty() && pg.members(atom!("g")).is_empty());
}

#[tokio::test]
async fn only_processes_of_this_node_join() {
    let (_, pg) = node();
    let foreign = Node::nonode().spawn(async |_| Ok(()));
    let foreign = Pid { node: atom!("else@where"), ..foreign };
    let refused = pg.join(atom!("g"), &foreign).await;
    assert!(matches!(refused, Err(PgError::NotLocal(pid)) if pid == foreign));
    assert!(matches!(pg.leave(atom!("g"), &foreign).await, Err(PgError::NotLocal(_))));
}

#[tokio::test]
async fn a_process_that_has_ended_is_no_member() {
    let (node, pg) = node();
    for _ in 0..100 {
        let pid = node.spawn(async |_| Ok(()));
        pg.join(atom!("g"), &pid).await.unwrap();
        pg.leave(atom!("g"), &pid).await.unwrap();
        pg.join(atom!("g"), &pid).await.unwrap();
    }
    until(|| pg.members(atom!("g")).is_empty()).await;
}

#[tokio::test]
async fn without_a_scope_there_are_no_groups() {
    let node = Node::nonode();
    let pg = node.pg_scope("missing");
    let pid = idle(&node);
    assert!(matches!(pg.join(atom!("g"), &pid).await, Err(PgError::Scope(CallError::NoProc))));
    assert!(matches!(pg.leave(atom!("g"), &pid).await, Err(PgError::Scope(CallError::NoProc))));
    assert!(pg.members(atom!("g")).is_empty() && pg.groups().is_empty() && pg.local_groups().is_empty());
    assert_eq!(pg.send(atom!("g"), &1).await.unwrap(), 0);
    assert!(!pg.stop().await);
}

#[tokio::test]
async fn a_scope_is_stopped_and_started_without_other_nodes() {
    let (node, pg) = node();
    let pid = idle(&node);
    for _ in 0..20 {
        let scope = pg.start().unwrap();
        assert_eq!(node.whereis("pg"), Some(scope.clone()));
        assert_eq!(pg.start().unwrap(), scope);
        pg.join(atom!("g"), &pid).await.unwrap();
        assert!(pg.stop().await);
        assert_eq!((node.whereis("pg"), pg.members(atom!("g"))), (None, vec![]));
    }
    node.register("taken", &pid).unwrap();
    assert!(node.pg_scope("taken").start().is_err());
}

#[tokio::test]
async fn a_scope_that_is_ended_starts_again_without_local_members() {
    let (node, pg) = node();
    let pid = idle(&node);
    for _ in 0..3 {
        let scope = node.whereis("pg").unwrap();
        pg.join(atom!("g"), &pid).await.unwrap();
        kill(&node, &scope);
        until(|| node.whereis("pg").is_some_and(|new| new != scope)).await;
        assert!(pg.members(atom!("g")).is_empty());
    }
    pg.join(atom!("g"), &pid).await.unwrap();
    assert_eq!(pg.members(atom!("g")), [pid]);
    // A node that ends has its scopes end, too.
    node.shutdown().await;
    assert_eq!(node.whereis("pg"), None);
}

#[tokio::test]
async fn what_a_scope_does_not_know_does_not_end_it() {
    let (node, pg) = node();
    let scope = node.whereis("pg").unwrap();
    let pid = idle(&node);
    pg.join(atom!("g"), &pid).await.unwrap();
    let texts =
        ["garbage", "{discover,1}", "{nodeup}", "{'DOWN',a,process,b,c}", "{join,1,2,3}", "[]", "{nodeup,1}"];
    for text in texts {
        let message: Term = text.parse().unwrap();
        node.send("pg", message.clone()).await.unwrap();
        node.cast("pg", message.clone()).await.unwrap();
        let call = node.call::<_, Term>("pg", message).timeout(Duration::from_millis(1)).await;
        assert!(matches!(call, Err(CallError::Timeout(_))), "{call:?}");
    }
    assert_eq!((pg.members(atom!("g")), node.whereis("pg")), (vec![pid], Some(scope)));
}

#[tokio::test]
async fn who_monitors_hears_of_all_that_follows() {
    let (node, pg) = node();
    let (ready, is_ready) = oneshot::channel();
    let (done, is_done) = oneshot::channel();
    let first = idle(&node);
    pg.join(atom!("g"), &first).await.unwrap();
    let expected = first.clone();
    node.spawn(async move |mut process: Process| {
        let pg = process.node().pg();
        let (group, members) = pg.monitor(&mut process, atom!("g")).await?;
        assert_eq!(members, vec![expected.clone()]);
        let (scope, all) = pg.monitor_scope(&mut process).await?;
        assert_eq!(all.get(&Term::from(atom!("g"))), Some(&vec![expected.clone()]));
        let _ = ready.send(());
        let mut events = Vec::new();
        for _ in 0..4 {
            let event: Event = process.receive().await.decode()?;
            let by = if event.reference == group { "group" } else { "scope" };
            assert!(event.reference == group || event.reference == scope);
            events.push((by, event.change, event.pids));
        }
        // Two more have come and are taken out.
        let own = process.pid().clone();
        pg.join(atom!("g"), &own).await?;
        assert!(pg.demonitor(&mut process, &group).await?);
        assert!(pg.demonitor(&mut process, &scope).await?);
        assert!(!pg.demonitor(&mut process, &scope).await?);
        assert!(process.receive_timeout(Duration::ZERO).await.is_none());
        let _ = done.send(events);
        Ok(())
    });
    is_ready.await.unwrap();
    let second = idle(&node);
    pg.join_all(atom!("g"), &[second.clone(), second.clone()]).await.unwrap();
    assert!(pg.leave(atom!("g"), &first).await.unwrap());
    let (joined, left) = (vec![second.clone(), second], vec![first]);
    assert_eq!(
        is_done.await.unwrap(),
        [
            ("group", Change::Join, joined.clone()),
            ("scope", Change::Join, joined),
            ("group", Change::Leave, left.clone()),
            ("scope", Change::Leave, left),
        ]
    );
}

/// Two nodes, each of which counts what its members get.
#[tokio::test]
async fn a_message_reaches_all_members_on_all_nodes_in_order() {
    const MEMBERS: usize = 100;
    const MESSAGES: u32 = 20;
    let cluster = Cluster::new().await;
    let a = cluster.builder("a").hidden(false).start().await.unwrap();
    let b = cluster.builder("b").hidden(false).start().await.unwrap();
    a.connect(b.name().as_str()).await.unwrap();
    let (counted, mut counts) = tokio::sync::mpsc::unbounded_channel();
    for node in [&a, &b] {
        node.pg().start().unwrap();
        for _ in 0..MEMBERS {
            let counted = counted.clone();
            let pid = node.spawn(async move |mut process: Process| {
                for expected in 0..MESSAGES {
                    let (tag, number): (Atom, u32) = process.receive().await.decode()?;
                    assert_eq!((tag, number), (atom!("news"), expected));
                }
                let _ = counted.send(());
                Ok(())
            });
            node.pg().join(atom!("readers"), &pid).await.unwrap();
        }
    }
    until(|| [&a, &b].iter().all(|node| node.pg().members(atom!("readers")).len() == 2 * MEMBERS)).await;
    a.spawn(async move |process: Process| {
        for number in 0..MESSAGES {
            let pg = process.node().pg();
            let sent = pg.send_from(&process, atom!("readers"), &(atom!("news"), number)).await?;
            assert!(number > 0 || sent == 2 * MEMBERS, "{sent}");
        }
        Ok(())
    });
    for _ in 0..2 * MEMBERS {
        tokio::time::timeout(Duration::from_secs(60), counts.recv()).await.unwrap().unwrap();
    }
    // They have ended, which both nodes learn.
    until(|| [&a, &b].iter().all(|node| node.pg().groups().is_empty())).await;
    assert_eq!(a.pg().send(atom!("readers"), &1).await.unwrap(), 0);
}

#[tokio::test]
async fn a_hidden_node_is_not_sought_and_seeks_nobody() {
    let cluster = Cluster::new().await;
    let a = cluster.builder("a").hidden(false).start().await.unwrap();
    let b = cluster.builder("b").start().await.unwrap();
    let pid = idle(&a);
    a.pg().start().unwrap();
    b.pg().start().unwrap();
    a.pg().join(atom!("g"), &pid).await.unwrap();
    a.connect(b.name().as_str()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(b.pg().members(atom!("g")).is_empty());
    // But answered, as in OTP.
    let discover = Term::tuple([atom!("discover").into(), b.whereis("pg").unwrap().into()]);
    b.send(("pg", a.name().as_str()), discover).await.unwrap();
    until(|| b.pg().members(atom!("g")) == [pid.clone()]).await;
}

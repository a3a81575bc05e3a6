//! What binds processes of two nodes, while connections come and go.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use tokio::sync::oneshot;

use super::cluster::pair;
use super::*;
use crate::dist::control::{ControlMessage, PidOrName};
use crate::epmd;
use crate::node::{Caller, Node, ProcessCell};
use crate::process::{AliasMode, Message, Outgoing, ProcessState, Recipient, Signal};
use crate::term::Pid;
use crate::term::etf::Encoded;
use crate::{atom, node};

/// Numbers that look random, the same in each run.
fn numbers(seed: u64) -> impl FnMut(u64) -> u64 {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    move |limit| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % limit
    }
}

fn cell(node: &Node, pid: &Pid) -> Arc<ProcessCell> {
    node.local(pid).expect("the process lives")
}

/// A process that links and unlinks the other, again and again, as long as it is told to go on.
fn spawn_linker(node: &Node, seed: u64) -> Pid {
    node.spawn(async move |mut process: Process| {
        process.trap_exit(true);
        let mut next = numbers(seed);
        loop {
            // The other one may be done before this one has begun.
            let is_done = |message: &Message| message.to_term().unwrap().is_atom("done");
            let start = process.receive_match(|message| !is_done(message)).await;
            let (from, other) = start.decode::<(Pid, Pid)>()?;
            for _ in 0..next(12) {
                match next(2) {
                    0 => process.link(&other).await,
                    _ => process.unlink(&other),
                }
                if next(4) == 0 {
                    tokio::task::yield_now().await;
                }
            }
            // Behind all that was done to the other one.
            process.send(&other, atom!("done")).await?;
            process.receive_match(is_done).await;
            process.send(from, atom!("ready")).await?;
        }
    })
}

async fn both_ends_agree(a: Node, b: Node, rounds: u64) {
    let (one, other) = (spawn_linker(&a, 1), spawn_linker(&b, 2));
    let is_linked = |node: &Node, pid: &Pid, other: &Pid| cell(node, pid).state.lock().is_linked(other);
    in_process(&a.clone(), async move |mut process: Process| {
        for round in 0..rounds {
            let own = process.pid().clone();
            process.send(&one, (own.clone(), other.clone())).await.unwrap();
            process.send(&other, (own, one.clone())).await.unwrap();
            for _ in 0..2 {
                assert!(next(&mut process).await.is_atom("ready"));
            }
            assert_eq!(is_linked(&a, &one, &other), is_linked(&b, &other, &one), "round {round}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn both_ends_agree_on_a_link_between_two_nodes_whoever_links_and_unlinks() {
    let (_cluster, a, b) = pair().await;
    both_ends_agree(a, b, 500).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn both_ends_agree_on_a_link_inside_one_node_whoever_links_and_unlinks() {
    let node = Node::nonode();
    both_ends_agree(node.clone(), node, 500).await;
}

fn idle(node: &Node) -> Pid {
    node.spawn(async |_: Process| std::future::pending().await)
}

/// A connection that has ended is still in the hands of somebody who is about to use it.
#[tokio::test]
async fn the_end_of_a_connection_takes_nothing_from_the_next_one() {
    let (_cluster, a, b) = pair().await;
    let (here, there) = (idle(&a), idle(&b));
    let old = a.connection("b@localhost").unwrap();
    assert!(a.disconnect("b@localhost").await);
    let link = |state: &mut ProcessState| {
        let to = Recipient::Pid(there.clone());
        state.link(&there).then_some(Outgoing { to, signal: Signal::Link })
    };
    let here = cell(&a, &here);
    a.bind(&here, &atom!("b@localhost"), link).await.unwrap();
    let other = idle(&b);
    let fails = old.bind(&here, |_| unreachable!("nothing is changed over a connection that has ended"));
    assert!(!fails);
    a.connection_down(&old, &crate::dist::driver::CloseReason::ClosedHere);
    let state = here.state.lock();
    assert!(state.is_linked(&there) && !state.is_linked(&other));
    assert!(state.exit_reason().is_none());
}

#[tokio::test]
async fn a_process_that_has_ended_is_not_bound_to_anything() {
    let (_cluster, a, _b) = pair().await;
    let connection = a.connection("b@localhost").unwrap();
    let pid = a.spawn(async |mut process: Process| {
        process.receive().await;
        Ok(())
    });
    let cell = cell(&a, &pid);
    assert!(connection.bind(&cell, |_| None) && connection.is_related(&pid));
    a.send(&pid, 1).await.unwrap();
    while a.is_process_alive(&pid) || connection.is_related(&pid) {
        tokio::task::yield_now().await;
    }
    assert!(connection.bind(&cell, |_| unreachable!("it has ended")));
    assert!(!connection.is_related(&pid));
}

/// A node that takes connections and then says nothing.
async fn silent(cluster: &Cluster, name: &str) -> (std::net::TcpListener, epmd::Registration) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let client = epmd::Client::new(epmd::Address::new("localhost", cluster.epmd_port()));
    let registration = client.register(epmd::NodeEntry::new(name, port).unwrap()).await.unwrap();
    (listener, registration)
}

#[tokio::test]
async fn a_link_or_monitor_that_is_given_up_while_connecting_leaves_nothing() {
    let cluster = Cluster::new().await;
    let _silent = silent(&cluster, "silent").await;
    let node = cluster.node("a").await;
    in_process(&node, async move |process: Process| {
        let other = Pid { node: atom!("silent@localhost"), ..process.pid().clone() };
        let impatient = Duration::from_millis(20);
        assert!(tokio::time::timeout(impatient, process.link(&other)).await.is_err());
        assert!(tokio::time::timeout(impatient, process.monitor(&other)).await.is_err());
        let mode = AliasMode::ExplicitUnalias;
        assert!(tokio::time::timeout(impatient, process.monitor_alias(&other, mode)).await.is_err());
        let state = process.cell().state.lock();
        assert_eq!((state.linked().count(), state.monitored().count()), (0, 0));
        assert!(!state.has_aliases());
    })
    .await;
}

/// What is sent before the connection is up comes first, and in its order.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn signals_keep_their_order_while_the_connection_is_being_made() {
    const REQUESTS: i64 = 200;
    for round in 0..5 {
        let cluster = Cluster::new().await;
        let (a, b) = (cluster.node("a").await, cluster.node("b").await);
        let (seen, received) = oneshot::channel();
        let server = b.spawn(async |mut process: Process| {
            let mut numbers = Vec::new();
            while numbers.last() != Some(&REQUESTS) {
                numbers.push(process.receive().await.decode::<i64>()?);
            }
            let _ = seen.send(numbers);
            std::future::pending().await
        });
        b.register("server", &server).unwrap();
        let server = cell(&b, &server);
        let watchers = in_process(&a, async move |mut process: Process| {
            let to = Recipient::from(("server", "b@localhost"));
            let encoded = |number| Encoded::from_term(&Term::from(number)).unwrap();
            for number in 0..REQUESTS {
                let reference = process.start_request(to.clone(), |_| encoded(number));
                // The other node must not hear of a monitor that is removed already, or hear of it in the end.
                process.demonitor(&reference, true);
            }
            process.send(("server", "b@localhost"), REQUESTS).await.unwrap();
            let numbers = soon(received).await.unwrap();
            assert_eq!(numbers, (0..=REQUESTS).collect::<Vec<_>>(), "round {round}");
            server.state.lock().watchers().count()
        })
        .await;
        assert_eq!(watchers, 0);
    }
}

/// Looks at a process when it is dropped, which takes its lock.
struct Look(Node, Pid);

impl Drop for Look {
    fn drop(&mut self) {
        let _ = self.0.is_process_alive(&self.1);
    }
}

impl serde::Serialize for Look {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_unit()
    }
}

impl Wake for Look {
    fn wake(self: Arc<Self>) {}
}

#[test]
fn messages_and_wakers_are_dropped_when_nothing_is_locked() {
    let (done, finished) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let node = Node::nonode();
            let (aliases, alias) = oneshot::channel();
            let pid = node.spawn(async |mut process: Process| {
                let inactive = process.alias();
                process.unalias(&inactive);
                let _ = aliases.send(inactive);
                // A waker of its own takes the place of the other, and the other way round.
                for _ in 0..3 {
                    let look = Look(process.node().clone(), process.pid().clone());
                    let waker = Waker::from(Arc::new(look));
                    let mut receive = Box::pin(process.receive_match(|_| false));
                    assert!(receive.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
                    drop(waker);
                    let again = poll_fn(|context| Poll::Ready(receive.as_mut().poll(context))).await;
                    assert!(again.is_pending());
                }
                process.receive_match(|message| message.to_term().unwrap().is_atom("end")).await;
                Ok(())
            });
            let inactive = alias.await.unwrap();
            let look = || Look(node.clone(), pid.clone());
            node.send(&pid, look()).await.unwrap();
            node.send(inactive, look()).await.unwrap();
            node.send(&pid, atom!("end")).await.unwrap();
            let cell = cell(&node, &pid);
            while node.is_process_alive(&pid) {
                tokio::task::yield_now().await;
            }
            node.deliver_to(&pid, &cell, Signal::Message(Message::from_value(look())));
        });
        done.send(()).unwrap();
    });
    finished.recv_timeout(PATIENCE).expect("nobody waits for a lock that it holds");
}

#[tokio::test]
async fn a_process_with_many_watchers_lets_others_run_while_it_tells_them() {
    const MONITORS: usize = 5000;
    let node = Node::nonode();
    let victim = node.spawn(async |mut process: Process| {
        process.receive().await;
        Ok(())
    });
    let at_first = in_process(&node, async move |mut process: Process| {
        for _ in 0..MONITORS {
            process.monitor(&victim).await;
        }
        process.send(&victim, 1).await.unwrap();
        next(&mut process).await;
        let at_first = process.mailbox_end();
        for _ in 1..MONITORS {
            next(&mut process).await;
        }
        at_first
    })
    .await;
    assert!(at_first < MONITORS / 2, "{at_first} were told before anyone else was let run");
}

/// Each call of the one that a node goes, and each subscription, has a message of its own.
#[tokio::test]
async fn a_node_that_goes_is_told_as_often_as_was_asked_for() {
    let (_cluster, a, _b) = pair().await;
    let seen = in_process(&a, async move |mut process: Process| {
        process.monitor_node("b@localhost").await;
        process.monitor_node("b@localhost").await;
        process.demonitor_node("b@localhost");
        for _ in 0..2 {
            process.monitor_nodes(node::NodeType::Hidden);
            process.monitor_nodes(node::NodeType::Connected);
        }
        process.demonitor_nodes(node::NodeType::Connected);
        process.monitor_node("nobody@localhost").await;
        assert!(process.node().disconnect("b@localhost").await);
        process.send(&process.pid().clone(), atom!("end")).await.unwrap();
        let mut seen = Vec::new();
        while seen.last() != Some(&term("'end'")) {
            seen.push(next(&mut process).await);
        }
        seen
    })
    .await;
    let down = term("{nodedown, b@localhost}");
    let expected = [term("{nodedown, nobody@localhost}"), down.clone(), down.clone(), down, term("'end'")];
    assert_eq!(seen, expected);
}

/// A peer that asks for a process linked with one of a third node, and goes.
#[tokio::test]
async fn a_link_asked_for_in_the_name_of_another_node_ends_with_the_connection() {
    let cluster = Cluster::new().await;
    let node = cluster.node("a").await;
    node.export("m", "wait", async |_: Caller, (): ()| {
        std::future::pending::<()>().await;
        Ok(())
    });
    let mut peer = Peer::connect(&node, "peer@localhost").await;
    let mut other = peer.pid(1);
    other.node = atom!("other@localhost");
    let request = crate::dist::control::SpawnRequest {
        id: peer.reference(1),
        from: other,
        group_leader: peer.pid(1),
        module: atom!("m"),
        function: atom!("wait"),
        arity: 0,
        options: term("[link]"),
    };
    peer.send_with(ControlMessage::SpawnRequest(Box::new(request)), &Term::NIL).await;
    let (reply, _) = peer.receive().await.expect("the node answers");
    let ControlMessage::SpawnReply { result: PidOrName::Pid(pid), .. } = reply else { panic!("{reply:?}") };
    assert!(node.is_process_alive(&pid));
    drop(peer);
    soon(async {
        while node.is_process_alive(&pid) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}

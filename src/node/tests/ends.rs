//! How processes end, and that nothing of them is left, whatever goes wrong in their code.

use std::future::{Ready, pending, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use super::cluster::pair;
use super::*;
use crate::atom;
use crate::node::NodeType;
use crate::process::{Exit, ExitKind, Signal};

/// The reason that a process which runs `body` ends with, as its monitor tells. Nothing of it is left by then.
async fn end_of<Fut>(node: &Node, body: impl FnOnce(Process) -> Fut + Send + 'static) -> String
where
    Fut: Future<Output = Result<(), Exit>> + Send + 'static,
{
    let (pid, reason) = in_process(node, async |mut process| {
        let (pid, _) = process.spawn_monitor(body);
        let down = next(&mut process).await;
        (pid, down.as_tuple().unwrap()[4].to_string())
    })
    .await;
    assert!(!node.is_process_alive(&pid) && !node.processes().contains(&pid), "it has ended with {reason}");
    reason
}

#[tokio::test]
async fn an_exit_signal_to_oneself_counts_and_nothing_is_done_after_it() {
    let node = Node::nonode();
    let (sender, mut done) = mpsc::unbounded_channel();
    let reason = end_of(&node, async move |process| {
        let own = process.pid().clone();
        process.exit(&own, atom!("enough")).await;
        let _ = sender.send(());
        Ok(())
    });
    assert_eq!(reason.await, "enough");
    assert!(done.recv().await.is_none(), "it went on");
}

#[tokio::test]
async fn an_exit_signal_that_has_come_counts_before_the_end_of_the_body() {
    let node = Node::nonode();
    let reason = end_of(&node, async move |process| {
        let node = process.node();
        let reason = Term::Atom(atom!("enough"));
        node.deliver(node.pid(), process.pid(), Signal::Exit(ExitKind::Signal, reason));
        Ok(())
    });
    assert_eq!(reason.await, "enough");
}

#[tokio::test]
async fn an_exit_signal_to_oneself_can_be_trapped() {
    let node = Node::nonode();
    let reason = end_of(&node, async move |mut process| {
        process.trap_exit(true);
        let own = process.pid().clone();
        process.exit(&own, atom!("enough")).await;
        let exit = next(&mut process).await;
        Err(Exit::new(exit.as_tuple().unwrap()[2].clone()))
    });
    assert_eq!(reason.await, "enough");
}

#[tokio::test]
async fn a_panic_before_there_is_a_body_ends_the_process() {
    let node = Node::nonode();
    let reason = end_of(&node, |_| -> Ready<Result<(), Exit>> { panic!("no body") });
    assert_eq!(reason.await, r#"{panic,<<"no body">>}"#);
}

/// What panics when it is dropped.
#[derive(serde::Serialize)]
struct Fragile;

impl Drop for Fragile {
    fn drop(&mut self) {
        panic!("broken");
    }
}

#[tokio::test]
async fn a_panic_while_a_body_is_dropped_ends_the_process() {
    let node = Node::nonode();
    let reason = end_of(&node, |_| {
        let fragile = Fragile;
        // Dropped with the future, which owns it and is done at once.
        poll_fn(move |_| {
            let _ = &fragile;
            Poll::Ready(Ok(()))
        })
    });
    assert_eq!(reason.await, r#"{panic,<<"broken">>}"#);
    let killed = end_of(&node, async |process| {
        let _fragile = Fragile;
        process.node().deliver(
            process.node().pid(),
            process.pid(),
            Signal::Exit(ExitKind::Signal, Term::Atom(atom!("enough"))),
        );
        pending().await
    });
    assert_eq!(killed.await, "enough");
}

#[tokio::test]
async fn a_panic_while_unread_messages_are_dropped_ends_the_process() {
    let node = Node::nonode();
    let reason = end_of(&node, async |process| {
        let own = process.pid().clone();
        process.send(&own, Fragile).await?;
        Err(Exit::shutdown())
    });
    assert_eq!(reason.await, "shutdown");
}

#[test]
fn processes_end_with_the_runtime() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (node, first, second) = runtime.block_on(async {
        let node = Node::nonode();
        let first = node.spawn(|_| pending());
        tokio::task::yield_now().await;
        let second = node.spawn(|_| pending());
        (node, first, second)
    });
    drop(runtime);
    assert!(!node.is_process_alive(&first));
    assert!(!node.is_process_alive(&second), "this one has never run");
    let third = node.spawn(|_| pending());
    assert!(!node.is_process_alive(&third), "there is nothing it could run on");
}

struct Bomb;

impl Wake for Bomb {
    fn wake(self: Arc<Self>) {
        panic!("woken");
    }
}

#[tokio::test]
async fn a_panic_in_the_task_of_a_connection_ends_it() {
    let (_cluster, a, b) = pair().await;
    let (sender, mut ready) = mpsc::unbounded_channel();
    let fragile = b.spawn(async move |mut process: Process| {
        let bomb = Waker::from(Arc::new(Bomb));
        let mut receive = pin!(process.receive());
        let _ = poll_fn(|_| Poll::Ready(receive.as_mut().poll(&mut Context::from_waker(&bomb)))).await;
        let _ = sender.send(());
        pending().await
    });
    ready.recv().await;
    let down = in_process(&a, async move |mut process: Process| {
        process.monitor_nodes(NodeType::Connected);
        process.send(&fragile, 1).await.unwrap();
        next(&mut process).await
    });
    assert_eq!(down.await.to_string(), "{nodedown,b@localhost}");
    soon(async {
        while !b.nodes(NodeType::Connected).is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
    soon(a.connect("b@localhost")).await.unwrap();
}

/// Takes events, and panics at that of an attempt to connect.
struct FragileLog;

impl tracing::Subscriber for FragileLog {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }
    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn event(&self, event: &tracing::Event<'_>) {
        let mut text = String::new();
        event.record(&mut |_: &tracing::field::Field, value: &dyn std::fmt::Debug| {
            text += &format!("{value:?} ");
        });
        assert!(!text.contains("connecting"), "the log is full");
    }
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

#[tokio::test]
async fn a_panic_in_an_attempt_to_connect_is_an_error_of_those_who_wait() {
    let cluster = Cluster::new().await;
    let a = cluster.node("a").await;
    let _b = cluster.node("b").await;
    let log = tracing::subscriber::set_default(FragileLog);
    let error = soon(a.connect("b@localhost")).await.unwrap_err();
    assert!(matches!(error, crate::node::ConnectError::BrokenOff { .. }), "{error}");
    drop(log);
    soon(a.connect("b@localhost")).await.unwrap();
}

//! Processes that are spawned by request, within a node and from another.

use std::time::Duration;

use super::*;
use crate::node::{Caller, Raise};
use crate::process::ProcessState;
use crate::term::Creation;

const OWN: &str = "nonode@nohost";

/// A node with `test:stop(Reason)`, and what becomes of a process that does `body` there.
async fn in_process<T, Fut>(body: impl FnOnce(Process) -> Fut) -> T
where
    T: Send + 'static,
    Fut: Future<Output = T> + Send + 'static,
{
    let node = Node::nonode();
    node.export("test", "stop", async |_: Caller, (reason,): (Term,)| Err::<(), _>(Raise::exit(reason)));
    let (sender, result) = tokio::sync::oneshot::channel();
    node.spawn(|process| {
        let body = body(process);
        async move {
            let _ = sender.send(body.await);
            Ok(())
        }
    });
    result.await.expect("the process does not end before its time")
}

#[tokio::test]
async fn a_spawned_process_runs_and_is_not_bound_to_the_one_that_spawned_it() {
    in_process(async |mut process| {
        let own = process.pid().clone();
        let pid = process.spawn_at(OWN, "erlang", "send", (&own, "hello")).await.unwrap();
        assert_eq!(process.receive().await.decode::<String>().unwrap(), "hello");
        assert_ne!(pid, *process.pid());
        process.spawn_at(OWN, "test", "stop", (atom!("crash"),)).await.unwrap();
        assert!(process.receive_timeout(Duration::from_millis(10)).await.is_none());
        let outside = process.node().spawn_at(OWN, "erlang", "send", (&own, 1)).await.unwrap();
        assert_eq!(outside.node, OWN);
        assert_eq!(process.receive().await.decode::<i64>().unwrap(), 1);
    })
    .await;
}

#[tokio::test]
async fn links_and_monitors_are_there_from_the_start() {
    in_process(async |mut process| {
        process.trap_exit(true);
        let pid = process.spawn_link_at(OWN, "test", "stop", (atom!("crash"),)).await.unwrap();
        let exit = process.receive().await.decode::<(Atom, Pid, Atom)>().unwrap();
        assert_eq!(exit, (atom!("EXIT"), pid, atom!("crash")));
        let (pid, monitor) = process.spawn_monitor_at(OWN, "m", "f", (1,)).await.unwrap();
        let down = process.receive().await.to_term().unwrap();
        let undef: Term = "{undef,[{m,f,[1],[]}]}".parse().unwrap();
        let expected = [
            Term::Atom(atom!("DOWN")),
            Term::Reference(monitor),
            Term::Atom(atom!("process")),
            Term::Pid(pid),
            undef,
        ];
        assert_eq!(down, Term::tuple(expected));
    })
    .await;
}

#[tokio::test]
async fn a_node_that_is_not_reached_is_an_error_and_nothing_comes_later() {
    in_process(async |mut process| {
        let error = process.spawn_link_at("other@nohost", "m", "f", ()).await.unwrap_err();
        assert!(matches!(error, SpawnError::NoConnection(_)), "{error}");
        assert_eq!(error.reason(), "noconnection");
        assert!(process.receive_timeout(Duration::ZERO).await.is_none());
    })
    .await;
}

/// A request to another node that was given up before the reply came.
#[test]
fn what_is_started_for_one_that_has_given_up_is_not_bound_to_it() {
    let pid = |node, id| Pid { node, id, serial: 0, creation: Creation(1) };
    let (own, child) = (pid(atom!("a@b"), 1), pid(atom!("c@d"), 2));
    let request = Reference::new(atom!("a@b"), Creation(1), &[1, 2, 3]).unwrap();
    let reply =
        SpawnReply { request: request.clone(), result: Ok(child), link: true, monitor: true, token: None };
    let mut state = ProcessState::new(own.clone(), own);
    state.spawn_requested(request.clone(), atom!("c@d"), SpawnRequestOptions::default());
    assert!(state.abandon_spawn(&request));
    assert!(!state.abandon_spawn(&request));
    let causes = |state: &mut ProcessState| {
        let outgoing = state.spawn_reply(reply.clone()).outgoing;
        outgoing.into_iter().map(|outgoing| format!("{:?}", outgoing.signal)).collect::<Vec<_>>()
    };
    let demonitor = format!("Demonitor({request:?})");
    assert_eq!(causes(&mut state), [demonitor.clone(), "Exit(Link, abandoned)".to_owned()]);
    assert_eq!((state.linked().count(), state.monitored().count(), state.inbox_len()), (0, 0, 0));
    state.terminate(&Term::Atom(atom!("normal")));
    assert_eq!(causes(&mut state), [demonitor, "Exit(Link, noproc)".to_owned()]);
}

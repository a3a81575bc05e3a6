//! The rules of supervision, on a node without distribution.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::*;
use crate::node::{Node, RegisterError};
use crate::otp::gen_server::Never;
use crate::process::ExitKind;
use crate::process::Signal;

/// What children tell.
#[derive(Debug, PartialEq)]
enum Told {
    Started(&'static str, Pid),
    /// By the exit signal `shutdown`.
    Ended(&'static str),
}

/// Makes children that tell what happens to them, and end with any reason they are sent.
#[derive(Clone)]
struct Children(UnboundedSender<Told>);

impl Children {
    fn new() -> (Children, Events) {
        let (sender, receiver) = unbounded_channel();
        (Children(sender), Events(receiver))
    }

    fn child(&self, id: &'static str) -> ChildSpec {
        let told = self.0.clone();
        ChildSpec::process(id, move |process| obedient(id, told.clone(), process)).name(id)
    }

    /// A child that stays when it is asked to end.
    fn stubborn(&self, id: &'static str) -> ChildSpec {
        let told = self.0.clone();
        ChildSpec::process(id, move |mut process| {
            let _ = told.send(Told::Started(id, process.pid().clone()));
            process.trap_exit(true);
            async move {
                loop {
                    process.receive().await;
                }
            }
        })
    }

    /// A child that fails to start while `failures` is not 0.
    fn failing(&self, id: &'static str, failures: &Arc<AtomicU32>) -> ChildSpec {
        let (told, failures) = (self.0.clone(), failures.clone());
        ChildSpec::new(id, move |parent: Parent| {
            let fails =
                failures.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)).is_ok();
            let told = told.clone();
            async move {
                // Those started before get to run.
                tokio::task::yield_now().await;
                if fails {
                    return Err(StartError::Init(atom("broken")));
                }
                Ok(parent.spawn_link(move |process| obedient(id, told, process)))
            }
        })
        .name(id)
    }
}

async fn obedient(id: &'static str, told: UnboundedSender<Told>, mut process: Process) -> Result<(), Exit> {
    let _ = told.send(Told::Started(id, process.pid().clone()));
    process.trap_exit(true);
    let message = process.receive().await.to_term()?;
    match message.as_tuple() {
        Some([exit, _, reason]) if exit.is_atom("EXIT") => {
            if reason.is_atom("shutdown") {
                let _ = told.send(Told::Ended(id));
            }
            Err(Exit::new(reason.clone()))
        }
        _ => Err(Exit::new(message)),
    }
}

struct Events(UnboundedReceiver<Told>);

impl Events {
    async fn started(&mut self, id: &str) -> Pid {
        match self.0.recv().await {
            Some(Told::Started(started, pid)) if started == id => pid,
            other => panic!("{id} was to start, but: {other:?}"),
        }
    }

    async fn ended(&mut self, id: &str) {
        match self.0.recv().await {
            Some(Told::Ended(ended)) if ended == id => {}
            other => panic!("{id} was to end, but: {other:?}"),
        }
    }

    /// Nothing else has happened when the supervisor has done all it had to.
    async fn nothing_more(&mut self, node: &Node) {
        if let Some(supervisor) = node.whereis("supervisor") {
            let _ = ask(node, "count_children").await;
            assert!(node.is_process_alive(&supervisor));
        }
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        assert_eq!(self.0.try_recv().ok(), None);
    }
}

fn atom(name: &str) -> Term {
    Term::Atom(Atom::new(name).unwrap())
}

fn pair(first: &str, second: &str) -> Term {
    Term::tuple([atom(first), atom(second)])
}

async fn start(node: &Node, supervisor: Supervisor) -> Pid {
    node.start_server(supervisor).name("supervisor").await.unwrap()
}

async fn end(node: &Node, pid: &Pid, reason: Term) {
    node.send(pid, reason).await.unwrap();
}

async fn exit(node: &Node, pid: &Pid, reason: &str) {
    node.deliver(node.pid(), pid, Signal::Exit(ExitKind::Signal, atom(reason)));
}

async fn ask(node: &Node, request: &str) -> Term {
    node.call("supervisor", atom(request)).await.unwrap()
}

async fn ask_about(node: &Node, request: &str, id: &str) -> Term {
    node.call("supervisor", pair(request, id)).await.unwrap()
}

async fn reason_of_end(node: &Node, pid: &Pid) -> Term {
    let mut watcher = node.temporary_process();
    let reference = watcher.process().monitor(pid).await;
    let down = watcher.process().receive_match(|message| message.is_down(&reference)).await;
    down.decode::<(Atom, Term, Atom, Term, Term)>().unwrap().4
}

// --- start and end -----------------------------------------------------------------------------------------------

#[tokio::test]
async fn children_start_in_order_and_end_in_reverse() {
    let node = Node::nonode();
    let (children, mut events) = Children::new();
    let supervisor = Supervisor::one_for_one()
        .child(children.child("a"))
        .child(children.child("b"))
        .child(children.child("c"));
    let pid = start(&node, supervisor).await;
    for id in ["a", "b", "c"] {
        let child = events.started(id).await;
        assert_eq!(node.whereis(id), Some(child));
    }
    let ended = tokio::join!(reason_of_end(&node, &pid), exit(&node, &pid, "shutdown")).0;
    assert_eq!(ended, atom("shutdown"));
    for id in ["c", "b", "a"] {
        events.ended(id).await;
        assert_eq!(node.whereis(id), None);
    }
    events.nothing_more(&node).await;
}

#[tokio::test]
async fn a_child_that_does_not_start_stops_the_start() {
    let node = Node::nonode();
    let (children, mut events) = Children::new();
    let supervisor = Supervisor::one_for_one()
        .child(children.child("a"))
        .child(children.failing("b", &Arc::new(AtomicU32::new(1))))
        .child(children.child("c"));
    let error = node.start_server(supervisor).name("supervisor").await.unwrap_err();
    let failed = Term::tuple([atom("failed_to_start_child"), atom("b"), atom("broken")]);
    assert_eq!(error.reason(), Term::tuple([atom("shutdown"), failed]));
    events.started("a").await;
    events.ended("a").await;
    events.nothing_more(&node).await;
}

#[tokio::test]
async fn two_children_of_one_id_are_refused() {
    let node = Node::nonode();
    let (children, _events) = Children::new();
    let supervisor = Supervisor::one_for_one().child(children.child("a")).child(children.child("a"));
    let error = node.start_server(supervisor).await.unwrap_err();
    assert_eq!(error.reason(), Term::tuple([atom("start_spec"), pair("duplicate_child_name", "a")]));
}

#[tokio::test]
async fn a_name_that_is_taken_stops_the_start() {
    let node = Node::nonode();
    let (children, mut events) = Children::new();
    let other = node.spawn(async |_| std::future::pending().await);
    node.register("a", &other).unwrap();
    let already = Term::tuple([atom("already_started"), Term::Pid(other)]);
    for custom in [false, true] {
        let child = if custom { children.failing("a", &Arc::default()) } else { children.child("a") };
        let error = node.start_server(Supervisor::one_for_one().child(child)).await.unwrap_err();
        let failed = Term::tuple([atom("failed_to_start_child"), atom("a"), already.clone()]);
        assert_eq!(error.reason(), Term::tuple([atom("shutdown"), failed]));
    }
    // What a function started by itself ran until the name was found taken.
    while let Ok(told) = events.0.try_recv() {
        let Told::Started(_, pid) = told else { continue };
        assert!(!node.is_process_alive(&pid));
    }
    let supervisor = Supervisor::one_for_one().child(children.child("undefined"));
    assert!(node.start_server(supervisor).await.is_err());
    assert_eq!(StartError::Name(RegisterError::Undefined).reason(), atom("badarg"));
}

#[tokio::test(start_paused = true)]
async fn a_child_that_does_not_end_is_killed_when_its_time_is_over() {
    let node = Node::nonode();
    let (children, mut events) = Children::new();
    let time = Duration::from_secs(60);
    let supervisor = Supervisor::one_for_one()
        .child(children.stubborn("brutal").shutdown(Shutdown::BrutalKill))
        .child(children.stubborn("slow").shutdown(Shutdown::Timeout(time)));
    let pid = start(&node, supervisor).await;
    let (brutal, slow) = (events.started("brutal").await, events.started("slow").await);
    let before = Instant::now();
    let (brutal, slow, ()) = tokio::join!(
        reason_of_end(&node, &brutal),
        reason_of_end(&node, &slow),
        exit(&node, &pid, "shutdown")
    );
    assert_eq!((brutal, slow), (atom("killed"), atom("killed")));
    assert_eq!(before.elapsed().as_secs(), time.as_secs(), "the first has no time at all");
}

#[tokio::test]
async fn children_end_with_a_supervisor_that_is_killed_or_whose_parent_ends() {
    let node = Node::nonode();
    for killed in [true, false] {
        let (children, mut events) = Children::new();
        let supervisor = Supervisor::one_for_one().child(children.child("a"));
        let (sender, mut receiver) = unbounded_channel();
        let parent = node.spawn(async move |mut process| {
            sender.send(process.start_link(supervisor).await.unwrap()).unwrap();
            process.receive().await;
            Err(Exit::new(atom("done")))
        });
        let supervisor = receiver.recv().await.unwrap();
        let child = events.started("a").await;
        if killed {
            exit(&node, &supervisor, "kill").await;
            assert_eq!(reason_of_end(&node, &child).await, atom("killed"));
        } else {
            end(&node, &parent, atom("done")).await;
            assert_eq!(reason_of_end(&node, &child).await, atom("shutdown"));
            events.ended("a").await;
        }
        while node.is_process_alive(&parent) || node.is_process_alive(&supervisor) {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn a_node_that_shuts_down_ends_all_and_nothing_is_started_again() {
    let node = Node::nonode();
    let (children, mut events) = Children::new();
    let inner = {
        let children = children.clone();
        move || Supervisor::one_for_one().child(children.child("b"))
    };
    let supervisor =
        Supervisor::one_for_one().child(children.child("a")).child(ChildSpec::supervisor("inner", inner));
    start(&node, supervisor).await;
    events.started("a").await;
    events.started("b").await;
    node.shutdown().await;
    assert_eq!(node.processes().len(), 0);
    while let Ok(told) = events.0.try_recv() {
        assert!(matches!(told, Told::Ended(_)), "{told:?}");
    }
}

// --- restarts ----------------------------------------------------------------------------------------------------

#[tokio::test]
async fn one_for_one_starts_only_the_one_again_under_its_name() {
    let node = Node::nonode();
    let (children, mut events) = Children::new();
    let supervisor = Supervisor::one_for_one()
        .child(children.child("a"))
        .child(children.child("b"))
        .child(children.child("c"));
    start(&node, supervisor).await;
    let a = events.started("a").await;
    let b = events.started("b").await;
    let c = events.started("c").await;
    end(&node, &b, atom("crash")).await;
    let again = events.started("b").await;
    assert_ne!(again, b);
    events.nothing_more(&node).await;
    assert_eq!(node.whereis("a"), Some(a));
    assert_eq!(node.whereis("b"), Some(again));
    assert_eq!(node.whereis("c"), Some(c));
}

#[tokio::test]
async fn one_for_all_starts_all_again() {
    let node = Node::nonode();
    let (children, mut events) = Children::new();
    let supervisor = Supervisor::one_for_all()
        .child(children.child("t").restart(Restart::Temporary))
        .child(children.child("a"))
        .child(children.child("b"))
        .child(children.child("c"));
    start(&node, supervisor).await;
    for id in ["t", "a"] {
        events.started(id).await;
    }
    let b = events.started("b").await;
    events.started("c").await;
    end(&node, &b, atom("crash")).await;
    for id in ["c", "a", "t"] {
        events.ended(id).await;
    }
    for id in ["a", "b", "c"] {
        events.started(id).await;
    }
    events.nothing_more(&node).await;
    assert_eq!(ask_about(&node, "get_childspec", "t").await, pair("error", "not_found"));
}

#[tokio::test]
async fn rest_for_one_starts_those_after_it_again() {
    let node = Node::nonode();
    let (children, mut events) = Children::new();
    let supervisor = Supervisor::rest_for_one()
        .child(children.child("a"))
        .child(children.child("b"))
        .child(children.child("c"));
    start(&node, supervisor).await;
    events.started("a").await;
    let b = events.started("b").await;
    events.started("c").await;
    end(&node, &b, atom("crash")).await;
    events.ended("c").await;
    events.started("b").await;
    events.started("c").await;
    events.nothing_more(&node).await;
}

#[tokio::test]
async fn when_a_child_is_started_again() {
    let orderly = [atom("normal"), atom("shutdown"), pair("shutdown", "x")];
    let cases = [
        (Restart::Permanent, &orderly[..], true),
        (Restart::Transient, &orderly[..], false),
        (Restart::Temporary, &orderly[..], false),
        (Restart::Permanent, &[atom("crash")][..], true),
        (Restart::Transient, &[atom("crash"), pair("normal", "x"), atom("killed")][..], true),
        (Restart::Temporary, &[atom("crash")][..], false),
    ];
    for (restart, reasons, again) in cases {
        for reason in reasons {
            let node = Node::nonode();
            let (children, mut events) = Children::new();
            start(&node, Supervisor::one_for_one().child(children.child("a").restart(restart))).await;
            let first = events.started("a").await;
            end(&node, &first, reason.clone()).await;
            if again {
                assert_ne!(events.started("a").await, first);
            } else {
                while node.is_process_alive(&first) {
                    tokio::task::yield_now().await;
                }
            }
            events.nothing_more(&node).await;
            let kept = if restart == Restart::Temporary { 0 } else { 1 };
            let specs = Term::tuple([atom("specs"), Term::from(kept)]);
            assert_eq!(
                ask(&node, "count_children").await.as_list().unwrap()[0],
                specs,
                "{restart:?} {reason}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn too_many_restarts_in_a_period_end_the_supervisor_and_all_children() {
    let node = Node::nonode();
    let (children, mut events) = Children::new();
    let supervisor = Supervisor::one_for_one().child(children.child("a")).child(children.child("b"));
    let pid = start(&node, supervisor).await;
    let mut a = events.started("a").await;
    events.started("b").await;
    // The default: one in 5 s.
    for _ in 0..3 {
        end(&node, &a, atom("crash")).await;
        a = events.started("a").await;
        tokio::time::sleep(Duration::from_millis(5100)).await;
    }
    end(&node, &a, atom("crash")).await;
    a = events.started("a").await;
    tokio::time::sleep(Duration::from_millis(4900)).await;
    let (ended, ()) = tokio::join!(reason_of_end(&node, &pid), end(&node, &a, atom("crash")));
    assert_eq!(ended, atom("shutdown"));
    events.ended("b").await;
    events.nothing_more(&node).await;
}

#[tokio::test]
async fn a_restart_that_fails_is_tried_again_and_counts() {
    let node = Node::nonode();
    let (children, mut events) = Children::new();
    let failures = Arc::new(AtomicU32::new(0));
    let supervisor = Supervisor::one_for_one()
        .intensity(3, Duration::from_secs(5))
        .child(children.failing("a", &failures));
    let pid = start(&node, supervisor).await;
    let first = events.started("a").await;
    failures.store(2, Ordering::Relaxed);
    end(&node, &first, atom("crash")).await;
    let second = events.started("a").await;
    assert_eq!(node.whereis("supervisor"), Some(pid.clone()));
    let (ended, ()) = tokio::join!(reason_of_end(&node, &pid), end(&node, &second, atom("crash")));
    assert_eq!(ended, atom("shutdown"), "three restarts were used up");
    events.nothing_more(&node).await;
}

#[tokio::test]
async fn a_supervisor_that_gives_up_is_started_again_by_the_one_above() {
    let node = Node::nonode();
    let (children, mut events) = Children::new();
    let inner = {
        let children = children.clone();
        move || Supervisor::one_for_one().intensity(0, Duration::from_secs(5)).child(children.child("leaf"))
    };
    start(&node, Supervisor::one_for_one().child(ChildSpec::supervisor("inner", inner).name("inner"))).await;
    let leaf = events.started("leaf").await;
    let inner = node.whereis("inner").unwrap();
    end(&node, &leaf, atom("crash")).await;
    assert_ne!(events.started("leaf").await, leaf);
    assert_ne!(node.whereis("inner"), Some(inner));
}

#[tokio::test]
async fn a_server_is_there_again_after_it_crashed() {
    struct Server;
    impl GenServer for Server {
        type Call = Atom;
        type Cast = Never;
        type Reply = Atom;

        async fn handle_call(
            &mut self,
            call: Atom,
            _: From<Atom>,
            _: &mut Process,
        ) -> Result<Reply<Atom>, Exit> {
            if call == *"crash" { Err(Exit::new(call)) } else { Ok(Reply::Now(call)) }
        }
    }
    let node = Node::nonode();
    start(&node, Supervisor::one_for_one().child(ChildSpec::server("server", || Server).name("server")))
        .await;
    assert!(node.call::<_, Atom>("server", atom!("crash")).await.is_err());
    // The exit signal of the link comes before the message of the monitor that ends the call.
    tokio::task::yield_now().await;
    assert_eq!(node.call::<_, Atom>("server", atom!("hello")).await.unwrap(), atom!("hello"));
}

#[tokio::test]
async fn exit_signals_of_others_are_nothing_to_a_supervisor() {
    let node = Node::nonode();
    let (children, mut events) = Children::new();
    let pid = start(&node, Supervisor::one_for_one().child(children.child("a"))).await;
    events.started("a").await;
    let other = node.spawn(async |_| Ok(()));
    node.deliver(&other, &pid, Signal::Exit(ExitKind::Signal, atom("crash")));
    node.send(&pid, "hello").await.unwrap();
    node.cast(&pid, "hello").await.unwrap();
    events.nothing_more(&node).await;
}

// --- requests ----------------------------------------------------------------------------------------------------

#[tokio::test]
async fn requests_are_answered_as_by_a_supervisor_of_otp() {
    let node = Node::nonode();
    let (children, mut events) = Children::new();
    let supervisor = Supervisor::one_for_one()
        .child(children.child("a"))
        .child(ChildSpec::supervisor("s", Supervisor::one_for_one).restart(Restart::Transient));
    start(&node, supervisor).await;
    let a = events.started("a").await;
    let which = ask(&node, "which_children").await.to_string();
    let (a_text, which) = (Term::Pid(a.clone()).to_string(), which.as_str());
    assert!(which.starts_with("[{s,<"), "{which}");
    assert!(
        which.ends_with(&format!(",supervisor,[supervisor]}},{{a,{a_text},worker,[erlnode]}}]")),
        "{which}"
    );
    let counts = "[{specs,2},{active,2},{supervisors,1},{workers,1}]";
    assert_eq!(ask(&node, "count_children").await.to_string(), counts);
    let spec = ask_about(&node, "get_childspec", "s").await.to_string();
    for part in ["{ok,#{", "id => s", "restart => transient", "shutdown => infinity", "type => supervisor"] {
        assert!(spec.contains(part), "{spec}");
    }

    assert_eq!(ask_about(&node, "restart_child", "a").await, pair("error", "running"));
    assert_eq!(ask_about(&node, "delete_child", "a").await, pair("error", "running"));
    assert_eq!(ask_about(&node, "terminate_child", "a").await, atom("ok"));
    events.ended("a").await;
    assert!(ask(&node, "which_children").await.to_string().contains("{a,undefined,worker"));
    let restarted = ask_about(&node, "restart_child", "a").await;
    assert_eq!(restarted, Term::tuple([atom("ok"), Term::Pid(events.started("a").await)]));
    assert_eq!(ask_about(&node, "terminate_child", "a").await, atom("ok"));
    assert_eq!(ask_about(&node, "terminate_child", "a").await, atom("ok"));
    assert_eq!(ask_about(&node, "delete_child", "a").await, atom("ok"));
    for request in ["terminate_child", "restart_child", "delete_child", "get_childspec"] {
        assert_eq!(ask_about(&node, request, "a").await, pair("error", "not_found"));
    }
    let invalid = Term::tuple([atom("error"), pair("invalid_child_spec", "a")]);
    assert_eq!(ask_about(&node, "start_child", "a").await, invalid);
    assert_eq!(ask(&node, "what").await, Term::tuple([atom("error"), pair("unknown_call", "what")]));
}

//! What a policy of a node lets its peers do, as they see it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{Notify, mpsc};

use crate::atom;
use crate::dist::control::ControlMessage;
use crate::node::tests::cluster::{Cluster, pair};
use crate::node::tests::peer::Peer;
use crate::node::tests::{in_process, soon, term};
use crate::node::{CallRequest, Caller, Node, PeerLimits, Policy, Rule};
use crate::otp::ErpcError;
use crate::otp::r#gen::CallError;
use crate::process::{Exit, Recipient};
use crate::term::{Atom, Pid, Term};

/// What the call comes to, in words.
async fn outcome(node: &Node, function: &str, arguments: &str) -> String {
    let arguments = term(arguments).as_list().unwrap().to_vec();
    let call = node.erpc("b@localhost").call::<_, Term>("m", function, arguments);
    match soon(call.into_future()).await {
        Ok(value) => value.to_string(),
        Err(ErpcError::Raised(raise)) => format!("{} {}", raise.reason, raise.stack),
        Err(error) => error.to_string(),
    }
}

fn export(node: &Node) {
    node.export("m", "f", async |_: Caller, (n,): (i64,)| Ok(n));
    node.export("m", "g", async |_: Caller, (): ()| Ok(atom!("g")));
    node.export("m", "peer", async |caller: Caller, (): ()| Ok(caller.peer().cloned()));
}

#[tokio::test]
async fn calls_are_refused_by_rules_and_by_the_hook() {
    let (_cluster, a, b) = pair().await;
    export(&b);
    let policy = Policy::new().rule(Rule::deny("m:g").from("a@")).hook(async |call: CallRequest| match call
        .argument::<i64>(0)
    {
        Ok(n) if n < 0 => Err(term("{negative, numbers}")),
        Ok(0) => panic!("the hook panics"),
        _ => Ok(()),
    });
    b.set_policy(policy.clone());
    assert_eq!(outcome(&a, "f", "[1]").await, "1");
    assert_eq!(outcome(&a, "peer", "[]").await, "a@localhost");
    assert_eq!(outcome(&a, "g", "[]").await, "{not_allowed,policy} [{m,g,[],[]}]");
    assert_eq!(outcome(&a, "f", "[-1]").await, "{not_allowed,{negative,numbers}} [{m,f,[-1],[]}]");
    assert!(outcome(&a, "f", "[0]").await.contains("panic"));
    assert_eq!(outcome(&a, "none", "[]").await, "undef [{m,none,[],[]}]");
    // What the node itself does is no peer's call.
    let own: Atom = b.erpc("b@localhost").call("m", "g", ()).await.unwrap();
    assert_eq!(own, "g");
    let peer: Option<Atom> = b.erpc("b@localhost").call("m", "peer", ()).await.unwrap();
    assert_eq!(peer, None);

    b.set_policy(policy.clone().deny_others().hide_refused());
    assert_eq!(outcome(&a, "f", "[1]").await, "undef [{m,f,[1],[]}]");
    b.set_policy(Policy::new());
    assert_eq!(outcome(&a, "g", "[]").await, "g");
}

/// The hook says yes only when the node has begun to end.
#[tokio::test]
async fn a_hook_that_allows_a_call_when_the_node_ends_does_not_have_it_run() {
    let (_cluster, a, b) = pair().await;
    let runs = Arc::new(AtomicUsize::new(0));
    let (asked, mut is_asked) = mpsc::unbounded_channel();
    let go_on = Arc::new(Notify::new());
    b.export("m", "f", {
        let runs = runs.clone();
        move |_: Caller, (): ()| {
            runs.fetch_add(1, Ordering::SeqCst);
            async { Ok(()) }
        }
    });
    b.set_policy(Policy::new().hook({
        let (asked, go_on) = (asked, go_on.clone());
        move |_| {
            let (asked, go_on) = (asked.clone(), go_on.clone());
            async move {
                let _ = asked.send(());
                go_on.notified().await;
                Ok(())
            }
        }
    }));
    let call = tokio::spawn(async move { outcome(&a, "f", "[]").await });
    soon(is_asked.recv()).await.unwrap();
    let (stopping, end) = (b.clone(), b.clone());
    let end = tokio::spawn(async move { end.shutdown().await });
    while !stopping.is_stopping() {
        tokio::task::yield_now().await;
    }
    go_on.notify_waiters();
    soon(end).await.unwrap();
    let outcome = soon(call).await.unwrap();
    assert!(outcome.contains("shutdown") || outcome.contains("connection"), "{outcome}");
    assert_eq!(runs.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_peer_sends_to_the_names_it_may_send_to() {
    let (_cluster, a, b) = pair().await;
    let (sender, mut received) = mpsc::unbounded_channel();
    for name in ["open", "secret"] {
        let sender = sender.clone();
        let pid = b.spawn(async move |mut process| {
            loop {
                let text: String = process.receive().await.decode()?;
                sender.send((name, text)).map_err(Exit::from_error)?;
            }
        });
        b.register(name, &pid).unwrap();
    }
    b.set_policy(Policy::new().peer("a@localhost", PeerLimits::new().names(["op*"]).largest_message(1000)));
    let to = |name: &str| (Atom::new(name).unwrap(), atom!("b@localhost"));
    a.send(to("secret"), "no".to_owned()).await.unwrap();
    a.send(to("open"), "x".repeat(1000)).await.unwrap();
    a.send(to("open"), "yes".to_owned()).await.unwrap();
    assert_eq!(soon(received.recv()).await.unwrap(), ("open", "yes".to_owned()));
    // As if it were not there, and at once.
    let error = a.call::<_, Term>(to("secret"), atom!("get")).await.unwrap_err();
    assert!(matches!(error, CallError::NoProc), "{error}");
    // Others of this node may not do it in its place.
    let erpc = || a.erpc("b@localhost");
    let sent = erpc().call::<_, Term>("erlang", "send", (atom!("secret"), "no")).await;
    assert!(matches!(sent, Err(ErpcError::Raised(raise)) if raise.reason.is_atom("badarg")));
    let large =
        erpc().call::<_, Term>("erlang", "send", (atom!("open"), "x".repeat(1000))).await.unwrap_err();
    assert!(matches!(&large, ErpcError::NotStarted(reason) if reason == "system_limit"), "{large}");
    // The services of the node are there for all, and a pid is a permission.
    soon(a.ping("b@localhost")).await.unwrap();
    a.send(b.whereis("secret").unwrap(), "by pid".to_owned()).await.unwrap();
    assert_eq!(soon(received.recv()).await.unwrap(), ("secret", "by pid".to_owned()));
}

#[tokio::test]
async fn exits_and_links_are_not_taken_of_those_who_may_not() {
    let (_cluster, a, b) = pair().await;
    let pid = b.spawn(async |_| std::future::pending().await);
    b.set_policy(Policy::new().peer("localhost", PeerLimits::new().exits(false).links(false)));
    let target = pid.clone();
    let reason = in_process(&a, async move |mut process| {
        process.trap_exit(true);
        process.exit(&target, atom!("kill")).await;
        process.link(&target).await;
        let (_, _, reason) = process.receive().await.decode::<(Atom, Pid, Atom)>().unwrap();
        reason
    });
    assert_eq!(reason.await, "noproc");
    let killed: bool = a.erpc("b@localhost").call("erlang", "exit", (&pid, atom!("kill"))).await.unwrap();
    assert!(killed);
    assert!(b.is_process_alive(&pid));
    // Monitors are no harm.
    let monitored = pid.clone();
    let (sender, reason) = tokio::sync::oneshot::channel();
    let (ready, is_ready) = tokio::sync::oneshot::channel();
    a.spawn(async move |mut process| {
        process.monitor(Recipient::Pid(monitored)).await;
        let _ = ready.send(());
        let _ = sender.send(process.receive().await.to_term().unwrap());
        Ok(())
    });
    soon(is_ready).await.unwrap();
    // The monitor has been set up when what was sent behind it has been answered.
    soon(a.ping("b@localhost")).await.unwrap();
    b.set_policy(Policy::new());
    in_process(&a, async move |process| process.exit(&pid, atom!("kill")).await).await;
    assert!(soon(reason).await.unwrap().as_tuple().unwrap()[4].is_atom("killed"));
}

/// A peer that calls by the messages of old nodes, and says that another one does.
#[tokio::test]
async fn the_peer_is_who_has_the_connection_whatever_pid_it_gives() {
    let cluster = Cluster::new().await;
    let node = cluster.node("b").await;
    export(&node);
    node.set_policy(Policy::new().rule(Rule::deny("m").from("peer@localhost")));
    let mut peer = Peer::connect(&node, "peer@localhost").await;
    let mut other = peer.pid(1);
    other.node = atom!("trusted@localhost");
    let own = Term::Pid(peer.pid(1));
    let call = |name: &str| {
        Term::tuple([
            Term::Atom(Atom::new(name).unwrap()),
            Term::Atom(atom!("m")),
            Term::Atom(atom!("g")),
            Term::NIL,
            own.clone(),
        ])
    };
    let requests = [
        Term::tuple([own.clone(), call("call")]),
        Term::tuple([
            Term::Atom(atom!("$gen_call")),
            Term::tuple([own.clone(), Term::from(1)]),
            call("block_call"),
        ]),
    ];
    for request in requests {
        let control = ControlMessage::RegSend { from: other.clone(), to: atom!("rex") };
        peer.send_with(control, &request).await;
        let (_, answer) = peer.receive().await.unwrap();
        let answer = answer.unwrap().to_string();
        assert!(answer.contains("{badrpc,{'EXIT',{{not_allowed,policy},[{m,g,[],[]}]}}}"), "{answer}");
    }
}

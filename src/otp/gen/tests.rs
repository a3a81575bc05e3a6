//! Calls between processes of one node.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};

use super::from::is_reply_to;
use super::*;
use crate::atom;
use crate::node::{Dest, Node, Process};
use crate::process::{Exit, Message};
use crate::term::etf::Encoded;
use crate::term::{self, Creation, Reference, Term};

/// A request or reply that can't be encoded: it must have been moved.
#[derive(Debug, PartialEq, Deserialize)]
struct Unwritable(i64);

impl Serialize for Unwritable {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("it is not to be encoded"))
    }
}

/// Starts a server under the name `server`, which does with each request what `serve` does.
fn serve<Fut>(node: &Node, serve: impl Fn(Process, Request) -> Fut + Send + 'static) -> Pid
where
    Fut: Future<Output = Result<Process, Exit>> + Send,
{
    let pid = node.spawn(async move |mut process| {
        loop {
            let request = Request::of(process.receive().await);
            process = serve(process, request).await?;
        }
    });
    node.register("server", &pid).unwrap();
    pid
}

/// Replies with the request.
async fn echo(process: Process, request: Request) -> Result<Process, Exit> {
    if let Request::Call(from, request) = request {
        let request = request.to_term().unwrap();
        from.reply(&process, request).await?;
    }
    Ok(process)
}

/// Takes requests and does not reply.
async fn silent(process: Process, _: Request) -> Result<Process, Exit> {
    Ok(process)
}

/// Runs `body` in a process and gives what it gives.
async fn in_process<R, Fut>(node: &Node, body: impl FnOnce(Process) -> Fut) -> R
where
    R: Send + 'static,
    Fut: Future<Output = R> + Send + 'static,
{
    let (sender, receiver) = oneshot::channel();
    node.spawn(|process| {
        let body = body(process);
        async move {
            let _ = sender.send(body.await);
            Ok(())
        }
    });
    receiver.await.expect("the process does not end before")
}

fn nothing_is_left(process: &mut Process) -> bool {
    let state = process.cell().state.lock();
    let clean = state.monitored().next().is_none() && !state.has_aliases();
    drop(state);
    clean && process.mailbox_end() == 0
}

#[tokio::test]
async fn a_call_is_answered_whoever_calls_and_however_the_server_is_named() {
    let node = Node::nonode();
    let services = node.processes().len();
    let pid = serve(&node, echo);
    let dests = [Dest::Pid(pid), Dest::from("server"), Dest::from(("server", "nonode@nohost"))];
    for dest in dests.clone() {
        assert_eq!(node.call::<_, String>(dest, "request").await.unwrap(), "request");
    }
    in_process(&node, async |mut process| {
        for dest in dests {
            assert_eq!(process.call::<_, i64>(dest, 1).await.unwrap(), 1);
        }
        assert!(nothing_is_left(&mut process));
    })
    .await;
    assert_eq!(node.processes().len(), services + 1, "no process of a call is left");
}

#[tokio::test]
async fn request_and_reply_are_moved_within_the_node() {
    let node = Node::nonode();
    serve(&node, async |process, request| {
        let Request::Call(from, request) = request else { panic!("not a call") };
        let Unwritable(n) = request.decode()?;
        from.cast_reply().reply(&process, Unwritable(n + 1)).await?;
        Ok(process)
    });
    assert_eq!(node.call::<_, Unwritable>("server", Unwritable(1)).await.unwrap(), Unwritable(2));
}

#[tokio::test]
async fn a_reply_of_another_type_is_an_error_and_says_so() {
    let node = Node::nonode();
    serve(&node, echo);
    assert!(matches!(node.call::<_, i64>("server", "text").await, Err(CallError::Reply(_))));
}

#[tokio::test]
async fn a_server_that_is_not_there_is_noproc() {
    let node = Node::nonode();
    let pid = node.spawn(async |_| Ok(()));
    while node.is_process_alive(&pid) {
        tokio::task::yield_now().await;
    }
    for dest in [Dest::Pid(pid), Dest::from("server"), Dest::from(("server", "nonode@nohost"))] {
        let error = node.call::<_, Term>(dest, ()).await.unwrap_err();
        assert!(matches!(error, CallError::NoProc), "{error}");
        assert_eq!(error.reason(), Term::Atom(atom!("noproc")));
    }
}

#[tokio::test]
async fn a_node_that_is_not_reached_is_noconnection() {
    let node = Node::nonode();
    let error = node.call::<_, Term>(("server", "other@nohost"), ()).await.unwrap_err();
    assert!(matches!(&error, CallError::NoConnection(at) if at == "other@nohost"), "{error}");
    let nodedown = [Term::Atom(atom!("nodedown")), Term::Atom(atom!("other@nohost"))];
    assert_eq!(error.reason(), Term::tuple(nodedown));
    let pid = Pid { node: atom!("other@nohost"), id: 1, serial: 0, creation: Creation(1) };
    let error = in_process(&node, async |mut process| {
        let error = process.call::<_, Term>(pid, ()).await.unwrap_err();
        assert!(nothing_is_left(&mut process));
        error
    })
    .await;
    assert!(matches!(error, CallError::NoConnection(_)));
}

#[tokio::test]
async fn the_end_of_the_server_is_told_with_its_reason() {
    let node = Node::nonode();
    serve(&node, async |_, _| Err(Exit::new(atom!("crash"))));
    let error = in_process(&node, async |mut process| {
        let error = process.call::<_, Term>("server", ()).await.unwrap_err();
        assert!(nothing_is_left(&mut process));
        error
    })
    .await;
    assert!(matches!(&error, CallError::Exit(reason) if reason.is_atom("crash")), "{error}");
    assert_eq!(error.reason(), Term::Atom(atom!("crash")));
}

#[tokio::test]
async fn a_reply_counts_though_the_server_ends_right_after_it() {
    let node = Node::nonode();
    serve(&node, async |process, request| {
        if let Request::Call(from, _) = request {
            from.reply(&process, Term::from(1)).await?;
        }
        Err(Exit::new(atom!("crash")))
    });
    assert_eq!(node.call::<_, i64>("server", ()).await.unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn after_a_timeout_a_late_reply_is_dropped() {
    let node = Node::nonode();
    let (sender, mut callers) = mpsc::unbounded_channel();
    serve(&node, move |process, request| {
        if let Request::Call(from, _) = request {
            sender.send(from).unwrap();
        }
        async { Ok(process) }
    });
    in_process(&node, async move |mut process| {
        let limit = Duration::from_secs(1);
        let error = process.call::<_, Term>("server", ()).timeout(limit).await.unwrap_err();
        assert!(matches!(error, CallError::Timeout(time) if time == limit), "{error}");
        assert_eq!(error.reason(), Term::Atom(atom!("timeout")));
        let from = callers.recv().await.unwrap();
        from.reply(&process, Term::from("late")).await.unwrap();
        assert!(nothing_is_left(&mut process));
    })
    .await;
}

#[tokio::test]
async fn a_call_that_is_dropped_leaves_nothing_behind() {
    let node = Node::nonode();
    let server = serve(&node, silent);
    in_process(&node, async move |mut process| {
        // While it waits for the reply.
        let mut call = process.call::<_, Term>("server", ()).into_future();
        assert!(poll_once(&mut call).await.is_none());
        drop(call);
        assert!(nothing_is_left(&mut process));
        // When the server has just ended.
        let node = process.node().clone();
        let mut call = process.call::<_, Term>(&server, ()).into_future();
        assert!(poll_once(&mut call).await.is_none());
        let victim = server.clone();
        node.spawn(async move |killer| {
            killer.exit(&victim, atom!("kill")).await;
            Ok(())
        });
        while node.is_process_alive(&server) {
            tokio::task::yield_now().await;
        }
        drop(call);
        assert!(nothing_is_left(&mut process));
    })
    .await;
}

async fn poll_once<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    tokio::select! { biased; output = future => Some(output), () = std::future::ready(()) => None }
}

#[tokio::test]
async fn other_messages_stay_in_the_mailbox_in_their_order() {
    let node = Node::nonode();
    serve(&node, echo);
    in_process(&node, async |mut process| {
        let own = process.pid().clone();
        process.trap_exit(true);
        let child = process.spawn_link(async |_| Err(Exit::new(atom!("crash"))));
        let first = process.receive_match(|_| true).await;
        process.send(&own, 1).await.unwrap();
        process.send(&own, first.to_term().unwrap()).await.unwrap();
        assert_eq!(process.call::<_, i64>("server", 7).await.unwrap(), 7);
        process.send(&own, 2).await.unwrap();
        assert_eq!(process.call::<_, i64>("server", 8).await.unwrap(), 8);
        assert_eq!(process.receive().await.decode::<i64>().unwrap(), 1);
        let exit: (Atom, Pid, Atom) = process.receive().await.decode().unwrap();
        assert_eq!(exit, (atom!("EXIT"), child, atom!("crash")));
        assert_eq!(process.receive().await.decode::<i64>().unwrap(), 2);
    })
    .await;
}

#[tokio::test]
async fn a_process_that_traps_exits_gets_them_after_a_call_during_which_they_came() {
    let node = Node::nonode();
    in_process(&node, async |mut process| {
        process.trap_exit(true);
        let server = process.spawn_link(async |mut process| {
            process.receive().await;
            Err(Exit::new(atom!("crash")))
        });
        let error = process.call::<_, Term>(&server, ()).await.unwrap_err();
        assert!(matches!(error, CallError::Exit(_)));
        let exit: (Atom, Pid, Atom) = process.receive().await.decode().unwrap();
        assert_eq!(exit, (atom!("EXIT"), server, atom!("crash")));
        assert!(nothing_is_left(&mut process));
    })
    .await;
}

#[tokio::test]
async fn a_process_cannot_call_itself() {
    let node = Node::nonode();
    let errors = in_process(&node, async |mut process| {
        let own = process.pid().clone();
        process.node().register("own", &own).unwrap();
        let mut errors = Vec::new();
        for dest in [Dest::Pid(own), Dest::from("own"), Dest::from(("own", "nonode@nohost"))] {
            errors.push(process.call::<_, Term>(dest, ()).await.unwrap_err());
        }
        assert!(nothing_is_left(&mut process));
        errors
    })
    .await;
    for error in errors {
        assert!(matches!(error, CallError::CallingSelf), "{error}");
        assert_eq!(error.reason(), Term::Atom(atom!("calling_self")));
    }
}

#[tokio::test]
async fn an_alias_cannot_be_called() {
    let node = Node::nonode();
    let error = node.call::<_, Term>(node.make_ref(), ()).await.unwrap_err();
    assert!(matches!(error, CallError::Alias), "{error}");
}

#[tokio::test]
async fn a_cast_reaches_the_server_as_the_value_it_is() {
    let node = Node::nonode();
    let (sender, mut casts) = mpsc::unbounded_channel();
    serve(&node, move |process, request| {
        if let Request::Cast(request) = request {
            sender.send(request.decode::<Unwritable>().unwrap()).unwrap();
        }
        async { Ok(process) }
    });
    node.cast("server", Unwritable(1)).await.unwrap();
    in_process(&node, async |process| process.cast("server", Unwritable(2)).await.unwrap()).await;
    assert_eq!(casts.recv().await, Some(Unwritable(1)));
    assert_eq!(casts.recv().await, Some(Unwritable(2)));
}

// --- the forms that other nodes use ------------------------------------------------------------------------------

fn list_with_tail(first: Term, tail: Term) -> Term {
    Term::list_with_tail(vec![first], tail)
}

fn call_from(pid: &Pid, tag: &Term, request: i64) -> Term {
    let from = Term::tuple([Term::Pid(pid.clone()), tag.clone()]);
    Term::tuple([Term::Atom(atom!("$gen_call")), from, Term::from(request)])
}

/// Calls with `tag` while `alias` is active and after that; gives the replies.
async fn replies(tag: impl FnOnce(&Reference) -> Term) -> Vec<Term> {
    let node = Node::nonode();
    serve(&node, echo);
    let mut caller = node.temporary_process();
    let process = caller.process();
    let alias = process.alias();
    let tag = tag(&alias);
    let own = process.pid().clone();
    let encoded = Encoded::from_term(&call_from(&own, &tag, 1)).unwrap();
    process.send("server", encoded).await.unwrap();
    let mut replies = vec![process.receive().await.to_term().unwrap()];
    process.unalias(&alias);
    process.send("server", call_from(&own, &tag, 2)).await.unwrap();
    // A call of old; when it is answered, so are those before.
    process.send("server", call_from(&own, &Term::Reference(alias.clone()), 3)).await.unwrap();
    while replies.last() != Some(&Term::tuple([Term::Reference(alias.clone()), Term::from(3)])) {
        replies.push(process.receive().await.to_term().unwrap());
    }
    let expected = Term::tuple([tag, Term::from(1)]);
    assert_eq!(replies[0], expected, "the tag comes back as it was");
    replies
}

#[tokio::test]
async fn a_reply_goes_to_the_alias_in_the_tag() {
    let tag = |alias: &Reference| list_with_tail(Term::Atom(atom!("alias")), alias.clone().into());
    assert_eq!(replies(tag).await.len(), 2);
    // As OTP 27 has them in a multi_call.
    let nested = |alias: &Reference| list_with_tail(tag(alias), alias.clone().into());
    assert_eq!(replies(nested).await.len(), 2);
    let nested_list = |alias: &Reference| Term::list([tag(alias), Term::from(1)]);
    assert_eq!(replies(nested_list).await.len(), 2);
}

#[tokio::test]
async fn a_reply_to_any_other_tag_goes_to_the_pid() {
    // As OTP 25 has them in a multi_call.
    let pair = |alias: &Reference| Term::tuple([alias.clone().into(), Term::Atom(atom!("a@b"))]);
    assert_eq!(replies(pair).await.len(), 3);
    assert_eq!(replies(|alias| Term::Reference(alias.clone())).await.len(), 3);
    assert_eq!(
        replies(|alias| list_with_tail(Term::Atom(atom!("other")), alias.clone().into())).await.len(),
        3
    );
    assert_eq!(
        replies(|alias| Term::list([Term::Atom(atom!("alias")), alias.clone().into()])).await.len(),
        3
    );
}

#[tokio::test]
async fn replies_are_known_in_every_form() {
    let node = Node::nonode();
    let (own, other) = (node.make_ref(), node.make_ref());
    let alias = |reference: &Reference| Tag::Alias(reference.clone()).to_term();
    let reply = |tag: Term| Term::tuple([tag, Term::from(1)]);
    let forms = [
        (reply(alias(&own)), true),
        // OTP 25 has servers that take the tag for a reference.
        (reply(Term::Reference(own.clone())), true),
        (reply(alias(&other)), false),
        (reply(Term::Reference(other.clone())), false),
        (reply(Term::list([alias(&own)])), false),
        (Term::tuple([alias(&own), Term::from(1), Term::from(2)]), false),
        (alias(&own), false),
    ];
    for (term, is_reply) in forms {
        let encoded = Message::from_encoded(Encoded::from_term(&term).unwrap());
        assert_eq!(is_reply_to(&encoded, &own), is_reply, "{term:?}");
        assert_eq!(is_reply_to(&Message::from_term(term.clone()), &own), is_reply, "{term:?}");
    }
    assert!(is_reply_to(&Message::enveloped(Gen::Reply(Tag::Alias(own.clone())), 1), &own));
    assert!(!is_reply_to(&Message::enveloped(Gen::Reply(Tag::Alias(other)), 1), &own));
    assert!(!is_reply_to(&Message::from_value(1), &own));
}

#[tokio::test]
async fn messages_are_told_apart_in_every_form() {
    let node = Node::nonode();
    let tag = Tag::Alias(node.make_ref());
    let from = From::<Term>::new(node.pid().clone(), tag);
    let atom = |name: &str| Term::Atom(Atom::new(name).unwrap());
    let kind = |request: Request| match request {
        Request::Call(caller, request) => ("call", Some(caller.to_term()), request.to_term().unwrap()),
        Request::Cast(request) => ("cast", None, request.to_term().unwrap()),
        Request::System(caller, request) => ("system", Some(caller.to_term()), request.to_term().unwrap()),
        Request::Info(message) => ("info", None, message.to_term().unwrap()),
    };
    let caller = from.to_term();
    let good = [
        (vec![atom("$gen_call"), caller.clone(), atom("get")], "call", Some(caller.clone())),
        (vec![atom("$gen_cast"), atom("get")], "cast", None),
        (vec![atom("system"), caller.clone(), atom("get")], "system", Some(caller.clone())),
    ];
    for (term, expected, from) in good {
        let term = Term::tuple(term);
        for message in [
            Message::from_term(term.clone()),
            Message::from_encoded(Encoded::from_term(&term).unwrap()),
            Message::from_value((term.as_tuple().unwrap().to_vec(),).0.into_iter().collect::<term::Tuple>()),
        ] {
            assert_eq!(kind(Request::of(message)), (expected, from.clone(), atom("get")));
        }
    }
    let bad = [
        Term::tuple([atom("$gen_call"), caller.clone()]),
        Term::tuple([atom("$gen_call"), atom("from"), atom("get")]),
        Term::tuple([atom("$gen_cast"), atom("get"), atom("more")]),
        Term::tuple([atom("system"), atom("from"), atom("get")]),
        Term::tuple([caller]),
        Term::tuple([]),
        atom("$gen_cast"),
    ];
    for term in bad {
        assert_eq!(kind(Request::of(Message::from_term(term.clone()))), ("info", None, term.clone()));
        let encoded = Message::from_encoded(Encoded::from_term(&term).unwrap());
        assert_eq!(kind(Request::of(encoded)), ("info", None, term));
    }
}

#[test]
fn a_caller_can_be_sent_on() {
    let reference = Reference::new(atom!("a@b"), Creation(1), &[1, 2, 3]).unwrap();
    let pid = Pid { node: atom!("a@b"), id: 1, serial: 0, creation: Creation(1) };
    for tag in [Tag::Alias(reference.clone()), Tag::Other(Term::tuple([reference.into(), Term::from(1)]))] {
        let from = From::<Term>::new(pid.clone(), tag);
        let encoded = term::to_encoded(&from).unwrap();
        assert_eq!(encoded.to_term().unwrap(), from.to_term());
        assert_eq!(term::from_encoded::<From>(&encoded).unwrap().to_term(), from.to_term());
    }
}

//! Calls to the name servers of many nodes at once.

use std::time::Duration;

use crate::atom;
use crate::node::{Node, Process, SendError};
use crate::otp::r#gen::is_reply_to;
use crate::process::{Message, Recipient};
use crate::term::{self, Atom, Reference, Term};

use super::message::{Call, GLOBAL_NAME_SERVER, LockId};
use super::server::Shared;

/// Calls the name servers of all `nodes`, and waits for each until it has answered or is gone: then there is no
/// answer. Connections are made where there are none, but not to give up a lock: a node that has lost its connection
/// to this one has dropped the lock, and to come back for that would make a cluster of nodes that are apart.
///
/// There is no time limit, as in OTP: a lock that was not answered may have been set. A node that neither answers nor
/// closes its connection is given up by the ticks of the connection.
pub(super) async fn multi_call(
    process: &mut Process,
    nodes: Vec<Atom>,
    call: &Call,
) -> Vec<(Atom, Option<Term>)> {
    let (mut requests, mut answers) = (Vec::new(), Vec::new());
    for node in nodes {
        if matches!(call, Call::DelLock(_)) && is_gone(process.node(), &node) {
            answers.push((node, None));
            continue;
        }
        match start(process, &node, call) {
            Ok(reference) => requests.push((node, reference)),
            Err(error) => tracing::error!(%error, "a call to a global name server can't be encoded"),
        }
    }
    for (node, reference) in requests {
        let is_answer = |message: &Message| is_reply_to(message, &reference) || message.is_down(&reference);
        let message = process.receive_match(is_answer).await;
        let answer = if is_reply_to(&message, &reference) {
            process.demonitor(&reference, true);
            message.decode::<(Term, Term)>().ok().map(|(_, answer)| answer)
        } else {
            None
        };
        answers.push((node, answer));
    }
    answers
}

/// Takes the lock on all of the nodes or none; those that are down count as locked.
pub(super) async fn set_lock(
    process: &mut Process,
    shared: &Shared,
    lock: &LockId,
    nodes: Vec<Atom>,
) -> bool {
    // If this node says no, the others need not be asked.
    if nodes.contains(process.node().name().as_atom()) && !shared.rules.lock().locks.is_available(lock) {
        return false;
    }
    let answers = multi_call(process, nodes, &Call::SetLock(lock.clone())).await;
    let is_no = |answer: &Option<Term>| answer.as_ref().is_some_and(|answer| !answer.is_atom("true"));
    if !answers.iter().any(|(_, answer)| is_no(answer)) {
        return true;
    }
    let locked = answers.into_iter().filter(|(_, answer)| !is_no(answer)).map(|(node, _)| node).collect();
    multi_call(process, locked, &Call::DelLock(lock.clone())).await;
    false
}

/// How long to wait before the next attempt: up to an eighth of a second at first, then longer and longer.
pub(super) fn pause(attempt: u32) -> Duration {
    let most = if attempt > 5 { 8000 } else { 125 << attempt };
    Duration::from_millis(rand::random_range(1..=most))
}

/// Whether that is another node, and there is no connection to it.
fn is_gone(own: &Node, node: &Atom) -> bool {
    node != own.name().as_atom() && own.connection(node.as_str()).is_none()
}

fn start(process: &Process, node: &Atom, call: &Call) -> Result<Reference, SendError> {
    // Encoded before, as nothing can fail once the monitor is there.
    let call = term::to_encoded(call)?;
    let server = Recipient::Name { name: GLOBAL_NAME_SERVER, node: node.clone() };
    let pid = process.pid().clone();
    Ok(process.start_request(server, |reference| {
        let tag = Term::list_with_tail(vec![atom!("alias").into()], Term::Reference(reference.clone()));
        term::to_encoded(&(atom!("$gen_call"), (pid, tag), call))
            .expect("pids, atoms and encoded terms have a form")
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::NodeType;
    use crate::node::tests::cluster::Cluster;

    #[tokio::test]
    async fn a_connection_is_made_to_take_a_lock_and_none_to_give_it_up() {
        let cluster = Cluster::new().await;
        let a = cluster.builder("a").hidden(false).start().await.unwrap();
        let b = cluster.builder("b").hidden(false).start().await.unwrap();
        let (own, other) = (a.clone(), b.name().as_atom().clone());
        let (done, is_done) = tokio::sync::oneshot::channel();
        a.spawn(async move |mut process| {
            let lock = LockId { resource: atom!("res").into(), requester: process.pid().clone().into() };
            let (set, del) = (Call::SetLock(lock.clone()), Call::DelLock(lock));
            assert_eq!(multi_call(&mut process, vec![other.clone()], &del).await, [(other.clone(), None)]);
            assert!(own.nodes(NodeType::Connected).is_empty());
            let is_true = [(other.clone(), Some(Term::from(true)))];
            assert_eq!(multi_call(&mut process, vec![other.clone()], &set).await, is_true);
            assert_eq!(multi_call(&mut process, vec![other.clone()], &del).await, is_true);
            assert_eq!(own.nodes(NodeType::Connected), [other]);
            let _ = done.send(());
            Ok(())
        });
        is_done.await.expect("all of it holds");
    }
}

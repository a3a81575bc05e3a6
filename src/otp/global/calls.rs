//! Calls to the name servers of many nodes at once.

use crate::atom;
use crate::node::{Process, SendError};
use crate::otp::r#gen::is_reply_to;
use crate::process::{Message, Recipient};
use crate::term::{self, Atom, Reference, Term};

use super::message::{Call, GLOBAL_NAME_SERVER};

/// Calls the name servers of all `nodes`, and waits for each until it has answered or is gone: then there is no
/// answer. Connections are made where there are none.
///
/// There is no time limit, as in OTP: a lock that was not answered may have been set. A node that neither answers nor
/// closes its connection is given up by the ticks of the connection.
pub(super) async fn multi_call(
    process: &mut Process,
    nodes: Vec<Atom>,
    call: &Call,
) -> Vec<(Atom, Option<Term>)> {
    let mut requests = Vec::new();
    for node in nodes {
        match start(process, &node, call) {
            Ok(reference) => requests.push((node, reference)),
            Err(error) => tracing::error!(%error, "a call to a global name server can't be encoded"),
        }
    }
    let mut answers = Vec::new();
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

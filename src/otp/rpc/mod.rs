//! `rex`, the server of OTP's module `rpc`.
//!
//! `rpc:call` and most of its kin go by way of [`erpc`](super::erpc) since OTP 23. What is left to `rex`:
//!
//! | message | from whom | answer |
//! | ------- | --------- | ------ |
//! | call `{block_call, M, F, Args, Leader}` | `rpc:block_call`, `rpc:pinfo` | the value, or `{badrpc, Reason}` |
//! | call `{call, M, F, Args, Leader}` | nodes before OTP 23 | the same |
//! | cast `{cast, M, F, Args, Leader}` | nodes before OTP 23 | none |
//! | `{From, {call, M, F, Args, Leader}}` | C nodes, as `erl_call` | `{rex, Value}` |
//! | `{From, {sbcast, Name, Message}}` | `rpc:sbcast` | `{rex, Node, Node}` or `{rex, Node, {nonexisting_name, Name}}` |
//! | `{From, {send, Name, Message}}` | | none, or `{rex, Node, {nonexisting_name, Name}}`; `Name` gets `{From, Message}` |
//! | `{From, features_request}` | every node when it connects | `{features_reply, Node, [erpc]}` |
//!
//! `Leader` is the group leader that the function gets: a pid, or the atom `user`, or of a C node
//! `send_stdout_to_caller`. Whatever else is sent to `rex` it ignores, as in OTP.
//!
//! All functions run in processes of their own. In OTP those of `block_call` run in `rex` itself, so that it does
//! nothing else meanwhile; here they run one after another, and `rex` goes on.
//!
//! | file          | what it is about                                |
//! | ------------- | ----------------------------------------------- |
//! | `call`        | a function that `rex` is asked to call          |
//! | `stdout`      | its output as messages to a C node              |
//! | `client`      | [`Rpc`]: the calls that this node makes         |
//! | `server_call` | its requests to servers that are not generic ones |

mod call;
mod client;
mod server_call;
mod stdout;
#[cfg(test)]
mod tests;

use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};

use self::call::{Call, Leader};
pub use self::client::{Rpc, RpcError};
use super::r#gen::{From, Request};
use super::sys::Service;
use crate::atom;
use crate::node::{Dest, Node, Process, SendError, TrySendError};
use crate::process::{Exit, Message};
use crate::term::etf::Encoded;
use crate::term::{self, Atom, Pid, Term};

/// Serves the requests. It waits for nobody but the next.
pub(crate) async fn rex(mut process: Process) -> Result<(), Exit> {
    let mut blocking = Blocking(None);
    let mut sys = Service::new(atom!("rex"));
    loop {
        // It has no state: its functions run in processes of their own.
        let (peer, request) = sys.receive_with_origin(&mut process, || Term::NIL).await?;
        let peer = peer.as_ref();
        match request {
            Request::Call(from, request) => called(&process, peer, from, request, &mut blocking),
            Request::Cast(request) => cast(process.node(), peer, request),
            Request::Info(message) => info(&process, peer, message),
            Request::System(..) => {}
        }
    }
}

/// The process that runs the functions of `block_call`, once there has been one.
struct Blocking(Option<UnboundedSender<(From, Call)>>);

impl Blocking {
    fn call(&mut self, process: &Process, from: From, call: Call) {
        let sender = self.0.get_or_insert_with(|| {
            let (sender, queue) = mpsc::unbounded_channel();
            process.spawn_link(|process| one_after_another(process, queue));
            sender
        });
        // The receiver ends only with `rex`, which is linked to it.
        let _ = sender.send((from, call));
    }
}

async fn one_after_another(
    mut process: Process,
    mut queue: UnboundedReceiver<(From, Call)>,
) -> Result<(), Exit> {
    while let Some((from, call)) = queue.recv().await {
        let value = call.run(&mut process, from.pid().clone()).await;
        from.cast_reply().post(process.node(), process.pid(), &value);
    }
    Ok(())
}

fn called(process: &Process, peer: Option<&Atom>, from: From, request: Message, blocking: &mut Blocking) {
    match Call::read(process.node(), peer, request) {
        Some((kind, call)) if kind == "block_call" => blocking.call(process, from, call),
        Some((kind, call)) if kind == "call" => {
            process.node().spawn(async move |mut process: Process| {
                let value = call.run(&mut process, from.pid().clone()).await;
                // The caller may be gone by now.
                let _ = from.cast_reply::<Encoded>().reply(&process, value).await;
                Ok(())
            });
        }
        _ => tracing::debug!(caller = ?from.pid(), "rex got an unknown call"),
    }
}

fn cast(node: &Node, peer: Option<&Atom>, request: Message) {
    match Call::read(node, peer, request) {
        Some((kind, call)) if kind == "cast" => call.start(node),
        _ => tracing::debug!("rex got an unknown cast"),
    }
}

/// Takes what is neither a call nor a cast: `{From, Request}`.
fn info(process: &Process, peer: Option<&Atom>, message: Message) {
    let Ok((from, request)) = message.decode::<(Pid, Encoded)>() else { return };
    let node = process.node();
    let request = Message::from_encoded(request);
    let (what, arity) = request.tag_and_arity().unwrap_or((atom!("undefined"), 0));
    match (what.as_str(), arity) {
        ("call", 5) => {
            if let Some((_, call)) = Call::read(node, peer, request) {
                call_of_c_node(node, from, call);
            }
        }
        ("sbcast", 3) => {
            let Ok((_, name, message)) = request.decode::<(Atom, Term, Encoded)>() else { return };
            send(process, peer, from, name, message, true);
        }
        ("send", 3) => {
            let Ok((_, name, message)) = request.decode::<(Atom, Term, Encoded)>() else { return };
            if let Ok(message) = term::to_encoded(&(&from, message)) {
                send(process, peer, from, name, message, false);
            }
        }
        _ if request.decode::<Atom>().is_ok_and(|what| what == "features_request") => {
            let own = Term::Atom(node.name().as_atom().clone());
            let features = Term::list([Term::Atom(atom!("erpc"))]);
            post(process, from, Term::tuple([Term::Atom(atom!("features_reply")), own, features]));
        }
        _ => {}
    }
}

fn call_of_c_node(node: &Node, from: Pid, call: Call) {
    node.spawn(async move |mut process: Process| {
        let value = match &call.leader {
            Leader::Caller => stdout::run(call, &mut process, &from).await,
            Leader::Pid(_) => call.run(&mut process, from.clone()).await,
        };
        let _ = process.send(from, (atom!("rex"), value)).await;
        Ok(())
    });
}

/// Sends `message` to `name`, which is whatever can be sent to, and tells `from` if there is no such name; or, if
/// it is to be told of that, too, that there is.
fn send(process: &Process, peer: Option<&Atom>, from: Pid, name: Term, message: Encoded, tell: bool) {
    let node = process.node().clone();
    let own = Term::Atom(node.name().as_atom().clone());
    let sent = match term::from_term::<Dest>(&name) {
        Ok(dest) if !node.may_send_for(peer, &dest) => false,
        Ok(dest) => match node.try_send(dest.clone(), message) {
            // Another process waits for the connection, or for room.
            Err(TrySendError::NotConnected { message, .. } | TrySendError::Busy { message, .. }) => {
                node.spawn(async move |process: Process| Ok(process.send(dest, message).await?));
                true
            }
            Err(TrySendError::Send(SendError::NotRegistered(_))) => false,
            _ => true,
        },
        Err(_) => false,
    };
    let outcome = match sent {
        true if !tell => return,
        true => own.clone(),
        false => Term::tuple([Term::Atom(atom!("nonexisting_name")), name]),
    };
    post(process, from, Term::tuple([Term::Atom(atom!("rex")), own, outcome]));
}

fn post(process: &Process, to: Pid, message: Term) {
    // It is made of what came as terms.
    if let Ok(message) = Encoded::from_term(&message) {
        process.node().post(process.pid(), &Dest::Pid(to), message);
    }
}

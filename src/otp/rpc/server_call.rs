//! Requests to servers that are not generic ones, as `rpc:server_call` and `rpc:sbcast` make them.
//!
//! `{Pid, Request}` goes to a registered name, and `{Wrapper, Node, Reply}` comes back; a monitor tells if the server is
//! not there. `rex` says `{rex, Node, {nonexisting_name, Name}}` for a name that it could not send to.

use super::client::RpcError;
use crate::atom;
use crate::node::{Dest, Process};
use crate::process::Recipient;
use crate::term::etf::Encoded;
use crate::term::{Atom, Term};

/// A request to a server that is not a generic one.
pub(super) struct ServerCall {
    pub(super) at: Atom,
    pub(super) name: Atom,
    /// What the reply begins with.
    pub(super) wrapper: Atom,
    pub(super) request: Encoded,
}

impl ServerCall {
    /// Sends the request, and waits for the reply or the end of the server.
    pub(super) async fn exchange(self, process: &mut Process) -> Result<Term, RpcError> {
        let ServerCall { at, name, wrapper, request } = self;
        let monitor = process.monitor(Recipient::Name { name: name.clone(), node: at.clone() }).await;
        let dest = Dest::NameNode(name, at.clone());
        // If it is not sent, the monitor says why.
        let _ = process.send(dest, (process.pid().clone(), request)).await;
        loop {
            let message = process.receive().await;
            let is_down = message.is_down(&monitor);
            let message = message.to_term()?;
            match message.as_tuple() {
                Some([.., reason]) if is_down && reason.is_atom("noconnection") => {
                    return Err(RpcError::NodeDown(at));
                }
                Some([.., reason]) if is_down => return Err(RpcError::Exit(reason.clone())),
                Some([Term::Atom(kind), Term::Atom(node), reply]) if *node == at => {
                    if kind == "rex" && is_nonexisting(reply) {
                        return Err(RpcError::Exit(Term::Atom(atom!("noproc"))));
                    }
                    if *kind == wrapper {
                        return Ok(reply.clone());
                    }
                }
                _ => {}
            }
        }
    }
}

/// `{nonexisting_name, Name}`, as `rex` says.
fn is_nonexisting(reply: &Term) -> bool {
    matches!(reply.as_tuple(), Some([kind, _]) if kind.is_atom("nonexisting_name"))
}

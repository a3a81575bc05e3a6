//! Functions of module `supervisor` that other nodes may call here, about supervisors of this node: those that only look.

use crate::atom;
use crate::node::{Caller, Dest, Node, Raise};
use crate::term::Term;

/// Exports `which_children/1`, `count_children/1` and `get_childspec/2`.
pub(in super::super) fn export(node: &Node) {
    node.export("supervisor", "which_children", async |caller: Caller, (supervisor,): (Dest,)| {
        ask(&caller, supervisor, Term::Atom(atom!("which_children"))).await
    });
    node.export("supervisor", "count_children", async |caller: Caller, (supervisor,): (Dest,)| {
        ask(&caller, supervisor, Term::Atom(atom!("count_children"))).await
    });
    node.export("supervisor", "get_childspec", async |caller: Caller, (supervisor, id): (Dest, Term)| {
        ask(&caller, supervisor, Term::tuple([Term::Atom(atom!("get_childspec")), id])).await
    });
}

async fn ask(caller: &Caller, supervisor: Dest, request: Term) -> Result<Term, Raise> {
    let reply = caller.node().call::<_, Term>(supervisor, request).await;
    reply.map_err(|error| Raise::exit(error.reason()))
}

//! Functions that need nothing but their arguments.

use std::future::pending;
use std::time::Duration;

use erlnode::atom;
use erlnode::node::{Caller, Node, Raise};
use erlnode::term::Term;
use erlnode::term::etf::Encoded;

use super::MODULE;
use super::echo::echo;

pub(super) fn export(node: &Node) {
    node.export(MODULE, "add", async |_: Caller, (a, b): (Term, Term)| add(&a, &b));
    node.export(MODULE, "echo", async |_: Caller, (term,): (Encoded,)| Ok::<_, Raise>(term));
    node.export(MODULE, "sleep", async |_: Caller, (ms,): (u64,)| {
        tokio::time::sleep(Duration::from_millis(ms)).await;
        Ok::<_, Raise>(atom!("ok"))
    });
    node.export(MODULE, "fail", async |_: Caller, (reason,): (Term,)| Err::<Term, _>(Raise::error(reason)));
    node.export(MODULE, "exit", async |_: Caller, (reason,): (Term,)| Err::<Term, _>(Raise::exit(reason)));
    node.export(MODULE, "throw", async |_: Caller, (thrown,): (Term,)| Err::<Term, _>(Raise::throw(thrown)));
    node.export(MODULE, "self", async |caller: Caller, (): ()| Ok::<_, Raise>(caller.pid().clone()));
    node.export(MODULE, "spawn_echo", async |caller: Caller, (): ()| {
        Ok::<_, Raise>(caller.node().spawn(echo))
    });
    node.export(MODULE, "spawn_idle", async |caller: Caller, (count,): (u64,)| {
        for _ in 0..count {
            caller.node().spawn(async |_| pending().await);
        }
        Ok::<_, Raise>(atom!("ok"))
    });
}

/// `A + B`, with Erlang's rule for mixed numbers: the sum of an integer and a float is a float.
fn add(a: &Term, b: &Term) -> Result<Term, Raise> {
    let sum = match (a, b) {
        (Term::Integer(a), Term::Integer(b)) => return Ok((a + b).into()),
        (Term::Float(a), Term::Float(b)) => Some(a + b),
        (Term::Integer(a), Term::Float(b)) => a.to_f64().map(|a| a + b),
        (Term::Float(a), Term::Integer(b)) => b.to_f64().map(|b| a + b),
        _ => None,
    };
    // Erlang has no infinite floats: a sum that would be one is an error.
    let sum = sum.filter(|sum| sum.is_finite());
    sum.map(Term::Float).ok_or_else(|| Raise::error(atom!("badarith")))
}

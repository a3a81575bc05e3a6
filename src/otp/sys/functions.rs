//! Functions of module `sys` that other nodes may call here, about processes of this node: those that only look.

use super::SysError;
use crate::atom;
use crate::node::{Caller, Dest, Node, Raise};
use crate::term::Term;

use std::time::Duration;

/// Exports `get_state/1,2` and `get_status/1,2`.
pub(crate) fn export(node: &Node) {
    node.export("sys", "get_state", async |caller: Caller, (of,): (Dest,)| {
        caller.node().sys(of).get_state::<Term>().await.map_err(raise)
    });
    node.export("sys", "get_state", async |caller: Caller, (of, timeout): (Dest, Term)| {
        caller.node().sys(of).timeout(duration(&timeout)?).get_state::<Term>().await.map_err(raise)
    });
    node.export("sys", "get_status", async |caller: Caller, (of,): (Dest,)| {
        caller.node().sys(of).get_status().await.map_err(raise)
    });
    node.export("sys", "get_status", async |caller: Caller, (of, timeout): (Dest, Term)| {
        caller.node().sys(of).timeout(duration(&timeout)?).get_status().await.map_err(raise)
    });
}

fn duration(timeout: &Term) -> Result<Duration, Raise> {
    match timeout {
        Term::Atom(infinity) if infinity == "infinity" => Ok(Duration::MAX),
        Term::Integer(milliseconds) => {
            u64::try_from(milliseconds).map(Duration::from_millis).map_err(|_| Raise::error(atom!("badarg")))
        }
        _ => Err(Raise::error(atom!("badarg"))),
    }
}

fn raise(error: SysError) -> Raise {
    match error {
        SysError::Call(error) => Raise::exit(error.reason()),
        SysError::Refused(reason) => Raise::error(reason),
    }
}

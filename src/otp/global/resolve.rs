//! Who keeps a name that two sides have brought into a join: the methods of OTP, and how others have them called here.
//!
//! The node with the smaller name of the two that join has `global:resolve_it(Method, Name, OtherPid, OwnPid)` called
//! on the node of its side's process. What that returns has the name: one of the two pids, or `none`.

use std::sync::Arc;

use super::GLOBAL;
use crate::atom;
use crate::node::{Caller, Class, Node, Raise};
use crate::process::Exit;
use crate::term::etf::Encoded;
use crate::term::{self, Atom, ExternalFun, Fun, Pid, Term};

/// Who keeps a name that turns out to stand for two processes when two parts of a cluster join.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Resolver {
    /// One process keeps the name, the other is killed: `global:random_exit_name/3`.
    #[default]
    RandomExit,
    /// One process keeps the name, the other gets `{global_name_conflict, Name}`: `global:random_notify_name/3`.
    RandomNotify,
    /// Both lose the name and get `{global_name_conflict, Name, OtherPid}`: `global:notify_all_name/3`.
    NotifyAll,
    /// A function of the arguments `Name, Pid1, Pid2`, which returns the pid that keeps the name, or `none`. It has to
    /// be there, as a BEAM module or exported, on the node of the process.
    Function {
        /// Its module.
        module: Atom,
        /// Its name.
        function: Atom,
    },
}

impl Resolver {
    /// As other nodes know it. They never get a fun of this node's own making, which none of them could run.
    pub(super) fn to_term(&self) -> Term {
        let (module, function) = match self {
            Resolver::RandomExit => (GLOBAL, atom!("random_exit_name")),
            Resolver::RandomNotify => (GLOBAL, atom!("random_notify_name")),
            Resolver::NotifyAll => (GLOBAL, atom!("notify_all_name")),
            Resolver::Function { module, function } => (module.clone(), function.clone()),
        };
        Term::Fun(Fun::External(Arc::new(ExternalFun { module, function, arity: 3 })))
    }
}

/// Exports `global:resolve_it/4` and the methods.
pub(super) fn export(node: &Node) {
    node.export("global", "random_exit_name", async |caller: Caller, (_, one, other): (Term, Pid, Pid)| {
        let (keeps, loses) = by_node(one, other);
        caller.exit(&loses, atom!("kill")).await;
        Ok(keeps)
    });
    node.export(
        "global",
        "random_notify_name",
        async |caller: Caller, (name, one, other): (Term, Pid, Pid)| {
            let (keeps, loses) = by_node(one, other);
            tell(&caller, &loses, Term::tuple([atom!("global_name_conflict").into(), name])).await;
            Ok(keeps)
        },
    );
    node.export("global", "notify_all_name", async |caller: Caller, (name, one, other): (Term, Pid, Pid)| {
        let conflict = |with: &Pid| {
            Term::tuple([atom!("global_name_conflict").into(), name.clone(), with.clone().into()])
        };
        tell(&caller, &one, conflict(&other)).await;
        tell(&caller, &other, conflict(&one)).await;
        Ok(atom!("none"))
    });
    node.export_raw("global", "resolve_it", 4, resolve_it);
}

async fn tell(caller: &Caller, pid: &Pid, message: Term) {
    // As in Erlang: whether it arrives is not known.
    let _ = caller.send(pid, message).await;
}

/// Nothing in it is random: the process on the node with the smaller name keeps the name.
fn by_node(one: Pid, other: Pid) -> (Pid, Pid) {
    if one.node < other.node { (one, other) } else { (other, one) }
}

/// Calls the method; what it raises is returned as `catch` returns it.
async fn resolve_it(caller: Caller, mut arguments: Vec<Encoded>) -> Result<Encoded, Raise> {
    let method = arguments.remove(0);
    let node = caller.node().clone();
    let outcome = match term::from_encoded::<Term>(&method)? {
        // What `global` makes of `fun random_exit_name/3` when no method is given; its other funs are never sent.
        Term::Fun(Fun::Local(fun)) if fun.module == GLOBAL && fun.arity == 3 => {
            node.apply(caller, &GLOBAL, &atom!("random_exit_name"), arguments).await
        }
        method => node.apply_fun(caller, method, arguments).await,
    };
    match outcome {
        Ok(value) => Ok(value),
        Err(Raise { class: Class::Throw, reason, .. }) => Ok(Encoded::from_term(&reason)?),
        Err(raise) => {
            let exit = Term::tuple([atom!("EXIT").into(), Exit::from(raise).into_reason()]);
            Ok(Encoded::from_term(&exit)?)
        }
    }
}

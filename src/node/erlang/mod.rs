//! What every node answers of Erlang's module `erlang`; everything else is `undef`.
//!
//! There is nothing here that could change the node, start a program or open a file: what a program lets others do,
//! it exports itself.

pub(crate) mod memory;
mod nodes;
mod statistics;
pub(super) mod system_info;
mod time;

use std::future::Future;
use std::sync::Arc;

use serde::Serialize;

use self::statistics::Statistics;
use super::{Arguments, Caller, Dest, Node, Raise, SendError, exports, process_info};
use crate::atom;
use crate::term::{self, Atom, Pid, Term};

type Value = Result<Term, Raise>;

fn badarg() -> Raise {
    Raise::error(atom!("badarg"))
}

impl Node {
    /// `erlang:memory/0`.
    pub(crate) fn memory(&self) -> Term {
        memory::all(self)
    }

    /// `erlang:timestamp/0`.
    pub(crate) fn timestamp(&self) -> Term {
        time::timestamp(time::since_epoch())
    }

    /// `erlang:system_info/1`; `None` if there is no such item.
    pub(crate) fn system_info(&self, item: &Term) -> Option<Term> {
        system_info::system_info(self, item)
    }

    /// `erlang:statistics/1`, for items that tell no difference to an earlier call.
    pub(crate) fn statistics(&self, item: &Atom) -> Option<Term> {
        Statistics::default().get(self, item)
    }

    /// Exports the functions that other nodes may call on any node.
    pub(crate) fn export_standard_functions(&self) {
        self.export_node_functions();
        self.export_process_functions();
        self.export_system_functions();
        self.export_time_functions();
        self.export_raising_functions();
    }

    /// Exports a function of module `erlang`: whatever is wrong with its arguments is `badarg`.
    fn bif<A, R, F, Fut>(&self, name: &'static str, function: F)
    where
        A: Arguments + 'static,
        R: Serialize + 'static,
        F: Fn(Caller, A) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<R, Raise>> + Send + 'static,
    {
        let function = Arc::new(function);
        let atom = exports::to_atom(name);
        self.export_raw("erlang", name, A::ARITY, move |caller, arguments| {
            let (function, atom) = (function.clone(), atom.clone());
            async move {
                let result = match A::decode(&arguments) {
                    Ok(decoded) => function(caller, decoded).await,
                    Err(_) => Err(badarg()),
                };
                let encoded = result.and_then(|value| Ok(term::to_encoded(&value)?));
                encoded.map_err(|raise| {
                    let bad = raise.reason.is_atom("badarg");
                    if bad { raise.in_bif(&atom, exports::arguments_term(&arguments)) } else { raise }
                })
            }
        });
    }

    fn export_process_functions(&self) {
        self.bif("function_exported", async |caller: Caller, (m, f, a): (Atom, Atom, u64)| {
            // No function has more arguments than fit a byte.
            Ok(u8::try_from(a).is_ok_and(|a| caller.node().is_exported(m.as_str(), f.as_str(), a)))
        });
        self.bif("self", async |caller: Caller, (): ()| Ok(caller.pid().clone()));
        self.bif("group_leader", async |caller: Caller, (): ()| Ok(caller.group_leader()));
        self.bif("make_ref", async |caller: Caller, (): ()| Ok(caller.node().make_ref()));
        self.bif("registered", async |caller: Caller, (): ()| Ok(caller.node().registered()));
        self.bif("processes", async |caller: Caller, (): ()| Ok(caller.node().processes()));
        self.bif("ports", async |_: Caller, (): ()| Ok(Term::NIL));
        self.bif("whereis", async |caller: Caller, (name,): (Atom,)| -> Value {
            let pid = caller.node().whereis(name.as_str());
            Ok(pid.map_or(Term::Atom(atom!("undefined")), Term::Pid))
        });
        self.bif("is_process_alive", async |caller: Caller, (pid,): (Pid,)| {
            let node = caller.node();
            if pid.node == *node.name().as_atom() { Ok(node.is_process_alive(&pid)) } else { Err(badarg()) }
        });
        self.bif("process_info", async |caller: Caller, (pid,): (Pid,)| {
            process_info::all(caller.node(), &pid).ok_or_else(badarg)
        });
        self.bif("process_info", async |caller: Caller, (pid, items): (Pid, Term)| {
            process_info::some(caller.node(), &pid, &items).ok_or_else(badarg)
        });
        // There is no garbage to collect, so all of it is.
        self.bif("garbage_collect", async |_: Caller, (): ()| Ok(true));
        self.bif("garbage_collect", async |caller: Caller, (pid,): (Pid,)| {
            let node = caller.node();
            if pid.node == *node.name().as_atom() { Ok(node.is_process_alive(&pid)) } else { Err(badarg()) }
        });
        self.bif("send", async |caller: Caller, (to, message): (Dest, Term)| {
            send(&caller, to, message).await
        });
        self.bif("exit", async |caller: Caller, (pid, reason): (Pid, Term)| {
            if caller.node().may_exit_for(caller.peer()) {
                caller.exit(&pid, reason).await;
            }
            Ok(true)
        });
    }

    fn export_system_functions(&self) {
        let statistics = Arc::new(Statistics::default());
        self.bif("system_info", async |caller: Caller, (item,): (Term,)| {
            system_info::system_info(caller.node(), &item).ok_or_else(badarg)
        });
        self.bif("statistics", move |caller: Caller, (item,): (Atom,)| {
            let statistics = statistics.clone();
            async move { statistics.get(caller.node(), &item).ok_or_else(badarg) }
        });
        self.bif("memory", async |caller: Caller, (): ()| Ok(caller.node().memory()));
        self.bif("memory", async |caller: Caller, (which,): (Term,)| {
            memory::some(caller.node(), &which).ok_or_else(badarg)
        });
    }

    fn export_time_functions(&self) {
        self.bif("monotonic_time", async |caller: Caller, (): ()| Ok(time::native(caller.node().uptime())));
        self.bif("monotonic_time", async |caller: Caller, (unit,): (Term,)| {
            time::in_unit(caller.node().uptime(), &unit).ok_or_else(badarg)
        });
        self.bif("system_time", async |_: Caller, (): ()| Ok(time::native(time::since_epoch())));
        self.bif("system_time", async |_: Caller, (unit,): (Term,)| {
            time::in_unit(time::since_epoch(), &unit).ok_or_else(badarg)
        });
        self.bif("timestamp", async |_: Caller, (): ()| Ok(time::timestamp(time::since_epoch())));
    }

    fn export_raising_functions(&self) {
        self.bif("error", async |_: Caller, (reason,): (Term,)| -> Value {
            let stack = Raise::function_error(
                atom!("error"),
                &atom!("erlang"),
                &atom!("error"),
                Term::list([reason.clone()]),
            );
            Err(Raise { reason, ..stack })
        });
        self.bif("exit", async |_: Caller, (reason,): (Term,)| -> Value { Err(Raise::exit(reason)) });
        self.bif("throw", async |_: Caller, (thrown,): (Term,)| -> Value { Err(Raise::throw(thrown)) });
        self.export_passing_on("erlang", "apply", 3, async |caller, arguments| {
            let [module, function, arguments] = &arguments[..] else { return Err(badarg()) };
            let node = caller.node().clone();
            node.apply_encoded(caller, module, function, arguments).await
        });
        self.export_passing_on("erlang", "apply", 2, async |caller, arguments| {
            let [fun, arguments] = &arguments[..] else { return Err(badarg()) };
            let node = caller.node().clone();
            node.apply_fun_list(caller, fun, arguments).await
        });
    }
}

/// `erlang:send/2`. As in Erlang, only a name of this node that is not registered is an error.
async fn send(caller: &Caller, to: Dest, message: Term) -> Value {
    if !caller.node().may_send_for(caller.peer(), &to) {
        return Err(badarg());
    }
    match caller.send(to, message.clone()).await {
        Err(SendError::NotRegistered(_)) => Err(badarg()),
        _ => Ok(message),
    }
}

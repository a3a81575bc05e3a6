//! What other nodes start by way of OTP's module `proc_lib`.
//!
//! `proc_lib:spawn(Node, Module, Function, Args)` and its kin start `proc_lib:init_p` on the other node, with what is to
//! be run among its arguments:
//!
//! | function | runs |
//! | -------- | ---- |
//! | `init_p(Parent, Ancestors, Module, Function, Args)` | `Module:Function(Args...)` |
//! | `init_p(Parent, Ancestors, Fun)` | `Fun()` |
//!
//! What they raise, and exits for other reasons than `normal`, `shutdown` and `{shutdown, _}`, is told by a crash report:
//! to the log of this node, and to the node where the group leader is, which is that of who started the process.

use std::sync::Arc;

use crate::atom;
use crate::node::{Caller, Class, InitialCall, Node, ProcessCell, Raise, Shortened};
use crate::process::Exit;
use crate::term::etf::Encoded;
use crate::term::{Fun, Term};

/// Exports both.
pub(crate) fn export(node: &Node) {
    node.export_passing_on("proc_lib", "init_p", 5, async |caller, arguments| {
        let [parent, ancestors, module, function, arguments] = &arguments[..] else { return Err(badarg()) };
        let reporter = Reporter::new(&caller, parent, ancestors, || {
            let [module, function] = [module.to_term().ok()?, function.to_term().ok()?];
            Some(InitialCall {
                module: module.as_atom()?.clone(),
                function: function.as_atom()?.clone(),
                arity: u8::try_from(arguments.list_elements().ok()?.len()).ok()?,
            })
        });
        let node = caller.node().clone();
        let result = node.apply_encoded(caller, module, function, arguments).await;
        result.map_err(|raise| reporter.report(&node, raise))
    });
    node.export_passing_on("proc_lib", "init_p", 3, async |caller, arguments| {
        let [parent, ancestors, fun] = &arguments[..] else { return Err(badarg()) };
        let fun = fun.to_term()?;
        let reporter = Reporter::new(&caller, parent, ancestors, || match &fun {
            Term::Fun(Fun::External(fun)) => Some(InitialCall {
                module: fun.module.clone(),
                function: fun.function.clone(),
                arity: fun.arity,
            }),
            _ => None,
        });
        let node = caller.node().clone();
        let result = node.apply_fun(caller, fun, Vec::new()).await;
        result.map_err(|raise| reporter.report(&node, raise))
    });
}

fn badarg() -> Raise {
    Raise::error(atom!("badarg"))
}

/// What a crash report needs to know, and the process itself does not.
struct Reporter {
    cell: Arc<ProcessCell>,
    initial_call: InitialCall,
    ancestors: Vec<Term>,
}

impl Reporter {
    fn new(
        caller: &Caller,
        parent: &Encoded,
        ancestors: &Encoded,
        initial_call: impl FnOnce() -> Option<InitialCall>,
    ) -> Reporter {
        let parent = parent.to_term().into_iter();
        let ancestors = ancestors.to_term().unwrap_or_default();
        let init_p = || InitialCall { module: atom!("proc_lib"), function: atom!("init_p"), arity: 5 };
        Reporter {
            cell: caller.cell().clone(),
            initial_call: initial_call().unwrap_or_else(init_p),
            ancestors: parent.chain(ancestors.as_list().unwrap_or_default().iter().cloned()).collect(),
        }
    }

    /// Reports what was raised, and gives what the process is to end with: an exit, which is not reported again.
    fn report(self, node: &Node, raise: Raise) -> Raise {
        let exit = Exit::from(raise.clone());
        if raise.class != Class::Exit || exit.is_crash() {
            let Reporter { cell, initial_call, ancestors } = self;
            tracing::error!(pid = %cell.pid, reason = %Shortened(exit.reason()), "a process crashed");
            node.crash_report(&cell, &initial_call, &ancestors, &raise);
        }
        Raise::exit(exit.into_reason())
    }
}

//! What `observer`, `etop` and their like ask a node that they look at.
//!
//! They call functions of `observer_backend` and `appmon_info` there, which OTP's application runtime_tools has:
//!
//! | file        | what it answers |
//! | ----------- | --------------- |
//! | `system`    | the page System, and the memory of allocators: asked for every second |
//! | `load`      | the page Load Charts: figures that are sent again and again |
//! | `processes` | the page Processes, and all of `etop` |
//! | `appmon`    | the page Applications: who looks, and at what |
//! | `tree`      | what is looked at there: which process started which |
//! | `tables`    | the page Table Viewer: registries, as if they were ETS tables |
//! | `ports`     | the pages Ports and Sockets: the connections to other nodes |
//!
//! What is told is measured when it is asked for. Where a BEAM has what a Rust program has not, as atoms in a table, the
//! figure is 0, or the place of the answer is empty: a tool that gets no answer, or another shape, ends.
//!
//! Reference: observer application, and module `observer_backend` of runtime_tools.

mod appmon;
mod load;
mod ports;
mod processes;
mod system;
mod tables;
mod tree;

use crate::atom;
use crate::node::{Caller, Node, Raise};
use crate::term::{Atom, Pid, Term};

/// The module of nearly all functions.
const BACKEND: &str = "observer_backend";

/// The version of runtime_tools that is answered for: `etop` takes any.
const BACKEND_VERSION: &str = "2.1.1";

/// Exports all functions.
pub(crate) fn export(node: &Node) {
    node.export(BACKEND, "vsn", async |_: Caller, (): ()| {
        Ok(Term::tuple([Term::Atom(atom!("ok")), Term::charlist(BACKEND_VERSION)]))
    });
    system::export(node);
    load::export(node);
    processes::export(node);
    ports::export(node);
    tables::export(node);
    appmon::export(node);
    export_others(node);
}

/// Functions of other modules that these tools call.
fn export_others(node: &Node) {
    node.export("os", "getpid", async |_: Caller, (): ()| {
        Ok(Term::charlist(&std::process::id().to_string()))
    });
    node.export("proc_lib", "translate_initial_call", async |caller: Caller, (pid,): (Pid,)| {
        Ok(caller.node().translated_initial_call(&pid))
    });
    node.export("proc_lib", "initial_call", async |caller: Caller, (pid,): (Pid,)| {
        Ok(caller.node().proc_lib_initial_call(&pid))
    });
    node.export("proc_lib", "get_label", async |caller: Caller, (pid,): (Pid,)| {
        let node = caller.node();
        match node.process_label(&pid) {
            Some(label) => Ok(label),
            None if pid.node == *node.name().as_atom() => Ok(undefined()),
            None => Err(Raise::error(atom!("badarg"))),
        }
    });
}

fn undefined() -> Term {
    Term::Atom(atom!("undefined"))
}

/// `{Name, Value}`.
fn entry(name: Atom, value: impl Into<Term>) -> Term {
    Term::tuple([Term::Atom(name), value.into()])
}

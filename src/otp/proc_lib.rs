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
//! Who the ancestors are is for a BEAM's process dictionary, and is passed over here. An error is logged as that of any
//! process, not as a crash report.

use crate::atom;
use crate::node::{Node, Raise};

/// Exports both.
pub(crate) fn export(node: &Node) {
    node.export_passing_on("proc_lib", "init_p", 5, async |caller, arguments| {
        let [_, _, module, function, arguments] = &arguments[..] else { return Err(badarg()) };
        let node = caller.node().clone();
        node.apply_encoded(caller, module, function, arguments).await
    });
    node.export_passing_on("proc_lib", "init_p", 3, async |caller, arguments| {
        let [_, _, fun] = &arguments[..] else { return Err(badarg()) };
        let node = caller.node().clone();
        node.apply_fun(caller, fun.to_term()?, Vec::new()).await
    });
}

fn badarg() -> Raise {
    Raise::error(atom!("badarg"))
}

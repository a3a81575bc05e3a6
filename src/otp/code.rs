//! What OTP's module `code` tells of a node without code to load: its modules are those that something here goes by.
//!
//! | function | answer |
//! | -------- | ------ |
//! | `ensure_loaded(M)`, `load_file`-like | `{module, M}` or `{error, nofile}` |
//! | `is_loaded(M)` | `{file, preloaded}` or `false` |
//! | `all_loaded()` | `[{M, preloaded}]` |
//! | `which(M)` | `preloaded` or `non_existing` |
//! | `get_object_code(M)` | `error` |
//!
//! `preloaded` is what a BEAM node says of modules that are part of itself. Tools ask before they call: `observer` and
//! `erl -remsh` do nothing with a node that does not have the module they need.

use super::shell;
use crate::atom;
use crate::node::{Caller, Node};
use crate::term::{Atom, Term};

/// Exports them.
pub(crate) fn export(node: &Node) {
    node.export("code", "ensure_loaded", async |caller: Caller, (module,): (Atom,)| {
        let node = caller.node();
        Ok(match shell::refusal(node, &module) {
            Some(why) => (atom!("error"), why),
            None if node.is_module(&module) => (atom!("module"), module),
            None => (atom!("error"), atom!("nofile")),
        })
    });
    node.export("code", "is_loaded", async |caller: Caller, (module,): (Atom,)| {
        Ok(match caller.node().is_module(&module) {
            true => Term::tuple([Term::Atom(atom!("file")), Term::Atom(PRELOADED)]),
            false => Term::from(false),
        })
    });
    node.export("code", "all_loaded", async |caller: Caller, (): ()| {
        Ok(caller.node().modules().into_iter().map(|module| (module, PRELOADED)).collect::<Vec<_>>())
    });
    node.export("code", "which", async |caller: Caller, (module,): (Atom,)| {
        Ok(if caller.node().is_module(&module) { PRELOADED } else { atom!("non_existing") })
    });
    node.export("code", "get_object_code", async |_: Caller, (_,): (Atom,)| Ok(atom!("error")));
}

const PRELOADED: Atom = atom!("preloaded");

//! The pages Ports and Sockets: nothing, as sockets of a Rust program are neither ports nor of OTP's module `socket`.

use super::{BACKEND, entry};
use crate::atom;
use crate::node::{Caller, Node};
use crate::term::Term;

pub(super) fn export(node: &Node) {
    node.export(BACKEND, "get_port_list", async |_: Caller, (): ()| Ok(Term::NIL));
    node.export(BACKEND, "get_socket_list", async |_: Caller, (): ()| Ok(Term::NIL));
    node.export(BACKEND, "socket_info", async |_: Caller, (): ()| Ok(socket_info()));
}

fn socket_info() -> Term {
    let counters = [
        atom!("num_monitors"),
        atom!("num_cnt_bits"),
        atom!("num_dinet"),
        atom!("num_dinet6"),
        atom!("num_dlocal"),
        atom!("num_pip"),
        atom!("num_psctp"),
        atom!("num_ptcp"),
        atom!("num_pudp"),
        atom!("num_sockets"),
        atom!("num_tdgrams"),
        atom!("num_tseqpkgs"),
        atom!("num_tstreams"),
    ];
    Term::list(counters.map(|counter| {
        let bits = counter == *"num_cnt_bits";
        entry(counter, if bits { 64 } else { 0 })
    }))
}

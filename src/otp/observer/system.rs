//! `observer_backend:sys_info/0`: the figures of the whole node.
//!
//! Once its page of allocators was opened, `observer` asks for this every second, whatever it shows. It takes a look at
//! some counters and at one small file of the operating system, however many processes there are.

use super::{BACKEND, entry, undefined};
use crate::atom;
use crate::node::{Caller, Memory, Node};
use crate::term::{Atom, Term};

pub(super) fn export(node: &Node) {
    node.export(BACKEND, "sys_info", async |caller: Caller, (): ()| Ok(sys_info(caller.node())));
}

fn sys_info(node: &Node) -> Term {
    let info = |item: Atom| {
        let value = node.system_info(&Term::Atom(item.clone())).unwrap_or_else(undefined);
        entry(item, value)
    };
    let (input, output) = node.bytes_transferred();
    let uptime = u64::try_from(node.uptime().as_millis()).unwrap_or(u64::MAX);
    let wordsize = || node.system_info(&Term::Atom(atom!("wordsize"))).unwrap_or_else(|| Term::from(8));
    let schedulers = || node.runtime().metrics().num_workers();
    let first = [
        entry(atom!("uptime"), uptime),
        entry(atom!("run_queue"), node.runtime().metrics().global_queue_depth()),
        entry(atom!("io_input"), input),
        entry(atom!("io_output"), output),
        info(atom!("logical_processors")),
        info(atom!("logical_processors_online")),
        info(atom!("logical_processors_available")),
        info(atom!("schedulers")),
        info(atom!("schedulers_online")),
        entry(atom!("schedulers_available"), schedulers()),
        info(atom!("otp_release")),
        info(atom!("version")),
        info(atom!("system_architecture")),
        info(atom!("kernel_poll")),
        info(atom!("smp_support")),
        info(atom!("threads")),
        info(atom!("thread_pool_size")),
        entry(atom!("wordsize_internal"), wordsize()),
        entry(atom!("wordsize_external"), wordsize()),
        entry(atom!("alloc_info"), alloc_info()),
        info(atom!("process_count")),
        info(atom!("atom_limit")),
        info(atom!("atom_count")),
        info(atom!("process_limit")),
        info(atom!("process_count")),
        info(atom!("port_limit")),
        info(atom!("port_count")),
        info(atom!("ets_limit")),
        info(atom!("ets_count")),
        info(atom!("dist_buf_busy_limit")),
    ];
    let memory = node.memory();
    Term::list(first.into_iter().chain(memory.as_list().unwrap_or_default().iter().cloned()))
}

/// One allocator, that of the program: what it holds is all that the program has in memory, and what is in use of that
/// is what no file backs. `observer` divides by the first.
fn alloc_info() -> Term {
    let memory = Memory::of_program();
    let (held, used) = (memory.total.max(1), memory.total.saturating_sub(memory.code));
    let sizes = |name: Atom, size: u64| {
        Term::tuple([Term::Atom(name), Term::from(size), Term::from(size), Term::from(size)])
    };
    let name = || Term::Atom(atom!("erlnode"));
    let blocks =
        entry(atom!("blocks"), Term::list([Term::tuple([name(), Term::list([sizes(atom!("size"), used)])])]));
    let carriers = sizes(atom!("carriers_size"), held);
    let instance = Term::tuple([
        Term::Atom(atom!("instance")),
        Term::from(0),
        Term::list([entry(atom!("mbcs"), Term::list([blocks, carriers]))]),
    ]);
    Term::list([Term::tuple([name(), Term::list([instance])])])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_figure_is_there_and_none_that_is_divided_by_is_zero() {
        let node = Node::nonode();
        let info = sys_info(&node);
        let info = info.as_list().unwrap();
        assert_eq!(info.len(), 39);
        let value = |name: &str| {
            info.iter().filter_map(Term::as_tuple).find(|pair| pair[0].is_atom(name)).unwrap()[1].clone()
        };
        for limit in
            ["atom_limit", "process_limit", "port_limit", "ets_limit", "dist_buf_busy_limit", "total"]
        {
            let Term::Integer(limit) = value(limit) else { panic!("{limit} is no number") };
            assert!(u64::try_from(&limit).unwrap() > 0);
        }
        assert!(info.iter().all(|pair| !pair.as_tuple().unwrap()[1].is_atom("undefined")), "{info:?}");
        assert!(
            value("alloc_info")
                .to_string()
                .starts_with("[{erlnode,[{instance,0,[{mbcs,[{blocks,[{erlnode,[{size,")
        );
    }
}

//! All processes at a glance, for the page Processes of `observer` and for `etop`.
//!
//! | function | sends to `Collector` |
//! | -------- | -------------------- |
//! | `procs_info(Collector)` | `{procs_info, Self, Records}`, as often as it takes, and then the `'EXIT'` with `normal` |
//! | `etop_collect(Collector)` | `{Self, {etop_info, Now, Count, Clock, Runtime, RunQueue, [], Memory, Records}}` |
//!
//! A record is `{etop_proc_info, Pid, Memory, Reductions, Name, Runtime, CurrentFunction, MessageQueueLength}`. The name is
//! the registered one, else the label, else what the process began with. The process that collects leaves itself out.

use super::{BACKEND, entry, undefined};
use crate::atom;
use crate::node::{Caller, Node, ProcessCell};
use crate::term::{Atom, Pid, Term};

/// So many records go into one message, as in OTP.
const CHUNK: usize = 10_000;

pub(super) fn export(node: &Node) {
    node.export(BACKEND, "procs_info", async |caller: Caller, (collector,): (Pid,)| {
        let cells = caller.node().process_table().all();
        for chunk in cells.chunks(CHUNK) {
            let own = Term::Pid(caller.pid().clone());
            let records = records(caller.node(), chunk, caller.pid());
            let message = Term::tuple([Term::Atom(atom!("procs_info")), own, records]);
            caller.send(&collector, message).await?;
        }
        Ok(atom!("ok"))
    });
    node.export(BACKEND, "etop_collect", async |caller: Caller, (collector,): (Pid,)| {
        let info = etop_info(caller.node(), caller.pid());
        let message = Term::tuple([Term::Pid(caller.pid().clone()), info]);
        caller.send(&collector, message).await?;
        Ok(atom!("ok"))
    });
}

fn records<'a, T>(node: &Node, cells: T, except: &Pid) -> Term
where
    T: IntoIterator<Item = &'a std::sync::Arc<ProcessCell>>,
{
    let others = cells.into_iter().filter(|cell| cell.pid != *except);
    Term::list(others.map(|cell| {
        let facts = node.process_facts(cell);
        Term::tuple([
            Term::Atom(atom!("etop_proc_info")),
            Term::Pid(cell.pid.clone()),
            Term::from(facts.memory),
            Term::from(facts.reductions),
            facts.name,
            Term::from(0),
            facts.current_function,
            Term::from(facts.message_queue_len),
        ])
    }))
}

fn etop_info(node: &Node, own: &Pid) -> Term {
    let statistics = |item: Atom| node.statistics(&item).unwrap_or_else(undefined);
    let total = |item: Atom| match node.statistics(&item).as_ref().and_then(Term::as_tuple) {
        Some([total, _]) => total.clone(),
        _ => Term::from(0),
    };
    let memory = node.memory();
    let memory = memory.as_list().unwrap_or_default();
    let kinds =
        [atom!("total"), atom!("processes"), atom!("ets"), atom!("atom"), atom!("code"), atom!("binary")];
    let memory = kinds.map(|kind| {
        let found = memory
            .iter()
            .filter_map(Term::as_tuple)
            .find(|pair| pair.first() == Some(&Term::Atom(kind.clone())));
        entry(kind, found.and_then(|pair| pair.get(1)).cloned().unwrap_or_else(|| Term::from(0)))
    });
    let cells = node.process_table().all();
    Term::tuple([
        Term::Atom(atom!("etop_info")),
        node.timestamp(),
        Term::from(cells.len()),
        total(atom!("wall_clock")),
        statistics(atom!("scheduler_wall_time")),
        statistics(atom!("run_queue")),
        Term::NIL,
        Term::list(memory),
        records(node, &cells, own),
    ])
}

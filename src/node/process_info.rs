//! What can be seen of a process from outside: `erlang:process_info/1,2`.

use std::sync::atomic::Ordering;

use super::Node;
use super::registry::ProcessCell;
use crate::atom;
use crate::process::Recipient;
use crate::term::{Atom, Pid, Term};

/// The items of `process_info/1`, in its order.
const ALL: [&str; 17] = [
    "registered_name",
    "current_function",
    "initial_call",
    "status",
    "message_queue_len",
    "links",
    "dictionary",
    "trap_exit",
    "error_handler",
    "priority",
    "group_leader",
    "total_heap_size",
    "heap_size",
    "stack_size",
    "reductions",
    "garbage_collection",
    "suspending",
];

fn undefined() -> Term {
    Term::Atom(atom!("undefined"))
}

/// `process_info/1`: the usual items; `undefined` for a dead process. `None` is `badarg`: a process of another node.
pub(crate) fn all(node: &Node, pid: &Pid) -> Option<Term> {
    if pid.node != *node.name().as_atom() {
        return None;
    }
    let Some(cell) = node.local(pid) else { return Some(undefined()) };
    let items = ALL.iter().filter_map(|name| {
        let value = item(node, &cell, name)?;
        // A process without a name does not have the item.
        (*name != "registered_name" || value != Term::NIL).then(|| pair(name, value))
    });
    Some(Term::list(items))
}

/// `process_info/2`, for one item or a list of them. `None` is `badarg`.
pub(crate) fn some(node: &Node, pid: &Pid, items: &Term) -> Option<Term> {
    if pid.node != *node.name().as_atom() {
        return None;
    }
    let cell = node.local(pid);
    let one = |wanted: &Term| {
        if let Some([dictionary, _key]) = wanted.as_tuple() {
            // There is none to look in.
            return dictionary.is_atom("dictionary").then(undefined);
        }
        let name = wanted.as_atom()?.as_str();
        match &cell {
            Some(cell) => item(node, cell, name),
            None => is_item(name).then(undefined),
        }
    };
    match items {
        Term::List(names) => {
            let pairs = names.iter().map(|name| one(name).map(|value| Term::tuple([name.clone(), value])));
            let pairs = pairs.collect::<Option<Vec<Term>>>()?;
            Some(if cell.is_some() { Term::list(pairs) } else { undefined() })
        }
        name => {
            let value = one(name)?;
            Some(match cell {
                None => undefined(),
                // Alone, the missing name is no pair.
                Some(_) if name.is_atom("registered_name") && value == Term::NIL => Term::NIL,
                Some(_) => Term::tuple([name.clone(), value]),
            })
        }
    }
}

fn pair(name: &str, value: Term) -> Term {
    let name = Atom::new(name).map_or_else(|_| undefined(), Term::Atom);
    Term::tuple([name, value])
}

const OTHERS: [&str; 20] = [
    "memory",
    "monitors",
    "monitored_by",
    "parent",
    "current_location",
    "current_stacktrace",
    "binary",
    "catchlevel",
    "trace",
    "last_calls",
    "sequential_trace_token",
    "message_queue_data",
    "messages",
    "label",
    "async_dist",
    "backtrace",
    "fullsweep_after",
    "min_heap_size",
    "min_bin_vheap_size",
    "garbage_collection_info",
];

fn is_item(name: &str) -> bool {
    ALL.contains(&name) || OTHERS.contains(&name)
}

fn item(node: &Node, cell: &ProcessCell, name: &str) -> Option<Term> {
    let state = cell.state.lock();
    let pids = |pids: Vec<Pid>| Term::list(pids.into_iter().map(Term::Pid));
    let mfa = || {
        let call = &cell.initial_call;
        Term::tuple([
            Term::Atom(call.module.clone()),
            Term::Atom(call.function.clone()),
            Term::from(call.arity),
        ])
    };
    let waiting = cell.mailbox_len.load(Ordering::Relaxed) + state.inbox_len();
    Some(match name {
        "registered_name" => {
            drop(state);
            node.names().name_of(&cell.pid).map_or(Term::NIL, Term::Atom)
        }
        "initial_call" | "current_function" => mfa(),
        "current_location" => {
            let call = &cell.initial_call;
            Term::tuple([
                Term::Atom(call.module.clone()),
                Term::Atom(call.function.clone()),
                Term::from(call.arity),
                Term::NIL,
            ])
        }
        "status" => Term::Atom(if state.is_waiting() { atom!("waiting") } else { atom!("running") }),
        "message_queue_len" => Term::from(waiting),
        "links" => pids(state.linked().cloned().collect()),
        "monitors" => Term::list(
            state
                .monitored()
                .map(|target: &Recipient| Term::tuple([Term::Atom(atom!("process")), target.to_term()])),
        ),
        "monitored_by" => pids(state.watchers().cloned().collect()),
        "trap_exit" => Term::from(state.trap_exit),
        "group_leader" => Term::Pid(state.group_leader.clone()),
        "reductions" => Term::from(cell.polls.load(Ordering::Relaxed)),
        "error_handler" => Term::Atom(atom!("error_handler")),
        "priority" => Term::Atom(atom!("normal")),
        "message_queue_data" => Term::Atom(atom!("off_heap")),
        "parent" | "label" => undefined(),
        // What waits is decoded by the process itself, so only its number is known.
        "messages" | "garbage_collection_info" => Term::NIL,
        "backtrace" => Term::Binary(bytes::Bytes::new()),
        "dictionary" | "suspending" | "sequential_trace_token" | "binary" | "current_stacktrace" => Term::NIL,
        "last_calls" | "async_dist" => Term::from(false),
        // There is no heap of its own, and no garbage.
        "total_heap_size" | "heap_size" | "stack_size" | "catchlevel" | "trace" | "fullsweep_after"
        | "min_heap_size" | "min_bin_vheap_size" => Term::from(0),
        "memory" => Term::from(size_of::<ProcessCell>()),
        "garbage_collection" => Term::list(
            ["min_bin_vheap_size", "min_heap_size", "fullsweep_after", "minor_gcs"]
                .map(|name| pair(name, Term::from(0))),
        ),
        _ => return None,
    })
}

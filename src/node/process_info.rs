//! What can be seen of a process from outside: `erlang:process_info/1,2`.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::erlang::system_info::max_heap_size;
use super::registry::{InitialCall, ProcessCell};
use super::{Node, Process};
use crate::atom;
use crate::process::{Message, Recipient};
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
        if let Some([name, key]) = wanted.as_tuple() {
            let value = |cell: &Arc<ProcessCell>| dictionary(cell).into_iter().find(|(of, _)| of == key);
            return name
                .is_atom("dictionary")
                .then(|| cell.as_ref().and_then(value).map_or_else(undefined, |(_, value)| value));
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

const OTHERS: [&str; 23] = [
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
    "magic_ref",
    "max_heap_size",
    "priority_messages",
];

/// The items of `garbage_collection_info`, in words.
const GARBAGE_COLLECTION_INFO: [&str; 11] = [
    "old_heap_block_size",
    "heap_block_size",
    "mbuf_size",
    "recent_size",
    "stack_size",
    "old_heap_size",
    "heap_size",
    "bin_vheap_size",
    "bin_vheap_block_size",
    "bin_old_vheap_size",
    "bin_old_vheap_block_size",
];

fn is_item(name: &str) -> bool {
    ALL.contains(&name) || OTHERS.contains(&name)
}

/// What waits to be received, messages that a selective receive has passed over included. One that has no external
/// form is shown as `undefined`.
fn messages(cell: &ProcessCell) -> Term {
    let Some(messages) = cell.try_all_messages() else { return Term::NIL };
    Term::list(messages.iter().map(|message| message.to_term().unwrap_or_else(|_| undefined())))
}

pub(super) fn queue_len(cell: &ProcessCell) -> usize {
    cell.try_all_messages().map_or_else(|| cell.state.lock().inbox_len(), |messages| messages.len())
}

/// What is known of it: without what values and terms point to.
pub(super) fn memory(cell: &ProcessCell) -> usize {
    size_of::<ProcessCell>() + cell.task_size.load(Ordering::Relaxed) + queue_len(cell) * size_of::<Message>()
}

/// What `proc_lib` has in the dictionary of its processes, and the label.
fn dictionary(cell: &ProcessCell) -> Vec<(Term, Term)> {
    let ancestors = cell.ancestors.iter().flat_map(|ancestors| {
        [
            (Term::Atom(atom!("$initial_call")), cell.body.initial_call().to_term()),
            (Term::Atom(atom!("$ancestors")), Term::list(ancestors.iter().cloned())),
        ]
    });
    let label = cell.label().map(|label| (Term::Atom(atom!("$process_label")), label));
    ancestors.chain(label).collect()
}

fn pairs(pairs: Vec<(Term, Term)>) -> Term {
    Term::list(pairs.into_iter().map(|(key, value)| Term::tuple([key, value])))
}

impl Node {
    /// What `process_info/2` tells of a process of this node; `None` if there is no such item.
    pub(crate) fn look_at(&self, pid: &Pid, items: &Term) -> Option<Term> {
        some(self, pid, items)
    }
}

impl Process {
    /// The dictionary, as others see it.
    pub(crate) fn dictionary(&self) -> Term {
        pairs(dictionary(self.cell()))
    }
}

impl InitialCall {
    pub(super) fn to_term(&self) -> Term {
        let [module, function] = [&self.module, &self.function].map(|name| Term::Atom(name.clone()));
        Term::tuple([module, function, Term::from(self.arity)])
    }
}

/// Without a file and a line: what runs is not known to know them.
fn current_location(cell: &ProcessCell) -> Term {
    let call = cell.body.initial_call();
    Term::tuple([Term::Atom(call.module), Term::Atom(call.function), Term::from(call.arity), Term::NIL])
}

fn item(node: &Node, cell: &ProcessCell, name: &str) -> Option<Term> {
    // Before the state is locked, which comes after the mailbox.
    match name {
        "messages" => return Some(messages(cell)),
        "message_queue_len" => return Some(Term::from(queue_len(cell))),
        "memory" => return Some(Term::from(memory(cell))),
        _ => {}
    }
    let state = cell.state.lock();
    let pids = |pids: Vec<Pid>| Term::list(pids.into_iter().map(Term::Pid));
    Some(match name {
        "registered_name" => {
            drop(state);
            node.names().name_of(&cell.pid).map_or(Term::NIL, Term::Atom)
        }
        "initial_call" | "current_function" => cell.body.initial_call().to_term(),
        "current_location" => current_location(cell),
        "status" => Term::Atom(if state.exit_reason().is_some() {
            atom!("exiting")
        } else if cell.is_running.load(Ordering::Relaxed) {
            atom!("running")
        } else if state.is_waiting() || state.inbox_len() == 0 {
            atom!("waiting")
        } else {
            atom!("runnable")
        }),
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
        "parent" => cell.parent.clone().map_or_else(undefined, Term::Pid),
        "label" => cell.label().unwrap_or_else(undefined),
        "dictionary" => pairs(dictionary(cell)),
        "garbage_collection_info" => {
            Term::list(GARBAGE_COLLECTION_INFO.map(|name| pair(name, Term::from(0))))
        }
        "max_heap_size" => max_heap_size(),
        "backtrace" => {
            let waits = if cell.is_running.load(Ordering::Relaxed) { "runs" } else { "waits" };
            Term::from(format!("{} {waits}\n", cell.body.initial_call().to_term()))
        }
        "current_stacktrace" => Term::list([current_location(cell)]),
        "sequential_trace_token" => {
            cell.seq_trace.lock().token().map_or(Term::NIL, crate::process::SeqTraceToken::to_term)
        }
        "suspending" | "binary" | "magic_ref" => Term::NIL,
        "last_calls" | "async_dist" | "priority_messages" => Term::from(false),
        // What its task holds, which is its stack and heap in one.
        "total_heap_size" | "heap_size" => {
            Term::from(cell.task_size.load(Ordering::Relaxed).div_ceil(size_of::<usize>()))
        }
        // There is no heap that grows, and no garbage.
        "stack_size" | "catchlevel" | "trace" | "fullsweep_after" | "min_heap_size"
        | "min_bin_vheap_size" => Term::from(0),
        "garbage_collection" => {
            let sizes = ["min_bin_vheap_size", "min_heap_size", "fullsweep_after", "minor_gcs"];
            let sizes = sizes.map(|name| pair(name, Term::from(0)));
            Term::list(std::iter::once(pair("max_heap_size", max_heap_size())).chain(sizes))
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::tests::{in_process, term};

    fn look(node: &Node, pid: &Pid, items: &str) -> String {
        some(node, pid, &term(items)).expect("items are right").to_string()
    }

    #[tokio::test]
    async fn messages_that_were_passed_over_are_seen_in_their_order() {
        let node = Node::nonode();
        let seen = in_process(&node, async |mut process| {
            let (node, own) = (process.node().clone(), process.pid().clone());
            for number in 1..=3 {
                process.send(&own, number).await.unwrap();
            }
            process.receive_match(|message| message.to_term().unwrap() == Term::from(2)).await;
            process.send(&own, term("{four, \"4\"}")).await.unwrap();
            // In the midst of a receive nobody looks in, and nobody waits for ever.
            process
                .receive_match(|_| {
                    assert_eq!(look(&node, &own, "messages"), "{messages,[]}");
                    true
                })
                .await;
            look(&node, &own, "[messages, message_queue_len, status]")
        });
        let expected = "[{messages,[3,{four,\"4\"}]},{message_queue_len,2},{status,running}]";
        assert_eq!(seen.await, expected);
    }

    #[tokio::test]
    async fn who_started_a_process_is_known() {
        let node = Node::nonode();
        let outside = node.spawn(|_| std::future::pending());
        assert_eq!(look(&node, &outside, "[parent, dictionary]"), "[{parent,undefined},{dictionary,[]}]");
        assert_eq!(
            look(&node, &outside, "{dictionary, '$ancestors'}"),
            "{{dictionary,'$ancestors'},undefined}"
        );
        let (own, seen) = in_process(&node, async |process| {
            let child = process.spawn(|_| std::future::pending());
            (process.pid().clone(), look(process.node(), &child, "parent"))
        })
        .await;
        assert_eq!(seen, Term::tuple([Term::Atom(atom!("parent")), Term::Pid(own)]).to_string());
    }
}

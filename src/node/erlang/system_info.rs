//! `erlang:system_info/1`: what kind of node it is.

use super::super::Node;
use crate::atom;
use crate::term::{Atom, Map, Term};

/// The release whose behaviour towards other nodes this node has.
const OTP_RELEASE: &str = "27";

const VERSION: &str = concat!("erlnode ", env!("CARGO_PKG_VERSION"));

/// `None` is `badarg`: there is no such item.
pub(super) fn system_info(node: &Node, item: &Term) -> Option<Term> {
    let item = match item {
        Term::Tuple(tuple) => match &**tuple {
            [Term::Atom(wordsize), Term::Atom(which)]
                if wordsize == "wordsize" && (which == "internal" || which == "external") =>
            {
                wordsize
            }
            _ => return None,
        },
        item => item.as_atom()?,
    };
    identity(node, item.as_str()).or_else(|| limits(node, item.as_str())).or_else(|| tuning(node, item))
}

/// What it is, and runs on.
fn identity(node: &Node, item: &str) -> Option<Term> {
    let undefined = || Term::Atom(atom!("undefined"));
    Some(match item {
        "otp_release" => Term::charlist(OTP_RELEASE),
        "compat_rel" => Term::from(OTP_RELEASE.parse::<u32>().ok()?),
        "version" => Term::charlist(VERSION),
        "system_version" => Term::charlist(&format!("{VERSION} (Rust)\n")),
        "system_architecture" => {
            Term::charlist(&format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS))
        }
        "machine" => Term::charlist("erlnode"),
        "build_type" => Term::Atom(if cfg!(debug_assertions) { atom!("debug") } else { atom!("opt") }),
        "debug_compiled" => Term::from(cfg!(debug_assertions)),
        "creation" => Term::from(node.creation().0),
        "wordsize" => Term::from(size_of::<usize>()),
        "start_time" => Term::from(0),
        "end_time" => Term::from(i64::MAX),
        "time_correction" => Term::from(true),
        "time_warp_mode" => Term::Atom(atom!("no_time_warp")),
        "smp_support" | "threads" | "kernel_poll" => Term::from(true),
        "cpu_topology" => undefined(),
        _ => return None,
    })
}

/// How much of what there is and can be.
fn limits(node: &Node, item: &str) -> Option<Term> {
    let workers = || node.runtime().metrics().num_workers();
    Some(match item {
        "process_count" => Term::from(node.process_table().len()),
        // As many as pids can tell apart at a time.
        "process_limit" => Term::from(1u64 << 28),
        // There are no tables of them. A limit of 0 would be divided by.
        "port_count" | "atom_count" | "ets_count" => Term::from(0),
        "port_limit" | "atom_limit" | "ets_limit" => Term::from(1),
        "schedulers" | "schedulers_online" => Term::from(workers()),
        "schedulers_state" => Term::tuple([workers(); 3].map(Term::from)),
        "logical_processors" | "logical_processors_online" | "logical_processors_available" => {
            Term::from(std::thread::available_parallelism().map_or(1, usize::from))
        }
        "dirty_cpu_schedulers"
        | "dirty_cpu_schedulers_online"
        | "dirty_io_schedulers"
        | "thread_pool_size" => Term::from(0),
        "scheduler_id" => Term::from(1),
        "dist_buf_busy_limit" => Term::from(node.settings().dist_buf_busy_limit),
        _ => return None,
    })
}

/// What a BEAM could be tuned by; here it has no effect, which is what these values say.
fn tuning(node: &Node, item: &Atom) -> Option<Term> {
    let pair = |value: Term| Term::tuple([Term::Atom(item.clone()), value]);
    let named = |name: Atom| Term::tuple([Term::Atom(name), Term::from(0)]);
    Some(match item.as_str() {
        "min_heap_size" | "min_bin_vheap_size" | "fullsweep_after" => pair(Term::from(0)),
        "max_heap_size" => pair(max_heap_size()),
        "garbage_collection" => Term::list([
            Term::tuple([Term::Atom(atom!("max_heap_size")), max_heap_size()]),
            named(atom!("min_bin_vheap_size")),
            named(atom!("min_heap_size")),
            named(atom!("fullsweep_after")),
        ]),
        "message_queue_data" => Term::Atom(atom!("off_heap")),
        "heap_type" => Term::Atom(atom!("private")),
        "multi_scheduling" => Term::Atom(atom!("enabled")),
        "multi_scheduling_blockers" | "normal_multi_scheduling_blockers" => Term::NIL,
        "scheduler_bind_type" => Term::Atom(atom!("unbound")),
        "scheduler_bindings" => {
            let unbound = (0..node.runtime().metrics().num_workers()).map(|_| Term::Atom(atom!("unbound")));
            Term::tuple(unbound)
        }
        "modified_timing_level" => Term::Atom(atom!("undefined")),
        "dynamic_trace" => Term::Atom(atom!("none")),
        "sequential_tracer" => pair(Term::from(false)),
        "trace_control_word" => Term::from(0),
        "elib_malloc" | "eager_check_io" => Term::from(false),
        _ => return None,
    })
}

/// No limit.
pub(in super::super) fn max_heap_size() -> Term {
    let flag = |name, value| (Term::Atom(name), value);
    Term::Map(Map::from_iter([
        flag(atom!("size"), Term::from(0)),
        flag(atom!("kill"), Term::from(false)),
        flag(atom!("error_logger"), Term::from(false)),
        flag(atom!("include_shared_binaries"), Term::from(false)),
    ]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn items_are_known_and_others_are_badarg() {
        let node = Node::nonode();
        let get = |item: &str| system_info(&node, &item.parse().unwrap()).map(|value| value.to_string());
        assert_eq!(get("otp_release").as_deref(), Some("\"27\""));
        assert_eq!(get("{wordsize,internal}"), get("wordsize"));
        assert_eq!(get("min_heap_size").as_deref(), Some("{min_heap_size,0}"));
        assert_eq!(get("schedulers_state").as_deref(), Some("{1,1,1}"));
        for item in ["nothing", "{wordsize,other}", "{allocator,x}", "1", "\"version\""] {
            assert_eq!(get(item), None, "{item}");
        }
    }
}

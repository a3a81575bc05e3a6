//! `erlang:statistics/1`: how busy the node is.
//!
//! Reductions are polls of tasks, and what waits to run is in one queue for all schedulers: the threads of the
//! runtime.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::super::Node;
use crate::atom;
use crate::term::{Atom, Term};

/// What the figures were when they were asked for last, as some are told as a difference, too.
#[derive(Debug, Default)]
pub(super) struct Statistics {
    wall_clock: AtomicU64,
    runtime: AtomicU64,
    reductions: AtomicU64,
    exact_reductions: AtomicU64,
}

impl Statistics {
    /// `None` is `badarg`: there is no such item.
    pub(super) fn get(&self, node: &Node, item: &Atom) -> Option<Term> {
        let metrics = node.runtime().metrics();
        let waiting = || Term::from(metrics.global_queue_depth());
        // The one that answers runs.
        let active = || Term::from(metrics.global_queue_depth() + 1);
        let of_schedulers = |first: Term| {
            let others = (1..metrics.num_workers()).map(|_| Term::from(0));
            Term::list(std::iter::once(first).chain(others))
        };
        let polls = || node.process_table().total_polls();
        Some(match item.as_str() {
            "wall_clock" => since_last(&self.wall_clock, milliseconds(node.uptime())),
            "runtime" => since_last(&self.runtime, milliseconds(cpu_time().unwrap_or_default())),
            "reductions" => since_last(&self.reductions, polls()),
            "exact_reductions" => since_last(&self.exact_reductions, polls()),
            "context_switches" => pair(Term::from(polls()), Term::from(0)),
            "run_queue" | "total_run_queue_lengths" | "total_run_queue_lengths_all" => waiting(),
            "run_queue_lengths" | "run_queue_lengths_all" => of_schedulers(waiting()),
            "total_active_tasks" | "total_active_tasks_all" => active(),
            "active_tasks" | "active_tasks_all" => of_schedulers(active()),
            "scheduler_wall_time" | "scheduler_wall_time_all" => {
                let total = node.uptime().as_nanos();
                Term::list((0..metrics.num_workers()).map(|worker| {
                    let busy = metrics.worker_total_busy_duration(worker).as_nanos().min(total);
                    Term::tuple([Term::from(worker + 1), Term::from(busy), Term::from(total)])
                }))
            }
            "io" => {
                let (input, output) = node.bytes_transferred();
                let named = |name, bytes: u64| pair(Term::Atom(name), Term::from(bytes));
                pair(named(atom!("input"), input), named(atom!("output"), output))
            }
            "garbage_collection" => Term::tuple([0, 0, 0].map(Term::from)),
            // Says that it is not measured.
            "microstate_accounting" => Term::Atom(atom!("undefined")),
            _ => return None,
        })
    }
}

fn pair(a: Term, b: Term) -> Term {
    Term::tuple([a, b])
}

/// `{Total, SinceLastCall}`.
fn since_last(last: &AtomicU64, total: u64) -> Term {
    let before = last.swap(total, Ordering::Relaxed);
    pair(Term::from(total), Term::from(total.saturating_sub(before)))
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// The processor time of the whole program, on systems that tell it in a file.
fn cpu_time() -> Option<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name, in parentheses, may hold anything; user and system time are the 12th and 13th number behind it, in
    // hundredths of a second.
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    let (user, system): (u64, u64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some(Duration::from_millis((user + system) * 10))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_come_with_the_difference_to_the_last_ones() {
        let last = AtomicU64::new(0);
        assert_eq!(since_last(&last, 10).to_string(), "{10,10}");
        assert_eq!(since_last(&last, 15).to_string(), "{15,5}");
    }

    #[tokio::test]
    async fn every_item_has_the_shape_it_has_in_erlang() {
        let node = Node::nonode();
        let statistics = Statistics::default();
        let get = |item: &str| statistics.get(&node, &Atom::new(item).unwrap());
        for item in ["wall_clock", "runtime", "reductions", "exact_reductions", "context_switches", "io"] {
            assert_eq!(get(item).unwrap().as_tuple().unwrap().len(), 2, "{item}");
        }
        for item in ["run_queue", "total_run_queue_lengths", "total_active_tasks"] {
            assert!(matches!(get(item), Some(Term::Integer(_))), "{item}");
        }
        for item in ["run_queue_lengths", "active_tasks_all", "scheduler_wall_time"] {
            assert_eq!(get(item).unwrap().as_list().unwrap().len(), node.runtime().metrics().num_workers());
        }
        assert_eq!(get("nothing"), None);
    }
}

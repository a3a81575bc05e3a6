//! `observer_backend:fetch_stats/2`: figures that are sent again and again, for the page Load Charts.
//!
//! The process that runs it sends, every so many milliseconds,
//!
//! ```text
//! {stats, 1, [{Scheduler, Active, Total}], {{input, Bytes}, {output, Bytes}}, Memory}
//! ```
//!
//! until it gets any message, or ends by its link.

use std::time::Duration;

use super::BACKEND;
use crate::atom;
use crate::node::{Caller, Node};
use crate::term::{Atom, Pid, Term};

/// More often nobody needs it.
const SHORTEST: Duration = Duration::from_millis(10);

pub(super) fn export(node: &Node) {
    node.export(BACKEND, "fetch_stats", async |mut caller: Caller, (to, interval): (Pid, u64)| {
        let interval = Duration::from_millis(interval).max(SHORTEST);
        while caller.receive_timeout(interval).await.is_none() {
            let stats = stats(caller.node());
            caller.send(&to, stats).await?;
        }
        Ok(atom!("ok"))
    });
}

fn stats(node: &Node) -> Term {
    let statistics = |item: Atom| node.statistics(&item).unwrap_or_default();
    Term::tuple([
        Term::Atom(atom!("stats")),
        Term::from(1),
        statistics(atom!("scheduler_wall_time")),
        statistics(atom!("io")),
        node.memory(),
    ])
}

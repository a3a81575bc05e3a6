//! The rules that keep partitions from overlapping.
//!
//! When A loses its connection to B, and C still sees both, then A and B would each go on without the other in one
//! cluster with C. So A tells all others, they tell each other, and each of them asks B to disconnect from it; B does
//! the same to A. In the end both are alone, and whatever connects them again makes them join anew.
//!
//! ```text
//!   A                 C                 B
//!   │ lost_connection │ lost_connection │      each node passes the first of a kind on to all others
//!   ├────────────────▶│◀────────────────┤
//!   │remove_connection│remove_connection│
//!   │◀────────────────┼────────────────▶│
//!   │   disconnects   │   disconnects   │
//! ```

use std::collections::HashMap;
use std::time::{Duration, Instant};

use foldhash::fast::FixedState;

use super::message::{Info, OVERLAP_VERSION};
use super::name_server::{Action, NameServer};
use crate::term::{Atom, Term};

/// How long a report is remembered, so that its copies are known when they come by way of others.
const REMEMBERED: Duration = Duration::from_secs(3600);

/// The reports of lost connections that have been seen: by whom and to whom, the latest one.
#[derive(Debug, Default)]
pub(super) struct Reports(HashMap<(Atom, Atom), Report, FixedState>);

#[derive(Debug)]
struct Report {
    /// Tells the incarnations of the reporting server apart.
    creation: Term,
    id: Term,
    seen: Instant,
}

impl Reports {
    /// Takes a report in; true if it is news.
    fn is_news(&mut self, from: &Atom, lost: &Atom, creation: &Term, id: &Term, now: Instant) -> bool {
        self.0.retain(|_, report| now.saturating_duration_since(report.seen) < REMEMBERED);
        let key = (from.clone(), lost.clone());
        if let Some(report) = self.0.get(&key)
            && report.creation == *creation
            && *id <= report.id
        {
            return false;
        }
        self.0.insert(key, Report { creation: creation.clone(), id: id.clone(), seen: now });
        true
    }
}

impl NameServer {
    /// Tells the others that the connection to `lost` is gone.
    pub(super) fn report_lost_connection(&mut self, lost: &Atom) {
        if !self.prevents_overlap() {
            return;
        }
        let id = self.next_number();
        let report = Info::LostConnection(self.node().clone(), self.creation().clone(), id, lost.clone());
        self.tell_others(&report, lost);
    }

    /// A node has lost the connection to another one.
    pub(super) fn lost_connection(&mut self, report: Info, now: Instant) {
        let Info::LostConnection(from, creation, id, lost) = &report else { return };
        if !self.prevents_overlap() || !self.reports.is_news(from, lost, creation, id, now) {
            return;
        }
        self.tell_others(&report, from);
        let other = if lost == self.node() { from } else { lost };
        if !self.is_member_or_joining(other) {
            return;
        }
        if self.version_of(other) < OVERLAP_VERSION {
            tracing::warn!(node = %other, lost_by = %from, "disconnects from an old node, to prevent overlapping partitions");
            self.act(Action::Disconnect(other.clone()));
        } else {
            tracing::warn!(node = %other, lost_by = %from, "asks a node to disconnect, to prevent overlapping partitions");
            self.act(Action::Info(other.clone(), Info::RemoveConnection(self.node().clone())));
        }
        self.begin_removal(other);
    }

    /// A node wants this one to disconnect from it.
    pub(super) fn remove_connection(&mut self, node: &Atom) {
        if self.is_member_or_joining(node) {
            tracing::warn!(%node, "disconnects from a node that asked for it, to prevent overlapping partitions");
            self.begin_removal(node);
            self.act(Action::Disconnect(node.clone()));
        } else if self.is_removing(node) {
            // Each has asked the other: without this, each would wait for the other for good.
            self.act(Action::Disconnect(node.clone()));
        }
    }

    fn tell_others(&mut self, report: &Info, except: &Atom) {
        let others: Vec<Atom> = self
            .members_and_joining()
            .filter(|(node, version)| *version >= OVERLAP_VERSION && *node != except)
            .map(|(node, _)| node.clone())
            .collect();
        for node in others {
            self.act(Action::Info(node, report.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::atom;

    #[test]
    fn only_later_reports_and_those_of_another_incarnation_are_news() {
        let mut reports = Reports::default();
        let now = Instant::now();
        let mut is_news = |creation: i32, id: i32, now| {
            reports.is_news(&atom!("a"), &atom!("b"), &creation.into(), &id.into(), now)
        };
        assert!(is_news(1, -5, now));
        assert!(!is_news(1, -5, now));
        assert!(!is_news(1, -6, now));
        assert!(is_news(1, 3, now));
        assert!(is_news(2, 1, now));
        assert!(!is_news(2, 1, now + REMEMBERED / 2));
        assert!(is_news(2, 1, now + REMEMBERED * 2));
    }
}

//! Processes that belong together, each as often as it has joined, in the order in which they did.

use std::collections::{BTreeMap, HashMap};

use foldhash::fast::FixedState;
use smallvec::SmallVec;

use crate::term::Pid;

/// Processes with the numbers of their joins, which rise.
///
/// A process that has joined several times is there as often, and each leave takes one of them: that of the last join.
#[derive(Debug, Default)]
pub(super) struct Members {
    by_join: BTreeMap<u64, Pid>,
    joins: HashMap<Pid, SmallVec<[u64; 1]>, FixedState>,
}

impl Members {
    /// Adds a process; `join` is greater than all before.
    pub(super) fn join(&mut self, join: u64, pid: &Pid) {
        self.by_join.insert(join, pid.clone());
        self.joins.entry(pid.clone()).or_default().push(join);
    }

    /// Takes back the last join of a process; false if there is none.
    pub(super) fn leave(&mut self, pid: &Pid) -> bool {
        let Some(joins) = self.joins.get_mut(pid) else { return false };
        if let Some(join) = joins.pop() {
            self.by_join.remove(&join);
        }
        if joins.is_empty() {
            self.joins.remove(pid);
        }
        true
    }

    /// The processes with the numbers of their joins, the last one first.
    pub(super) fn newest_first(&self) -> impl Iterator<Item = (u64, &Pid)> {
        self.by_join.iter().rev().map(|(join, pid)| (*join, pid))
    }

    pub(super) fn pids(&self) -> Vec<Pid> {
        self.newest_first().map(|(_, pid)| pid.clone()).collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_join.is_empty()
    }

    /// What has to join and what has to leave for these to become `wanted`: each process so often.
    pub(super) fn difference(&self, wanted: &[Pid]) -> (Vec<Pid>, Vec<Pid>) {
        let mut counts: HashMap<&Pid, usize, FixedState> = HashMap::default();
        for pid in wanted {
            *counts.entry(pid).or_default() += 1;
        }
        let mut leaving = Vec::new();
        for (_, pid) in self.newest_first() {
            match counts.get_mut(pid) {
                Some(count) if *count > 0 => *count -= 1,
                _ => leaving.push(pid.clone()),
            }
        }
        let mut joining = Vec::new();
        for pid in wanted {
            // What is left of its count is new.
            if let Some(count) = counts.get_mut(pid)
                && *count > 0
            {
                *count -= 1;
                joining.push(pid.clone());
            }
        }
        (joining, leaving)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::atom;
    use crate::term::Creation;

    fn pid(id: u32) -> Pid {
        Pid { node: atom!("a@vm"), id, serial: 0, creation: Creation(1) }
    }

    fn members(ids: &[u32]) -> Members {
        let mut members = Members::default();
        (0..).zip(ids).for_each(|(join, id)| members.join(join, &pid(*id)));
        members
    }

    fn ids(pids: &[Pid]) -> Vec<u32> {
        pids.iter().map(|pid| pid.id).collect()
    }

    #[test]
    fn a_process_is_a_member_as_often_as_it_has_joined() {
        let mut members = members(&[1, 2, 1]);
        assert_eq!(ids(&members.pids()), [1, 2, 1]);
        assert!(members.leave(&pid(1)));
        assert_eq!(ids(&members.pids()), [2, 1]);
        assert!(members.leave(&pid(1)));
        assert!(!members.leave(&pid(1)));
        assert!(members.leave(&pid(2)));
        assert!(members.is_empty() && members.joins.is_empty());
    }

    #[test]
    fn a_difference_counts_how_often_each_is_there() {
        let difference = |ids_before: &[u32], wanted: &[u32]| {
            let wanted: Vec<Pid> = wanted.iter().map(|id| pid(*id)).collect();
            let (joining, leaving) = members(ids_before).difference(&wanted);
            (ids(&joining), ids(&leaving))
        };
        assert_eq!(difference(&[], &[1, 1]), (vec![1, 1], vec![]));
        assert_eq!(difference(&[1, 1, 2], &[1, 3]), (vec![3], vec![2, 1]));
        assert_eq!(difference(&[1, 2], &[2, 1]), (vec![], vec![]));
        assert_eq!(difference(&[1], &[]), (vec![], vec![1]));
    }
}

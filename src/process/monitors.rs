//! Monitors: the ones a process has on others, and the ones others have on it.

use std::collections::HashMap;

use foldhash::fast::FixedState;

use super::Recipient;
use crate::term::{Atom, Pid, Reference, Term};

/// A monitor that this process has.
#[derive(Debug, Clone)]
pub(crate) struct Monitor {
    pub(crate) target: Recipient,
    /// What stands in the place of `'DOWN'`, if something else was asked for.
    pub(crate) tag: Option<Term>,
}

/// A process that monitors this one.
#[derive(Debug, Clone)]
pub(crate) struct Watcher {
    pub(crate) pid: Pid,
    /// The name it asked for, if not the pid.
    pub(crate) name: Option<Atom>,
}

/// The monitors of one process, in both directions.
#[derive(Debug, Default)]
pub(crate) struct Monitors {
    pub(crate) own: HashMap<Reference, Monitor, FixedState>,
    pub(crate) watchers: HashMap<Reference, Watcher, FixedState>,
}

impl Monitors {
    /// Removes the monitors on processes of `node` and gives them; the watchers there are forgotten.
    pub(crate) fn node_down(&mut self, node: &Atom) -> Vec<(Reference, Monitor)> {
        self.watchers.retain(|_, watcher| watcher.pid.node != *node);
        self.own.extract_if(|_, monitor| monitor.target.node() == node).collect()
    }
}

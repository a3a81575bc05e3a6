//! The names of the cluster, as this node knows them.

use std::collections::HashMap;

use foldhash::fast::FixedState;

use super::message::{ExternalName, NamedProcess};
use crate::term::{Atom, Pid, Term};

#[derive(Debug, Default)]
pub(super) struct Names {
    by_name: HashMap<Term, Registered, FixedState>,
    by_pid: HashMap<Pid, Vec<Term>, FixedState>,
}

/// What a name stands for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Registered {
    pub(super) pid: Pid,
    pub(super) method: Term,
    /// The node by way of which a process outside of Erlang was registered.
    pub(super) registered_at: Option<Atom>,
}

impl Names {
    pub(super) fn get(&self, name: &Term) -> Option<&Registered> {
        self.by_name.get(name)
    }

    /// The process that was the name's before is without it now.
    pub(super) fn insert(&mut self, named: NamedProcess, registered_at: Option<Atom>) {
        let NamedProcess { name, pid, method } = named;
        self.remove(&name);
        self.by_pid.entry(pid.clone()).or_default().push(name.clone());
        self.by_name.insert(name, Registered { pid, method, registered_at });
    }

    pub(super) fn remove(&mut self, name: &Term) {
        let Some(Registered { pid, .. }) = self.by_name.remove(name) else { return };
        if let Some(names) = self.by_pid.get_mut(&pid) {
            names.retain(|other| other != name);
            if names.is_empty() {
                self.by_pid.remove(&pid);
            }
        }
    }

    pub(super) fn remove_processes(&mut self, gone: impl Fn(&Pid) -> bool) {
        self.by_pid.retain(|pid, names| {
            let gone = gone(pid);
            if gone {
                for name in names {
                    self.by_name.remove(name);
                }
            }
            !gone
        });
    }

    pub(super) fn is_named(&self, pid: &Pid) -> bool {
        self.by_pid.contains_key(pid)
    }

    pub(super) fn processes(&self) -> impl Iterator<Item = &Pid> {
        self.by_pid.keys()
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &Term> {
        self.by_name.keys()
    }

    /// All names, as one side of a join tells them to the other.
    pub(super) fn all(&self) -> Vec<NamedProcess> {
        let all = self.by_name.iter().map(|(name, of)| NamedProcess {
            name: name.clone(),
            pid: of.pid.clone(),
            method: of.method.clone(),
        });
        all.collect()
    }

    pub(super) fn external(&self) -> Vec<ExternalName> {
        let external = self.by_name.iter().filter_map(|(name, of)| {
            let registered_at = of.registered_at.clone()?;
            Some(ExternalName { name: name.clone(), pid: of.pid.clone(), registered_at })
        });
        external.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::atom;
    use crate::term::Creation;

    fn named(name: u32, id: u32) -> NamedProcess {
        let pid = Pid { node: atom!("a@vm"), id, serial: 0, creation: Creation(1) };
        NamedProcess { name: Term::from(name), pid, method: Term::NIL }
    }

    #[test]
    fn a_name_has_one_process_and_a_process_any_number_of_names() {
        let mut names = Names::default();
        names.insert(named(1, 1), None);
        names.insert(named(2, 1), None);
        names.insert(named(1, 2), Some(atom!("b@vm")));
        assert_eq!(names.get(&Term::from(1)).map(|registered| registered.pid.id), Some(2));
        assert_eq!(names.external().len(), 1);
        names.remove_processes(|pid| pid.id == 1);
        assert_eq!(names.all(), [named(1, 2)]);
        assert!(!names.is_named(&named(2, 1).pid));
        names.remove(&Term::from(1));
        assert_eq!((names.names().count(), names.processes().count()), (0, 0));
    }
}

//! What the name server tells of itself: to programs, and to those who look from a shell.

use super::name_server::NameServer;
use super::server::Shared;
use crate::atom;
use crate::term::{Atom, Map, Pid, Term};

/// What a node's name server knows of the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct GlobalInfo {
    /// The other members of the cluster.
    pub known: Vec<Atom>,
    /// Those that have come to an agreement with this node about all names.
    pub synced: Vec<Atom>,
    /// Those that are about to join.
    pub joining: Vec<Atom>,
    /// Those that were thrown out, as they have lost another member or this node, and are still connected.
    pub removing: Vec<Atom>,
    /// The locks that are set on this node.
    pub locks: Vec<LockInfo>,
}

/// A lock that is set on a node.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LockInfo {
    /// What is locked.
    pub resource: Term,
    /// For whom.
    pub requester: Term,
    /// By which processes.
    pub holders: Vec<Pid>,
}

impl NameServer {
    pub(super) fn info_of_all(&self) -> GlobalInfo {
        GlobalInfo {
            known: self.known().keys().cloned().collect(),
            synced: self.synced().cloned().collect(),
            joining: self.sessions.keys().cloned().collect(),
            removing: self.removing().cloned().collect(),
            locks: self.locks.all(),
        }
    }

    /// The record that holds the state of a BEAM's server, with what this one has of it.
    fn state(&self, registrar: Option<&Pid>) -> Term {
        let pairs =
            self.known().iter().map(|(node, version)| (Term::Atom(node.clone()), Term::from(*version)));
        let tagged = |tag: Atom, node: &Atom| Term::tuple([tag.into(), node.clone().into()]);
        let pending = self.members_and_joining().filter(|(node, _)| !self.known().contains_key(*node));
        let pending = pending.map(|(node, version)| (tagged(atom!("pending"), node), Term::from(version)));
        let removing = self.removing().map(|node| (tagged(atom!("removing"), node), atom!("yes").into()));
        let known: Map = pairs.chain(pending).chain(removing).collect();
        let pid = |pid: Option<&Pid>| pid.map_or(atom!("undefined").into(), |pid| Term::Pid(pid.clone()));
        Term::tuple([
            atom!("state").into(),
            Term::tuple([atom!("conf").into(), self.connects_all().into(), self.prevents_overlap().into()]),
            Term::Map(known),
            Term::list(self.synced().cloned().map(Term::Atom)),
            // Its resolvers and syncers are no processes here.
            Term::NIL,
            Term::NIL,
            self.node().clone().into(),
            pid(Some(self.locker())),
            pid(registrar),
            atom!("no_trace").into(),
            self.locks.is_global_down().into(),
        ])
    }
}

impl Shared {
    /// What `sys:get_state(global_name_server)` and `global:info/0` show.
    pub(super) fn state(&self) -> Term {
        let registrar = self.registrar.lock().clone();
        self.rules.lock().state(registrar.as_ref())
    }
}

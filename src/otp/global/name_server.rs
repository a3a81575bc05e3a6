//! The global name server as a state machine: messages in, actions out.
//!
//! It holds the members of the cluster, the names and the locks. [`NameServer::call`] and its like take what comes;
//! after each of them [`NameServer::poll_action`] is to be asked until it gives nothing more, and the actions are to be
//! carried out in that order. How nodes join is in [`join`](super::join), what happens when they lose each other in
//! [`overlap`](super::overlap).

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Instant;

use super::join::{Conflict, EarlyConnect, Session};
use super::locker;
use super::locks::Locks;
use super::message::{Call, Cast, ExternalName, Info, LockId, NamedProcess, Op, PROTOCOL_VERSION};
use super::names::Names;
use super::overlap::Reports;
use crate::atom;
use crate::term::{Atom, Pid, Term};

/// What a name server needs to know of its node.
#[derive(Debug, Clone)]
pub(super) struct Identity {
    pub(super) node: Atom,
    /// The process that locks for this node when it joins others.
    pub(super) locker: Pid,
    /// Tells this incarnation of the server apart from all others of the node's name.
    pub(super) creation: Term,
    /// The first of the numbers it counts its sessions and reports with.
    pub(super) first_number: i64,
    /// Whether it joins other nodes at all.
    pub(super) connect_all: bool,
    pub(super) prevent_overlapping_partitions: bool,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Action {
    /// Send this cast to the name server of a node.
    Cast(Atom, Cast),
    /// Send this message to the name server of a node.
    Info(Atom, Info),
    /// Monitor the process, and say by [`NameServer::down`] when it ends. Only if it may is a connection to be made.
    Watch { pid: Pid, may_connect: bool },
    /// Monitor it no longer.
    Unwatch(Pid),
    /// Tell the locker.
    Locker(locker::Command),
    /// Have the conflicts decided, and tell the outcome by [`NameServer::conflicts_decided`].
    Decide { node: Atom, tag: Term, conflicts: Vec<Conflict> },
    /// Connect to the node and say that this one is in sync with it; or report [`NameServer::node_down`].
    ConnectInSync(Atom),
    /// Close the connection to the node.
    Disconnect(Atom),
    /// All nodes that the request waited for are in sync, or gone.
    Synced(SyncId),
    /// Answer the caller with the process of the name.
    Found { caller: (Pid, Term), pid: Option<Pid> },
}

/// Who waits for nodes to be in sync.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SyncId(pub(super) u64);

#[derive(Debug)]
pub(super) struct NameServer {
    identity: Identity,
    number: i64,
    /// The other members of the cluster, with the version of the protocol they speak.
    known: BTreeMap<Atom, u32>,
    synced: BTreeSet<Atom>,
    /// Nodes that are thrown out and not gone yet.
    removing: BTreeSet<Atom>,
    /// The nodes this one is about to join.
    pub(super) sessions: BTreeMap<Atom, Session>,
    /// What came before this node knew of the connection.
    pub(super) early: BTreeMap<Atom, EarlyConnect>,
    pub(super) locks: Locks,
    pub(super) names: Names,
    pub(super) reports: Reports,
    waiting_for_sync: Vec<(SyncId, BTreeSet<Atom>)>,
    waiting_for_lock: Vec<(Term, (Pid, Term))>,
    actions: VecDeque<Action>,
}

impl NameServer {
    pub(super) fn new(identity: Identity) -> NameServer {
        NameServer {
            number: identity.first_number,
            identity,
            known: BTreeMap::new(),
            synced: BTreeSet::new(),
            removing: BTreeSet::new(),
            sessions: BTreeMap::new(),
            early: BTreeMap::new(),
            locks: Locks::default(),
            names: Names::default(),
            reports: Reports::default(),
            waiting_for_sync: Vec::new(),
            waiting_for_lock: Vec::new(),
            actions: VecDeque::new(),
        }
    }

    /// The next thing to do.
    pub(super) fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    pub(super) fn act(&mut self, action: Action) {
        self.actions.push_back(action);
    }

    // --- what it knows -----------------------------------------------------------------------------------------

    pub(super) fn node(&self) -> &Atom {
        &self.identity.node
    }

    pub(super) fn locker(&self) -> &Pid {
        &self.identity.locker
    }

    pub(super) fn creation(&self) -> &Term {
        &self.identity.creation
    }

    pub(super) fn connects_all(&self) -> bool {
        self.identity.connect_all
    }

    pub(super) fn prevents_overlap(&self) -> bool {
        self.identity.prevent_overlapping_partitions && self.identity.connect_all
    }

    /// The other members of the cluster.
    pub(super) fn known(&self) -> &BTreeMap<Atom, u32> {
        &self.known
    }

    /// The other members, and the nodes that have begun to join.
    pub(super) fn members_and_joining(&self) -> impl Iterator<Item = (&Atom, u32)> {
        let joining = self
            .sessions
            .iter()
            .filter(|(node, session)| session.has_begun() && !self.known.contains_key(*node));
        let joining = joining.map(|(node, session)| (node, session.version()));
        self.known.iter().map(|(node, version)| (node, *version)).chain(joining)
    }

    /// Of the protocol that a member, or a node that has begun to join, speaks.
    pub(super) fn version_of(&self, node: &Atom) -> u32 {
        self.members_and_joining().find(|(other, _)| *other == node).map_or(0, |(_, version)| version)
    }

    pub(super) fn is_member_or_joining(&self, node: &Atom) -> bool {
        self.known.contains_key(node) || self.sessions.get(node).is_some_and(Session::has_begun)
    }

    /// A number that is greater than all before, for tags and reports.
    pub(super) fn next_number(&mut self) -> Term {
        self.number += 1;
        Term::from(self.number)
    }

    // --- processes that were ended and started again -----------------------------------------------------------

    /// A server's process has started: it watches nothing yet, and may have missed nodes that came and went. The visible
    /// ones that are `connected` now are told.
    pub(super) fn server_started(&mut self, connected: &BTreeSet<Atom>) {
        let watched: BTreeSet<Pid> = self.names.processes().chain(self.locks.holders()).cloned().collect();
        for pid in watched {
            self.act(Action::Watch { pid, may_connect: false });
        }
        let nodes =
            self.known.keys().chain(self.sessions.keys()).chain(&self.removing).chain(self.early.keys());
        let gone: BTreeSet<Atom> = nodes.filter(|node| !connected.contains(*node)).cloned().collect();
        for node in gone {
            self.node_down(&node);
        }
        for node in connected.iter().filter(|node| !self.is_removing(node)).collect::<Vec<_>>() {
            self.node_up(node);
        }
    }

    /// The locker is this process from now on. Whatever the former had under way begins again.
    pub(super) fn locker_started(&mut self, locker: Pid) {
        self.identity.locker = locker;
        self.begin_all_again();
    }

    // --- nodes that come and go --------------------------------------------------------------------------------

    /// A visible node has been connected.
    pub(super) fn node_up(&mut self, node: &Atom) {
        self.removing.remove(node);
        // A member of this side was only waited for; it joins by way of the one who brought it in.
        let is_new = !self.known.contains_key(node) && !self.sessions.contains_key(node);
        if is_new && self.identity.connect_all {
            self.start_session(node);
        }
    }

    /// The connection to a node is gone, or one that was needed can't be made.
    pub(super) fn node_down(&mut self, node: &Atom) {
        self.end_session(node);
        self.early.remove(node);
        self.known.remove(node);
        self.synced.remove(node);
        self.drop_processes_of(node);
        if !self.removing.remove(node) {
            self.report_lost_connection(node);
        }
        self.is_in_sync_or_gone(node);
    }

    /// The node is to be thrown out: it is no member any more, and its end will be no news to others.
    pub(super) fn begin_removal(&mut self, node: &Atom) {
        self.end_session(node);
        self.known.remove(node);
        self.removing.insert(node.clone());
    }

    /// This node leaves all those that are `connected`, and nobody is told that it has lost them.
    pub(super) fn leave(&mut self, connected: &[Atom]) {
        for node in connected {
            self.begin_removal(node);
            self.act(Action::Disconnect(node.clone()));
        }
    }

    pub(super) fn synced(&self) -> impl Iterator<Item = &Atom> {
        self.synced.iter()
    }

    pub(super) fn removing(&self) -> impl Iterator<Item = &Atom> {
        self.removing.iter()
    }

    pub(super) fn is_removing(&self, node: &Atom) -> bool {
        self.removing.contains(node)
    }

    pub(super) fn add_known(&mut self, node: Atom, version: u32) {
        self.known.insert(node, version);
    }

    pub(super) fn add_synced(&mut self, node: &Atom) {
        self.synced.insert(node.clone());
        self.is_in_sync_or_gone(node);
    }

    /// Has [`Action::Synced`] done with this id when all of the nodes are in sync, or gone.
    pub(super) fn wait_for_sync(&mut self, id: SyncId, nodes: impl IntoIterator<Item = Atom>) {
        let nodes: BTreeSet<Atom> = nodes.into_iter().filter(|node| !self.synced.contains(node)).collect();
        if nodes.is_empty() || !self.identity.connect_all {
            self.act(Action::Synced(id));
        } else {
            self.waiting_for_sync.push((id, nodes));
        }
    }

    fn is_in_sync_or_gone(&mut self, node: &Atom) {
        for (_, nodes) in &mut self.waiting_for_sync {
            nodes.remove(node);
        }
        let actions = &mut self.actions;
        self.waiting_for_sync.retain(|(id, nodes)| {
            if nodes.is_empty() {
                actions.push_back(Action::Synced(*id));
            }
            !nodes.is_empty()
        });
    }

    // --- messages ----------------------------------------------------------------------------------------------

    /// Serves a call. The reply never waits: everything in the cluster that needs a lock waits for it.
    pub(super) fn call(&mut self, caller: &Pid, call: Call) -> Term {
        match call {
            Call::SetLock(lock) => Term::from(self.set_lock(lock, caller)),
            Call::DelLock(lock) => {
                self.change(caller, false, |locks, _| locks.del(&lock, caller));
                self.answer_waiting();
                Term::from(true)
            }
            Call::Register(name, pid, method) => {
                self.register(NamedProcess { name, pid, method }, None, |locks| locks.lets_register(caller));
                atom!("yes").into()
            }
            Call::RegisterExt(name, pid, method, at) => {
                self.register(NamedProcess { name, pid, method }, Some(at), |locks| {
                    locks.lets_register(caller)
                });
                atom!("yes").into()
            }
            Call::Unregister(name) => {
                self.unregister(&name);
                atom!("ok").into()
            }
            Call::GetKnown => Term::list(self.known.keys().cloned().map(Term::from)),
            Call::GetSynced => Term::list(self.synced.iter().cloned().map(Term::from)),
            Call::GetProtocolVersion => Term::from(PROTOCOL_VERSION),
            Call::GetNamesExt => {
                let term = |external: ExternalName| {
                    Term::tuple([external.name, external.pid.into(), external.registered_at.into()])
                };
                Term::list(self.names.external().into_iter().map(term))
            }
        }
    }

    pub(super) fn cast(&mut self, cast: Cast) {
        match cast {
            Cast::InitConnect(version, node, (_, _, _, locker)) => self.init_connect(&version, node, locker),
            Cast::LockSet(locker, set, _, tag) => self.lock_set(locker, set, &tag),
            Cast::OldLockSet(locker, set, _) => self.untagged_lock_set(locker, set),
            Cast::Exchange(node, names, _, tag) => self.exchange(&node, names, &tag),
            Cast::Resolved(node, ops, known, _, external, tag) => {
                self.resolved(&node, ops, &known, external, &tag);
            }
            Cast::NewNodes(node, ops, external, nodes, extra) => {
                self.new_nodes(&node, ops, &external, &nodes, &extra);
            }
            Cast::InSync(node, _) => self.in_sync(&node),
        }
    }

    pub(super) fn info(&mut self, info: Info, now: Instant) {
        match info {
            Info::InitConnectAck(node, own_tag, tag) => self.init_connect_ack(&node, &own_tag, &tag),
            Info::CancelConnect(node, tag) => self.cancel_connect(&node, &tag),
            report @ Info::LostConnection(..) => self.lost_connection(report, now),
            Info::RemoveConnection(node) => self.remove_connection(&node),
            Info::Whereis(name, caller) => {
                self.waiting_for_lock.push((name, caller));
                self.answer_waiting();
            }
            Info::Nodeup(node) => self.node_up(&node),
            Info::Nodedown(node) => self.node_down(&node),
        }
    }

    /// A process that was watched has ended, or its node is gone.
    pub(super) fn down(&mut self, pid: &Pid) {
        self.locks.remove_holders(|holder| holder == pid);
        self.names.remove_processes(|named| named == pid);
        self.answer_waiting();
    }

    // --- locks and names ---------------------------------------------------------------------------------------

    fn set_lock(&mut self, lock: LockId, caller: &Pid) -> bool {
        self.change(caller, false, |locks, _| locks.set(lock, caller))
    }

    /// Gives the process the name, and takes it back at once unless the lock `allows` it.
    pub(super) fn register(
        &mut self,
        named: NamedProcess,
        registered_at: Option<Atom>,
        allows: impl FnOnce(&Locks) -> bool,
    ) {
        let NamedProcess { name, pid, .. } = named.clone();
        self.unregister(&name);
        if allows(&self.locks) {
            self.change(&pid, true, |_, names| names.insert(named, registered_at));
        } else {
            tracing::debug!(?name, ?pid, "a name was registered without the lock for it");
        }
    }

    pub(super) fn unregister(&mut self, name: &Term) {
        if let Some(pid) = self.names.get(name).map(|registered| registered.pid.clone()) {
            self.change(&pid, false, |_, names| names.remove(name));
        }
    }

    /// Does to the names what has been agreed on when nodes joined.
    pub(super) fn apply(&mut self, ops: &[Op], external: &[ExternalName], requester: Option<&Term>) {
        for op in ops {
            if let Op::Insert(named) = op {
                let external = external.iter().find(|of| of.name == named.name && of.pid == named.pid);
                let registered_at = external.map(|of| of.registered_at.clone());
                self.register(named.clone(), registered_at, |locks| locks.lets_join(requester));
            }
        }
        for op in ops {
            if let Op::Delete(name) = op {
                self.unregister(name);
            }
        }
    }

    /// Changes locks or names of `pid`, and watches it for as long as it has any.
    fn change<R>(
        &mut self,
        pid: &Pid,
        may_connect: bool,
        change: impl FnOnce(&mut Locks, &mut Names) -> R,
    ) -> R {
        let before = self.is_watched(pid);
        let result = change(&mut self.locks, &mut self.names);
        match (before, self.is_watched(pid)) {
            (false, true) => self.act(Action::Watch { pid: pid.clone(), may_connect }),
            (true, false) => self.act(Action::Unwatch(pid.clone())),
            _ => {}
        }
        result
    }

    fn is_watched(&self, pid: &Pid) -> bool {
        self.names.is_named(pid) || self.locks.is_holder(pid)
    }

    /// The node is gone, and all its processes with it.
    pub(super) fn drop_processes_of(&mut self, node: &Atom) {
        let pids = self.names.processes().chain(self.locks.holders());
        let gone: BTreeSet<Pid> = pids.filter(|pid| pid.node == *node).cloned().collect();
        for pid in gone {
            self.down(&pid);
            self.act(Action::Unwatch(pid));
        }
    }

    /// Answers those who asked for names, unless names may be about to change.
    fn answer_waiting(&mut self) {
        if self.locks.global_requester().is_some() {
            return;
        }
        for (name, caller) in std::mem::take(&mut self.waiting_for_lock) {
            let pid = self.names.get(&name).map(|registered| registered.pid.clone());
            self.act(Action::Found { caller, pid });
        }
    }
}

//! How a node joins another, and with it the side of the cluster that the other belongs to.
//!
//! ```text
//!   A                                                                          B
//!   │ init_connect                                                             │ from both, when they are connected
//!   ├─────────────────────────────────────────────────────────────────────────▶│
//!   │◀──────────────────────────────────────────────────────── init_connect_ack│
//!   │        the lockers of A and B lock all members of both sides: lock_set   │
//!   │◀────────────────────────────────────────────────────────────────────────▶│
//!   │ exchange: the names of each side                                         │
//!   │◀────────────────────────────────────────────────────────────────────────▶│
//!   │        conflicts are decided by the one with the smaller name            │
//!   │ resolved: what the other is to do to its names, and who else is there    │
//!   │◀────────────────────────────────────────────────────────────────────────▶│
//!   │        the lockers tell the other members of their sides (new_nodes)     │
//!   │        and unlock all                                                    │
//! ```
//!
//! Nodes that hear of each other by `resolved` or `new_nodes` connect and send `in_sync`, which ends the sessions they
//! may have begun. The tag of a session, different on each side, tells messages of former sessions apart.

use super::locker;
use super::message::{
    CANCEL_VERSION, Cast, ExternalName, Info, LockId, NamedProcess, OLDEST_VERSION, Op, PROTOCOL_VERSION,
    nodes_from_terms, nodes_to_terms, version_and_tag,
};
use super::name_server::{Action, NameServer};
use crate::atom;
use crate::term::{Atom, Pid, Term};

/// A join that is under way.
#[derive(Debug)]
pub(super) struct Session {
    /// Of the protocol that both sides speak; known once the other's `init_connect` is there.
    version: u32,
    /// What the other side puts into its messages.
    tag: Term,
    /// What this side puts into its messages; there once the other's `init_connect` is.
    peer_tag: Option<Term>,
    /// Both sides are locked.
    lock: Option<LockId>,
    /// What the other side has, which may come before the lock is set here.
    peer_names: Option<Vec<NamedProcess>>,
    /// What is to be done here, as this side has found.
    own_ops: Option<Vec<Op>>,
    /// All conflicts are decided, and the other side has been told.
    is_decided: bool,
    /// What the other side has found, which may come before this side is done.
    resolved: Option<Resolved>,
}

#[derive(Debug)]
struct Resolved {
    ops: Vec<Op>,
    known: Vec<(Atom, u32)>,
    external: Vec<ExternalName>,
}

impl Session {
    fn new(tag: Term) -> Session {
        Session {
            version: PROTOCOL_VERSION,
            tag,
            peer_tag: None,
            lock: None,
            peer_names: None,
            own_ops: None,
            is_decided: false,
            resolved: None,
        }
    }

    /// Of the protocol that both sides speak.
    pub(super) fn version(&self) -> u32 {
        self.version
    }

    /// Whether the other side has said that it wants to join as well.
    pub(super) fn has_begun(&self) -> bool {
        self.peer_tag.is_some()
    }
}

/// An `init_connect` that came before this node knew of the connection.
#[derive(Debug)]
pub(super) struct EarlyConnect {
    version: u32,
    tag: Term,
    locker: Pid,
}

/// A name that stands for different processes on the two sides.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Conflict {
    pub(super) own: NamedProcess,
    pub(super) other: NamedProcess,
}

/// Who keeps the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decision {
    Own,
    Other,
    Nobody,
}

impl NameServer {
    // --- beginning ---------------------------------------------------------------------------------------------

    pub(super) fn start_session(&mut self, node: &Atom) {
        let tag = self.next_number();
        self.sessions.insert(node.clone(), Session::new(tag.clone()));
        self.act(Action::Cast(node.clone(), Cast::init_connect(self.node(), tag, self.locker())));
        if let Some(early) = self.early.remove(node) {
            self.begin(node, early);
        }
    }

    /// Ends a session without a word to the other side.
    pub(super) fn end_session(&mut self, node: &Atom) {
        if let Some(session) = self.sessions.remove(node) {
            self.act(Action::Locker(locker::Command::Cancel { node: node.clone(), tag: session.tag }));
        }
    }

    /// Begins again. The other side is to be told before.
    fn restart(&mut self, node: &Atom) {
        self.end_session(node);
        self.drop_processes_of(node);
        self.start_session(node);
    }

    /// Begins all sessions again.
    pub(super) fn begin_all_again(&mut self) {
        let of =
            |(node, session): (&Atom, &Session)| (node.clone(), session.version, session.peer_tag.clone());
        for (node, version, peer_tag) in self.sessions.iter().map(of).collect::<Vec<_>>() {
            match peer_tag {
                Some(_) if version < CANCEL_VERSION => self.act(Action::Disconnect(node)),
                Some(tag) => {
                    self.cancel(&node, tag);
                    self.restart(&node);
                }
                None => self.restart(&node),
            }
        }
    }

    fn cancel(&mut self, node: &Atom, tag: Term) {
        self.act(Action::Info(node.clone(), Info::CancelConnect(self.node().clone(), tag)));
    }

    pub(super) fn init_connect(&mut self, version: &Term, node: Atom, locker: Pid) {
        let spoken = version_and_tag(version).filter(|(version, _)| *version >= OLDEST_VERSION);
        let Some((version, tag)) = spoken else {
            tracing::warn!(%node, ?version, "a node speaks a version of global's protocol that is too old");
            return;
        };
        match self.sessions.get(&node) {
            None => {
                self.early.insert(node, EarlyConnect { version, tag, locker });
            }
            Some(Session { peer_tag: None, .. }) => self.begin(&node, EarlyConnect { version, tag, locker }),
            Some(_) if version < CANCEL_VERSION => {
                tracing::warn!(%node, version, "a second init_connect, of a node too old to begin again: disconnects");
                self.act(Action::Disconnect(node));
            }
            // One of the two is of a connection that is gone; which one can't be told.
            Some(Session { peer_tag: Some(former), .. }) => {
                let former = former.clone();
                tracing::debug!(%node, "a second init_connect: both sides begin again");
                self.cancel(&node, former);
                self.cancel(&node, tag);
                self.restart(&node);
            }
        }
    }

    fn begin(&mut self, node: &Atom, EarlyConnect { version, tag: peer_tag, locker }: EarlyConnect) {
        let Some(session) = self.sessions.get_mut(node) else { return };
        session.version = version;
        session.peer_tag = Some(peer_tag.clone());
        let (node, tag, peer_tag) = (node.clone(), session.tag.clone(), peer_tag.clone());
        let ack = Info::InitConnectAck(self.node().clone(), peer_tag.clone(), tag.clone());
        let candidate = locker::Candidate { node: node.clone(), locker, version, tag, peer_tag };
        self.act(Action::Locker(locker::Command::Candidate(candidate)));
        if version >= CANCEL_VERSION {
            self.act(Action::Info(node, ack));
        }
    }

    pub(super) fn init_connect_ack(&mut self, node: &Atom, own_tag: &Term, peer_tag: &Term) {
        // One for a session that has ended says nothing: to begin again at that, too, could go on for ever.
        let Some(session) = self.session(node, own_tag) else { return };
        if session.peer_tag.as_ref() == Some(peer_tag) {
            return;
        }
        tracing::debug!(%node, "the tags differ: both sides begin again");
        self.cancel(node, peer_tag.clone());
        self.restart(node);
    }

    pub(super) fn cancel_connect(&mut self, node: &Atom, tag: &Term) {
        if self.sessions.get(node).is_some_and(|session| session.tag == *tag) {
            self.restart(node);
        }
    }

    // --- locks and names ---------------------------------------------------------------------------------------

    pub(super) fn lock_set(&mut self, locker: Pid, set: bool, tag: &Term) {
        if self.sessions.get(&locker.node).is_some_and(|session| session.tag == *tag) {
            self.act(Action::Locker(locker::Command::LockSet { locker, set }));
        }
    }

    /// The same from a node before version 8, which has no tag for it.
    pub(super) fn untagged_lock_set(&mut self, locker: Pid, set: bool) {
        self.act(Action::Locker(locker::Command::LockSet { locker, set }));
    }

    fn session(&mut self, node: &Atom, tag: &Term) -> Option<&mut Session> {
        self.sessions.get_mut(node).filter(|session| session.tag == *tag)
    }

    /// The locker of this side and that of the other have locked all.
    pub(super) fn lock_is_set(&mut self, node: &Atom, tag: &Term, lock: LockId) {
        let Some(session) = self.session(node, tag) else { return };
        session.lock = Some(lock);
        let Some(peer_tag) = session.peer_tag.clone() else { return };
        let names = self.names.all();
        self.act(Action::Cast(node.clone(), Cast::Exchange(self.node().clone(), names, Term::NIL, peer_tag)));
        self.compare_names(node);
    }

    pub(super) fn exchange(&mut self, node: &Atom, names: Vec<NamedProcess>, tag: &Term) {
        let Some(session) = self.session(node, tag) else { return };
        session.peer_names = Some(names);
        self.compare_names(node);
    }

    /// Once the lock is set and the other's names are there: what is new, and what is in conflict?
    fn compare_names(&mut self, node: &Atom) {
        let is_smaller = self.node() < node;
        let Some(session) = self.sessions.get_mut(node).filter(|session| session.lock.is_some()) else {
            return;
        };
        let Some(peer_names) = session.peer_names.take() else { return };
        let (mut ops, mut conflicts) = (Vec::new(), Vec::new());
        for other in peer_names {
            match self.names.get(&other.name) {
                None => ops.push(Op::Insert(other)),
                Some(own) if own.pid == other.pid => {}
                Some(own) if is_smaller => {
                    let (pid, method) = (own.pid.clone(), own.method.clone());
                    let own = NamedProcess { name: other.name.clone(), pid, method };
                    conflicts.push(Conflict { own, other });
                }
                // The other side decides.
                Some(_) => {}
            }
        }
        session.own_ops = Some(ops);
        let tag = session.tag.clone();
        if conflicts.is_empty() {
            self.conflicts_decided(node, &tag, Vec::new());
        } else {
            self.act(Action::Decide { node: node.clone(), tag, conflicts });
        }
    }

    /// All conflicts are decided.
    pub(super) fn conflicts_decided(&mut self, node: &Atom, tag: &Term, decided: Vec<(Conflict, Decision)>) {
        let Some(session) = self.session(node, tag) else { return };
        let (Some(peer_tag), Some(own_ops)) = (session.peer_tag.clone(), &mut session.own_ops) else {
            return;
        };
        let mut peer_ops = Vec::new();
        for (Conflict { own, other }, decision) in decided {
            match decision {
                Decision::Own => peer_ops.push(Op::Insert(own)),
                Decision::Other => own_ops.push(Op::Insert(other)),
                Decision::Nobody => {
                    own_ops.push(Op::Delete(own.name.clone()));
                    peer_ops.push(Op::Delete(own.name));
                }
            }
        }
        session.is_decided = true;
        let version = session.version;
        let known = nodes_to_terms(self.known(), version);
        let (unused, external) = (atom!("unused").into(), self.names.external());
        let resolved = Cast::Resolved(self.node().clone(), peer_ops, known, unused, external, peer_tag);
        self.act(Action::Cast(node.clone(), resolved));
        self.join_if_resolved(node);
    }

    pub(super) fn resolved(
        &mut self,
        node: &Atom,
        ops: Vec<Op>,
        known: &[Term],
        external: Vec<ExternalName>,
        tag: &Term,
    ) {
        let Some(session) = self.session(node, tag) else { return };
        session.resolved = Some(Resolved { ops, known: nodes_from_terms(known), external });
        self.join_if_resolved(node);
    }

    // --- joining -----------------------------------------------------------------------------------------------

    /// Once both sides are done, this one joins the other.
    fn join_if_resolved(&mut self, node: &Atom) {
        let is_done = |session: &Session| session.is_decided && session.resolved.is_some();
        if !self.sessions.get(node).is_some_and(is_done) {
            return;
        }
        let Some(session) = self.sessions.remove(node) else { return };
        let version = session.version;
        let (Some(mut ops), Some(resolved), Some(lock)) = (session.own_ops, session.resolved, session.lock)
        else {
            return;
        };
        let Resolved { ops: peer_ops, known, external } = resolved;
        ops.extend(peer_ops);
        tracing::info!(%node, with = known.len(), "joined");
        // The members of this side are told of the others, but not the other way round: those have their own side.
        let members: Vec<(Atom, u32)> =
            self.known().iter().map(|(node, version)| (node.clone(), *version)).collect();
        self.apply(&ops, &external, Some(&lock.requester));
        // All of the other side, also those that have become members here meanwhile because they were in sync: of them
        // nobody else may tell the members of this side.
        let mut joined = vec![(node.clone(), version)];
        joined.extend(known.iter().filter(|(other, _)| other != self.node()).cloned());
        self.add_known(node.clone(), version);
        self.meet(known);
        let extra = vec![
            Term::tuple([atom!("vsn").into(), version.into()]),
            Term::tuple([atom!("lock").into(), Term::tuple([lock.resource, lock.requester])]),
        ];
        let joined = nodes_to_terms(joined.iter().map(|(node, version)| (node, version)), PROTOCOL_VERSION);
        let news = Cast::NewNodes(self.node().clone(), ops, external, joined, extra);
        self.act(Action::Locker(locker::Command::Joined {
            node: node.clone(),
            tag: session.tag,
            members,
            news,
        }));
        self.add_synced(node);
    }

    /// Makes members of nodes that another one is in sync with, as far as they are none: those are given back.
    fn meet(&mut self, nodes: Vec<(Atom, u32)>) -> Vec<(Atom, u32)> {
        let mut met = Vec::new();
        for (node, version) in nodes {
            if node == *self.node() || self.known().contains_key(&node) {
                continue;
            }
            self.end_session(&node);
            self.add_known(node.clone(), version);
            self.act(Action::ConnectInSync(node.clone()));
            met.push((node, version));
        }
        met
    }

    /// A member of this side has joined another side.
    pub(super) fn new_nodes(
        &mut self,
        member: &Atom,
        ops: Vec<Op>,
        external: &[ExternalName],
        nodes: &[Term],
        extra: &[Term],
    ) {
        let met = self.meet(nodes_from_terms(nodes));
        tracing::info!(by = %member, ?met, "new members");
        self.apply(&ops, external, requester_of(extra));
    }

    /// A member of the other side knows this node to be a member, too.
    pub(super) fn in_sync(&mut self, node: &Atom) {
        if self.is_removing(node) {
            return;
        }
        // The news of it come before or after. They never do if the one who brought it in has lost its connection to
        // this node meanwhile: then OTP is left with a node that takes it for a member and is none.
        if self.connects_all() {
            self.meet(vec![(node.clone(), PROTOCOL_VERSION)]);
        }
        self.end_session(node);
        self.early.remove(node);
        self.add_synced(node);
    }
}

/// The requester in `[{lock, {global, Requester}}]`.
fn requester_of(extra: &[Term]) -> Option<&Term> {
    extra.iter().find_map(|term| match term.as_tuple()? {
        [Term::Atom(key), Term::Tuple(lock)] if key == "lock" => match &**lock {
            [resource, requester] if resource.is_atom("global") => Some(requester),
            _ => None,
        },
        _ => None,
    })
}

//! The rules of a scope: what its process does about each message.
//!
//! ```text
//!  a scope                                     another of the same name
//!    │  nodeup: {discover, A}                    │
//!    ├──────────────────────────────────────────▶│  A is new: monitor it
//!    │  sync, {discover, B}                      │
//!    │◀──────────────────────────────────────────┤
//!    │  B is new: monitor it; sync               │
//!    ├──────────────────────────────────────────▶│
//!    │  join, leave                              │
//!    │◀─────────────────────────────────────────▶│
//! ```
//!
//! There is no input and output here: the rules take what happens and give [`Action`]s.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use foldhash::fast::FixedState;

use super::groups::{Groups, Place};
use super::message::{self, Change, Heard, NEWEST, Request, Update};
use crate::atom;
use crate::term::{Atom, Map, Pid, Reference, Term};

/// What the scope's process is to do.
#[derive(Debug, PartialEq)]
pub(super) enum Action {
    /// Send this to the process of the same name on that node.
    SendToScope(Atom, Term),
    Send(Pid, Term),
    /// Call [`Scope::down`] when this process has ended or its node is lost.
    Watch(Pid),
    Unwatch(Pid),
}

/// The state of a scope's process.
#[derive(Debug)]
pub(super) struct Scope {
    name: Atom,
    /// The scope's process.
    own: Pid,
    pub(super) groups: Groups,
    /// The groups of each local process, in the order in which it has joined.
    local: HashMap<Pid, Vec<Term>, FixedState>,
    peers: HashMap<Pid, Peer, FixedState>,
    subscriptions: BTreeMap<u64, Subscription>,
    by_reference: HashMap<Reference, u64, FixedState>,
    next_subscription: u64,
    /// How often each process has subscribed.
    subscribers: HashMap<Pid, usize, FixedState>,
    actions: VecDeque<Action>,
}

/// A scope process of another node.
#[derive(Debug, Default)]
struct Peer {
    version: u8,
    /// Whether it knows all that is here, and hears of changes.
    ///
    /// A `leave` of a group that it has not been told of would end a scope process of OTP 25 to 28.
    is_told: bool,
    groups: HashSet<Term, FixedState>,
}

#[derive(Debug)]
struct Subscription {
    reference: Reference,
    pid: Pid,
    /// All groups if `None`.
    group: Option<Term>,
}

impl Scope {
    pub(super) fn new(name: Atom, own: Pid) -> Scope {
        Scope {
            name,
            own,
            groups: Groups::default(),
            local: HashMap::default(),
            peers: HashMap::default(),
            subscriptions: BTreeMap::new(),
            by_reference: HashMap::default(),
            next_subscription: 0,
            subscribers: HashMap::default(),
            actions: VecDeque::new(),
        }
    }

    pub(super) fn own(&self) -> &Pid {
        &self.own
    }

    /// What is to be done next; until there is nothing, after each call of another method.
    pub(super) fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    // --- other nodes -------------------------------------------------------------------------------------------

    /// A visible node is connected, now or since before the start.
    pub(super) fn node_up(&mut self, node: &Atom) {
        // A node that gets its name while it runs hears of itself.
        if *node != self.own.node {
            self.actions.push_back(Action::SendToScope(node.clone(), message::discover(0, &self.own)));
        }
    }

    /// A message of another scope process.
    pub(super) fn heard(&mut self, heard: Heard) {
        match heard {
            Heard::Discover { peer, .. } | Heard::Data { peer, .. } if peer == self.own => {}
            Heard::Discover { peer, version } => {
                let is_new = self.meet(&peer, version);
                self.tell_all(&peer, version);
                if is_new {
                    self.send(&peer, message::discover(version, &self.own));
                }
            }
            Heard::Data { peer, version, groups } => {
                self.meet(&peer, version);
                self.replace(&peer, groups);
            }
            Heard::Update { peer, changes } => {
                for Change { group, joined, left } in changes {
                    self.remote_join(&peer, &group, &joined);
                    self.remote_leave(&peer, &group, &left);
                }
            }
        }
    }

    /// Takes note of a peer; true if it was not known.
    fn meet(&mut self, peer: &Pid, version: u8) -> bool {
        let is_new = !self.peers.contains_key(peer);
        if is_new {
            self.watch(peer);
        }
        let known = self.peers.entry(peer.clone()).or_default();
        known.version = known.version.max(version);
        is_new
    }

    fn tell_all(&mut self, peer: &Pid, version: u8) {
        let data = message::data(version, &self.own, self.groups.local());
        self.send(peer, data);
        if let Some(peer) = self.peers.get_mut(peer) {
            peer.is_told = true;
        }
    }

    /// All members of a peer are known anew.
    fn replace(&mut self, peer: &Pid, groups: Vec<(Term, Vec<Pid>)>) {
        let mut gone = self.peers.get(peer).map_or_else(HashSet::default, |peer| peer.groups.clone());
        for (group, wanted) in groups {
            gone.remove(&group);
            let (joining, leaving) = self.groups.difference(peer, &group, &wanted);
            self.remote_join(peer, &group, &joining);
            self.remote_leave(peer, &group, &leaving);
        }
        for group in gone {
            self.remote_leave_all(peer, &group);
        }
    }

    fn remote_join(&mut self, peer: &Pid, group: &Term, pids: &[Pid]) {
        let Some(known) = self.peers.get_mut(peer) else { return };
        if !pids.is_empty() {
            known.groups.insert(group.clone());
            self.groups.join(Place::Peer(peer), group, pids);
            self.notify(&atom!("join"), group, pids);
        }
    }

    fn remote_leave(&mut self, peer: &Pid, group: &Term, pids: &[Pid]) {
        let Some(known) = self.peers.get_mut(peer) else { return };
        let left = self.groups.leave(Place::Peer(peer), group, pids);
        if !self.groups.has_of(peer, group) {
            known.groups.remove(group);
        }
        self.notify(&atom!("leave"), group, &left);
    }

    fn remote_leave_all(&mut self, peer: &Pid, group: &Term) {
        if let Some(known) = self.peers.get_mut(peer) {
            known.groups.remove(group);
        }
        let left = self.groups.leave_all(peer, group);
        self.notify(&atom!("leave"), group, &left);
    }

    /// A process that was watched has ended, or its node is lost: a local member, a peer, or one that has subscribed.
    pub(super) fn down(&mut self, pid: &Pid) {
        if let Some(mut groups) = self.local.remove(pid) {
            // The last joined is the first left, as in OTP.
            groups.reverse();
            for group in &groups {
                let left = self.groups.leave(Place::Here, group, std::slice::from_ref(pid));
                self.notify(&atom!("leave"), group, &left);
            }
            self.broadcast(&Update::Ended(pid, &groups));
        }
        if let Some(peer) = self.peers.get(pid) {
            for group in peer.groups.clone() {
                self.remote_leave_all(pid, &group);
            }
            self.peers.remove(pid);
        }
        if self.subscribers.remove(pid).is_some() {
            self.subscriptions.retain(|_, subscription| {
                let stays = subscription.pid != *pid;
                if !stays {
                    self.by_reference.remove(&subscription.reference);
                }
                stays
            });
        }
    }

    // --- this node ---------------------------------------------------------------------------------------------

    /// Serves a request of `caller`; `reference` is a new one, used if it subscribes.
    pub(super) fn request(&mut self, caller: &Pid, request: Request, reference: Reference) -> Term {
        let ok = Term::Atom(atom!("ok"));
        match request {
            Request::Join(group, pids) => {
                self.change(&[Change { group, joined: pids, left: Vec::new() }]);
                ok
            }
            Request::Leave(group, pids) => {
                let has_left = self.change(&[Change { group, joined: Vec::new(), left: pids }]);
                if has_left { ok } else { atom!("not_joined").into() }
            }
            Request::Update(changes) => {
                self.change(&changes);
                ok
            }
            Request::Monitor(group) => {
                let members = match &group {
                    Some(group) => message::pids(&self.groups.members(group)),
                    None => {
                        let all =
                            self.groups.all().map(|(group, pids)| (group.clone(), message::pids(&pids)));
                        Term::Map(all.collect())
                    }
                };
                self.subscribe(caller, reference.clone(), group);
                Term::tuple([reference.into(), members])
            }
            Request::Demonitor(reference) => {
                if self.unsubscribe(&reference) {
                    ok
                } else {
                    Term::from(false)
                }
            }
            Request::Unsubscribe(reference) => {
                self.unsubscribe(&reference);
                ok
            }
        }
    }

    /// Has local processes join and leave; true if any has left.
    fn change(&mut self, wanted: &[Change]) -> bool {
        let mut has_left = false;
        let mut changes = Vec::new();
        for Change { group, joined, left } in wanted {
            for pid in joined {
                if !self.is_watched(pid) {
                    self.watch(pid);
                }
                self.local.entry(pid.clone()).or_default().push(group.clone());
            }
            self.groups.join(Place::Here, group, joined);
            self.notify(&atom!("join"), group, joined);
            let left = self.groups.leave(Place::Here, group, left);
            for pid in &left {
                self.leave_locally(pid, group);
            }
            self.notify(&atom!("leave"), group, &left);
            has_left |= !left.is_empty();
            if !joined.is_empty() || !left.is_empty() {
                changes.push(Change { group: group.clone(), joined: joined.clone(), left });
            }
        }
        if !changes.is_empty() {
            self.broadcast(&Update::Changes(&changes));
        }
        has_left
    }

    fn leave_locally(&mut self, pid: &Pid, group: &Term) {
        let Some(groups) = self.local.get_mut(pid) else { return };
        if let Some(place) = groups.iter().rposition(|other| other == group) {
            groups.remove(place);
        }
        if groups.is_empty() {
            self.local.remove(pid);
            self.unwatch(pid);
        }
    }

    fn subscribe(&mut self, pid: &Pid, reference: Reference, group: Option<Term>) {
        if !self.is_watched(pid) {
            self.watch(pid);
        }
        *self.subscribers.entry(pid.clone()).or_default() += 1;
        self.by_reference.insert(reference.clone(), self.next_subscription);
        let subscription = Subscription { reference, pid: pid.clone(), group };
        self.subscriptions.insert(self.next_subscription, subscription);
        self.next_subscription += 1;
    }

    /// False if there is no such subscription.
    fn unsubscribe(&mut self, reference: &Reference) -> bool {
        let number = self.by_reference.remove(reference);
        let Some(subscription) = number.and_then(|number| self.subscriptions.remove(&number)) else {
            return false;
        };
        if let Some(times) = self.subscribers.get_mut(&subscription.pid) {
            *times -= 1;
            if *times == 0 {
                self.subscribers.remove(&subscription.pid);
                self.unwatch(&subscription.pid);
            }
        }
        true
    }

    // --- telling -----------------------------------------------------------------------------------------------

    fn notify(&mut self, what: &Atom, group: &Term, pids: &[Pid]) {
        if pids.is_empty() {
            return;
        }
        for Subscription { reference, pid, group: wanted } in self.subscriptions.values() {
            if wanted.as_ref().is_none_or(|wanted| wanted == group) {
                let event = message::event(reference, what, group, pids);
                self.actions.push_back(Action::Send(pid.clone(), event));
            }
        }
    }

    fn broadcast(&mut self, update: &Update<'_>) {
        let mut by_version: [Option<Vec<Term>>; NEWEST as usize + 1] = [const { None }; NEWEST as usize + 1];
        for (pid, peer) in &self.peers {
            if !peer.is_told {
                continue;
            }
            let Some(messages) = by_version.get_mut(usize::from(peer.version)) else { continue };
            let messages = messages.get_or_insert_with(|| update.write(peer.version, &self.own));
            self.actions.extend(messages.iter().map(|message| Action::Send(pid.clone(), message.clone())));
        }
    }

    fn send(&mut self, to: &Pid, message: Term) {
        self.actions.push_back(Action::Send(to.clone(), message));
    }

    fn is_watched(&self, pid: &Pid) -> bool {
        self.local.contains_key(pid) || self.peers.contains_key(pid) || self.subscribers.contains_key(pid)
    }

    fn watch(&mut self, pid: &Pid) {
        self.actions.push_back(Action::Watch(pid.clone()));
    }

    /// Unless there is another reason to watch it.
    fn unwatch(&mut self, pid: &Pid) {
        if !self.is_watched(pid) {
            self.actions.push_back(Action::Unwatch(pid.clone()));
        }
    }

    /// What `sys:get_state/1` shows: `{state, Scope, Local, Remote, ScopeMonitors, GroupMonitors}`, where the parts
    /// are maps, as in OTP 27.
    pub(super) fn state(&self) -> Term {
        let local = self
            .local
            .iter()
            .map(|(pid, groups)| (Term::Pid(pid.clone()), Term::list(groups.iter().rev().cloned())));
        let remote = self.peers.iter().map(|(pid, peer)| {
            let groups = peer.groups.iter();
            let groups =
                groups.map(|group| (group.clone(), message::pids(&self.groups.members_of(pid, group))));
            (Term::Pid(pid.clone()), Term::tuple([Term::from(peer.version), Term::Map(groups.collect())]))
        });
        let subscriptions = |of_groups: bool| -> Map {
            let wanted = self.subscriptions.values().filter(|other| other.group.is_some() == of_groups);
            wanted
                .map(|Subscription { reference, pid, group }| {
                    let pid = Term::Pid(pid.clone());
                    let who = match group {
                        Some(group) => Term::tuple([pid, group.clone()]),
                        None => pid,
                    };
                    (Term::Reference(reference.clone()), who)
                })
                .collect()
        };
        Term::tuple([
            atom!("state").into(),
            self.name.clone().into(),
            Term::Map(local.collect()),
            Term::Map(remote.collect()),
            subscriptions(false).into(),
            subscriptions(true).into(),
        ])
    }
}

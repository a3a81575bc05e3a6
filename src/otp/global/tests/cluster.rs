//! A cluster without a network: name servers and lockers whose messages are delivered in any order that nodes could
//! see, as a number decides.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use super::super::join::{Conflict, Decision};
use super::super::locker::{Answer, Command, Locker, Output, View};
use super::super::message::{Call, Cast, Info, LockId, NamedProcess};
use super::super::name_server::{Action, Identity, NameServer};
use crate::term::{Atom, Creation, Pid, Term};

/// So much happens at most before all is quiet.
const PATIENCE: usize = 100_000;

pub(super) struct Cluster {
    nodes: BTreeMap<Atom, Node>,
    /// The connections that are up, both ways.
    links: BTreeSet<(Atom, Atom)>,
    /// What is under way, by sender and receiver. Those of a node to itself are what its own tasks have to say.
    wires: BTreeMap<(Atom, Atom), VecDeque<Wire>>,
    random: u64,
    now: Duration,
}

struct Node {
    server: NameServer,
    locker: Locker,
    /// The call of the locker that is under way: who has not answered, and what the others have.
    call: Option<(BTreeSet<Atom>, Vec<Answer>)>,
    commands: VecDeque<Command>,
    timer: Option<Duration>,
}

#[derive(Debug)]
enum Wire {
    Up,
    Down,
    Cast(Cast),
    Info(Info),
    /// From a locker, and back.
    Call(Call),
    Answer(bool),
    Refusal,
    /// Within a node.
    NotConnected(Atom),
    LockIsSet(Atom, Term, LockId),
    Decided(Atom, Term, Vec<Conflict>),
}

pub(super) fn name(number: usize) -> Atom {
    Atom::new(&format!("n{number}@h{}", number % 2)).unwrap()
}

fn locker_of(node: &Atom) -> Pid {
    pid(node, 60)
}

pub(super) fn pid(node: &Atom, id: u32) -> Pid {
    Pid { node: node.clone(), id, serial: 0, creation: Creation(1) }
}

fn view(server: &NameServer) -> View {
    View {
        known: server.known().keys().cloned().collect(),
        global_requester: server.locks.global_requester().cloned(),
    }
}

impl Cluster {
    pub(super) fn new(size: usize, seed: u64) -> Cluster {
        let node = |number| {
            let name = name(number);
            let identity = Identity {
                node: name.clone(),
                locker: locker_of(&name),
                creation: Term::from(number),
                first_number: 0,
                connect_all: true,
                prevent_overlapping_partitions: true,
            };
            let (server, locker) = (NameServer::new(identity), Locker::new(locker_of(&name)));
            (name, Node { server, locker, call: None, commands: VecDeque::new(), timer: None })
        };
        let nodes = (0..size).map(node).collect();
        let (links, wires) = (BTreeSet::new(), BTreeMap::new());
        Cluster { nodes, links, wires, random: seed, now: Duration::ZERO }
    }

    /// A number below `end`.
    pub(super) fn random(&mut self, end: usize) -> usize {
        self.random =
            self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.random >> 33).unwrap() % end
    }

    // --- what the test does ------------------------------------------------------------------------------------

    pub(super) fn connect(&mut self, a: &Atom, b: &Atom) {
        if a != b && self.links.insert((a.clone(), b.clone())) {
            self.links.insert((b.clone(), a.clone()));
            self.send(a, b, Wire::Up);
            self.send(b, a, Wire::Up);
        }
    }

    pub(super) fn disconnect(&mut self, a: &Atom, b: &Atom) {
        for (from, to) in [(a, b), (b, a)] {
            if !self.links.remove(&(from.clone(), to.clone())) {
                return;
            }
            // Some of what is under way does not arrive.
            let lost = self.random(4);
            let wire = self.wires.entry((from.clone(), to.clone())).or_default();
            for _ in 0..lost {
                wire.pop_back_if(|message| !matches!(message, Wire::Up | Wire::Down));
            }
            wire.push_back(Wire::Down);
        }
    }

    pub(super) fn kill(&mut self, node: &Atom) {
        self.nodes.remove(node);
        for other in self.nodes.keys().cloned().collect::<Vec<_>>() {
            self.disconnect(node, &other);
        }
    }

    /// Gives a process of the node a name, which nobody else hears of.
    pub(super) fn register(&mut self, node: &Atom, name: u32) {
        let node = self.nodes.get_mut(node).unwrap();
        let pid = pid(node.server.node(), 1000 + name);
        node.server.names.insert(NamedProcess { name: Term::from(name), pid, method: Term::NIL }, None);
    }

    pub(super) fn names(&self, node: &Atom) -> BTreeMap<Term, Pid> {
        self.nodes[node].server.names.all().into_iter().map(|named| (named.name, named.pid)).collect()
    }

    pub(super) fn alive(&self) -> Vec<Atom> {
        self.nodes.keys().cloned().collect()
    }

    fn neighbours_of(&self, node: &Atom) -> BTreeSet<Atom> {
        self.links.iter().filter(|(from, _)| from == node).map(|(_, to)| to.clone()).collect()
    }

    /// Who is connected with `node`, directly or not.
    pub(super) fn side_of(&self, node: &Atom) -> BTreeSet<Atom> {
        let mut side = BTreeSet::from([node.clone()]);
        let mut left = vec![node.clone()];
        while let Some(node) = left.pop() {
            left.extend(self.neighbours_of(&node).into_iter().filter(|other| side.insert(other.clone())));
        }
        side
    }

    /// Lets things happen until nothing more does; then all who are connected, directly or not, must be one cluster.
    pub(super) fn settle(&mut self) {
        self.settle_somehow();
        for name in self.nodes.keys() {
            let mut side = self.side_of(name);
            side.remove(name);
            assert_eq!(self.neighbours_of(name), side, "connected with {name}");
        }
    }

    /// Lets things happen until nothing more does; then all who are connected must know each other, and nothing may be
    /// left of the way there.
    pub(super) fn settle_somehow(&mut self) {
        let steps = (0..PATIENCE).take_while(|_| self.step()).count();
        assert!(steps < PATIENCE, "it does not end; under way: {:#?}", self.wires);
        for (name, node) in &self.nodes {
            let known: BTreeSet<Atom> = node.server.known().keys().cloned().collect();
            assert_eq!(known, self.neighbours_of(name), "known to {name}");
            assert!(node.server.sessions.is_empty(), "{name}: {:?}", node.server.sessions);
            assert_eq!(node.server.locks.holders().count(), 0, "locks on {name}");
            assert!(node.locker.is_idle(), "the locker of {name}: {:?}", node.locker);
        }
    }

    pub(super) fn steps(&mut self, number: usize) {
        for _ in 0..number {
            self.step();
        }
    }

    // --- what happens ------------------------------------------------------------------------------------------

    /// One thing happens, if there is any.
    fn step(&mut self) -> bool {
        enum Choice {
            Wire(Atom, Atom),
            Command(Atom),
            Timer(Atom),
        }
        let jump = self.random(1000);
        self.now += Duration::from_micros(u64::try_from(jump).unwrap());
        let mut choices = Vec::new();
        for ((from, to), wire) in &self.wires {
            if !wire.is_empty() {
                choices.push(Choice::Wire(from.clone(), to.clone()));
            }
        }
        for (name, node) in &self.nodes {
            if node.call.is_none() && !node.commands.is_empty() {
                choices.push(Choice::Command(name.clone()));
            }
            if node.timer.is_some_and(|timer| timer <= self.now) {
                choices.push(Choice::Timer(name.clone()));
            }
        }
        if choices.is_empty() {
            let next = self.nodes.values().filter_map(|node| node.timer).min();
            self.now = next.unwrap_or(self.now);
            return next.is_some();
        }
        let choice = self.random(choices.len());
        match choices.swap_remove(choice) {
            Choice::Wire(from, to) => {
                let wire = self.wires.get_mut(&(from.clone(), to.clone())).unwrap().pop_front().unwrap();
                if self.nodes.contains_key(&to) {
                    self.receive(&from, &to, wire);
                }
            }
            Choice::Command(name) => {
                let node = self.nodes.get_mut(&name).unwrap();
                let command = node.commands.pop_front().unwrap();
                node.locker.command(command, &view(&node.server));
                self.run_locker(&name);
            }
            Choice::Timer(name) => {
                let random = self.random(1000);
                let node = self.nodes.get_mut(&name).unwrap();
                node.locker.timed_out(&view(&node.server), random);
                self.run_locker(&name);
            }
        }
        true
    }

    fn send(&mut self, from: &Atom, to: &Atom, wire: Wire) {
        self.wires.entry((from.clone(), to.clone())).or_default().push_back(wire);
    }

    fn send_if_connected(&mut self, from: &Atom, to: &Atom, wire: Wire) {
        if self.links.contains(&(from.clone(), to.clone())) {
            self.send(from, to, wire);
        }
    }

    fn receive(&mut self, from: &Atom, to: &Atom, wire: Wire) {
        let now = Instant::now();
        let node = self.nodes.get_mut(to).unwrap();
        match wire {
            Wire::Up => node.server.info(Info::Nodeup(from.clone()), now),
            Wire::Down => {
                node.server.info(Info::Nodedown(from.clone()), now);
                self.answered(to, from, None);
            }
            Wire::Cast(cast) => node.server.cast(cast),
            Wire::Info(info) => node.server.info(info, now),
            Wire::Call(call) => {
                let answer = node.server.call(&locker_of(from), call).is_atom("true");
                if from == to {
                    self.send(to, from, Wire::Answer(answer));
                } else {
                    self.send_if_connected(to, from, Wire::Answer(answer));
                }
            }
            Wire::Answer(answer) => self.answered(to, from, Some(answer)),
            Wire::Refusal => {
                node.commands.push_back(Command::LockSet { locker: locker_of(from), set: false });
            }
            Wire::NotConnected(other) => node.server.node_down(&other),
            Wire::LockIsSet(other, tag, lock) => node.server.lock_is_set(&other, &tag, lock),
            Wire::Decided(other, tag, conflicts) => {
                let decide = |conflict: Conflict| {
                    let own = conflict.own.pid.node < conflict.other.pid.node;
                    (conflict, if own { Decision::Own } else { Decision::Other })
                };
                let decided = conflicts.into_iter().map(decide).collect();
                node.server.conflicts_decided(&other, &tag, decided);
            }
        }
        self.act(to);
    }

    fn act(&mut self, name: &Atom) {
        while let Some(action) = self.nodes.get_mut(name).unwrap().server.poll_action() {
            match action {
                Action::Cast(to, cast) => self.send_if_connected(name, &to, Wire::Cast(cast)),
                Action::Info(to, info) => self.send_if_connected(name, &to, Wire::Info(info)),
                Action::Locker(command) => self.nodes.get_mut(name).unwrap().commands.push_back(command),
                Action::Decide { node, tag, conflicts } => {
                    self.send(name, name, Wire::Decided(node, tag, conflicts));
                }
                Action::ConnectInSync(to) => {
                    if self.nodes.contains_key(&to) {
                        self.connect(name, &to);
                        self.send(name, &to, Wire::Cast(Cast::in_sync(name)));
                    } else {
                        self.send(name, name, Wire::NotConnected(to));
                    }
                }
                Action::Disconnect(from) => self.disconnect(name, &from),
                Action::Watch { .. } | Action::Unwatch(_) | Action::Synced(_) | Action::Found { .. } => {}
            }
        }
    }

    fn run_locker(&mut self, name: &Atom) {
        loop {
            let node = self.nodes.get_mut(name).unwrap();
            let Some(output) = node.locker.poll_output() else {
                node.timer = node.locker.patience(&view(&node.server)).map(|patience| self.now + patience);
                return;
            };
            match output {
                Output::Call(nodes, call) => {
                    node.timer = None;
                    node.call = Some((nodes.iter().cloned().collect(), Vec::new()));
                    for to in nodes {
                        if self.nodes.contains_key(&to) {
                            self.connect(name, &to);
                            self.send(name, &to, Wire::Call(call.clone()));
                        } else {
                            self.answered(name, &to, None);
                        }
                    }
                    return;
                }
                Output::Cast(to, cast) => self.send_if_connected(name, &to, Wire::Cast(cast)),
                Output::LockSet(locker, _) => self.send_if_connected(name, &locker.node, Wire::Refusal),
                Output::LockIsSet { node, tag, lock } => {
                    self.send(name, name, Wire::LockIsSet(node, tag, lock));
                }
            }
        }
    }

    fn answered(&mut self, name: &Atom, by: &Atom, answer: Option<bool>) {
        let node = self.nodes.get_mut(name).unwrap();
        let Some((waiting, answers)) = &mut node.call else { return };
        if !waiting.remove(by) {
            return;
        }
        answers.push((by.clone(), answer));
        if waiting.is_empty() {
            let (_, answers) = node.call.take().unwrap();
            node.locker.answered(answers, &view(&node.server));
            self.run_locker(name);
        }
    }
}

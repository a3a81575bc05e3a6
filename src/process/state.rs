//! What a process has towards others, and what each signal does to it.

use std::collections::{HashMap, VecDeque};
use std::task::Waker;

use foldhash::fast::FixedState;

use super::alias::{Alias, AliasEnd};
use super::exit::{ExitAction, exit_action};
use super::links::Links;
use super::monitors::{Monitor, Monitors, Watcher};
use super::spawn::{SpawnReply, SpawnRequestOptions, SpawnRequested, unwanted_spawn};
use super::{
    AliasMode, AliasOptions, ExitKind, Mailbox, Marks, Message, MessageTrace, Outgoing, Outgoings, Recipient,
    Signal,
};
use crate::atom;
use crate::term::{Atom, Pid, Reference, Term};

/// The part of a process that others reach, behind one lock.
#[derive(Debug)]
pub(crate) struct ProcessState {
    pid: Pid,
    inbox: VecDeque<Message>,
    /// Those that go before all others.
    priority_inbox: VecDeque<Message>,
    links: Links,
    monitors: Monitors,
    aliases: HashMap<Reference, Alias, FixedState>,
    /// Spawns requested and not answered.
    spawns: HashMap<Reference, SpawnRequested, FixedState>,
    pub(crate) trap_exit: bool,
    pub(crate) group_leader: Pid,
    /// Set by the exit signal that ends the process.
    exit: Option<Term>,
    /// Wakes the receive that waits.
    receiver: Option<Waker>,
    /// Wakes the task, wherever it waits, so that it ends.
    task: Option<Waker>,
    ended: bool,
}

/// What came of a signal, for the caller to see to once the state is unlocked: wakers and messages run code of others
/// when they are woken or dropped.
#[derive(Debug, Default)]
pub(crate) struct Delivery {
    /// Who is to be woken.
    pub(crate) wake: Option<Waker>,
    /// What is to be sent. Signals to other nodes have to leave before the state changes again.
    pub(crate) outgoing: Outgoings,
    /// A message that nobody gets.
    pub(crate) unwanted: Option<Message>,
}

/// What is left of a process that has ended, for the caller to see to once the state is unlocked.
#[derive(Debug)]
pub(crate) struct Remains {
    /// What all those who are to know are told.
    pub(crate) outgoing: Outgoings,
    /// Messages that nobody gets.
    pub(crate) inbox: [VecDeque<Message>; 2],
    pub(crate) wakers: [Option<Waker>; 2],
}

impl ProcessState {
    pub(crate) fn new(pid: Pid, group_leader: Pid) -> ProcessState {
        ProcessState {
            pid,
            inbox: VecDeque::new(),
            priority_inbox: VecDeque::new(),
            links: Links::default(),
            monitors: Monitors::default(),
            aliases: HashMap::default(),
            spawns: HashMap::default(),
            trap_exit: false,
            group_leader,
            exit: None,
            receiver: None,
            task: None,
            ended: false,
        }
    }

    // --- signals from others -----------------------------------------------------------------------------------

    /// Takes `signal` from the process `from`. A process that has ended answers as OTP does for a dead one.
    pub(crate) fn handle(&mut self, from: &Pid, signal: Signal) -> Delivery {
        if self.ended {
            return answer_of_the_dead(from, signal);
        }
        match signal {
            Signal::Message(message) => return self.push(message),
            Signal::AliasMessage(alias, message) => return self.alias_message(&alias, message),
            Signal::Link => self.links.link_received(from.clone()),
            Signal::Unlink(id) => {
                self.links.unlink_received(from);
                return send(from, Signal::UnlinkAck(id));
            }
            Signal::UnlinkWithoutId => self.links.unlink_received(from),
            Signal::UnlinkAck(id) => self.links.unlink_acknowledged(from, id),
            Signal::AliasExit(alias, reason) => {
                if self.aliases.contains_key(&alias) {
                    return self.exit_signal(from, ExitKind::Signal, reason);
                }
            }
            Signal::Exit(kind, reason) => return self.exit_signal(from, kind, reason),
            Signal::Monitor(reference, name) => {
                self.monitors.watchers.insert(reference, Watcher { pid: from.clone(), name });
            }
            Signal::Demonitor(reference) => {
                self.monitors.watchers.remove(&reference);
            }
            Signal::Down(reference, _, reason) => return self.down(&reference, reason),
            Signal::GroupLeader(leader) => self.group_leader = leader,
            Signal::Marked(marks, signal) => return self.handle_marked(from, marks, *signal),
        }
        Delivery::default()
    }

    fn handle_marked(&mut self, from: &Pid, marks: Marks, signal: Signal) -> Delivery {
        let is_first = |alias: &Reference| self.aliases.get(alias).is_some_and(|alias| alias.priority);
        let goes_first = marks.priority && signal.alias().is_some_and(is_first);
        let before = self.inbox.len();
        let delivery = self.handle(from, signal);
        // The message that has come of it, if one has.
        if self.inbox.len() > before
            && let Some(message) = self.inbox.pop_back()
        {
            let message = if marks.token.is_some() { message.with_trace(marks.token) } else { message };
            if goes_first { &mut self.priority_inbox } else { &mut self.inbox }.push_back(message);
        }
        delivery
    }

    fn push(&mut self, message: Message) -> Delivery {
        self.inbox.push_back(message);
        Delivery { wake: self.receiver.take(), ..Delivery::default() }
    }

    fn alias_message(&mut self, alias: &Reference, message: Message) -> Delivery {
        match self.aliases.get(alias) {
            None => Delivery { unwanted: Some(message), ..Delivery::default() },
            Some(Alias { ends: AliasEnd::Reply, .. }) => {
                let mut delivery = self.push(message);
                delivery.outgoing.extend(self.demonitor(alias));
                delivery
            }
            Some(_) => self.push(message),
        }
    }

    fn exit_signal(&mut self, from: &Pid, kind: ExitKind, reason: Term) -> Delivery {
        if kind == ExitKind::Link && !self.links.exit_received(from) {
            return Delivery::default();
        }
        self.apply_exit(from, kind, reason)
    }

    fn apply_exit(&mut self, from: &Pid, kind: ExitKind, reason: Term) -> Delivery {
        match exit_action(kind, &reason, self.trap_exit, *from == self.pid) {
            ExitAction::Ignore => Delivery::default(),
            ExitAction::Message => {
                let message = [Term::Atom(atom!("EXIT")), Term::Pid(from.clone()), reason];
                self.push(Message::from_term(Term::tuple(message)))
            }
            ExitAction::Terminate(reason) => {
                // The first exit signal decides.
                self.exit.get_or_insert(reason);
                Delivery { wake: self.task.take(), ..Delivery::default() }
            }
        }
    }

    fn down(&mut self, reference: &Reference, reason: Term) -> Delivery {
        let Some(monitor) = self.monitors.own.remove(reference) else { return Delivery::default() };
        self.monitor_fired(reference, monitor, reason)
    }

    fn monitor_fired(&mut self, reference: &Reference, monitor: Monitor, reason: Term) -> Delivery {
        self.alias_ends_with_monitor(reference);
        let message = [
            monitor.tag.unwrap_or(Term::Atom(atom!("DOWN"))),
            Term::Reference(reference.clone()),
            Term::Atom(atom!("process")),
            monitor.target.to_term(),
            reason,
        ];
        self.push(Message::from_term(Term::tuple(message)).with_trace(MessageTrace::Unaffected))
    }

    fn alias_ends_with_monitor(&mut self, reference: &Reference) {
        if self.aliases.get(reference).is_some_and(|alias| alias.ends != AliasEnd::Nothing) {
            self.aliases.remove(reference);
        }
    }

    /// A node answered a request to spawn. The process gets `{spawn_reply, Ref, ok, Pid}`, if it wants to, or
    /// `{spawn_reply, Ref, error, Reason}`.
    pub(crate) fn spawn_reply(&mut self, reply: SpawnReply) -> Delivery {
        if self.ended {
            return Delivery { outgoing: unwanted_spawn(reply, atom!("noproc")), ..Delivery::default() };
        }
        let Some(requested) = self.spawns.remove(&reply.request) else {
            return Delivery { outgoing: unwanted_spawn(reply, atom!("abandoned")), ..Delivery::default() };
        };
        let SpawnRequestOptions { monitor, reply: wanted, reply_tag, .. } = requested.options;
        let tag = reply_tag.unwrap_or(Term::Atom(atom!("spawn_reply")));
        let (status, value) = match reply.result {
            Ok(child) => {
                if reply.link {
                    self.links.link(&child);
                }
                if reply.monitor {
                    let monitor = Monitor {
                        target: Recipient::Pid(child.clone()),
                        tag: monitor.and_then(|monitor| monitor.tag),
                    };
                    self.monitors.own.insert(reply.request.clone(), monitor);
                }
                if !wanted.tells(true) {
                    return Delivery::default();
                }
                (atom!("ok"), Term::Pid(child))
            }
            Err(reason) => {
                self.alias_ends_with_monitor(&reply.request);
                if !wanted.tells(false) {
                    return Delivery::default();
                }
                (atom!("error"), Term::Atom(reason))
            }
        };
        let message = [tag, Term::Reference(reply.request), Term::Atom(status), value];
        self.push(Message::from_term(Term::tuple(message)).with_trace(reply.token))
    }

    /// The connection to `node` is gone: all that went over it ends with `noconnection`.
    pub(crate) fn node_down(&mut self, node: &Atom) -> Vec<Delivery> {
        if self.ended {
            return Vec::new();
        }
        let noconnection = || Term::Atom(atom!("noconnection"));
        let mut deliveries = Vec::new();
        for pid in self.links.node_down(node) {
            deliveries.push(self.apply_exit(&pid, ExitKind::Link, noconnection()));
        }
        for (reference, monitor) in self.monitors.node_down(node) {
            deliveries.push(self.monitor_fired(&reference, monitor, noconnection()));
        }
        let lost = self.spawns.iter().filter(|(_, requested)| requested.node == *node);
        let lost: Vec<Reference> = lost.map(|(request, _)| request.clone()).collect();
        for request in lost {
            let result = Err(atom!("noconnection"));
            let reply = SpawnReply { request, result, link: false, monitor: false, token: None };
            deliveries.push(self.spawn_reply(reply));
        }
        deliveries
    }

    // --- the process's own doings ------------------------------------------------------------------------------

    /// Links to `other`; true if it has to be told.
    pub(crate) fn link(&mut self, other: &Pid) -> bool {
        *other != self.pid && self.links.link(other)
    }

    /// Links two processes of one node with each other; false if `other` has ended. One that is linked already hears
    /// the reason by that link.
    pub(crate) fn link_both(&mut self, other: &mut ProcessState) -> bool {
        if self.links.is_linked(&other.pid) {
            return true;
        }
        if other.ended {
            return false;
        }
        self.links.link(&other.pid);
        other.links.link(&self.pid);
        true
    }

    /// Removes the link between two processes of one node.
    pub(crate) fn unlink_both(&mut self, other: &mut ProcessState) {
        self.links.remove(&other.pid);
        other.links.remove(&self.pid);
    }

    /// Removes the link with a process of this node that is not there any more.
    pub(crate) fn unlink_from_dead(&mut self, other: &Pid) {
        self.links.remove(other);
    }

    pub(crate) fn is_linked(&self, other: &Pid) -> bool {
        self.links.is_linked(other)
    }

    /// There is no link with `other`, for this reason: the exit signal of one that ends comes at once.
    pub(crate) fn link_failed(&mut self, other: &Pid, reason: Atom) -> Delivery {
        if self.ended {
            Delivery::default()
        } else {
            self.apply_exit(other, ExitKind::Link, Term::Atom(reason))
        }
    }

    /// There is no monitor `reference`, because the node of its target can't be reached.
    pub(crate) fn monitor_failed(&mut self, reference: &Reference) -> Delivery {
        if self.ended { Delivery::default() } else { self.down(reference, Term::Atom(atom!("noconnection"))) }
    }

    pub(crate) fn has_monitor(&self, reference: &Reference) -> bool {
        self.monitors.own.contains_key(reference)
    }

    /// Unlinks from `other`, a process of another node.
    pub(crate) fn unlink(&mut self, other: &Pid) -> Delivery {
        self.links.unlink(other).map_or_else(Delivery::default, |id| send(other, Signal::Unlink(id)))
    }

    pub(crate) fn linked(&self) -> impl Iterator<Item = &Pid> {
        self.links.linked()
    }

    /// Adds a monitor, with an alias by the same reference if that has a mode.
    pub(crate) fn monitor(
        &mut self,
        reference: Reference,
        target: Recipient,
        alias: Option<AliasMode>,
        tag: Option<Term>,
    ) {
        if let Some(mode) = alias {
            self.aliases.insert(reference.clone(), mode.into());
        }
        self.monitors.own.insert(reference, Monitor { target, tag });
    }

    pub(crate) fn monitored(&self) -> impl Iterator<Item = &Recipient> {
        self.monitors.own.values().map(|monitor| &monitor.target)
    }

    pub(crate) fn watchers(&self) -> impl Iterator<Item = &Pid> {
        self.monitors.watchers.values().map(|watcher| &watcher.pid)
    }

    /// Removes a monitor, and with it the alias that belongs to it.
    pub(crate) fn demonitor(&mut self, reference: &Reference) -> Option<Outgoing> {
        self.alias_ends_with_monitor(reference);
        let monitor = self.monitors.own.remove(reference)?;
        Some(Outgoing { to: monitor.target, signal: Signal::Demonitor(reference.clone()) })
    }

    pub(crate) fn add_alias(&mut self, alias: Reference, options: AliasOptions) {
        self.aliases.insert(alias, options.into());
    }

    /// True if the alias was active.
    pub(crate) fn unalias(&mut self, alias: &Reference) -> bool {
        self.aliases.remove(alias).is_some()
    }

    #[cfg(test)]
    pub(crate) fn has_aliases(&self) -> bool {
        !self.aliases.is_empty()
    }

    pub(crate) fn spawn_requested(&mut self, request: Reference, node: Atom, options: SpawnRequestOptions) {
        if let Some(mode) = options.monitor_alias() {
            self.aliases.insert(request.clone(), mode.into());
        }
        self.spawns.insert(request, SpawnRequested { node, options });
    }

    /// Has the process not hear of the request any more; true if it was not answered yet. What is started all the
    /// same is neither linked nor monitored.
    pub(crate) fn abandon_spawn(&mut self, request: &Reference) -> bool {
        let Some(requested) = self.spawns.remove(request) else { return false };
        if requested.options.monitor_alias().is_some() {
            self.aliases.remove(request);
        }
        true
    }

    // --- the task that runs the process ------------------------------------------------------------------------

    /// Moves all that has come to `mailbox`.
    pub(crate) fn empty_inbox(&mut self, mailbox: &mut Mailbox) {
        mailbox.take_over(&mut self.inbox, &mut self.priority_inbox);
    }

    pub(crate) fn inbox_len(&self) -> usize {
        self.inbox.len() + self.priority_inbox.len()
    }

    /// Who to wake when a message arrives; who was to be before comes back.
    #[must_use = "it is to be dropped when the state is unlocked"]
    pub(crate) fn set_receiver(&mut self, waker: Waker) -> Option<Waker> {
        self.receiver.replace(waker)
    }

    /// Who to wake when an exit signal ends the process; who was to be before comes back.
    #[must_use = "it is to be dropped when the state is unlocked"]
    pub(crate) fn set_task(&mut self, waker: Waker) -> Option<Waker> {
        self.task.replace(waker)
    }

    pub(crate) fn exit_reason(&self) -> Option<&Term> {
        self.exit.as_ref()
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.ended
    }

    pub(crate) fn is_waiting(&self) -> bool {
        self.receiver.is_some()
    }

    /// The process has ended with `reason`.
    pub(crate) fn terminate(&mut self, reason: &Term) -> Remains {
        self.ended = true;
        self.aliases = HashMap::default();
        self.spawns = HashMap::default();
        let mut outgoing = Outgoings::new();
        // With link and monitor on the same process, OTP sends the exit signal of the link first.
        for pid in self.links.linked() {
            let signal = Signal::Exit(ExitKind::Link, reason.clone());
            outgoing.push(Outgoing { to: Recipient::Pid(pid.clone()), signal });
        }
        for (reference, watcher) in self.monitors.watchers.drain() {
            let signal = Signal::Down(reference, watcher.name, reason.clone());
            outgoing.push(Outgoing { to: Recipient::Pid(watcher.pid), signal });
        }
        for (reference, monitor) in self.monitors.own.drain() {
            outgoing.push(Outgoing { to: monitor.target, signal: Signal::Demonitor(reference) });
        }
        self.links = Links::default();
        Remains {
            outgoing,
            inbox: [&mut self.priority_inbox, &mut self.inbox].map(std::mem::take),
            wakers: [self.receiver.take(), self.task.take()],
        }
    }
}

fn send(to: &Pid, signal: Signal) -> Delivery {
    let mut outgoing = Outgoings::new();
    outgoing.push(Outgoing { to: Recipient::Pid(to.clone()), signal });
    Delivery { outgoing, ..Delivery::default() }
}

/// What the node answers in the place of a process that is not there (any more).
pub(crate) fn answer_of_the_dead(from: &Pid, signal: Signal) -> Delivery {
    let noproc = Term::Atom(atom!("noproc"));
    let answer = match signal {
        Signal::Link => Signal::Exit(ExitKind::Link, noproc),
        Signal::Monitor(reference, name) => Signal::Down(reference, name, noproc),
        Signal::Unlink(id) => Signal::UnlinkAck(id),
        Signal::Message(message) | Signal::AliasMessage(_, message) => {
            return Delivery { unwanted: Some(message), ..Delivery::default() };
        }
        Signal::Marked(_, signal) => return answer_of_the_dead(from, *signal),
        _ => return Delivery::default(),
    };
    send(from, answer)
}

#[cfg(test)]
mod tests;

//! What a running process can do.

use std::future::{Future, pending, poll_fn};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use serde::Serialize;

use super::registry::{ProcessCell, owner_of_alias};
use super::seq_trace::Sent;
use super::spawn::SpawnOptions;
use super::{Dest, Node, SendError, SpawnOpt, TrySendError};
use crate::atom;
use crate::process::{
    AliasMode, AliasOptions, Exit, ExitKind, Mailbox, Marks, Message, Outgoing, ProcessState, Recipient,
    SeqTrace, Signal,
};
use crate::term::etf::Encoded;
use crate::term::{Pid, Reference, Term};

/// The process that runs: its mailbox, and all it can do to others.
///
/// It is handed to the function that was spawned and can't be cloned: only the process itself receives.
#[derive(Debug)]
pub struct Process {
    node: Node,
    cell: Arc<ProcessCell>,
    /// Messages received since the task last let others run.
    received: u32,
}

/// After so many messages that were there without waiting, a process lets others run.
const RECEIVES_A_TURN: u32 = 256;

impl Process {
    pub(crate) fn new(node: Node, cell: Arc<ProcessCell>) -> Process {
        Process { node, cell, received: 0 }
    }

    pub(crate) fn cell(&self) -> &Arc<ProcessCell> {
        &self.cell
    }

    /// This process's pid: `self()`.
    #[must_use]
    pub fn pid(&self) -> &Pid {
        &self.cell.pid
    }

    /// The node it runs on.
    #[must_use]
    pub fn node(&self) -> &Node {
        &self.node
    }

    // --- messages ----------------------------------------------------------------------------------------------

    /// Sends `message` to `dest`, connecting to its node if need be.
    ///
    /// As in Erlang, `Ok` does not say that it arrived: what is sent to a process, name or alias that is not there
    /// is dropped. It waits while the connection's queue is full.
    ///
    /// # Errors
    /// [`SendError`] when there is no connection and none can be made, or the message has no external form.
    ///
    /// # Cancel safety
    /// When dropped before it is done, the message was not sent.
    ///
    /// Does what `erlang:send/2` does.
    pub async fn send<T>(&self, dest: impl Into<Dest>, message: T) -> Result<(), SendError>
    where
        T: Serialize + Send + 'static,
    {
        self.node.send_from(self.sent(), dest.into(), message).await
    }

    /// As [`send`](Process::send), with priority: by an alias that was made for that the message goes before ordinary
    /// ones. To anyone else, and over nodes before OTP 28, it is an ordinary message.
    ///
    /// # Errors
    /// As [`send`](Process::send).
    ///
    /// # Cancel safety
    /// When dropped before it is done, the message was not sent.
    ///
    /// Does what `erlang:send(Dest, Message, [priority])` does.
    pub async fn send_priority<T>(&self, dest: impl Into<Dest>, message: T) -> Result<(), SendError>
    where
        T: Serialize + Send + 'static,
    {
        self.node.send_from(Sent { priority: true, ..self.sent() }, dest.into(), message).await
    }

    /// As [`send`](Process::send), but never waits: neither for a connection nor for room in its queue.
    ///
    /// # Errors
    /// [`TrySendError::Busy`] and [`TrySendError::NotConnected`], which give the message back; others as those of
    /// [`send`](Process::send).
    ///
    /// Does what `erlang:send/3` does with `nosuspend` and `noconnect`.
    pub fn try_send<T>(&self, dest: impl Into<Dest>, message: T) -> Result<(), TrySendError<T>>
    where
        T: Serialize + Send + 'static,
    {
        self.node.try_send_from(self.sent(), dest.into(), message)
    }

    /// Takes the oldest message, waiting for one if there is none.
    ///
    /// It waits without a bound; [`receive_timeout`](Process::receive_timeout) has one.
    ///
    /// # Cancel safety
    /// No message is lost when it is dropped.
    pub async fn receive(&mut self) -> Message {
        self.let_others_run().await;
        poll_fn(|context| {
            let mut mailbox = self.cell.mailbox.lock();
            if let Some(message) = mailbox.pop() {
                return Poll::Ready(self.received(message));
            }
            if self.take_over_or_wait(&mut mailbox, context) {
                return Poll::Pending;
            }
            mailbox.pop().map_or(Poll::Pending, |message| Poll::Ready(self.received(message)))
        })
        .await
    }

    /// Takes the oldest message, or `None` after `timeout`. With a timeout of zero it only looks.
    ///
    /// # Cancel safety
    /// No message is lost when it is dropped.
    pub async fn receive_timeout(&mut self, timeout: Duration) -> Option<Message> {
        self.receive_match_timeout(timeout, |_| true).await
    }

    /// Takes the oldest message that `matches`, waiting until there is one; the others stay, in their order.
    ///
    /// # Cancel safety
    /// No message is lost when it is dropped.
    pub async fn receive_match(&mut self, mut matches: impl FnMut(&Message) -> bool) -> Message {
        self.let_others_run().await;
        let mut from = 0;
        poll_fn(|context| self.poll_match(context, &mut from, &mut matches)).await
    }

    /// Takes the oldest message that `matches`, or `None` after `timeout`.
    ///
    /// # Cancel safety
    /// No message is lost when it is dropped.
    pub async fn receive_match_timeout(
        &mut self,
        timeout: Duration,
        mut matches: impl FnMut(&Message) -> bool,
    ) -> Option<Message> {
        self.let_others_run().await;
        let mut from = 0;
        let found = poll_fn(|context| Poll::Ready(self.poll_match(context, &mut from, &mut matches))).await;
        match found {
            Poll::Ready(message) => Some(message),
            Poll::Pending if timeout.is_zero() => None,
            Poll::Pending => {
                let receive = poll_fn(|context| self.poll_match(context, &mut from, &mut matches));
                tokio::time::timeout(timeout, receive).await.ok()
            }
        }
    }

    /// The position behind all messages that are here now: a receive that starts there looks only at later ones.
    pub(crate) fn mailbox_end(&mut self) -> usize {
        self.cell.all_messages().end()
    }

    pub(crate) fn poll_match(
        &mut self,
        context: &Context<'_>,
        from: &mut usize,
        mut matches: impl FnMut(&Message) -> bool,
    ) -> Poll<Message> {
        let mut mailbox = self.cell.mailbox.lock();
        loop {
            // Not under the lock of the state: `matches` is foreign code, which is not to hold up those who send.
            if let Some(message) = mailbox.take(from, &mut matches) {
                return Poll::Ready(self.received(message));
            }
            if self.take_over_or_wait(&mut mailbox, context) {
                return Poll::Pending;
            }
        }
    }

    /// A message that the process has taken out of its mailbox.
    fn received(&self, mut message: Message) -> Message {
        self.cell.trace_received(&mut message);
        message
    }

    /// Takes over what is in the inbox; true if that is nothing, and the process will be woken when there is something.
    fn take_over_or_wait(&self, mailbox: &mut Mailbox, context: &Context<'_>) -> bool {
        // Wakers are code of others, which must not run while the state is locked.
        let waker = context.waker().clone();
        let mut state = self.cell.state.lock();
        let nothing = state.inbox_len() == 0;
        let unused = if nothing {
            state.set_receiver(waker)
        } else {
            state.empty_inbox(mailbox);
            Some(waker)
        };
        drop(state);
        drop(unused);
        nothing
    }

    /// Drops the first message from position `*from` on that `matches`, if it is here already.
    pub(crate) fn discard(&mut self, from: &mut usize, matches: impl FnMut(&Message) -> bool) {
        self.cell.all_messages().take(from, matches);
    }

    /// All messages that have come and were not received, for another process to take up.
    pub(crate) fn take_unread(&mut self) -> Vec<Message> {
        self.cell.all_messages().take_all().into()
    }

    async fn let_others_run(&mut self) {
        self.received += 1;
        if self.received >= RECEIVES_A_TURN {
            self.received = 0;
            tokio::task::yield_now().await;
        }
    }

    // --- links, monitors, exits --------------------------------------------------------------------------------

    /// Links this process with `other`: when one ends, the other gets an exit signal.
    ///
    /// If `other` is not there, the signal comes at once, with reason `noproc`, or `noconnection` if its node can't be
    /// reached. It waits for a connection that has to be made.
    ///
    /// # Cancel safety
    /// When dropped before it is done, there is no link.
    ///
    /// Does what `erlang:link/1` does.
    pub async fn link(&self, other: &Pid) {
        if other.node == *self.node.name().as_atom() {
            return self.node.link_local(&self.cell, other);
        }
        if self.cell.state.lock().is_linked(other) {
            return;
        }
        let link = |state: &mut ProcessState| {
            let to = Recipient::Pid(other.clone());
            state.link(other).then_some(Outgoing { to, signal: Signal::Link })
        };
        if self.node.bind(&self.cell, &other.node, link).await.is_err() {
            self.node.change_state(&self.cell, |state| state.link_failed(other, atom!("noconnection")));
        }
    }

    /// Removes the link with `other`; after that no exit signal comes through it any more.
    ///
    /// Does what `erlang:unlink/1` does.
    pub fn unlink(&self, other: &Pid) {
        self.node.unlink(&self.cell, other);
    }

    /// Makes exit signals into messages `{'EXIT', From, Reason}`, or no longer; the former setting is returned.
    ///
    /// Does what `process_flag(trap_exit, Boolean)` does.
    pub fn trap_exit(&self, trap: bool) -> bool {
        std::mem::replace(&mut self.cell.state.lock().trap_exit, trap)
    }

    /// Monitors a process by pid or name: when it ends, or its node is lost, this process gets
    /// `{'DOWN', Reference, process, Object, Reason}`, once. If it is not there, that comes at once with `noproc`, or
    /// `noconnection` if its node can't be reached. It waits for a connection that has to be made.
    ///
    /// # Cancel safety
    /// When dropped before it is done, there is no monitor.
    ///
    /// Does what `erlang:monitor/2` does.
    pub async fn monitor(&self, target: impl Into<Recipient>) -> Reference {
        self.monitor_with(target.into(), None, None).await
    }

    /// As [`monitor`](Process::monitor), with an alias of the same reference, which ends as `mode` says.
    ///
    /// # Cancel safety
    /// When dropped before it is done, there is neither monitor nor alias.
    ///
    /// Does what `erlang:monitor(process, Target, [{alias, Mode}])` does.
    pub async fn monitor_alias(&self, target: impl Into<Recipient>, mode: AliasMode) -> Reference {
        self.monitor_with(target.into(), Some(mode), None).await
    }

    pub(crate) async fn monitor_with(
        &self,
        target: Recipient,
        alias: Option<AliasMode>,
        tag: Option<Term>,
    ) -> Reference {
        let reference = self.new_monitor(alias.is_some());
        self.monitor_by(&reference, target, alias, tag).await;
        reference
    }

    /// A reference for [`monitor_by`](Process::monitor_by).
    pub(crate) fn new_monitor(&self, with_alias: bool) -> Reference {
        if with_alias { self.node.references().next_alias(self.pid()) } else { self.node.make_ref() }
    }

    /// Sets up a monitor by a reference that was made for it. When dropped before it is done, there is none.
    pub(crate) async fn monitor_by(
        &self,
        reference: &Reference,
        target: Recipient,
        alias: Option<AliasMode>,
        tag: Option<Term>,
    ) {
        let monitor = |state: &mut ProcessState| {
            state.monitor(reference.clone(), target.clone(), alias, tag.clone());
            Some(monitor_signal(reference, target.clone()))
        };
        if target.node() == self.node.name().as_atom() {
            let signal = monitor(&mut self.cell.state.lock());
            signal.into_iter().for_each(|signal| self.node.route(self.pid(), signal));
        } else if self.node.bind(&self.cell, target.node(), monitor).await.is_err() {
            self.node.change_state(&self.cell, |state| {
                state.monitor(reference.clone(), target.clone(), alias, tag.clone());
                state.monitor_failed(reference)
            });
        }
    }

    /// As [`monitor`](Process::monitor), without waiting for a connection that has to be made.
    pub(crate) fn start_monitor(&self, target: Recipient) -> Reference {
        let reference = self.new_monitor(false);
        self.start_relation(target, reference.clone(), None, None);
        reference
    }

    /// Monitors `target` with an alias that ends with the monitor, and sends it the message, as a call does, but
    /// without waiting for a connection that has to be made, or for room in its queue.
    pub(crate) fn start_request(
        &self,
        target: Recipient,
        message: impl FnOnce(&Reference) -> Encoded,
    ) -> Reference {
        let reference = self.new_monitor(true);
        let message = message(&reference);
        self.start_relation(target, reference.clone(), Some(AliasMode::Demonitor), Some(message));
        reference
    }

    fn start_relation(
        &self,
        target: Recipient,
        reference: Reference,
        alias: Option<AliasMode>,
        message: Option<Encoded>,
    ) {
        self.cell.state.lock().monitor(reference.clone(), target.clone(), alias, None);
        let (pid, dest) = (self.pid().clone(), Dest::from(target.clone()));
        if target.node() == self.node.name().as_atom() {
            self.node.route(&pid, monitor_signal(&reference, target));
            if let Some(message) = message {
                self.node.post(&pid, &dest, message);
            }
            return;
        }
        let (cell, at) = (self.cell.clone(), target.node().clone());
        self.node.when_connected(&at, move |node, connection| {
            // It may have been removed meanwhile; then nobody has to hear of it.
            let monitor = |state: &mut ProcessState| {
                state.has_monitor(&reference).then(|| monitor_signal(&reference, target))
            };
            match connection {
                Some(connection) if connection.bind(&cell, monitor) => {
                    if let Some(message) = message {
                        // If it is not sent because the connection has ended, the monitor tells.
                        let _ = connection.encoded_message(&pid, &dest, &message);
                    }
                }
                _ => node.change_state(&cell, |state| state.monitor_failed(&reference)),
            }
        });
    }

    /// Removes a monitor. A `'DOWN'` that has arrived already stays in the mailbox unless `flush` takes it out.
    ///
    /// Does what `erlang:demonitor/2` does.
    pub fn demonitor(&mut self, reference: &Reference, flush: bool) {
        let outgoing = self.cell.state.lock().demonitor(reference);
        match outgoing {
            Some(outgoing) => self.node.route(&self.cell.pid, outgoing),
            None if flush => self.discard(&mut 0, |message| message.is_down(reference)),
            None => {}
        }
    }

    /// A reference by which this process can be sent to until [`unalias`](Process::unalias).
    ///
    /// Does what `erlang:alias/0` does.
    #[must_use]
    pub fn alias(&self) -> Reference {
        self.alias_with(AliasOptions::default())
    }

    /// As [`alias`](Process::alias), for what `options` say.
    ///
    /// Does what `erlang:alias/1` does.
    #[must_use]
    pub fn alias_with(&self, options: AliasOptions) -> Reference {
        let alias = self.node.references().next_alias(self.pid());
        self.cell.state.lock().add_alias(alias.clone(), options);
        alias
    }

    /// Ends an alias; true if it was active.
    ///
    /// Does what `erlang:unalias/1` does.
    pub fn unalias(&self, alias: &Reference) -> bool {
        self.cell.state.lock().unalias(alias)
    }

    /// Sends an exit signal to `other`, connecting to its node if need be.
    ///
    /// The reason `kill` ends any process; others can be trapped. One that ends this process itself does so here: the
    /// future is never ready then. Without a connection the signal is lost.
    ///
    /// # Cancel safety
    /// When dropped before it is done, the signal was not sent.
    ///
    /// Does what `erlang:exit/2` does.
    pub async fn exit(&self, other: &Pid, reason: impl Into<Term>) {
        let signal = Signal::Exit(ExitKind::Signal, reason.into());
        self.node.signal_connecting(self.pid(), Recipient::Pid(other.clone()), signal).await;
        if other == self.pid() && self.cell.exiting.load(Ordering::Acquire) {
            pending::<()>().await;
        }
    }

    /// Sends an exit signal to the process that has made `alias`, if that is still active. With `priority` it goes before
    /// ordinary messages when it is trapped, if the alias was made for that. Nodes before OTP 28 can't be sent it.
    ///
    /// # Cancel safety
    /// When dropped before it is done, the signal was not sent.
    ///
    /// Does what `erlang:exit(Alias, Reason, Options)` does.
    pub async fn exit_alias(&self, alias: &Reference, reason: impl Into<Term>, priority: bool) {
        let Some(owner) = owner_of_alias(alias) else { return };
        let marks = Marks { token: None, priority };
        let signal = Signal::AliasExit(alias.clone(), reason.into()).marked(marks);
        self.node.signal_connecting(self.pid(), Recipient::Pid(owner), signal).await;
    }

    // --- others ------------------------------------------------------------------------------------------------

    /// Starts a process that is linked with this one from the start.
    ///
    /// Does what `erlang:spawn_link/1` does.
    pub fn spawn_link<F, Fut>(&self, body: F) -> Pid
    where
        F: FnOnce(Process) -> Fut,
        Fut: Future<Output = Result<(), Exit>> + Send + 'static,
    {
        let cell =
            self.node.new_cell(SpawnOptions { link: Some(self.pid().clone()), ..self.child_options() });
        self.cell.state.lock().link(&cell.pid);
        self.spawned_here(&cell);
        self.node.start(cell, body)
    }

    /// Starts a process that this one monitors from the start.
    ///
    /// Does what `erlang:spawn_monitor/1` does.
    pub fn spawn_monitor<F, Fut>(&self, body: F) -> (Pid, Reference)
    where
        F: FnOnce(Process) -> Fut,
        Fut: Future<Output = Result<(), Exit>> + Send + 'static,
    {
        let reference = self.node.make_ref();
        let monitor = Some((self.pid().clone(), reference.clone()));
        let cell = self.node.new_cell(SpawnOptions { monitor, ..self.child_options() });
        let child = Recipient::Pid(cell.pid.clone());
        self.cell.state.lock().monitor(reference.clone(), child, None, None);
        self.spawned_here(&cell);
        (self.node.start(cell, body), reference)
    }

    /// Starts a process with this one's group leader.
    ///
    /// Does what `erlang:spawn/1` does.
    pub fn spawn<F, Fut>(&self, body: F) -> Pid
    where
        F: FnOnce(Process) -> Fut,
        Fut: Future<Output = Result<(), Exit>> + Send + 'static,
    {
        let cell = self.node.new_cell(self.child_options());
        self.spawned_here(&cell);
        self.node.start(cell, body)
    }

    /// Starts a process with these options and with this one's group leader.
    ///
    /// Does what `erlang:spawn_opt/2` does.
    pub fn spawn_opt<F, Fut>(&self, options: SpawnOpt, body: F) -> Pid
    where
        F: FnOnce(Process) -> Fut,
        Fut: Future<Output = Result<(), Exit>> + Send + 'static,
    {
        let SpawnOpt { mailbox_limit, label } = options;
        let options = SpawnOptions { mailbox_limit, label, ..self.child_options() };
        let cell = self.node.new_cell(options);
        self.spawned_here(&cell);
        self.node.start(cell, body)
    }

    fn child_options(&self) -> SpawnOptions {
        SpawnOptions {
            group_leader: Some(self.group_leader()),
            parent: Some(self.pid().clone()),
            seq_trace: self.cell.trace_sent().map(SeqTrace::spawned),
            ..SpawnOptions::default()
        }
    }

    /// A child counts as having said that it is there.
    fn spawned_here(&self, child: &ProcessCell) {
        if let Some(token) = child.trace_sent() {
            self.cell.change_trace(|seq_trace| seq_trace.spawn_replied(token.serial));
        }
    }

    /// The group leader: the process that does input and output for this one.
    #[must_use]
    pub fn group_leader(&self) -> Pid {
        self.cell.state.lock().group_leader.clone()
    }

    /// Makes `leader` the group leader of `pid`, connecting to its node if need be. Processes that are started from then
    /// on by `pid` have it too.
    ///
    /// # Cancel safety
    /// When dropped before it is done, nothing is changed.
    ///
    /// Does what `erlang:group_leader(Leader, Pid)` does.
    pub async fn set_group_leader(&self, leader: &Pid, pid: &Pid) {
        let signal = Signal::GroupLeader(leader.clone());
        self.node.signal_connecting(self.pid(), Recipient::Pid(pid.clone()), signal).await;
    }
}

/// What a process that is monitored is told.
fn monitor_signal(reference: &Reference, target: Recipient) -> Outgoing {
    let name = match &target {
        Recipient::Pid(_) => None,
        Recipient::Name { name, .. } => Some(name.clone()),
    };
    Outgoing { to: target, signal: Signal::Monitor(reference.clone(), name) }
}

//! What a running process can do.

use std::future::{Future, pending, poll_fn};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

use serde::Serialize;

use super::registry::ProcessCell;
use super::spawn::SpawnOptions;
use super::{Dest, Node, SendError};
use crate::process::{AliasMode, Exit, ExitKind, Mailbox, Message, Outgoing, Recipient, Signal};
use crate::term::etf::Encoded;
use crate::term::{Pid, Reference, Term};

/// The process that runs: its mailbox, and all it can do to others.
///
/// It is handed to the function that was spawned and can't be cloned: only the process itself receives.
#[derive(Debug)]
pub struct Process {
    node: Node,
    cell: Arc<ProcessCell>,
    mailbox: Mailbox,
    /// Messages received since the task last let others run.
    received: u32,
}

/// After so many messages that were there without waiting, a process lets others run.
const RECEIVES_A_TURN: u32 = 256;

impl Process {
    pub(crate) fn new(node: Node, cell: Arc<ProcessCell>) -> Process {
        Process { node, cell, mailbox: Mailbox::default(), received: 0 }
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
        self.node.send_from(self.pid(), dest.into(), message).await
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
            if let Some(message) = self.mailbox.pop() {
                return Poll::Ready(message);
            }
            let mut state = self.cell.state.lock();
            self.mailbox.take_over(state.inbox());
            self.cell.mailbox_len.store(self.mailbox.len(), Ordering::Relaxed);
            match self.mailbox.pop() {
                Some(message) => Poll::Ready(message),
                None => {
                    state.set_receiver(context.waker());
                    Poll::Pending
                }
            }
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
        self.mailbox.take_over(self.cell.state.lock().inbox());
        self.mailbox.len()
    }

    pub(crate) fn poll_match(
        &mut self,
        context: &std::task::Context<'_>,
        from: &mut usize,
        mut matches: impl FnMut(&Message) -> bool,
    ) -> Poll<Message> {
        if let Some(message) = self.mailbox.take(from, &mut matches) {
            return Poll::Ready(message);
        }
        loop {
            {
                let mut state = self.cell.state.lock();
                if state.inbox().is_empty() {
                    state.set_receiver(context.waker());
                    return Poll::Pending;
                }
                self.mailbox.take_over(state.inbox());
            }
            // Outside the lock: `matches` is foreign code.
            if let Some(message) = self.mailbox.take(from, &mut matches) {
                return Poll::Ready(message);
            }
        }
    }

    /// Drops the first message from position `*from` on that `matches`, if it is here already.
    pub(crate) fn discard(&mut self, from: &mut usize, matches: impl FnMut(&Message) -> bool) {
        self.mailbox.take_over(self.cell.state.lock().inbox());
        self.mailbox.take(from, matches);
    }

    /// All messages that have come and were not received, for another process to take up.
    pub(crate) fn take_unread(&mut self) -> Vec<Message> {
        self.mailbox.take_over(self.cell.state.lock().inbox());
        std::iter::from_fn(|| self.mailbox.pop()).collect()
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
    /// reached.
    ///
    /// Does what `erlang:link/1` does.
    pub async fn link(&self, other: &Pid) {
        if !self.cell.state.lock().link(other) {
            return;
        }
        self.node.signal_with_relation(&self.cell, Recipient::Pid(other.clone()), Signal::Link).await;
    }

    /// Removes the link with `other`; after that no exit signal comes through it any more.
    ///
    /// Does what `erlang:unlink/1` does.
    pub fn unlink(&self, other: &Pid) {
        let id = self.cell.state.lock().unlink(other);
        if let Some(id) = id {
            let to = Recipient::Pid(other.clone());
            self.node.route(self.pid(), Outgoing { to, signal: Signal::Unlink(id) });
        }
    }

    /// Makes exit signals into messages `{'EXIT', From, Reason}`, or no longer; the former setting is returned.
    ///
    /// Does what `process_flag(trap_exit, Boolean)` does.
    pub fn trap_exit(&self, trap: bool) -> bool {
        std::mem::replace(&mut self.cell.state.lock().trap_exit, trap)
    }

    /// Monitors a process by pid or name: when it ends, or its node is lost, this process gets
    /// `{'DOWN', Reference, process, Object, Reason}`, once. If it is not there, that comes at once with `noproc`.
    ///
    /// Does what `erlang:monitor/2` does.
    pub async fn monitor(&self, target: impl Into<Recipient>) -> Reference {
        self.monitor_with(target.into(), None, None).await
    }

    /// As [`monitor`](Process::monitor), with an alias of the same reference, which ends as `mode` says.
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
        let reference = self.new_monitor(&target, alias, tag);
        self.send_monitor(&reference, target).await;
        reference
    }

    /// The first half of a monitor: the reference and what this process has of it. Nobody else knows of it yet.
    pub(crate) fn new_monitor(
        &self,
        target: &Recipient,
        alias: Option<AliasMode>,
        tag: Option<Term>,
    ) -> Reference {
        let reference = match alias {
            Some(_) => self.node.references().next_alias(self.pid()),
            None => self.node.make_ref(),
        };
        let mut state = self.cell.state.lock();
        if let Some(mode) = alias {
            state.add_alias(reference.clone(), mode);
        }
        state.monitor(reference.clone(), target.clone(), tag);
        reference
    }

    /// The second half: the other process is told, over a connection that is made if need be.
    pub(crate) async fn send_monitor(&self, reference: &Reference, target: Recipient) {
        let name = match &target {
            Recipient::Pid(_) => None,
            Recipient::Name { name, .. } => Some(name.clone()),
        };
        let signal = Signal::Monitor(reference.clone(), name);
        self.node.signal_with_relation(&self.cell, target, signal).await;
    }

    /// As [`monitor`](Process::monitor), without waiting for a connection that has to be made.
    pub(crate) fn start_monitor(&self, target: Recipient) -> Reference {
        let reference = self.new_monitor(&target, None, None);
        self.start_relation(target, reference.clone(), None);
        reference
    }

    /// Monitors `target` with an alias that ends with the monitor, and sends it the message, as a call does, but
    /// without waiting for a connection that has to be made, or for room in its queue.
    pub(crate) fn start_request(
        &self,
        target: Recipient,
        message: impl FnOnce(&Reference) -> Encoded,
    ) -> Reference {
        let reference = self.new_monitor(&target, Some(AliasMode::Demonitor), None);
        let message = message(&reference);
        self.start_relation(target, reference.clone(), Some(message));
        reference
    }

    fn start_relation(&self, target: Recipient, reference: Reference, message: Option<Encoded>) {
        let name = match &target {
            Recipient::Pid(_) => None,
            Recipient::Name { name, .. } => Some(name.clone()),
        };
        let signal = Signal::Monitor(reference, name);
        let (pid, dest) = (self.pid().clone(), Dest::from(target.clone()));
        if target.node() == self.node.name().as_atom() {
            self.node.route(&pid, Outgoing { to: target, signal });
            if let Some(message) = message {
                self.node.post(&pid, &dest, message);
            }
            return;
        }
        let (cell, at) = (self.cell.clone(), target.node().clone());
        self.node.when_connected(&at.clone(), move |node, connection| match connection {
            Some(connection) if connection.relate(&cell) => {
                connection.signal(&pid, &target, &signal);
                if let Some(message) = message {
                    // If it is not sent because the connection has ended, the monitor tells.
                    let _ = connection.encoded_message(&pid, &dest, &message);
                }
            }
            _ => node.lose_node(&cell, &at),
        });
    }

    /// Removes a monitor. A `'DOWN'` that has arrived already stays in the mailbox unless `flush` takes it out.
    ///
    /// Does what `erlang:demonitor/2` does.
    pub fn demonitor(&mut self, reference: &Reference, flush: bool) {
        let outgoing = self.cell.state.lock().demonitor(reference);
        match outgoing {
            Some(outgoing) => self.node.route(&self.cell.pid, outgoing),
            None if flush => {
                self.mailbox.take_over(self.cell.state.lock().inbox());
                self.mailbox.take(&mut 0, |message| message.is_down(reference));
            }
            None => {}
        }
    }

    /// A reference by which this process can be sent to until [`unalias`](Process::unalias).
    ///
    /// Does what `erlang:alias/0` does.
    #[must_use]
    pub fn alias(&self) -> Reference {
        let alias = self.node.references().next_alias(self.pid());
        self.cell.state.lock().add_alias(alias.clone(), AliasMode::ExplicitUnalias);
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
    /// future is never ready then.
    ///
    /// Does what `erlang:exit/2` does.
    pub async fn exit(&self, other: &Pid, reason: impl Into<Term>) {
        let signal = Signal::Exit(ExitKind::Signal, reason.into());
        self.node.signal_connecting(self.pid(), Recipient::Pid(other.clone()), signal).await;
        if other == self.pid() && self.cell.exiting.load(Ordering::Acquire) {
            pending::<()>().await;
        }
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
        self.cell.state.lock().monitor(reference.clone(), Recipient::Pid(cell.pid.clone()), None);
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
        self.node.start(self.node.new_cell(self.child_options()), body)
    }

    fn child_options(&self) -> SpawnOptions {
        SpawnOptions { group_leader: Some(self.group_leader()), ..SpawnOptions::default() }
    }

    /// The group leader: the process that does input and output for this one.
    #[must_use]
    pub fn group_leader(&self) -> Pid {
        self.cell.state.lock().group_leader.clone()
    }
}

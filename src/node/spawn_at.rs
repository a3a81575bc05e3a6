//! Starting processes on other nodes.
//!
//! ```text
//!   this process                                                    the other node
//!     │  SPAWN_REQUEST Ref, {Module, Function, Arity}, Options, Args   │
//!     ├───────────────────────────────────────────────────────────────▶│
//!     │  SPAWN_REPLY Ref, Pid, with flags: linked, monitored           │
//!     │◀───────────────────────────────────────────────────────────────┤
//!     │  what comes from the new process: messages, EXIT, DOWN         │
//!     │◀───────────────────────────────────────────────────────────────┤
//! ```
//!
//! The reply comes before anything that the new process causes. Whoever gives up waiting for it has the new process
//! neither linked nor monitored, whenever the reply comes.

use std::future::poll_fn;

use serde::Serialize;

use super::spawn::SpawnOptions;
use super::{ConnectError, Node, Process, Raise, SendError};
use crate::atom;
use crate::dist::control::{self, ControlMessage};
use crate::process::{
    Exit, ExitKind, MonitorOptions, Outgoing, Recipient, SeqTrace, Signal, SpawnReply, SpawnRequestOptions,
};
use crate::term::etf::Encoded;
use crate::term::{Atom, Pid, Reference, Term};

/// A process to be started on some node, running `module:function(arguments...)`.
#[derive(Debug, Clone)]
pub(crate) struct SpawnRequest {
    pub(crate) node: Atom,
    pub(crate) module: Atom,
    pub(crate) function: Atom,
    /// A list.
    pub(crate) arguments: Encoded,
    pub(crate) options: SpawnRequestOptions,
}

/// Why no process was started.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum SpawnError {
    /// There is no connection to the node, and none could be made: no process was started.
    #[error(transparent)]
    NoConnection(ConnectError),
    /// The connection was lost before the answer: whether a process was started is not known.
    #[error("the connection to {0} ended")]
    ConnectionLost(Atom),
    /// The node refused, for instance with `system_limit`.
    #[error("the node refused to start the process: {0}")]
    Refused(Atom),
    /// The request could not be sent.
    #[error(transparent)]
    Send(SendError),
}

impl SpawnError {
    /// The reason that Erlang has for it, as in a `spawn_reply`.
    #[must_use]
    pub fn reason(&self) -> Atom {
        match self {
            SpawnError::NoConnection(_) | SpawnError::ConnectionLost(_) => atom!("noconnection"),
            SpawnError::Refused(reason) => reason.clone(),
            SpawnError::Send(SendError::Control(_)) => atom!("notsup"),
            SpawnError::Send(_) => atom!("badarg"),
        }
    }
}

impl From<SendError> for SpawnError {
    fn from(error: SendError) -> SpawnError {
        match error {
            SendError::NoConnection(error) => SpawnError::NoConnection(error),
            SendError::ConnectionLost(node) => SpawnError::ConnectionLost(node),
            error => SpawnError::Send(error),
        }
    }
}

impl From<SpawnError> for Exit {
    fn from(error: SpawnError) -> Exit {
        Exit::new(error.reason())
    }
}

impl From<SpawnError> for Raise {
    fn from(error: SpawnError) -> Raise {
        Raise::error(error.reason())
    }
}

impl Process {
    /// Starts a process on `node` that runs `module:function(arguments...)`; the arguments are a tuple, or a `Vec`.
    ///
    /// The new process has this one's group leader. A function that the node does not have ends it with `undef`;
    /// the call succeeds. The wait ends with the connection, if not with an answer.
    ///
    /// # Errors
    /// [`SpawnError`] tells whether the node was not reached, or refused.
    ///
    /// # Panics
    /// When a name is longer than an atom can be.
    ///
    /// # Cancel safety
    /// When dropped, the process may be started all the same.
    ///
    /// Does what `erlang:spawn/4` does, which gives a pid also if the node is not there.
    pub async fn spawn_at<A: Serialize>(
        &mut self,
        node: &str,
        module: &str,
        function: &str,
        arguments: A,
    ) -> Result<Pid, SpawnError> {
        let options = SpawnRequestOptions::default();
        Ok(self.spawned(SpawnRequest::new(node, module, function, &arguments, options)?).await?.0)
    }

    /// As [`spawn_at`](Process::spawn_at); the new process is linked with this one from the start.
    ///
    /// # Errors
    /// [`SpawnError`] tells whether the node was not reached, or refused; no exit signal comes then.
    ///
    /// # Panics
    /// When a name is longer than an atom can be.
    ///
    /// # Cancel safety
    /// When dropped, a process that is started all the same gets the exit signal `abandoned`.
    ///
    /// Does what `erlang:spawn_link/4` does, which tells by an exit signal if the node is not there.
    pub async fn spawn_link_at<A: Serialize>(
        &mut self,
        node: &str,
        module: &str,
        function: &str,
        arguments: A,
    ) -> Result<Pid, SpawnError> {
        let options = SpawnRequestOptions { link: true, ..SpawnRequestOptions::default() };
        Ok(self.spawned(SpawnRequest::new(node, module, function, &arguments, options)?).await?.0)
    }

    /// As [`spawn_at`](Process::spawn_at); this process monitors the new one from the start, by the reference that is
    /// given with its pid.
    ///
    /// # Errors
    /// [`SpawnError`] tells whether the node was not reached, or refused; no `'DOWN'` comes then.
    ///
    /// # Panics
    /// When a name is longer than an atom can be.
    ///
    /// # Cancel safety
    /// When dropped, a process that is started all the same is not monitored.
    ///
    /// Does what `erlang:spawn_monitor/4` does, which tells by a `'DOWN'` message if the node is not there.
    pub async fn spawn_monitor_at<A: Serialize>(
        &mut self,
        node: &str,
        module: &str,
        function: &str,
        arguments: A,
    ) -> Result<(Pid, Reference), SpawnError> {
        let monitor = Some(MonitorOptions::default());
        let options = SpawnRequestOptions { monitor, ..SpawnRequestOptions::default() };
        self.spawned(SpawnRequest::new(node, module, function, &arguments, options)?).await
    }

    async fn spawned(&mut self, request: SpawnRequest) -> Result<(Pid, Reference), SpawnError> {
        let node = request.node.clone();
        let mut pending = PendingSpawn::new(self, &request);
        pending.process.send_spawn_request(&pending.reference, request).await?;
        match pending.reply().await {
            Ok(pid) => Ok((pid, pending.reference.clone())),
            Err(reason) if reason == "noconnection" => Err(SpawnError::ConnectionLost(node)),
            Err(reason) => Err(SpawnError::Refused(reason)),
        }
    }

    /// Requests a process on `node` that runs `module:function(arguments...)`, and does not wait for it: what `options`
    /// say comes as messages. It waits for a connection that has to be made, and for room in its queue.
    ///
    /// # Errors
    /// [`SendError`]: the request was not sent, and nothing comes.
    ///
    /// # Panics
    /// When a name is longer than an atom can be.
    ///
    /// # Cancel safety
    /// When dropped before it is done, the request was not sent.
    ///
    /// Does what `erlang:spawn_request/5` does.
    pub async fn spawn_request<A: Serialize>(
        &mut self,
        node: &str,
        module: &str,
        function: &str,
        arguments: A,
        options: SpawnRequestOptions,
    ) -> Result<Reference, SendError> {
        self.request_spawn(SpawnRequest::new(node, module, function, &arguments, options)?).await
    }

    /// Gives up a request that is not answered yet, true if it was one. A process that is started all the same is not
    /// monitored, and gets the exit signal `abandoned` if it was to be linked.
    ///
    /// Does what `erlang:spawn_request_abandon/1` does.
    pub fn spawn_request_abandon(&self, request: &Reference) -> bool {
        self.cell().state.lock().abandon_spawn(request)
    }

    pub(crate) async fn request_spawn(&mut self, request: SpawnRequest) -> Result<Reference, SendError> {
        let reference = self.new_request(&request);
        self.send_spawn_request(&reference, request).await?;
        Ok(reference)
    }

    fn new_request(&self, request: &SpawnRequest) -> Reference {
        self.new_monitor(request.options.monitor_alias().is_some())
    }

    async fn send_spawn_request(
        &mut self,
        reference: &Reference,
        request: SpawnRequest,
    ) -> Result<(), SendError> {
        let node = self.node().clone();
        if request.node == *node.name().as_atom() {
            self.spawn_here(&node, reference, request);
            return Ok(());
        }
        let SpawnRequest { node: at, module, function, arguments, options } = request;
        let connection = node.connected(&at).await?;
        connection.room(self.pid()).await?;
        let (link, monitor) = (options.link, options.monitor.is_some());
        if options.wants_reply() {
            let bound = connection.bind(self.cell(), |state| {
                state.spawn_requested(reference.clone(), at.clone(), options);
                None
            });
            if !bound {
                return Err(SendError::ConnectionLost(at));
            }
        }
        let options = [(link, atom!("link")), (monitor, atom!("monitor"))];
        let arity = arguments.list_elements().map_or(0, |elements| elements.len());
        let control = ControlMessage::SpawnRequest(Box::new(control::SpawnRequest {
            id: reference.clone(),
            from: self.pid().clone(),
            group_leader: self.group_leader(),
            module,
            function,
            arity: i64::try_from(arity).unwrap_or_default(),
            options: Term::list(options.into_iter().filter(|(on, _)| *on).map(|(_, name)| Term::Atom(name))),
        }));
        // The request and its arguments count as two.
        let token = self.cell().trace_sent().and_then(|_| self.cell().trace_sent());
        let sent = connection.control(connection.traced(control, token.as_ref()), Some(&arguments));
        if sent.is_err() {
            self.cell().state.lock().abandon_spawn(reference);
        }
        sent
    }

    fn spawn_here(&mut self, node: &Node, reference: &Reference, request: SpawnRequest) {
        let SpawnRequest { module, function, arguments, options, .. } = request;
        let (link, monitor) = (options.link, options.monitor.is_some());
        let spawn = SpawnOptions {
            link: link.then(|| self.pid().clone()),
            monitor: monitor.then(|| (self.pid().clone(), reference.clone())),
            group_leader: Some(self.group_leader()),
            parent: Some(self.pid().clone()),
            seq_trace: self.cell().trace_sent().map(SeqTrace::spawned),
            ..SpawnOptions::default()
        };
        let cell = node.new_function_cell(spawn, &module, &function, &arguments);
        if options.wants_reply() {
            let here = node.name().as_atom().clone();
            self.cell().state.lock().spawn_requested(reference.clone(), here, options);
            let result = Ok(cell.pid.clone());
            let token = cell.trace_sent();
            let answer = SpawnReply { request: reference.clone(), result, link, monitor, token };
            node.deliver_spawn_reply(self.pid(), answer);
        }
        node.start_function(cell, self.pid().clone().into(), module, function, arguments);
    }
}

impl Node {
    /// Starts a process on `node` that runs `module:function(arguments...)`, from outside of any process; see
    /// [`Process::spawn_at`].
    ///
    /// # Errors
    /// [`SpawnError`] tells whether the node was not reached, or refused.
    ///
    /// # Panics
    /// When a name is longer than an atom can be.
    ///
    /// # Cancel safety
    /// When dropped, the process may be started all the same.
    pub async fn spawn_at<A: Serialize>(
        &self,
        node: &str,
        module: &str,
        function: &str,
        arguments: A,
    ) -> Result<Pid, SpawnError> {
        let mut temporary = self.temporary_process();
        temporary.process().spawn_at(node, module, function, arguments).await
    }
}

impl SpawnRequest {
    fn new<A: Serialize>(
        node: &str,
        module: &str,
        function: &str,
        arguments: &A,
        options: SpawnRequestOptions,
    ) -> Result<SpawnRequest, SendError> {
        let [node, module, function] = [node, module, function].map(super::exports::to_atom);
        let arguments = super::to_arguments(arguments)?;
        Ok(SpawnRequest { node, module, function, arguments, options })
    }
}

/// A request under way. When dropped before the reply was seen, the process is not bound to what comes of it.
struct PendingSpawn<'a> {
    process: &'a mut Process,
    reference: Reference,
    /// The reply is behind this position of the mailbox.
    from: usize,
    link: bool,
    monitor: bool,
    done: bool,
}

impl<'a> PendingSpawn<'a> {
    fn new(process: &'a mut Process, request: &SpawnRequest) -> PendingSpawn<'a> {
        let (from, reference) = (process.mailbox_end(), process.new_request(request));
        let (link, monitor) = (request.options.link, request.options.monitor.is_some());
        PendingSpawn { process, reference, from, link, monitor, done: false }
    }

    /// Waits for the pid, or the reason why there is none.
    async fn reply(&mut self) -> Result<Pid, Atom> {
        let (process, reference, from) = (&mut *self.process, &self.reference, &mut self.from);
        let reply =
            poll_fn(|context| process.poll_match(context, from, |message| message.is_spawn_reply(reference)))
                .await;
        self.done = true;
        spawned(reply.as_term())
    }
}

fn spawned(reply: Option<&Term>) -> Result<Pid, Atom> {
    match reply.and_then(Term::as_tuple) {
        Some([_, _, _, Term::Pid(pid)]) => Ok(pid.clone()),
        Some([_, _, _, Term::Atom(reason)]) => Err(reason.clone()),
        _ => unreachable!("the node makes the reply, of a pid or a reason"),
    }
}

impl Drop for PendingSpawn<'_> {
    fn drop(&mut self) {
        if self.done || self.process.cell().state.lock().abandon_spawn(&self.reference) {
            return;
        }
        // The reply has come, if the request was sent at all, and nobody has seen it.
        let (reference, mut child) = (&self.reference, None);
        self.process.discard(&mut self.from, |message| {
            let found = message.is_spawn_reply(reference);
            if found {
                child = spawned(message.as_term()).ok();
            }
            found
        });
        let Some(child) = child else { return };
        if self.monitor {
            self.process.demonitor(reference, true);
        }
        if self.link {
            self.process.unlink(&child);
            let signal = Signal::Exit(ExitKind::Signal, Term::Atom(atom!("abandoned")));
            let outgoing = Outgoing { to: Recipient::Pid(child), signal };
            self.process.node().route(self.process.pid(), outgoing);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::node::Caller;
    use crate::process::ProcessState;
    use crate::term::Creation;

    const OWN: &str = "nonode@nohost";

    /// A node with `test:stop(Reason)`, and what becomes of a process that does `body` there.
    async fn in_process<T, Fut>(body: impl FnOnce(Process) -> Fut) -> T
    where
        T: Send + 'static,
        Fut: Future<Output = T> + Send + 'static,
    {
        let node = Node::nonode();
        node.export("test", "stop", async |_: Caller, (reason,): (Term,)| Err::<(), _>(Raise::exit(reason)));
        let (sender, result) = tokio::sync::oneshot::channel();
        node.spawn(|process| {
            let body = body(process);
            async move {
                let _ = sender.send(body.await);
                Ok(())
            }
        });
        result.await.expect("the process does not end before its time")
    }

    #[tokio::test]
    async fn a_spawned_process_runs_and_is_not_bound_to_the_one_that_spawned_it() {
        in_process(async |mut process| {
            let own = process.pid().clone();
            let pid = process.spawn_at(OWN, "erlang", "send", (&own, "hello")).await.unwrap();
            assert_eq!(process.receive().await.decode::<String>().unwrap(), "hello");
            assert_ne!(pid, *process.pid());
            process.spawn_at(OWN, "test", "stop", (atom!("crash"),)).await.unwrap();
            assert!(process.receive_timeout(Duration::from_millis(10)).await.is_none());
            let outside = process.node().spawn_at(OWN, "erlang", "send", (&own, 1)).await.unwrap();
            assert_eq!(outside.node, OWN);
            assert_eq!(process.receive().await.decode::<i64>().unwrap(), 1);
        })
        .await;
    }

    #[tokio::test]
    async fn links_and_monitors_are_there_from_the_start() {
        in_process(async |mut process| {
            process.trap_exit(true);
            let pid = process.spawn_link_at(OWN, "test", "stop", (atom!("crash"),)).await.unwrap();
            let exit = process.receive().await.decode::<(Atom, Pid, Atom)>().unwrap();
            assert_eq!(exit, (atom!("EXIT"), pid, atom!("crash")));
            let (pid, monitor) = process.spawn_monitor_at(OWN, "m", "f", (1,)).await.unwrap();
            let down = process.receive().await.to_term().unwrap();
            let undef: Term = "{undef,[{m,f,[1],[]}]}".parse().unwrap();
            let expected = [
                Term::Atom(atom!("DOWN")),
                Term::Reference(monitor),
                Term::Atom(atom!("process")),
                Term::Pid(pid),
                undef,
            ];
            assert_eq!(down, Term::tuple(expected));
        })
        .await;
    }

    #[tokio::test]
    async fn a_node_that_is_not_reached_is_an_error_and_nothing_comes_later() {
        in_process(async |mut process| {
            let error = process.spawn_link_at("other@nohost", "m", "f", ()).await.unwrap_err();
            assert!(matches!(error, SpawnError::NoConnection(_)), "{error}");
            assert_eq!(error.reason(), "noconnection");
            assert!(process.receive_timeout(Duration::ZERO).await.is_none());
        })
        .await;
    }

    /// A request to another node that was given up before the reply came.
    #[test]
    fn what_is_started_for_one_that_has_given_up_is_not_bound_to_it() {
        let pid = |node, id| Pid { node, id, serial: 0, creation: Creation(1) };
        let (own, child) = (pid(atom!("a@b"), 1), pid(atom!("c@d"), 2));
        let request = Reference::new(atom!("a@b"), Creation(1), &[1, 2, 3]).unwrap();
        let reply = SpawnReply {
            request: request.clone(),
            result: Ok(child),
            link: true,
            monitor: true,
            token: None,
        };
        let mut state = ProcessState::new(own.clone(), own);
        state.spawn_requested(request.clone(), atom!("c@d"), SpawnRequestOptions::default());
        assert!(state.abandon_spawn(&request));
        assert!(!state.abandon_spawn(&request));
        let causes = |state: &mut ProcessState| {
            let outgoing = state.spawn_reply(reply.clone()).outgoing;
            outgoing.into_iter().map(|outgoing| format!("{:?}", outgoing.signal)).collect::<Vec<_>>()
        };
        let demonitor = format!("Demonitor({request:?})");
        assert_eq!(causes(&mut state), [demonitor.clone(), "Exit(Link, abandoned)".to_owned()]);
        assert_eq!((state.linked().count(), state.monitored().count(), state.inbox_len()), (0, 0, 0));
        state.terminate(&Term::Atom(atom!("normal")));
        assert_eq!(causes(&mut state), [demonitor, "Exit(Link, noproc)".to_owned()]);
    }
}

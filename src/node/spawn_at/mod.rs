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
//!
//! | file      | what it is about                                      |
//! | --------- | ------------------------------------------------------ |
//! | `pending` | a request that is waited for, and may be given up     |
//! | `error`   | why no process was started                            |

mod error;
mod pending;
#[cfg(test)]
mod tests;

use serde::Serialize;

pub use self::error::SpawnError;

use self::pending::PendingSpawn;
use super::spawn::SpawnOptions;
use super::{Node, Process, SendError};
use crate::atom;
use crate::dist::control::{self, ControlMessage};
use crate::process::{MonitorOptions, SeqTrace, SpawnReply, SpawnRequestOptions};
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

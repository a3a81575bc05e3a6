//! The process of a scope: a generic server that carries out what the rules say. It never waits for another node.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use foldhash::fast::FixedState;
use parking_lot::Mutex;

use super::message::{Heard, Request};
use super::scope::{Action, Scope};
use crate::atom;
use crate::node::{Dest, InitialCall, Node, NodeType, Process};
use crate::otp::gen_server::{From, GenServer, Reply, enter_loop};
use crate::process::{Exit, Message, Recipient};
use crate::term::etf::Encoded;
use crate::term::{Atom, Pid, Reference, Term};

/// What the process of a scope shares with those who read its groups.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) name: Atom,
    /// Those of the process that runs, if one does.
    pub(super) rules: Mutex<Option<Scope>>,
    /// Whether a process that has ended is started again.
    pub(super) is_wanted: AtomicBool,
}

impl Shared {
    pub(super) fn new(name: Atom) -> Shared {
        Shared { name, rules: Mutex::new(None), is_wanted: AtomicBool::new(true) }
    }
}

/// Runs the scope in `process`, which knows of no groups at first.
pub(super) fn run(
    mut process: Process,
    shared: Arc<Shared>,
) -> impl Future<Output = Result<(), Exit>> + Send + 'static {
    // Now, and not when the process first runs: whoever has started the scope finds it.
    let mut scope = Scope::new(shared.name.clone(), process.pid().clone());
    process.monitor_nodes(NodeType::Visible);
    for node in process.node().nodes(NodeType::Visible) {
        scope.node_up(&node);
    }
    *shared.rules.lock() = Some(scope);
    let table = Table(shared.clone());
    async move {
        let _table = table;
        let mut server = Server { shared: shared.clone(), watched: HashMap::default() };
        server.carry_out(&mut process);
        enter_loop(server, shared.name.clone(), &mut process).await
    }
}

/// The groups are gone with the process.
struct Table(Arc<Shared>);

impl Drop for Table {
    fn drop(&mut self) {
        *self.0.rules.lock() = None;
    }
}

struct Server {
    shared: Arc<Shared>,
    watched: HashMap<Pid, Reference, FixedState>,
}

impl GenServer for Server {
    type Call = Term;
    type Cast = Term;
    type Reply = Term;

    async fn handle_call(
        &mut self,
        call: Term,
        from: From<Term>,
        process: &mut Process,
    ) -> Result<Reply<Term>, Exit> {
        let Some(request) = Request::read(&call) else {
            // In OTP the scope ends.
            tracing::debug!(scope = %self.shared.name, caller = ?from.pid(), "pg got an unknown call");
            return Ok(Reply::Later);
        };
        let reference = process.node().make_ref();
        let reply = self.with_rules(|scope| scope.request(from.pid(), request, reference));
        // What is to be told before the answer goes out before it.
        self.carry_out(process);
        let Some(reply) = reply else { return Ok(Reply::Later) };
        if from.pid().node == *process.node().name().as_atom() {
            return Ok(Reply::Now(reply));
        }
        from.post(process.node(), process.pid(), &reply);
        Ok(Reply::Later)
    }

    async fn handle_unknown_call(
        &mut self,
        _request: Message,
        from: From,
        _process: &mut Process,
    ) -> Result<Reply<Term>, Exit> {
        tracing::debug!(scope = %self.shared.name, caller = ?from.pid(), "pg got a malformed call");
        Ok(Reply::Later)
    }

    async fn handle_cast(&mut self, cast: Term, process: &mut Process) -> Result<(), Exit> {
        self.message(&cast, process);
        Ok(())
    }

    async fn handle_info(&mut self, message: Message, process: &mut Process) -> Result<(), Exit> {
        match message.to_term() {
            Ok(message) => self.message(&message, process),
            Err(error) => tracing::debug!(scope = %self.shared.name, %error, "pg got a malformed message"),
        }
        Ok(())
    }

    fn state(&self) -> Term {
        self.with_rules(|scope| scope.state()).unwrap_or_default()
    }

    fn initial_call() -> InitialCall {
        InitialCall { module: atom!("pg"), function: atom!("init"), arity: 1 }
    }
}

impl Server {
    fn with_rules<R>(&self, act: impl FnOnce(&mut Scope) -> R) -> Option<R> {
        self.shared.rules.lock().as_mut().map(act)
    }

    fn message(&mut self, message: &Term, process: &mut Process) {
        match message.as_tuple() {
            Some([tag, Term::Reference(reference), _, Term::Pid(pid), _]) if tag.is_atom("DOWN") => {
                if self.watched.get(pid) == Some(reference) {
                    self.watched.remove(pid);
                    self.with_rules(|scope| scope.down(pid));
                }
            }
            Some([tag, Term::Atom(node)]) if tag.is_atom("nodeup") => {
                self.with_rules(|scope| scope.node_up(node));
            }
            // Its scope goes with it, and that is watched.
            Some([tag, Term::Atom(_)]) if tag.is_atom("nodedown") => {}
            _ => match Heard::read(message) {
                Some(heard) => {
                    tracing::trace!(scope = %self.shared.name, ?heard, "heard");
                    self.with_rules(|scope| scope.heard(heard));
                }
                None => tracing::debug!(scope = %self.shared.name, "pg got an unknown message"),
            },
        }
        self.carry_out(process);
    }

    fn carry_out(&mut self, process: &mut Process) {
        while let Some(action) = self.with_rules(Scope::poll_action).flatten() {
            tracing::trace!(scope = %self.shared.name, ?action);
            match action {
                Action::SendToScope(node, message) => {
                    post(process, &Dest::NameNode(self.shared.name.clone(), node), &message);
                }
                Action::Send(pid, message) => post(process, &Dest::Pid(pid), &message),
                Action::Watch(pid) => self.watch(pid, process),
                Action::Unwatch(pid) => {
                    if let Some(reference) = self.watched.remove(&pid) {
                        process.demonitor(&reference, true);
                    }
                }
            }
        }
    }

    fn watch(&mut self, pid: Pid, process: &Process) {
        if is_reached(process.node(), &pid) {
            let reference = process.start_monitor(Recipient::Pid(pid.clone()));
            self.watched.insert(pid, reference);
        } else {
            // No connection is made for it.
            self.with_rules(|scope| scope.down(&pid));
        }
    }
}

fn is_reached(node: &Node, pid: &Pid) -> bool {
    pid.node == *node.name().as_atom() || node.connection(pid.node.as_str()).is_some()
}

fn post(process: &Process, to: &Dest, message: &Term) {
    match Encoded::from_term(message) {
        Ok(encoded) => process.node().post(process.pid(), to, encoded),
        Err(error) => tracing::error!(%error, "a message of pg has no external form"),
    }
}

/// Whether the process is to be started again when it has ended.
pub(super) fn is_wanted(shared: &Shared) -> bool {
    shared.is_wanted.load(Ordering::Acquire)
}

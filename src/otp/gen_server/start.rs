//! Starting a server, and waiting for its `init`.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::GenServer;
use super::serve::Server;
use crate::atom;
use crate::node::{Node, Process, ProcessCell, RegisterError, SpawnOpt, SpawnOptions};
use crate::process::{Exit, ExitKind, Message, Recipient, Signal};
use crate::term::{Atom, Pid, Term};

/// Why a server was not started.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// There is a process of that name: this one.
    #[error("the name is registered to {0:?} already")]
    AlreadyStarted(Pid),
    /// It can't have the name.
    #[error(transparent)]
    Name(RegisterError),
    /// Its `init` refused, or the process ended during it, with this reason.
    #[error("it ended before it was ready: {0}")]
    Init(Term),
    /// Its `init` took too long.
    #[error("it was not ready within {} s", .0.as_secs_f32())]
    Timeout(Duration),
}

impl StartError {
    pub(crate) fn of_name(node: &Node, error: RegisterError) -> StartError {
        if let RegisterError::NameTaken(name) = &error
            && let Some(pid) = node.whereis(name.as_str())
        {
            return StartError::AlreadyStarted(pid);
        }
        // Also if the owner of the name ended just now.
        StartError::Name(error)
    }

    /// The reason as `gen_server:start/4` has it: `Reason` of `{error, Reason}`.
    #[must_use]
    pub fn reason(&self) -> Term {
        match self {
            StartError::AlreadyStarted(pid) => {
                Term::tuple([Term::Atom(atom!("already_started")), Term::Pid(pid.clone())])
            }
            StartError::Name(_) => Term::Atom(atom!("badarg")),
            StartError::Init(reason) => reason.clone(),
            StartError::Timeout(_) => Term::Atom(atom!("timeout")),
        }
    }
}

impl From<StartError> for Exit {
    fn from(error: StartError) -> Exit {
        Exit::new(error.reason())
    }
}

/// Whose child a new process is.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    pub(crate) node: Node,
    pub(crate) group_leader: Pid,
    /// Whom it is linked with.
    pub(crate) parent: Option<Arc<ProcessCell>>,
    starter: Option<Arc<ProcessCell>>,
}

impl Origin {
    pub(crate) fn of(process: &Process, link: bool) -> Origin {
        Origin {
            node: process.node().clone(),
            group_leader: process.group_leader(),
            parent: link.then(|| process.cell().clone()),
            starter: Some(process.cell().clone()),
        }
    }

    /// What the new process has of its origin.
    pub(crate) fn options(&self) -> SpawnOptions {
        let ancestors = self.starter.iter().flat_map(|starter| {
            let own = match self.node.names().name_of(&starter.pid) {
                Some(name) => Term::Atom(name),
                None => Term::Pid(starter.pid.clone()),
            };
            std::iter::once(own).chain(starter.ancestors.iter().flat_map(|others| others.iter().cloned()))
        });
        SpawnOptions {
            group_leader: Some(self.group_leader.clone()),
            parent: self.starter.as_ref().map(|starter| starter.pid.clone()),
            ancestors: Some(ancestors.collect()),
            ..SpawnOptions::default()
        }
    }
}

/// A server that is about to be started; `.await` starts it and gives its pid when its `init` is done.
#[must_use = "a server is started when this is awaited"]
pub struct Start<S> {
    origin: Origin,
    server: S,
    name: Option<Atom>,
    timeout: Duration,
    options: SpawnOpt,
}

impl<S> Start<S> {
    pub(crate) fn new(origin: Origin, server: S) -> Start<S> {
        Start { origin, server, name: None, timeout: Duration::MAX, options: SpawnOpt::new() }
    }

    /// Registers the server, before its `init` runs.
    ///
    /// # Panics
    /// When `name` is longer than an atom can be.
    pub fn name(self, name: &str) -> Start<S> {
        self.registered(Some(Atom::new(name).expect("a name of at most 255 characters")))
    }

    pub(crate) fn registered(self, name: Option<Atom>) -> Start<S> {
        Start { name, ..self }
    }

    /// How the server's process is spawned.
    pub fn spawn_opt(self, options: SpawnOpt) -> Start<S> {
        Start { options, ..self }
    }

    /// How long `init` may take, after which the server is killed; without a bound if not set.
    pub fn timeout(self, timeout: Duration) -> Start<S> {
        Start { timeout, ..self }
    }
}

impl<S> fmt::Debug for Start<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Start").field("name", &self.name).field("timeout", &self.timeout).finish()
    }
}

impl<S: GenServer> IntoFuture for Start<S> {
    type Output = Result<Pid, StartError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Result<Pid, StartError>> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(start(self))
    }
}

impl Node {
    /// Starts a generic server that no process is the parent of.
    ///
    /// # Errors
    /// [`StartError`]: its name is taken, or its `init` refused.
    ///
    /// # Cancel safety
    /// When dropped before it is done, the server is killed.
    ///
    /// Does what `gen_server:start/4` does.
    pub fn start_server<S: GenServer>(&self, server: S) -> Start<S> {
        let origin = Origin {
            node: self.clone(),
            group_leader: self.default_group_leader(),
            parent: None,
            starter: None,
        };
        Start::new(origin, server)
    }
}

impl Process {
    /// Starts a generic server that is not linked with this process.
    ///
    /// # Errors
    /// [`StartError`]: its name is taken, or its `init` refused.
    ///
    /// # Cancel safety
    /// When dropped before it is done, the server is killed.
    ///
    /// Does what `gen_server:start/4` does.
    pub fn start_server<S: GenServer>(&self, server: S) -> Start<S> {
        Start::new(Origin::of(self, false), server)
    }

    /// Starts a generic server that is linked with this process, which is its parent: when the parent ends, so does
    /// the server, even if it traps exits.
    ///
    /// # Errors
    /// [`StartError`]: its name is taken, or its `init` refused. That is told only by this error, not through the
    /// link as well.
    ///
    /// # Cancel safety
    /// When dropped before it is done, the server is killed.
    ///
    /// Does what `gen_server:start_link/4` does.
    pub fn start_link<S: GenServer>(&self, server: S) -> Start<S> {
        Start::new(Origin::of(self, true), server)
    }
}

async fn start<S: GenServer>(start: Start<S>) -> Result<Pid, StartError> {
    let Start { origin, server, name, timeout, options } = start;
    let SpawnOpt { mailbox_limit, label } = options;
    let options = SpawnOptions { mailbox_limit, label, ..origin.options() };
    let Origin { node, parent, .. } = origin;
    node.add_behaviour(&S::initial_call().module, atom!("gen_server"));
    let mut watcher = node.temporary_process();
    let reference = node.make_ref();
    let options = SpawnOptions {
        monitor: Some((watcher.process().pid().clone(), reference.clone())),
        initial_call: Some(S::initial_call()),
        ..options
    };
    let cell = node
        .new_child(options, name.clone(), parent.as_deref())
        .map_err(|error| StartError::of_name(&node, error))?;
    let pid = cell.pid.clone();
    let monitored = Recipient::Pid(pid.clone());
    watcher.process().cell().state.lock().monitor(reference, monitored, None, None);
    let (ready, started) = oneshot::channel();
    let unstarted = parent.as_ref().map(|parent| Unstarted::new(&node, &cell, parent));
    // Without a parent the node is in its place: it tells all to end when it ends.
    let parent = parent.map_or_else(|| node.pid().clone(), |parent| parent.pid.clone());
    node.start(cell, |mut process| async move {
        let mut server = Server::new(server, name, parent);
        server.init(&mut process).await?;
        if let Some(unstarted) = unstarted {
            unstarted.disarm();
        }
        // Whoever started it may have been dropped; then it is about to be killed.
        let _ = ready.send(());
        server.run(&mut process).await
    });
    let abandoned = Abandoned { node: &node, pid: Some(pid.clone()) };
    let outcome = tokio::time::timeout(timeout, async {
        match started.await {
            Ok(()) => Ok(()),
            // It ends, and the monitor says why.
            Err(_) => Err(down_reason(&watcher.process().receive().await)),
        }
    });
    match outcome.await {
        Ok(outcome) => {
            abandoned.disarm();
            outcome.map(|()| pid).map_err(StartError::Init)
        }
        Err(_) => Err(StartError::Timeout(timeout)),
    }
}

fn down_reason(message: &Message) -> Term {
    match message.as_term().and_then(Term::as_tuple) {
        Some([_, _, _, _, reason]) => reason.clone(),
        _ => Term::Atom(atom!("noproc")),
    }
}

/// A child that has not started yet. If it ends before, its parent hears of that from the one who starts it, and not
/// through the link.
struct Unstarted(Option<(Node, Arc<ProcessCell>, Pid)>);

impl Unstarted {
    fn new(node: &Node, cell: &Arc<ProcessCell>, parent: &Arc<ProcessCell>) -> Unstarted {
        Unstarted(Some((node.clone(), cell.clone(), parent.pid.clone())))
    }

    fn disarm(mut self) {
        self.0 = None;
    }
}

impl Drop for Unstarted {
    fn drop(&mut self) {
        let Some((node, cell, parent)) = self.0.take() else { return };
        node.unlink(&cell, &parent);
    }
}

/// Kills a server that nobody waits for any more.
struct Abandoned<'a> {
    node: &'a Node,
    pid: Option<Pid>,
}

impl Abandoned<'_> {
    fn disarm(mut self) {
        self.pid = None;
    }
}

impl Drop for Abandoned<'_> {
    fn drop(&mut self) {
        if let Some(pid) = self.pid.take() {
            let kill = Signal::Exit(ExitKind::Signal, Term::Atom(atom!("kill")));
            self.node.deliver(self.node.pid(), &pid, kill);
        }
    }
}

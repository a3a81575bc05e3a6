//! Children: how they are started, ended and started again.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use super::Supervisor;
use crate::atom;
use crate::node::{Node, Process};
use crate::otp::gen_server::{GenServer, Origin, Start, StartError};
use crate::process::{Exit, ExitKind, Signal};
use crate::term::{Atom, Pid, Term};

/// When a child that has ended is started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Restart {
    /// Always.
    #[default]
    Permanent,
    /// If it did not end in good order: with another reason than `normal`, `shutdown` or `{shutdown, _}`.
    Transient,
    /// Never; the supervisor forgets it.
    Temporary,
}

/// How a child is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shutdown {
    /// By the exit signal `kill`.
    BrutalKill,
    /// By the exit signal `shutdown`; if it has not ended after this time, by `kill`.
    Timeout(Duration),
    /// By the exit signal `shutdown`, however long it takes: so that a supervisor can end its own children.
    Infinity,
}

/// The default of workers, as in OTP.
const DEFAULT_SHUTDOWN: Shutdown = Shutdown::Timeout(Duration::from_secs(5));

/// What a child is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Worker,
    Supervisor,
}

type Starting = Pin<Box<dyn Future<Output = Result<Pid, StartError>> + Send>>;

/// How one child is started, and what happens when it ends.
#[derive(Clone)]
pub struct ChildSpec {
    pub(super) id: Atom,
    pub(super) name: Option<Atom>,
    pub(super) restart: Restart,
    pub(super) shutdown: Shutdown,
    pub(super) kind: Kind,
    /// What observers see as its module.
    pub(super) module: Atom,
    start: Arc<dyn Fn(Parent, Option<Atom>) -> Starting + Send + Sync>,
}

impl ChildSpec {
    /// A generic server, made anew by `server` for each start. No other child of the supervisor has the same `id`.
    ///
    /// # Panics
    /// When `id` is longer than an atom can be.
    #[must_use]
    pub fn server<S: GenServer>(id: &str, server: impl Fn() -> S + Send + Sync + 'static) -> ChildSpec {
        ChildSpec::with(id, S::initial_call().module, move |parent, name| {
            Box::pin(parent.start_link(server()).registered(name).into_future())
        })
    }

    /// Another supervisor. It has as much time as it needs to end its own children.
    ///
    /// # Panics
    /// When `id` is longer than an atom can be.
    #[must_use]
    pub fn supervisor(id: &str, supervisor: impl Fn() -> Supervisor + Send + Sync + 'static) -> ChildSpec {
        let spec = ChildSpec::server(id, supervisor);
        ChildSpec { kind: Kind::Supervisor, shutdown: Shutdown::Infinity, ..spec }
    }

    /// A process that runs `body`.
    ///
    /// # Panics
    /// When `id` is longer than an atom can be.
    #[must_use]
    pub fn process<F, Fut>(id: &str, body: F) -> ChildSpec
    where
        F: Fn(Process) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), Exit>> + Send + 'static,
    {
        ChildSpec::with(id, atom!("erlnode"), move |parent, name| {
            let started = parent.spawn_named(name, &body);
            Box::pin(async { started })
        })
    }

    /// Whatever `start` starts, by its [`Parent`], which links it with the supervisor; it gives the pid.
    ///
    /// # Panics
    /// When `id` is longer than an atom can be.
    #[must_use]
    pub fn new<F, Fut>(id: &str, start: F) -> ChildSpec
    where
        F: Fn(Parent) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Pid, StartError>> + Send + 'static,
    {
        ChildSpec::with(id, atom!("erlnode"), move |parent, name| {
            let starting = start(parent.clone());
            Box::pin(async move {
                let pid = starting.await?;
                match name {
                    Some(name) => parent.register(name, pid),
                    None => Ok(pid),
                }
            })
        })
    }

    fn with(
        id: &str,
        module: Atom,
        start: impl Fn(Parent, Option<Atom>) -> Starting + Send + Sync + 'static,
    ) -> ChildSpec {
        ChildSpec {
            id: to_atom(id),
            name: None,
            restart: Restart::default(),
            shutdown: DEFAULT_SHUTDOWN,
            kind: Kind::Worker,
            module,
            start: Arc::new(start),
        }
    }

    /// Registers the child; a server or process has the name before it runs.
    ///
    /// # Panics
    /// When `name` is longer than an atom can be.
    #[must_use]
    pub fn name(mut self, name: &str) -> ChildSpec {
        self.name = Some(to_atom(name));
        self
    }

    /// When it is started again; always if not set.
    #[must_use]
    pub fn restart(mut self, restart: Restart) -> ChildSpec {
        self.restart = restart;
        self
    }

    /// How it is ended; if not set, workers have 5 s and supervisors all the time they need.
    #[must_use]
    pub fn shutdown(mut self, shutdown: Shutdown) -> ChildSpec {
        self.shutdown = shutdown;
        self
    }

    pub(super) fn start(&self, supervisor: &Process) -> Starting {
        (self.start)(Parent(Origin::of(supervisor, true)), self.name.clone())
    }
}

impl fmt::Debug for ChildSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChildSpec")
            .field("id", &self.id)
            .field("name", &self.name)
            .field("restart", &self.restart)
            .field("shutdown", &self.shutdown)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

fn to_atom(name: &str) -> Atom {
    Atom::new(name).expect("a name of at most 255 characters")
}

/// The supervisor, towards a child that is about to be started.
#[derive(Debug, Clone)]
pub struct Parent(Origin);

impl Parent {
    /// The node.
    #[must_use]
    pub fn node(&self) -> &Node {
        &self.0.node
    }

    /// Starts a generic server as the child; see [`Process::start_link`].
    ///
    /// # Errors
    /// [`StartError`]: its name is taken, or its `init` refused.
    pub fn start_link<S: GenServer>(&self, server: S) -> Start<S> {
        Start::new(self.0.clone(), server)
    }

    /// Starts a process as the child; see [`Process::spawn_link`].
    pub fn spawn_link<F, Fut>(&self, body: F) -> Pid
    where
        F: FnOnce(Process) -> Fut,
        Fut: Future<Output = Result<(), Exit>> + Send + 'static,
    {
        self.spawn_named(None, body).expect("only a name can be in the way")
    }

    fn spawn_named<F, Fut>(&self, name: Option<Atom>, body: F) -> Result<Pid, StartError>
    where
        F: FnOnce(Process) -> Fut,
        Fut: Future<Output = Result<(), Exit>> + Send + 'static,
    {
        let Origin { node, parent, .. } = &self.0;
        let cell = node
            .new_child(self.0.options(), name, parent.as_deref())
            .map_err(|error| StartError::of_name(node, error))?;
        Ok(node.start(cell, body))
    }

    /// Gives the child that was started its name; if that can't be, the child is killed.
    fn register(&self, name: Atom, pid: Pid) -> Result<Pid, StartError> {
        let node = self.node();
        match node.register(name.as_str(), &pid) {
            Ok(()) => Ok(pid),
            Err(error) => {
                let error = StartError::of_name(node, error);
                node.deliver(node.pid(), &pid, Signal::Exit(ExitKind::Signal, Term::Atom(atom!("kill"))));
                Err(error)
            }
        }
    }
}

/// A child of a running supervisor.
#[derive(Debug)]
pub(super) struct Child {
    pub(super) spec: ChildSpec,
    pub(super) state: State,
}

/// How a child is.
#[derive(Debug, PartialEq)]
pub(super) enum State {
    Running(Pid),
    /// It has ended, or was not started yet.
    Stopped,
    /// It did not start when it was to start again, and will be tried again.
    Restarting,
}

impl State {
    pub(super) fn pid(&self) -> Option<&Pid> {
        if let State::Running(pid) = self { Some(pid) } else { None }
    }
}

impl Child {
    pub(super) fn new(spec: ChildSpec) -> Child {
        Child { spec, state: State::Stopped }
    }
}

//! Supervisors: processes that start others, and start them again when they end.
//!
//! ```
//! use std::time::Duration;
//!
//! use erlnode::node::{Node, Process};
//! use erlnode::otp::gen_server::{From, GenServer, Never, Reply};
//! use erlnode::otp::supervisor::{ChildSpec, Supervisor};
//! use erlnode::process::Exit;
//!
//! /// Tells how often it was called, and fails the third time.
//! #[derive(Default)]
//! struct Fragile(u32);
//!
//! impl GenServer for Fragile {
//!     type Call = ();
//!     type Cast = Never;
//!     type Reply = u32;
//!
//!     async fn handle_call(
//!         &mut self,
//!         (): (),
//!         _from: From<u32>,
//!         _process: &mut Process,
//!     ) -> Result<Reply<u32>, Exit> {
//!         self.0 += 1;
//!         if self.0 > 2 { Err(Exit::from(erlnode::atom!("broken"))) } else { Ok(Reply::Now(self.0)) }
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let node = Node::nonode();
//! let supervisor = Supervisor::one_for_one()
//!     .intensity(3, Duration::from_secs(10))
//!     .child(ChildSpec::server("fragile", Fragile::default).name("fragile"));
//! node.start_server(supervisor).name("my_supervisor").await?;
//!
//! assert_eq!(node.call::<_, u32>("fragile", ()).await?, 1);
//! assert_eq!(node.call::<_, u32>("fragile", ()).await?, 2);
//! assert!(node.call::<_, u32>("fragile", ()).await.is_err());
//! // For a moment the name may be nobody's.
//! while node.whereis("fragile").is_none() {
//!     tokio::task::yield_now().await;
//! }
//! assert_eq!(node.call::<_, u32>("fragile", ()).await?, 1);
//! # Ok(())
//! # }
//! ```
//!
//! When a child ends, its [`Restart`] says whether it is started again, and the [`Strategy`] which others are with it:
//!
//! | strategy       | is ended and started again                             |
//! | -------------- | ------------------------------------------------------ |
//! | `one_for_one`  | the child alone                                        |
//! | `rest_for_one` | the child, and those that were started after it        |
//! | `one_for_all`  | all children                                           |
//!
//! Too many restarts in a short time end the supervisor itself, with reason `shutdown`, and so are a matter for the one
//! above it. It ends its children in the reverse of the order in which they were started, each as its [`Shutdown`] says.
//!
//! A supervisor is a [`GenServer`], and is started like one: by [`Node::start_server`](crate::node::Node::start_server),
//! by [`Process::start_link`], or as the child of another. It answers what OTP's module `supervisor` asks of it, but for
//! new children: what to start for them is nothing that a message could hold.
//!
//! Reference: stdlib application, module `supervisor`.

mod child;
mod client;
mod functions;
mod intensity;
mod report;
mod request;
mod shutdown;
#[cfg(test)]
mod tests;

use std::ops::Range;
use std::time::Duration;

use tokio::time::Instant;

pub use self::child::{ChildSpec, Parent, Restart, Shutdown};
pub use self::client::{ChildCounts, ChildInfo, ChildPid, SupervisorError, SupervisorRef};

use self::child::{Child, State};
pub(super) use self::functions::export;
use self::intensity::Intensity;
pub(super) use self::request::tell_of;
use super::gen_server::{From, GenServer, Reply, StartError};
use crate::atom;
use crate::node::{InitialCall, Process};
use crate::process::{Exit, Message};
use crate::term::{Atom, Pid, Term};

/// Which children are started again when one has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Strategy {
    /// Only that one.
    OneForOne,
    /// All.
    OneForAll,
    /// That one and those that were started after it.
    RestForOne,
}

impl Strategy {
    fn name(self) -> Atom {
        match self {
            Strategy::OneForOne => atom!("one_for_one"),
            Strategy::OneForAll => atom!("one_for_all"),
            Strategy::RestForOne => atom!("rest_for_one"),
        }
    }
}

/// A supervisor; see the [module](self).
#[derive(Debug)]
pub struct Supervisor {
    strategy: Strategy,
    intensity: Intensity,
    /// In the order in which they are started.
    children: Vec<Child>,
}

impl Supervisor {
    /// A supervisor without children.
    #[must_use]
    pub fn new(strategy: Strategy) -> Supervisor {
        Supervisor { strategy, intensity: Intensity::default(), children: Vec::new() }
    }

    /// A supervisor that starts only the child again that has ended.
    #[must_use]
    pub fn one_for_one() -> Supervisor {
        Supervisor::new(Strategy::OneForOne)
    }

    /// A supervisor that starts all children again when one has ended.
    #[must_use]
    pub fn one_for_all() -> Supervisor {
        Supervisor::new(Strategy::OneForAll)
    }

    /// A supervisor that starts the child again that has ended, and those that were started after it.
    #[must_use]
    pub fn rest_for_one() -> Supervisor {
        Supervisor::new(Strategy::RestForOne)
    }

    /// How many restarts there may be within `period`: one in 5 s if not set. At the next one the supervisor ends.
    #[must_use]
    pub fn intensity(mut self, restarts: usize, period: Duration) -> Supervisor {
        self.intensity = Intensity::new(restarts, period);
        self
    }

    /// Adds a child, which is started after those that were added before.
    #[must_use]
    pub fn child(mut self, child: ChildSpec) -> Supervisor {
        self.children.push(Child::new(child));
        self
    }

    fn index_of(&self, id: &Term) -> Option<usize> {
        self.children.iter().position(|child| Some(&child.spec.id) == id.as_atom())
    }

    /// The first of the children whose id another one before it has.
    fn duplicate(&self) -> Option<&Atom> {
        let ids = self.children.iter().map(|child| &child.spec.id);
        ids.clone()
            .enumerate()
            .find(|(index, id)| ids.clone().take(*index).any(|other| other == *id))
            .map(|(_, id)| id)
    }

    async fn start(&mut self, index: usize, process: &Process) -> Result<Pid, StartError> {
        let child = &mut self.children[index];
        let started = child.spec.start(process).await;
        match &started {
            Ok(pid) => {
                child.state = State::Running(pid.clone());
                report::progress(process, child);
            }
            Err(error) => {
                report::error(process, child, None, atom!("start_error"), &error.reason());
                let (supervisor, child) = (name_of(process), &child.spec.id);
                tracing::error!(supervisor, %child, %error, "child did not start");
            }
        }
        started
    }

    // --- restarts ----------------------------------------------------------------------------------------------

    /// The child has ended, by itself or by somebody else's doing.
    async fn child_ended(&mut self, index: usize, reason: Term, process: &mut Process) -> Result<(), Exit> {
        let exit = Exit::new(reason);
        let child = &mut self.children[index];
        let ended = std::mem::replace(&mut child.state, State::Stopped);
        let (restart, id) = (child.spec.restart, &child.spec.id);
        let (supervisor, crashed) = (name_of(process), exit.is_crash());
        if crashed || restart == Restart::Permanent {
            report::error(process, child, ended.pid(), atom!("child_terminated"), exit.reason());
        }
        if crashed {
            tracing::error!(supervisor, child = %id, reason = %exit.reason(), "child terminated");
        } else if restart == Restart::Permanent {
            tracing::info!(supervisor, child = %id, reason = %exit.reason(), "child terminated");
        }
        match restart {
            Restart::Permanent => self.restart(index, ended.pid(), process).await,
            Restart::Transient if crashed => self.restart(index, ended.pid(), process).await,
            Restart::Transient => Ok(()),
            Restart::Temporary => {
                self.children.remove(index);
                Ok(())
            }
        }
    }

    /// Starts the child again, and those that are to start with it; an error when that was too often.
    async fn restart(
        &mut self,
        index: usize,
        ended: Option<&Pid>,
        process: &mut Process,
    ) -> Result<(), Exit> {
        if !self.intensity.allow(Instant::now()) {
            let child = &self.children[index];
            let reason = Term::Atom(atom!("reached_max_restart_intensity"));
            report::error(process, child, ended, atom!("shutdown"), &reason);
            let (supervisor, child) = (name_of(process), &child.spec.id);
            tracing::error!(supervisor, %child, "reached maximum restart intensity");
            return Err(Exit::shutdown());
        }
        let mut group = self.group(index);
        for index in group.clone().rev() {
            shutdown::end(&mut self.children[index], process).await;
        }
        let mut next = group.start;
        while next < group.end {
            // It was ended on account of another, and is not started again.
            if self.children[next].spec.restart == Restart::Temporary {
                self.children.remove(next);
                group.end -= 1;
                continue;
            }
            if self.start(next, process).await.is_err() {
                let child = &mut self.children[next];
                child.state = State::Restarting;
                // After the messages that are here by now; it counts as another restart.
                let again = Term::tuple([Term::Atom(TRY_AGAIN), Term::Atom(child.spec.id.clone())]);
                process.cast(process.pid(), again).await?;
                return Ok(());
            }
            next += 1;
        }
        Ok(())
    }

    /// The children that are started again together with the one at `index`.
    fn group(&self, index: usize) -> Range<usize> {
        match self.strategy {
            Strategy::OneForOne => index..index + 1,
            Strategy::OneForAll => 0..self.children.len(),
            Strategy::RestForOne => index..self.children.len(),
        }
    }

    /// Ends all children, the last one first.
    async fn end_all(&mut self, process: &mut Process) {
        for child in self.children.iter_mut().rev() {
            shutdown::end(child, process).await;
        }
    }
}

/// Asks the supervisor itself to start a child again that did not start: `{try_again_restart, Id}`.
const TRY_AGAIN: Atom = atom!("try_again_restart");

impl GenServer for Supervisor {
    type Call = Term;
    type Cast = Term;
    type Reply = Term;

    async fn init(&mut self, process: &mut Process) -> Result<(), Exit> {
        if let Some(id) = self.duplicate() {
            let duplicate = Term::tuple([Term::Atom(atom!("duplicate_child_name")), Term::Atom(id.clone())]);
            return Err(Exit::new(Term::tuple([Term::Atom(atom!("start_spec")), duplicate])));
        }
        process.trap_exit(true);
        for index in 0..self.children.len() {
            if let Err(error) = self.start(index, process).await {
                let id = Term::Atom(self.children[index].spec.id.clone());
                self.end_all(process).await;
                let failed = [Term::Atom(atom!("failed_to_start_child")), id, error.reason()];
                return Err(Exit::new(Term::tuple([Term::Atom(atom!("shutdown")), Term::tuple(failed)])));
            }
        }
        Ok(())
    }

    async fn handle_call(
        &mut self,
        request: Term,
        _from: From<Term>,
        process: &mut Process,
    ) -> Result<Reply<Term>, Exit> {
        Ok(Reply::Now(self.answer(request, process).await))
    }

    async fn handle_cast(&mut self, request: Term, process: &mut Process) -> Result<(), Exit> {
        match request.as_tuple() {
            Some([name, id]) if name.as_atom() == Some(&TRY_AGAIN) => match self.index_of(id) {
                Some(index) if self.children[index].state == State::Restarting => {
                    self.restart(index, None, process).await
                }
                // It was ended or deleted meanwhile.
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }

    async fn handle_info(&mut self, message: Message, process: &mut Process) -> Result<(), Exit> {
        let Some([exit, Term::Pid(pid), reason]) = message.as_term().and_then(Term::as_tuple) else {
            tracing::debug!(
                supervisor = name_of(process),
                ?message,
                "a supervisor got an unexpected message"
            );
            return Ok(());
        };
        match self.children.iter().position(|child| child.state.pid() == Some(pid)) {
            Some(index) if exit.is_atom("EXIT") => self.child_ended(index, reason.clone(), process).await,
            _ => Ok(()),
        }
    }

    async fn terminate(&mut self, _reason: &Exit, process: &mut Process) {
        self.end_all(process).await;
    }

    fn state(&self) -> Term {
        let ids = self.children.iter().map(|child| Term::Atom(child.spec.id.clone()));
        let strategy = Term::Atom(self.strategy.name());
        Term::tuple([Term::Atom(atom!("state")), strategy, Term::list(ids)])
    }

    fn initial_call() -> InitialCall {
        InitialCall { module: atom!("supervisor"), function: atom!("Supervisor"), arity: 1 }
    }
}

/// What a supervisor is called in reports: by its registered name, else by its pid.
fn name_of(process: &Process) -> String {
    match process.node().names().name_of(process.pid()) {
        Some(name) => name.to_string(),
        None => Term::Pid(process.pid().clone()).to_string(),
    }
}

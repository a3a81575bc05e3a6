//! Groups of processes in the whole cluster: what OTP's module `pg` does.
//!
//! A group is a name, any term, and the processes that have joined it, on any node. It is there as long as it has
//! members. There is no lock and no leader: each node tells all others who has joined and left there, so that each
//! knows all members without asking, and a moment later than they have joined. Processes leave when they end, and all
//! those of a node when that is lost.
//!
//! Groups live in a *scope*, which is a process of that name on every node that takes part; the scope `pg` is the usual
//! one. Scopes of different names know nothing of each other. On a node where a scope was not started, it has no groups.
//!
//! ```
//! use erlnode::atom;
//! use erlnode::node::{Node, Process};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let node = Node::nonode();
//! let rooms = node.pg_scope("rooms");
//! rooms.start()?;
//!
//! let guest = node.spawn(async |mut process: Process| {
//!     let text: String = process.receive().await.decode()?;
//!     assert_eq!(text, "hello, all");
//!     Ok(())
//! });
//! rooms.join(atom!("kitchen"), &guest).await?;
//! assert_eq!(rooms.members(atom!("kitchen")), [guest]);
//!
//! // To all members on all nodes: encoded once, and each node is looked up once.
//! assert_eq!(rooms.send(atom!("kitchen"), &"hello, all").await?, 1);
//! # Ok(())
//! # }
//! ```
//!
//! As OTP, the scope knows the members of its peers only as they tell: two nodes that are parted and come together
//! tell each other anew, and what one tells replaces what it has told before. Hidden nodes are not sought, nor do they
//! seek others.
//!
//! When the process of a scope ends, it is started again. As in OTP, local processes are in no group then and have to
//! join anew; those of other nodes come back by themselves.
//!
//! | file | is about |
//! | --- | --- |
//! | `message` | what scopes say to each other, in both versions |
//! | `scope` | the rules |
//! | `groups`, `members` | the tables |
//! | `server` | the process that does what the rules say |
//! | `audience` | sending to a group |
//! | `event` | hearing of who joins and leaves |
//! | `exports` | the functions that other nodes call here |
//!
//! Reference: kernel application, module `pg`.

mod audience;
mod event;
mod exports;
mod groups;
mod members;
mod message;
mod scope;
mod server;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use foldhash::fast::FixedState;
use parking_lot::Mutex;
use serde::Serialize;

pub use self::event::{Change, Event};

use self::audience::{Audience, Sender};
use self::groups::Groups;
use self::server::Shared;
use super::gen_server::CallError;
use super::kernel_sup::supervise_while;
use crate::atom;
use crate::node::{Node, Process, RegisterError, SendError};
use crate::process::{Exit, ExitKind, Signal};
use crate::term::etf::Encoded;
use crate::term::{self, Atom, Pid, Reference, Term};

/// The scopes of a node that were started.
#[derive(Debug, Default)]
struct Scopes(Mutex<HashMap<Atom, Arc<Shared>, FixedState>>);

/// Makes a node ready for scopes, and exports the functions of `pg`.
pub(super) fn prepare(node: &Node) {
    node.attach(Arc::new(Scopes::default()));
    exports::export(node);
}

/// Why something could not be done in a scope.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PgError {
    /// Only processes of this node can join and leave here.
    #[error("{0:?} is a process of another node")]
    NotLocal(Pid),
    /// The scope does not run on this node, or its process has just ended.
    #[error("the scope can't be asked: {0}")]
    Scope(#[from] CallError),
}

impl PgError {
    /// The reason as a BEAM process has it that calls `pg`.
    #[must_use]
    pub fn reason(&self) -> Term {
        match self {
            PgError::NotLocal(pid) => Term::tuple([atom!("nolocal").into(), pid.clone().into()]),
            PgError::Scope(error) => error.reason(),
        }
    }
}

impl From<PgError> for Exit {
    fn from(error: PgError) -> Exit {
        Exit::new(error.reason())
    }
}

/// The groups of one scope, as one node sees them; see [`Node::pg`] and the [module](self).
#[derive(Debug, Clone)]
pub struct Pg {
    node: Node,
    name: Atom,
}

impl Node {
    /// The groups of the scope `pg`, the one that is meant when none is named.
    ///
    /// It has to be [started](Pg::start) once, as on a BEAM node, where `pg:start_link()` or the setting
    /// `kernel start_pg` does that.
    ///
    /// Does what the functions of the module `pg` without the argument `Scope` do.
    #[must_use]
    pub fn pg(&self) -> Pg {
        Pg::of(self, atom!("pg"))
    }

    /// The groups of another scope, which has to be [started](Pg::start) once.
    ///
    /// # Panics
    /// When `scope` is longer than an atom can be.
    ///
    /// Does what the functions of the module `pg` with the argument `Scope` do.
    #[must_use]
    pub fn pg_scope(&self, scope: &str) -> Pg {
        Pg::of(self, Atom::new(scope).expect("a name of at most 255 characters"))
    }
}

impl Pg {
    fn of(node: &Node, name: Atom) -> Pg {
        Pg { node: node.clone(), name }
    }

    /// Starts the scope, and gives the pid of its process, which has its name. A scope that runs is left as it is.
    ///
    /// The node seeks the scope on all visible nodes that it is connected to, and will be. If the process ends, it is
    /// started again, until [`stop`](Pg::stop).
    ///
    /// # Errors
    /// [`RegisterError`]: another process has the name.
    ///
    /// Does what `pg:start/1` does.
    pub fn start(&self) -> Result<Pid, RegisterError> {
        let scopes = self.scopes();
        let mut scopes = scopes.0.lock();
        if let Some(shared) = scopes.get(&self.name)
            && server::is_wanted(shared)
        {
            // Between two lives it has no process for a moment.
            if let Some(pid) = self.node.whereis(self.name.as_str()) {
                return Ok(pid);
            }
        }
        let shared = Arc::new(Shared::new(self.name.clone()));
        let (of_process, of_supervisor) = (shared.clone(), shared.clone());
        let service = move |process| server::run(process, of_process.clone());
        let pid = supervise_while(&self.node, Some(self.name.clone()), service, move || {
            server::is_wanted(&of_supervisor)
        })?;
        if let Some(former) = scopes.insert(self.name.clone(), shared) {
            former.is_wanted.store(false, Ordering::Release);
        }
        Ok(pid)
    }

    /// Ends the scope on this node, and gives its name back: other nodes have its members leave. True if it ran.
    ///
    /// # Cancel safety
    /// When dropped, the scope ends all the same.
    ///
    /// Does what `gen_server:stop(Scope)` does.
    pub async fn stop(&self) -> bool {
        let Some(shared) = self.scopes().0.lock().remove(&self.name) else { return false };
        shared.is_wanted.store(false, Ordering::Release);
        let Some(scope) = shared.rules.lock().take() else { return false };
        let shutdown = Signal::Exit(ExitKind::Signal, atom!("shutdown").into());
        self.node.deliver(self.node.pid(), scope.own(), shutdown);
        while self.node.process_table().get(scope.own()).is_some() {
            tokio::task::yield_now().await;
        }
        true
    }

    /// Has a process of this node join a group, once more if it is a member already. All nodes learn of it.
    ///
    /// # Errors
    /// [`PgError`]: the scope does not run, or the process is one of another node.
    ///
    /// # Cancel safety
    /// When dropped, the process may have joined all the same.
    ///
    /// Does what `pg:join/3` does.
    pub async fn join(&self, group: impl Into<Term>, pid: &Pid) -> Result<(), PgError> {
        self.join_all(group, std::slice::from_ref(pid)).await
    }

    /// Has several processes of this node join a group, all or none; one that is named twice joins twice.
    ///
    /// # Errors
    /// [`PgError`]: the scope does not run, or a process is one of another node.
    ///
    /// # Cancel safety
    /// When dropped, the processes may have joined all the same.
    ///
    /// Does what `pg:join/3` with a list does.
    pub async fn join_all(&self, group: impl Into<Term>, pids: &[Pid]) -> Result<(), PgError> {
        self.change(atom!("join_local"), group.into(), pids).await.map(drop)
    }

    /// Takes back one join of a process of this node; false if it is not a member.
    ///
    /// # Errors
    /// [`PgError`]: the scope does not run, or the process is one of another node.
    ///
    /// # Cancel safety
    /// When dropped, the process may have left all the same.
    ///
    /// Does what `pg:leave/3` does.
    pub async fn leave(&self, group: impl Into<Term>, pid: &Pid) -> Result<bool, PgError> {
        self.leave_all(group, std::slice::from_ref(pid)).await
    }

    /// Takes back one join for each time a process is named; false if none of them is a member.
    ///
    /// # Errors
    /// [`PgError`]: the scope does not run, or a process is one of another node.
    ///
    /// # Cancel safety
    /// When dropped, the processes may have left all the same.
    ///
    /// Does what `pg:leave/3` with a list does.
    pub async fn leave_all(&self, group: impl Into<Term>, pids: &[Pid]) -> Result<bool, PgError> {
        Ok(self.change(atom!("leave_local"), group.into(), pids).await?.is_atom("ok"))
    }

    async fn change(&self, what: Atom, group: Term, pids: &[Pid]) -> Result<Term, PgError> {
        if let Some(other) = pids.iter().find(|pid| pid.node != *self.node.name().as_atom()) {
            return Err(PgError::NotLocal(other.clone()));
        }
        let request = Term::tuple([what.into(), group, message::pids(pids)]);
        let mut caller = self.node.temporary_process();
        Ok(call(caller.process(), &self.name, request).await?)
    }

    /// The members of a group on all nodes, those of this node included; a process as often as it has joined.
    ///
    /// Does what `pg:get_members/2` does.
    #[must_use]
    pub fn members(&self, group: impl Into<Term>) -> Vec<Pid> {
        let group = group.into();
        self.read(|groups| groups.members(&group)).unwrap_or_default()
    }

    /// The members of a group on this node.
    ///
    /// Does what `pg:get_local_members/2` does.
    #[must_use]
    pub fn local_members(&self, group: impl Into<Term>) -> Vec<Pid> {
        let group = group.into();
        self.read(|groups| groups.local_members(&group)).unwrap_or_default()
    }

    /// All groups, which are those with members.
    ///
    /// Does what `pg:which_groups/1` does.
    #[must_use]
    pub fn groups(&self) -> Vec<Term> {
        self.read(|groups| groups.names().cloned().collect()).unwrap_or_default()
    }

    /// The groups with members on this node.
    ///
    /// Does what `pg:which_local_groups/1` does.
    #[must_use]
    pub fn local_groups(&self) -> Vec<Term> {
        self.read(|groups| groups.local_names().cloned().collect()).unwrap_or_default()
    }

    /// Gives the members of a group, and from then on `process` gets a message for each change, which decodes into an
    /// [`Event`].
    ///
    /// # Errors
    /// [`PgError::Scope`].
    ///
    /// # Cancel safety
    /// When dropped, the events may come all the same.
    ///
    /// Does what `pg:monitor/2` does.
    pub async fn monitor(
        &self,
        process: &mut Process,
        group: impl Into<Term>,
    ) -> Result<(Reference, Vec<Pid>), PgError> {
        let request = Term::tuple([atom!("monitor").into(), group.into()]);
        self.subscribe(process, request).await
    }

    /// As [`monitor`](Pg::monitor), for all groups, those to come included.
    ///
    /// # Errors
    /// [`PgError::Scope`].
    ///
    /// # Cancel safety
    /// When dropped, the events may come all the same.
    ///
    /// Does what `pg:monitor_scope/1` does.
    pub async fn monitor_scope(
        &self,
        process: &mut Process,
    ) -> Result<(Reference, HashMap<Term, Vec<Pid>>), PgError> {
        self.subscribe(process, atom!("monitor").into()).await
    }

    async fn subscribe<R: serde::de::DeserializeOwned>(
        &self,
        process: &mut Process,
        request: Term,
    ) -> Result<(Reference, R), PgError> {
        let reply = call(process, &self.name, request).await?;
        Ok(term::from_term(&reply).map_err(CallError::from)?)
    }

    /// Ends what [`monitor`](Pg::monitor) or [`monitor_scope`](Pg::monitor_scope) has begun, and takes its events out of
    /// the mailbox. False if there is no such monitor.
    ///
    /// # Errors
    /// [`PgError::Scope`].
    ///
    /// # Cancel safety
    /// When dropped, the monitor may have ended all the same; some events may be left.
    ///
    /// Does what `pg:demonitor/2` does.
    pub async fn demonitor(&self, process: &mut Process, reference: &Reference) -> Result<bool, PgError> {
        let request = Term::tuple([atom!("demonitor").into(), reference.clone().into()]);
        let is_ended = call(process, &self.name, request).await?.is_atom("ok");
        while process
            .receive_match_timeout(Duration::ZERO, |message| Event::is_of(message, reference))
            .await
            .is_some()
        {}
        Ok(is_ended)
    }

    /// Sends a message to all members of a group, on all nodes; gives how many these are. A process that has joined
    /// twice gets it twice.
    ///
    /// It is encoded once, and each node is looked up once, however many members are there. Connections are not made
    /// for it; it waits for those that are busy.
    ///
    /// # Errors
    /// [`SendError::Encode`].
    ///
    /// # Cancel safety
    /// When dropped before it is done, some members may have got the message.
    ///
    /// Does what `[Pid ! Message || Pid <- pg:get_members(Group)]` does.
    pub async fn send<T: Serialize + ?Sized>(
        &self,
        group: impl Into<Term>,
        message: &T,
    ) -> Result<usize, SendError> {
        self.send_by(Sender::Node(&self.node), group.into(), message).await
    }

    /// As [`send`](Pg::send), from a process: what that sends to a member later arrives later.
    ///
    /// # Errors
    /// [`SendError::Encode`].
    ///
    /// # Cancel safety
    /// When dropped before it is done, some members may have got the message.
    pub async fn send_from<T: Serialize + ?Sized>(
        &self,
        process: &Process,
        group: impl Into<Term>,
        message: &T,
    ) -> Result<usize, SendError> {
        self.send_by(Sender::Process(process), group.into(), message).await
    }

    /// As [`send`](Pg::send), only to the members on this node.
    ///
    /// # Errors
    /// [`SendError::Encode`].
    pub fn send_here<T: Serialize + ?Sized>(
        &self,
        group: impl Into<Term>,
        message: &T,
    ) -> Result<usize, SendError> {
        let message = term::to_encoded(message)?;
        let audience = self.audience(&group.into());
        Ok(audience.map_or(0, |audience| audience.send_here(Sender::Node(&self.node), &message)))
    }

    async fn send_by<T: Serialize + ?Sized>(
        &self,
        sender: Sender<'_>,
        group: Term,
        message: &T,
    ) -> Result<usize, SendError> {
        let Some(audience) = self.audience(&group) else { return Ok(0) };
        let message: Encoded = term::to_encoded(message)?;
        Ok(audience.send(sender, &message).await)
    }

    fn audience(&self, group: &Term) -> Option<Arc<Audience>> {
        self.read(|groups| groups.audience(group, |pids| Audience::new(&self.node, pids))).flatten()
    }

    fn scopes(&self) -> Arc<Scopes> {
        self.node.attached().expect("every node is prepared for scopes")
    }

    /// `None` if the scope does not run.
    fn read<R>(&self, look: impl FnOnce(&mut Groups) -> R) -> Option<R> {
        let shared = self.scopes().0.lock().get(&self.name).cloned()?;
        let mut rules = shared.rules.lock();
        rules.as_mut().map(|scope| look(&mut scope.groups))
    }
}

/// Calls the process of a scope on this node, which answers at once.
async fn call(process: &mut Process, scope: &Atom, request: Term) -> Result<Term, CallError> {
    process.call(scope.clone(), request).timeout(Duration::MAX).await
}

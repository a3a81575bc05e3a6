//! Asking supervisors, here or on any node, what OTP's module `supervisor` asks of them.

use std::time::Duration;

use serde::Serialize;

use crate::atom;
use crate::node::{Dest, Node, Process};
use crate::otp::gen_server::CallError;
use crate::term::{Atom, Pid, Term};

/// A supervisor to be asked for its children: of this node, another Rust node, or a BEAM node, where Elixir's
/// `DynamicSupervisor` tells of them, too.
///
/// ```
/// # use erlnode::node::Node;
/// # use erlnode::otp::supervisor::{ChildSpec, Supervisor};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let node = Node::nonode();
/// let idle = ChildSpec::process("idle", |_| std::future::pending());
/// node.start_server(Supervisor::one_for_one().child(idle)).name("my_sup").await?;
///
/// let supervisor = node.supervisor("my_sup");
/// assert_eq!(supervisor.count_children().await?.active, 1);
/// supervisor.terminate_child(erlnode::atom!("idle")).await?;
/// assert_eq!(supervisor.which_children().await?[0].pid.pid(), None);
/// supervisor.restart_child(erlnode::atom!("idle")).await?;
/// # Ok(())
/// # }
/// ```
///
/// # Cancel safety
/// Dropping the future of any of its methods gives up the answer; what was asked for may be done all the same.
#[derive(Debug, Clone)]
pub struct SupervisorRef {
    node: Node,
    dest: Dest,
    timeout: Duration,
}

/// Why a supervisor did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SupervisorError {
    /// It did not answer, or in a way that makes no sense.
    #[error(transparent)]
    Call(#[from] CallError),
    /// There is no such child.
    #[error("no such child")]
    NotFound,
    /// The child runs, and would have to be ended first.
    #[error("the child runs")]
    Running,
    /// The child is about to be started again.
    #[error("the child is about to be started again")]
    Restarting,
    /// There is a child of this id already; this is its process.
    #[error("the child is there already: {0:?}")]
    AlreadyStarted(Pid),
    /// There is a specification of this id already; its child does not run.
    #[error("the child is known already")]
    AlreadyPresent,
    /// It refused, or the child did not start, for this reason.
    #[error("refused: {0}")]
    Refused(Term),
}

/// A child of a supervisor.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ChildInfo {
    /// Its id; `undefined` if its supervisor has a single specification for all children.
    pub id: Term,
    /// Its process.
    pub pid: ChildPid,
    /// Whether it is a supervisor itself.
    pub is_supervisor: bool,
    /// The modules of its specification, or `dynamic`.
    pub modules: Term,
}

/// The process of a child.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChildPid {
    /// It runs.
    Running(Pid),
    /// It does not.
    Undefined,
    /// It did not start when it was to start again, and will be tried again.
    Restarting,
}

impl ChildPid {
    /// The pid, if it runs.
    #[must_use]
    pub fn pid(&self) -> Option<&Pid> {
        if let ChildPid::Running(pid) = self { Some(pid) } else { None }
    }
}

/// How many children a supervisor has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ChildCounts {
    /// Specifications.
    pub specs: usize,
    /// Children that run.
    pub active: usize,
    /// Children that are supervisors, whether they run or not.
    pub supervisors: usize,
    /// All other children.
    pub workers: usize,
}

impl Node {
    /// A supervisor, here or on any node; see [`SupervisorRef`].
    #[must_use]
    pub fn supervisor(&self, dest: impl Into<Dest>) -> SupervisorRef {
        // As in OTP, where these calls wait for ever: a child may take its time to start or end.
        SupervisorRef { node: self.clone(), dest: dest.into(), timeout: Duration::MAX }
    }
}

impl Process {
    /// A supervisor, here or on any node; see [`SupervisorRef`].
    #[must_use]
    pub fn supervisor(&self, dest: impl Into<Dest>) -> SupervisorRef {
        self.node().supervisor(dest)
    }
}

impl SupervisorRef {
    /// How long to wait for each answer; without a bound if not set, as in OTP.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> SupervisorRef {
        SupervisorRef { timeout, ..self }
    }

    async fn ask(&self, request: impl Serialize + Send + 'static) -> Result<Term, CallError> {
        self.node.call(self.dest.clone(), request).timeout(self.timeout).await
    }

    async fn order(&self, what: Atom, argument: Term) -> Result<Option<Term>, SupervisorError> {
        let answer = self.ask((what, argument)).await?;
        match answer.as_tuple() {
            None if answer.is_atom("ok") => Ok(None),
            Some([ok, value, ..]) if ok.is_atom("ok") => Ok(Some(value.clone())),
            Some([error, reason]) if error.is_atom("error") => Err(refused(reason)),
            _ => Err(SupervisorError::Refused(answer)),
        }
    }

    /// The children; OTP's supervisors tell of the last started first.
    ///
    /// # Errors
    /// [`CallError`].
    ///
    /// Does what `supervisor:which_children/1` does.
    pub async fn which_children(&self) -> Result<Vec<ChildInfo>, CallError> {
        let children: Vec<(Term, Term, Atom, Term)> =
            self.node.call(self.dest.clone(), atom!("which_children")).timeout(self.timeout).await?;
        let children = children.into_iter().map(|(id, pid, kind, modules)| {
            let pid = match pid {
                Term::Pid(pid) => ChildPid::Running(pid),
                other if other.is_atom("restarting") => ChildPid::Restarting,
                _ => ChildPid::Undefined,
            };
            ChildInfo { id, pid, is_supervisor: kind == *"supervisor", modules }
        });
        Ok(children.collect())
    }

    /// How many children there are.
    ///
    /// # Errors
    /// [`CallError`].
    ///
    /// Does what `supervisor:count_children/1` does.
    pub async fn count_children(&self) -> Result<ChildCounts, CallError> {
        let counted = self.ask(atom!("count_children")).await?;
        let mut counts = ChildCounts::default();
        // Elixir's come as a map.
        let pairs: Vec<(Term, Term)> = match &counted {
            Term::Map(map) => map.iter().map(|(key, value)| (key.clone(), value.clone())).collect(),
            other => other
                .as_list()
                .unwrap_or_default()
                .iter()
                .filter_map(|pair| match pair.as_tuple() {
                    Some([key, value]) => Some((key.clone(), value.clone())),
                    _ => None,
                })
                .collect(),
        };
        for (key, value) in pairs {
            let Term::Integer(value) = value else { continue };
            let value = usize::try_from(&value).unwrap_or(0);
            match key.as_atom().map(Atom::as_str) {
                Some("specs") => counts.specs = value,
                Some("active") => counts.active = value,
                Some("supervisors") => counts.supervisors = value,
                Some("workers") => counts.workers = value,
                _ => {}
            }
        }
        Ok(counts)
    }

    /// The specification of a child, by its id or, as a pid, by its process.
    ///
    /// # Errors
    /// [`SupervisorError::NotFound`]; [`SupervisorError::Call`].
    ///
    /// Does what `supervisor:get_childspec/2` does.
    pub async fn get_childspec(&self, id: impl Into<Term>) -> Result<Term, SupervisorError> {
        Ok(self.order(atom!("get_childspec"), id.into()).await?.unwrap_or_default())
    }

    /// Starts a child of a BEAM supervisor by its specification, or of one that has a single specification for all
    /// children by more arguments for it, a list; gives its pid, or `undefined`. Supervisors of Rust nodes refuse: what
    /// to start for a child is nothing that a message could hold.
    ///
    /// # Errors
    /// [`SupervisorError`] says why not.
    ///
    /// Does what `supervisor:start_child/2` does.
    pub async fn start_child(&self, spec: impl Into<Term>) -> Result<Term, SupervisorError> {
        Ok(self.order(atom!("start_child"), spec.into()).await?.unwrap_or_default())
    }

    /// Ends a child, named by its id, or by its pid if its supervisor has a single specification for all children.
    ///
    /// # Errors
    /// [`SupervisorError`] says why not.
    ///
    /// Does what `supervisor:terminate_child/2` does.
    pub async fn terminate_child(&self, id: impl Into<Term>) -> Result<(), SupervisorError> {
        self.order(atom!("terminate_child"), id.into()).await.map(drop)
    }

    /// Starts a child again that does not run; gives its pid, or `undefined`.
    ///
    /// # Errors
    /// [`SupervisorError`] says why not.
    ///
    /// Does what `supervisor:restart_child/2` does.
    pub async fn restart_child(&self, id: impl Into<Term>) -> Result<Term, SupervisorError> {
        Ok(self.order(atom!("restart_child"), id.into()).await?.unwrap_or_default())
    }

    /// Has the supervisor forget a child that does not run.
    ///
    /// # Errors
    /// [`SupervisorError`] says why not.
    ///
    /// Does what `supervisor:delete_child/2` does.
    pub async fn delete_child(&self, id: impl Into<Term>) -> Result<(), SupervisorError> {
        self.order(atom!("delete_child"), id.into()).await.map(drop)
    }

    /// The module that a BEAM supervisor was written in; of those of a Rust node `supervisor`.
    ///
    /// # Errors
    /// [`SupervisorError::Refused`] if the process does not tell; [`SupervisorError::Call`].
    ///
    /// Does what `supervisor:get_callback_module/1` does.
    pub async fn get_callback_module(&self) -> Result<Atom, SupervisorError> {
        let status = self.node.sys(self.dest.clone()).timeout(self.timeout).get_status().await;
        let status = status.map_err(|error| match error {
            crate::otp::sys::SysError::Call(error) => SupervisorError::Call(error),
            crate::otp::sys::SysError::Refused(reason) => SupervisorError::Refused(reason),
        })?;
        callback_module(&status).ok_or(SupervisorError::Refused(status))
    }
}

/// The module in the status of a supervisor: where it says so, or in what it began with.
fn callback_module(status: &Term) -> Option<Atom> {
    let [_, _, _, details] = status.as_tuple()? else { return None };
    let [dictionary, _, _, _, misc] = details.as_list()? else { return None };
    let entries = |list: &Term| -> Vec<(Term, Term)> {
        let pairs = list.as_list().unwrap_or_default().iter().filter_map(Term::as_tuple);
        pairs.filter_map(|pair| if let [a, b] = pair { Some((a.clone(), b.clone())) } else { None }).collect()
    };
    let of = |list: &Term, key: &str| entries(list).into_iter().find(|(name, _)| name.is_atom(key));
    if let Some((_, said)) = of(misc, "supervisor") {
        return entries(&said).first()?.1.as_atom().cloned();
    }
    match of(dictionary, "$initial_call")?.1.as_tuple() {
        Some([supervisor, Term::Atom(module), _]) if supervisor.is_atom("supervisor") => Some(module.clone()),
        _ => None,
    }
}

fn refused(reason: &Term) -> SupervisorError {
    match (reason.as_atom().map(Atom::as_str), reason.as_tuple()) {
        (Some("not_found"), _) => SupervisorError::NotFound,
        (Some("running"), _) => SupervisorError::Running,
        (Some("restarting"), _) => SupervisorError::Restarting,
        (Some("already_present"), _) => SupervisorError::AlreadyPresent,
        (_, Some([already, Term::Pid(pid)])) if already.is_atom("already_started") => {
            SupervisorError::AlreadyStarted(pid.clone())
        }
        _ => SupervisorError::Refused(reason.clone()),
    }
}

//! Asking processes, here or on any node, what `sys` can be asked.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::atom;
use crate::node::{Dest, Node, Process};
use crate::otp::r#gen::{CallError, DEFAULT_TIMEOUT};
use crate::process::Recipient;
use crate::term::{self, Atom, DeserializeError, Term};

/// What OTP's module `sys` asks of a process: its state, and to be watched, held and ended.
///
/// The process is a generic server, supervisor or service of this node or another Rust node, or any process of a BEAM
/// node that follows `proc_lib` and `sys`.
///
/// ```
/// # use erlnode::node::{Node, Process};
/// # use erlnode::otp::gen_server::{From, GenServer, Never, Reply};
/// # use erlnode::process::Exit;
/// # use erlnode::term::Term;
/// # struct Counter(i64);
/// # impl GenServer for Counter {
/// #     type Call = ();
/// #     type Cast = Never;
/// #     type Reply = i64;
/// #     async fn handle_call(&mut self, (): (), _: From<i64>, _: &mut Process) -> Result<Reply<i64>, Exit> {
/// #         Ok(Reply::Now(self.0))
/// #     }
/// #     fn state(&self) -> Term { self.0.into() }
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let node = Node::nonode();
/// # node.start_server(Counter(3)).name("counter").await?;
/// let sys = node.sys("counter");
/// assert_eq!(sys.get_state::<i64>().await?, 3);
/// sys.statistics(true).await?;
/// let _: i64 = node.call("counter", ()).await?;
/// assert_eq!(sys.get_statistics().await?.map(|counted| counted.messages_in), Some(1));
/// # Ok(())
/// # }
/// ```
///
/// # Cancel safety
/// Dropping the future of any of its methods gives up the answer; what was asked for may be done all the same.
#[derive(Debug, Clone)]
pub struct Sys {
    node: Node,
    dest: Dest,
    timeout: Duration,
}

/// Why `sys` has no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SysError {
    /// There is none, or it is of another type than asked for.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The process says no, for this reason.
    #[error("the process refused: {0}")]
    Refused(Term),
}

impl From<DeserializeError> for SysError {
    fn from(error: DeserializeError) -> SysError {
        SysError::Call(error.into())
    }
}

/// What a process has counted since statistics were switched on.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Statistics {
    /// When that was, as `((year, month, day), (hour, minute, second))` in the time of its node.
    pub start_time: DateTime,
    /// When it was asked.
    pub current_time: DateTime,
    /// Of Rust processes: how often their task has run.
    pub reductions: u64,
    /// Messages that it got.
    pub messages_in: u64,
    /// Replies that it sent.
    pub messages_out: u64,
}

type DateTime = ((u32, u8, u8), (u8, u8, u8));

impl Node {
    /// What `sys` can ask of a process, here or on any node; see [`Sys`].
    #[must_use]
    pub fn sys(&self, dest: impl Into<Dest>) -> Sys {
        Sys { node: self.clone(), dest: dest.into(), timeout: DEFAULT_TIMEOUT }
    }
}

impl Process {
    /// What `sys` can ask of another process, here or on any node; see [`Sys`].
    #[must_use]
    pub fn sys(&self, dest: impl Into<Dest>) -> Sys {
        self.node().sys(dest)
    }
}

impl Sys {
    /// How long to wait for each answer; 5 s if not set.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Sys {
        Sys { timeout, ..self }
    }

    async fn ask<R: DeserializeOwned + 'static>(
        &self,
        request: impl Serialize + Send + 'static,
    ) -> Result<R, SysError> {
        let call = self.node.call_system(self.dest.clone(), request);
        Ok(call.timeout(self.timeout).await?)
    }

    /// Asks for something that is answered by `ok`.
    async fn order(&self, request: impl Serialize + Send + 'static) -> Result<(), SysError> {
        let answer: Term = self.ask(request).await?;
        match answer.as_tuple() {
            None if answer.is_atom("ok") => Ok(()),
            Some([error, reason]) if error.is_atom("error") => Err(SysError::Refused(reason.clone())),
            _ => Err(SysError::Refused(answer)),
        }
    }

    async fn debug(&self, what: impl Serialize + Send + 'static) -> Result<(), SysError> {
        self.order((atom!("debug"), what)).await
    }

    /// The state; a [`Term`] if it may be anything.
    ///
    /// # Errors
    /// [`SysError::Call`], also if the state is not of this type; [`SysError::Refused`] if the process can't tell.
    ///
    /// Does what `sys:get_state/2` does.
    pub async fn get_state<S: DeserializeOwned>(&self) -> Result<S, SysError> {
        let answer: Term = self.ask(atom!("get_state")).await?;
        // Up to OTP 26.0 the state comes alone.
        let state = match answer.as_tuple() {
            Some([ok, state]) if ok.is_atom("ok") => state,
            Some([error, reason]) if error.is_atom("error") => return Err(SysError::Refused(reason.clone())),
            _ => &answer,
        };
        Ok(term::from_term(state)?)
    }

    /// All that the process tells of itself: `{status, Pid, {module, Module}, [Dictionary, Running, Parent, Debug, Misc]}`.
    ///
    /// # Errors
    /// [`SysError::Call`].
    ///
    /// Does what `sys:get_status/2` does.
    pub async fn get_status(&self) -> Result<Term, SysError> {
        self.ask(atom!("get_status")).await
    }

    /// Has the state changed by a fun, which the process runs: one that its node knows, as `fun Module:Function/1`.
    /// The new state comes back. Rust servers refuse.
    ///
    /// # Errors
    /// [`SysError::Refused`] with `{callback_failed, Where, {Class, Reason}}`; [`SysError::Call`].
    ///
    /// Does what `sys:replace_state/3` does.
    pub async fn replace_state(&self, fun: Term) -> Result<Term, SysError> {
        let answer: Term = self.ask((atom!("replace_state"), fun)).await?;
        match answer.as_tuple() {
            Some([ok, state]) if ok.is_atom("ok") => Ok(state.clone()),
            Some([error, reason]) if error.is_atom("error") => Err(SysError::Refused(reason.clone())),
            _ => Ok(answer),
        }
    }

    /// Has the process handle no other messages than those of `sys` until it is to [`resume`](Sys::resume).
    ///
    /// # Errors
    /// [`SysError::Call`].
    ///
    /// Does what `sys:suspend/2` does.
    pub async fn suspend(&self) -> Result<(), SysError> {
        self.order(atom!("suspend")).await
    }

    /// Has the process go on after [`suspend`](Sys::suspend).
    ///
    /// # Errors
    /// [`SysError::Call`].
    ///
    /// Does what `sys:resume/2` does.
    pub async fn resume(&self) -> Result<(), SysError> {
        self.order(atom!("resume")).await
    }

    /// Has a suspended process change its state for a new version of its module's code.
    ///
    /// # Errors
    /// [`SysError::Refused`] with what the process said; [`SysError::Call`].
    ///
    /// Does what `sys:change_code/5` does.
    pub async fn change_code(&self, module: Atom, old_version: Term, extra: Term) -> Result<(), SysError> {
        self.order((atom!("change_code"), module, old_version, extra)).await
    }

    /// Ends the process for this reason, and waits until it has ended.
    ///
    /// # Errors
    /// [`SysError::Call`].
    ///
    /// Does what `sys:terminate/3` does.
    pub async fn terminate(&self, reason: impl Into<Term>) -> Result<(), SysError> {
        let mut waiting = self.node.temporary_process();
        let process = waiting.process();
        let reference = process.monitor(recipient(&self.node, &self.dest)?).await;
        self.order((atom!("terminate"), reason.into())).await?;
        let down = process.receive_match_timeout(self.timeout, |message| message.is_down(&reference));
        match down.await {
            Some(_) => Ok(()),
            None => Err(CallError::Timeout(self.timeout).into()),
        }
    }

    /// Has the process's group leader print each of its events, or no longer.
    ///
    /// # Errors
    /// [`SysError::Call`].
    ///
    /// Does what `sys:trace/3` does.
    pub async fn trace(&self, on: bool) -> Result<(), SysError> {
        self.debug((atom!("trace"), on)).await
    }

    /// Has the process keep its last events, so many of them; `None` for no longer.
    ///
    /// # Errors
    /// [`SysError::Call`].
    ///
    /// Does what `sys:log/3` does with `{true, N}` and `false`.
    pub async fn log(&self, events: Option<usize>) -> Result<(), SysError> {
        match events {
            Some(events) => self.debug((atom!("log"), (true, events))).await,
            None => self.debug((atom!("log"), false)).await,
        }
    }

    /// The events that were kept, the oldest first: `{in, Message}`, `{out, Reply, To, State}`, `{noreply, State}`.
    ///
    /// # Errors
    /// [`SysError::Call`].
    ///
    /// Does what `sys:log/3` does with `get`.
    pub async fn get_log(&self) -> Result<Vec<Term>, SysError> {
        let (_, events): (Atom, Vec<Term>) = self.ask((atom!("debug"), (atom!("log"), atom!("get")))).await?;
        Ok(events)
    }

    /// Has the process count, or no longer.
    ///
    /// # Errors
    /// [`SysError::Call`].
    ///
    /// Does what `sys:statistics/3` does with `true` and `false`.
    pub async fn statistics(&self, on: bool) -> Result<(), SysError> {
        self.debug((atom!("statistics"), on)).await
    }

    /// What was counted; `None` if nothing is.
    ///
    /// # Errors
    /// [`SysError::Call`].
    ///
    /// Does what `sys:statistics/3` does with `get`.
    pub async fn get_statistics(&self) -> Result<Option<Statistics>, SysError> {
        let (_, counted): (Atom, Term) =
            self.ask((atom!("debug"), (atom!("statistics"), atom!("get")))).await?;
        if counted.is_atom("no_statistics") {
            return Ok(None);
        }
        let entries: Vec<(Atom, Term)> = term::from_term(&counted)?;
        let value = |name: &str| {
            let found = entries.iter().find(|(entry, _)| entry == name);
            found.map_or_else(Term::default, |(_, value)| value.clone())
        };
        Ok(Some(Statistics {
            start_time: term::from_term(&value("start_time"))?,
            current_time: term::from_term(&value("current_time"))?,
            reductions: term::from_term(&value("reductions"))?,
            messages_in: term::from_term(&value("messages_in"))?,
            messages_out: term::from_term(&value("messages_out"))?,
        }))
    }

    /// Has the process write its events to a file of its node, or, for `None`, no longer. Rust processes refuse.
    ///
    /// # Errors
    /// [`SysError::Refused`] with `open_file`; [`SysError::Call`].
    ///
    /// Does what `sys:log_to_file/3` does.
    pub async fn log_to_file(&self, path: Option<&str>) -> Result<(), SysError> {
        let path = path.map_or_else(|| Term::from(false), Term::charlist);
        self.debug((atom!("log_to_file"), path)).await
    }

    /// Has the process run a fun at each of its events: `{Fun, State}` or `{Id, Fun, State}`. Rust processes refuse.
    ///
    /// # Errors
    /// [`SysError::Refused`]; [`SysError::Call`].
    ///
    /// Does what `sys:install/3` does.
    pub async fn install(&self, fun: Term) -> Result<(), SysError> {
        self.debug((atom!("install"), fun)).await
    }

    /// Removes a fun that was installed, named by itself or its id.
    ///
    /// # Errors
    /// [`SysError::Call`].
    ///
    /// Does what `sys:remove/3` does.
    pub async fn remove(&self, fun: Term) -> Result<(), SysError> {
        self.debug((atom!("remove"), fun)).await
    }

    /// Switches off all that was switched on to watch the process.
    ///
    /// # Errors
    /// [`SysError::Call`].
    ///
    /// Does what `sys:no_debug/2` does.
    pub async fn no_debug(&self) -> Result<(), SysError> {
        self.debug(atom!("no_debug")).await
    }
}

fn recipient(node: &Node, dest: &Dest) -> Result<Recipient, CallError> {
    let here = node.name().as_atom();
    Ok(match dest.clone() {
        Dest::Pid(pid) => Recipient::Pid(pid),
        Dest::NameNode(name, at) => Recipient::Name { name, node: at },
        Dest::Name(name) => Recipient::Name { name, node: here.clone() },
        Dest::Global(name) => Recipient::Pid(node.whereis_global(&name).ok_or(CallError::NoProc)?),
        Dest::Alias(_) => return Err(CallError::Alias),
    })
}

//! Requests to spawn processes, from the side of the process that makes them.

use super::{AliasMode, ExitKind, Outgoing, Outgoings, Recipient, SeqTraceToken, Signal};
use crate::term::{Atom, Pid, Reference, Term};

/// What a process that requests another to be spawned wants besides: the options of `erlang:spawn_request/5`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SpawnRequestOptions {
    /// The two are linked from the start: `link`.
    pub link: bool,
    /// The new process is monitored from the start, by the reference of the request: `{monitor, Options}`.
    pub monitor: Option<MonitorOptions>,
    /// What is told of the request: `{reply, _}`.
    pub reply: SpawnReplyOption,
    /// What stands in the place of `spawn_reply`: `{reply_tag, Term}`.
    pub reply_tag: Option<Term>,
}

impl SpawnRequestOptions {
    /// Whether anything is to come of the request but the new process.
    pub(crate) fn wants_reply(&self) -> bool {
        self.link || self.monitor.is_some() || self.reply != SpawnReplyOption::No
    }

    pub(crate) fn monitor_alias(&self) -> Option<AliasMode> {
        self.monitor.as_ref()?.alias
    }
}

/// What is told of a request to spawn, by `{spawn_reply, Ref, ok, Pid}` and `{spawn_reply, Ref, error, Reason}`: the
/// option `{reply, _}` of `erlang:spawn_request/5`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SpawnReplyOption {
    /// How it ends.
    #[default]
    Yes,
    /// Nothing.
    No,
    /// Only that it failed.
    ErrorOnly,
    /// Only that it succeeded.
    SuccessOnly,
}

impl SpawnReplyOption {
    pub(super) fn tells(self, succeeded: bool) -> bool {
        use SpawnReplyOption::{ErrorOnly, SuccessOnly, Yes};
        self == Yes || self == if succeeded { SuccessOnly } else { ErrorOnly }
    }
}

/// What a monitor may be like.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MonitorOptions {
    /// The reference of the monitor is an alias, too, which ends as this says: `{alias, Mode}`.
    pub alias: Option<AliasMode>,
    /// What stands in the place of `'DOWN'`: `{tag, Term}`.
    pub tag: Option<Term>,
}

/// A request that is not answered.
#[derive(Debug)]
pub(super) struct SpawnRequested {
    /// Where.
    pub(super) node: Atom,
    pub(super) options: SpawnRequestOptions,
}

/// How a request to spawn a process on another node ended.
#[derive(Debug, Clone)]
pub(crate) struct SpawnReply {
    pub(crate) request: Reference,
    pub(crate) result: Result<Pid, Atom>,
    pub(crate) link: bool,
    pub(crate) monitor: bool,
    pub(crate) token: Option<SeqTraceToken>,
}

/// What becomes of a process that was started for one which does not want it any more: it is not monitored, and a link
/// made for it ends it with `reason`, as in OTP.
pub(crate) fn unwanted_spawn(reply: SpawnReply, reason: Atom) -> Outgoings {
    let mut outgoing = Outgoings::new();
    let SpawnReply { request, result: Ok(child), link, monitor, .. } = reply else { return outgoing };
    let to = Recipient::Pid(child);
    if monitor {
        outgoing.push(Outgoing { to: to.clone(), signal: Signal::Demonitor(request) });
    }
    if link {
        outgoing.push(Outgoing { to, signal: Signal::Exit(ExitKind::Link, Term::Atom(reason)) });
    }
    outgoing
}

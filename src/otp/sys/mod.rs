//! What OTP's module `sys` asks of processes: `{system, From, Request}`, on behalf of shells, supervisors and tools.
//!
//! | request                     | answer                                                              |
//! | --------------------------- | ------------------------------------------------------------------- |
//! | `get_state`                 | `{ok, State}`                                                       |
//! | `get_status`                | `{status, Pid, {module, gen_server}, [Dict, Running, Parent, Debug, Misc]}` |
//! | `suspend`, `resume`         | `ok`; in between only these messages are handled                    |
//! | `{change_code, ..}`         | while suspended `ok` of a service, and `{error, {'EXIT', {undef, _}}}` of a server: there is no code to change |
//! | `{terminate, Reason}`       | `ok`, then the process ends with `Reason`                           |
//! | `{replace_state, _}`        | `{error, {callback_failed, ..}}`: a fun of a BEAM can't be run      |
//! | `{debug, _}`                | see the file `debug`                                                     |
//! | all others                  | `{error, {unknown_system_msg, Request}}`                            |
//!
//! Up to OTP 26.0 the answer to `get_state` is the bare state, and `sys:get_state/1` there would give the pair. The
//! request does not say where it comes from, but its tag does: nodes of that time make aliases of three words, and later
//! ones of five.
//!
//! Generic servers answer all this, and so do the services of a node. [`Node::sys`](crate::node::Node::sys) asks.
//!
//! | file      | what it is about                                                    |
//! | --------- | ------------------------------------------------------------------- |
//! | `mod`     | the answers                                                         |
//! | `debug`   | what can be switched on: trace, log, statistics                     |
//! | `service` | services: processes that are no generic servers, and answer as such |
//! | `client`  | the questions: [`Sys`]                                              |
//!
//! Reference: stdlib application, module `sys`.

mod client;
mod debug;
mod functions;
mod service;

pub use self::client::{Statistics, Sys, SysError};
pub(crate) use self::functions::export;
pub(crate) use self::service::Service;

use self::debug::Debug;
use crate::atom;
use crate::node::Process;
use crate::process::Message;
use crate::term::{Atom, Pid, Term};

/// How a process stands towards `sys`.
#[derive(Debug, Default)]
pub(crate) struct System {
    suspended: bool,
    debug: Debug,
}

/// What a request leads to.
#[derive(Debug, PartialEq)]
pub(crate) enum Answer {
    /// This answer.
    Reply(Term),
    /// This state.
    State(Term),
    /// The answer `ok`, and then the end, for this reason.
    Terminate(Term),
}

/// What a process tells of itself.
pub(crate) struct Status<'a> {
    pub(crate) process: &'a Process,
    /// What would have to know a new version of its code; `None` if that has no state that could change.
    pub(crate) module: Option<Atom>,
    pub(crate) name: Option<&'a Atom>,
    pub(crate) parent: &'a Pid,
    pub(crate) state: &'a dyn Fn() -> Term,
    /// The state as `get_status` shows it.
    pub(crate) shown_state: &'a dyn Fn() -> Term,
}

impl System {
    /// Whether `message` is for `sys`: the only ones that a suspended process takes.
    pub(crate) fn is_request(message: &Message) -> bool {
        message.tag_and_arity().is_some_and(|(tag, arity)| tag == *"system" && arity == 3)
    }

    pub(crate) fn is_suspended(&self) -> bool {
        self.suspended
    }

    /// Whether anything is to be [told](System::event) of what the process does.
    pub(crate) fn is_watched(&self) -> bool {
        self.debug.is_on()
    }

    /// The process got a message, sent a reply, or has a new state.
    pub(crate) fn event(&mut self, event: Event, process: &Process, name: Option<&Atom>) {
        self.debug.event(event, process, &called(process, name));
    }

    pub(crate) fn answer(&mut self, request: Term, status: &Status<'_>) -> Answer {
        let ok = Term::Atom(atom!("ok"));
        Answer::Reply(match (request.as_atom().map(Atom::as_str), request.as_tuple()) {
            (Some("get_state"), _) => return Answer::State((status.state)()),
            (Some("get_status"), _) => self.status(status),
            (Some("suspend"), _) => {
                self.suspended = true;
                ok
            }
            (Some("resume"), _) => {
                self.suspended = false;
                ok
            }
            (_, Some([name, reason])) if name.is_atom("terminate") => {
                return Answer::Terminate(reason.clone());
            }
            (_, Some([name, _])) if name.is_atom("replace_state") => callback_failed(),
            (_, Some([name, _, vsn, extra])) if name.is_atom("change_code") && self.suspended => {
                match &status.module {
                    Some(module) => no_code_change(module, [vsn, &(status.state)(), extra]),
                    None => ok,
                }
            }
            (_, Some([name, what])) if name.is_atom("debug") => {
                self.debug.command(what, status.process, &called(status.process, status.name))
            }
            _ => error(Term::tuple([Term::Atom(atom!("unknown_system_msg")), request])),
        })
    }

    fn status(&self, status: &Status<'_>) -> Term {
        let Status { process, name, parent, .. } = *status;
        let atom = Term::Atom;
        let running = atom(if self.suspended { atom!("suspended") } else { atom!("running") });
        let parent = Term::Pid(parent.clone());
        let header = Term::charlist(&format!("Status for generic server {}", called(process, name)));
        let entry = |key: &str, value: Term| Term::tuple([Term::charlist(key), value]);
        let data = |entries: Vec<Term>| Term::tuple([atom(atom!("data")), Term::list(entries)]);
        // Where OTP's module `supervisor` looks for the module behind one.
        let is_supervisor = status.module.as_ref().is_some_and(|module| module == "supervisor");
        let callback = is_supervisor.then(|| {
            let callback = entry("Callback", atom(atom!("supervisor")));
            Term::tuple([atom(atom!("supervisor")), Term::list([callback])])
        });
        let misc = [
            Term::tuple([atom(atom!("header")), header]),
            data(vec![
                entry("Status", running.clone()),
                entry("Parent", parent.clone()),
                entry("Logged events", self.debug.logged()),
            ]),
            data(vec![entry("State", (status.shown_state)())]),
        ];
        let misc = Term::list(misc.into_iter().chain(callback));
        Term::tuple([
            atom(atom!("status")),
            Term::Pid(process.pid().clone()),
            Term::tuple([atom(atom!("module")), atom(atom!("gen_server"))]),
            Term::list([process.dictionary(), running, parent, self.debug.to_term(), misc]),
        ])
    }
}

/// What a process does, for those who watch it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Event {
    /// It got this message.
    In(Term),
    /// It replied to `{Pid, Tag}`, and has this state now.
    Out { reply: Term, to: Term, state: Term },
    /// It has this state now.
    NoReply(Term),
}

/// By its name, or else by its pid.
fn called(process: &Process, name: Option<&Atom>) -> String {
    name.map_or_else(|| Term::Pid(process.pid().clone()).to_string(), Atom::to_string)
}

fn callback_failed() -> Term {
    let callback = [Term::Atom(atom!("gen_server")), Term::Atom(atom!("system_replace_state"))];
    let undef = Term::tuple([Term::Atom(atom!("error")), Term::Atom(atom!("undef"))]);
    error(Term::tuple([Term::Atom(atom!("callback_failed")), Term::tuple(callback), undef]))
}

/// What OTP answers for a module without `code_change/3`.
fn no_code_change(module: &Atom, arguments: [&Term; 3]) -> Term {
    let arguments = Term::list(arguments.map(Term::clone));
    let frame = [Term::Atom(module.clone()), Term::Atom(atom!("code_change")), arguments, Term::NIL];
    let undef = Term::tuple([Term::Atom(atom!("undef")), Term::list([Term::tuple(frame)])]);
    error(Term::tuple([Term::Atom(atom!("EXIT")), undef]))
}

fn error(reason: Term) -> Term {
    Term::tuple([Term::Atom(atom!("error")), reason])
}

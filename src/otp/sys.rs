//! What OTP's module `sys` asks of processes: `{system, From, Request}`, on behalf of shells, supervisors and tools.
//!
//! | request                     | answer                                                              |
//! | --------------------------- | ------------------------------------------------------------------- |
//! | `get_state`                 | `{ok, State}`                                                       |
//! | `get_status`                | `{status, Pid, {module, gen_server}, [Dict, Running, Parent, [], Misc]}` |
//! | `suspend`, `resume`         | `ok`; in between only these messages are handled                    |
//! | `{terminate, Reason}`       | `ok`, then the process ends with `Reason`                           |
//! | `{replace_state, _}`        | `{error, {callback_failed, ..}}`: a fun of a BEAM can't be run      |
//! | `{debug, no_debug}` and `{debug, {_, false}}` | `ok`: nothing is ever traced or logged            |
//! | `{debug, {statistics, get}}` | `{ok, no_statistics}`                                              |
//! | `{debug, _}`                | `unknown_debug`                                                     |
//! | all others                  | `{error, {unknown_system_msg, Request}}`                            |
//!
//! The answer to `get_state` is that of OTP 27 and 29. In OTP 25 it is the bare state, so that `sys:get_state/1` there
//! gives the pair; nothing in the request tells the releases apart.
//!
//! Reference: stdlib application, module `sys`.

use crate::atom;
use crate::node::{InitialCall, Process};
use crate::process::Message;
use crate::term::{Atom, Pid, Term};

/// How a process stands towards `sys`.
#[derive(Debug, Default)]
pub(crate) struct System {
    suspended: bool,
}

/// What a request leads to.
#[derive(Debug, PartialEq)]
pub(crate) enum Answer {
    /// This answer.
    Reply(Term),
    /// The answer `ok`, and then the end, for this reason.
    Terminate(Term),
}

/// What a process tells of itself.
#[derive(Debug)]
pub(crate) struct Status<'a> {
    pub(crate) process: &'a Process,
    pub(crate) initial_call: InitialCall,
    pub(crate) name: Option<&'a Atom>,
    pub(crate) parent: &'a Pid,
    pub(crate) state: Term,
}

impl System {
    /// Whether `message` is for `sys`: the only ones that a suspended process takes.
    pub(crate) fn is_request(message: &Message) -> bool {
        message.tag_and_arity().is_some_and(|(tag, arity)| tag == *"system" && arity == 3)
    }

    pub(crate) fn is_suspended(&self) -> bool {
        self.suspended
    }

    pub(crate) fn answer(&mut self, request: Term, status: Status<'_>) -> Answer {
        let ok = Term::Atom(atom!("ok"));
        Answer::Reply(match (request.as_atom().map(Atom::as_str), request.as_tuple()) {
            (Some("get_state"), _) => Term::tuple([ok, status.state]),
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
            (_, Some([name, _])) if name.is_atom("replace_state") => {
                callback_failed(status.initial_call.module)
            }
            (_, Some([name, what])) if name.is_atom("debug") => debug(what),
            _ => error([Term::Atom(atom!("unknown_system_msg")), request]),
        })
    }

    fn status(&self, status: Status<'_>) -> Term {
        let Status { process, name, parent, state, .. } = status;
        let atom = Term::Atom;
        let running = atom(if self.suspended { atom!("suspended") } else { atom!("running") });
        let parent = Term::Pid(parent.clone());
        let dictionary = process.dictionary();
        let name = name.map_or_else(|| Term::Pid(process.pid().clone()).to_string(), Atom::to_string);
        let header = Term::charlist(&format!("Status for generic server {name}"));
        let entry = |key: &str, value: Term| Term::tuple([Term::charlist(key), value]);
        let data = |entries: Vec<Term>| Term::tuple([atom(atom!("data")), Term::list(entries)]);
        let misc = Term::list([
            Term::tuple([atom(atom!("header")), header]),
            data(vec![
                entry("Status", running.clone()),
                entry("Parent", parent.clone()),
                entry("Logged events", Term::NIL),
            ]),
            data(vec![entry("State", state)]),
        ]);
        Term::tuple([
            atom(atom!("status")),
            Term::Pid(process.pid().clone()),
            Term::tuple([atom(atom!("module")), atom(atom!("gen_server"))]),
            Term::list([dictionary, running, parent, Term::NIL, misc]),
        ])
    }
}

fn debug(what: &Term) -> Term {
    match what.as_tuple() {
        None if what.is_atom("no_debug") => Term::Atom(atom!("ok")),
        Some([name, get]) if name.is_atom("statistics") && get.is_atom("get") => {
            Term::tuple([Term::Atom(atom!("ok")), Term::Atom(atom!("no_statistics"))])
        }
        Some([_, off]) if off.is_atom("false") => Term::Atom(atom!("ok")),
        _ => Term::Atom(atom!("unknown_debug")),
    }
}

fn callback_failed(module: Atom) -> Term {
    let callback = Term::tuple([Term::Atom(module), Term::Atom(atom!("system_replace_state"))]);
    let undef = Term::tuple([Term::Atom(atom!("error")), Term::Atom(atom!("undef"))]);
    error([Term::Atom(atom!("callback_failed")), callback, undef])
}

fn error(reason: impl IntoIterator<Item = Term>) -> Term {
    Term::tuple([Term::Atom(atom!("error")), Term::tuple(reason)])
}

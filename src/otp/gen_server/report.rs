//! What a server that ends in disorder tells the node of its group leader, as a BEAM's does: that it terminates, with
//! its state and the message it was about, and then, as all that `proc_lib` starts, a crash report.
//!
//! The first is
//!
//! ```text
//! #{label => {gen_server, terminate}, name => Name or Pid, last_message => Message, state => State, log => [],
//!   reason => Reason, client_info => undefined | {Pid, remote | dead | {NameOrPid, Stack}}, process_label => undefined}
//! ```

use crate::atom;
use crate::node::{LeaderEvent, Level, Process, atom_map, external_fun, labels, origin};
use crate::process::{Exit, Message};
use crate::term::etf::Encoded;
use crate::term::{Atom, Pid, Term};

/// The message that a server handles, as far as it can be kept at no cost.
#[derive(Debug, Default)]
pub(super) struct LastMessage {
    content: Option<Content>,
    /// Who called, if it is a call.
    caller: Option<Pid>,
}

#[derive(Debug)]
enum Content {
    Encoded(Encoded),
    Term(Term),
    Cast(Box<Content>),
}

impl Content {
    fn of(message: &Message) -> Option<Content> {
        let encoded = message.as_encoded().cloned().map(Content::Encoded);
        encoded.or_else(|| message.as_term().cloned().map(Content::Term))
    }

    fn to_term(&self) -> Option<Term> {
        Some(match self {
            Content::Encoded(encoded) => encoded.to_term().ok()?,
            Content::Term(term) => term.clone(),
            Content::Cast(request) => Term::tuple([Term::Atom(atom!("$gen_cast")), request.to_term()?]),
        })
    }
}

impl LastMessage {
    pub(super) fn call(request: &Message, caller: &Pid) -> LastMessage {
        LastMessage { content: Content::of(request), caller: Some(caller.clone()) }
    }

    pub(super) fn cast(request: &Message) -> LastMessage {
        LastMessage {
            content: Content::of(request).map(|content| Content::Cast(Box::new(content))),
            caller: None,
        }
    }

    pub(super) fn info(message: &Message) -> LastMessage {
        LastMessage { content: Content::of(message), caller: None }
    }

    /// A Rust value that was sent within the node is gone by now.
    fn to_term(&self) -> Term {
        let content = self.content.as_ref().and_then(Content::to_term);
        content.unwrap_or_else(|| Term::Atom(atom!("undefined")))
    }

    fn client_info(&self, process: &Process) -> Term {
        let Some(caller) = &self.caller else { return Term::Atom(atom!("undefined")) };
        let node = process.node();
        let what = if caller.node != *node.name().as_atom() {
            Term::Atom(atom!("remote"))
        } else if node.is_process_alive(caller) {
            let name = node.names().name_of(caller).map_or_else(|| Term::Pid(caller.clone()), Term::Atom);
            Term::tuple([name, Term::NIL])
        } else {
            Term::Atom(atom!("dead"))
        };
        Term::tuple([Term::Pid(caller.clone()), what])
    }
}

/// Tells that the server ends for `exit`, if that is no orderly end.
pub(super) fn report(
    process: &Process,
    name: Option<&Atom>,
    state: impl FnOnce() -> Term,
    last: &LastMessage,
    exit: &Exit,
) {
    if !exit.is_crash() {
        return;
    }
    process.node().log_to_leader(process.cell(), Level::Error, || {
        let name = name.map_or_else(|| Term::Pid(process.pid().clone()), |name| Term::Atom(name.clone()));
        let undefined = Term::Atom(atom!("undefined"));
        let report = atom_map([
            (atom!("label"), labels(atom!("gen_server"), atom!("terminate"))),
            (atom!("name"), name),
            (atom!("last_message"), last.to_term()),
            (atom!("state"), state()),
            (atom!("log"), Term::NIL),
            (atom!("reason"), exit.reason().clone()),
            (atom!("client_info"), last.client_info(process)),
            (atom!("process_label"), undefined),
        ]);
        let format_log = |arity| external_fun(atom!("gen_server"), atom!("format_log"), arity);
        let error_logger = [(atom!("tag"), Term::Atom(atom!("error"))), (atom!("report_cb"), format_log(1))];
        let mut meta = origin((atom!("gen_server"), atom!("error_info"), 8), (file!(), line!()));
        meta.extend([
            (atom!("domain"), Term::list([Term::Atom(atom!("otp"))])),
            (atom!("error_logger"), atom_map(error_logger)),
            (atom!("report_cb"), format_log(2)),
        ]);
        LeaderEvent { level: Level::Error, what: vec![report], meta }
    });
    process.node().report_exit(process.cell(), exit);
}

//! Errors that nothing caught, and crashes of servers: told to the log of this node, and to the node where the process's
//! group leader is, see [`leader_log`](super::leader_log).
//!
//! A BEAM node does the same: whoever starts a process on another node sees in its own log why it crashed.
//!
//! | process | crashed by | event |
//! | ------- | ---------- | ----- |
//! | spawned by itself | an error, a throw, a panic | `"Error in process ~p on node ~p with exit value:~n~p~n"` |
//! | a server, a supervisor, started by `proc_lib` | the same, or an exit for other reasons than `normal`, `shutdown`, `{shutdown, _}` | a crash report, `#{label => {proc_lib, crash}, report => [About, Neighbours]}` |
//!
//! Exit signals are no crashes and are not told.

use std::fmt::{self, Write};
use std::sync::Arc;

use super::Node;
use super::exports::{Class, Raise};
use super::leader_log::{LeaderEvent, Level, atom_map};
use super::process_info;
use super::registry::{InitialCall, ProcessCell};
use crate::atom;
use crate::process::Exit;
use crate::term::{Atom, ExternalFun, Fun, Term};

/// How much of an error the log of this node gets, in bytes: its arguments may be large.
const MAX_LOGGED: usize = 4096;

impl Node {
    /// Tells of an exception that is about to end the process of `cell`.
    pub(crate) fn report_uncaught(&self, cell: &ProcessCell, raise: &Raise) {
        if raise.class == Class::Exit {
            return;
        }
        let value = Exit::from(raise.clone()).into_reason();
        tracing::error!(pid = %cell.pid, reason = %Shortened(&value), "a process ended with an error");
        self.error_in_process(cell, value);
    }

    /// Tells of a panic, which the log of this node has already, that ends the process of `cell` with `reason`.
    pub(crate) fn report_panic(&self, cell: &ProcessCell, reason: &Term) {
        match &cell.ancestors {
            Some(ancestors) => {
                let raise = Raise::error(reason.clone());
                self.crash_report(cell, &cell.body.initial_call(), ancestors, &raise);
            }
            None => self.error_in_process(cell, reason.clone()),
        }
    }

    /// Tells that a server, or what else `proc_lib` starts, ends for `exit`, if that is no orderly end.
    pub(crate) fn report_exit(&self, cell: &ProcessCell, exit: &Exit) {
        if exit.is_crash() {
            let ancestors = cell.ancestors.as_deref().unwrap_or_default();
            self.crash_report(
                cell,
                &cell.body.initial_call(),
                ancestors,
                &Raise::exit(exit.reason().clone()),
            );
        }
    }

    fn error_in_process(&self, cell: &ProcessCell, value: Term) {
        self.log_to_leader(cell, Level::Error, || {
            let error_logger =
                [(atom!("emulator"), Term::from(true)), (atom!("tag"), Term::Atom(atom!("error")))];
            let arguments = [Term::Pid(cell.pid.clone()), Term::Atom(cell.pid.node.clone()), value];
            LeaderEvent {
                level: Level::Error,
                what: vec![
                    Term::charlist("Error in process ~p on node ~p with exit value:~n~p~n"),
                    Term::list(arguments),
                ],
                meta: vec![(atom!("error_logger"), atom_map(error_logger))],
            }
        });
    }

    /// Tells the leader's node of the end of a process that was started as `proc_lib` does. The log of this node is left
    /// to the caller.
    pub(crate) fn crash_report(
        &self,
        cell: &ProcessCell,
        initial_call: &InitialCall,
        ancestors: &[Term],
        raise: &Raise,
    ) {
        self.log_to_leader(cell, Level::Error, || {
            let own = about(self, cell, initial_call, ancestors, raise);
            let report = atom_map([
                (atom!("label"), labels(atom!("proc_lib"), atom!("crash"))),
                (atom!("report"), Term::list([own, Term::NIL])),
            ]);
            let error_logger = [
                (atom!("tag"), Term::Atom(atom!("error_report"))),
                (atom!("type"), Term::Atom(atom!("crash_report"))),
            ];
            let mut meta = origin((atom!("proc_lib"), atom!("crash_report"), 4), (file!(), line!()));
            meta.extend(in_sasl("CRASH REPORT"));
            meta.extend([
                (atom!("error_logger"), atom_map(error_logger)),
                (atom!("report_cb"), external_fun(atom!("proc_lib"), atom!("report_cb"), 2)),
            ]);
            LeaderEvent { level: Level::Error, what: vec![report], meta }
        });
    }
}

/// What a crash report says of the process itself.
fn about(
    node: &Node,
    cell: &ProcessCell,
    initial_call: &InitialCall,
    ancestors: &[Term],
    raise: &Raise,
) -> Term {
    let class = Term::Atom(match raise.class {
        Class::Error => atom!("error"),
        Class::Exit => atom!("exit"),
        Class::Throw => atom!("throw"),
    });
    let arguments = (1..=initial_call.arity).filter_map(|n| Atom::new(&format!("Argument__{n}")).ok());
    let initial_call = [
        Term::Atom(initial_call.module.clone()),
        Term::Atom(initial_call.function.clone()),
        Term::list(arguments.map(Term::Atom)),
    ];
    let name = node.names().name_of(&cell.pid).map_or(Term::NIL, Term::Atom);
    let pair = |name, value| Term::tuple([Term::Atom(name), value]);
    let first = [
        pair(atom!("initial_call"), Term::tuple(initial_call)),
        pair(atom!("pid"), Term::Pid(cell.pid.clone())),
        pair(atom!("registered_name"), name),
        pair(atom!("error_info"), Term::tuple([class, raise.reason.clone(), raise.stack.clone()])),
        pair(atom!("ancestors"), Term::list(ancestors.iter().cloned())),
    ];
    let (links, trap_exit) = {
        let state = cell.state.lock();
        (Term::list(state.linked().cloned().map(Term::Pid)), state.trap_exit)
    };
    let rest = [
        pair(atom!("message_queue_len"), Term::from(process_info::queue_len(cell))),
        pair(atom!("links"), links),
        pair(atom!("dictionary"), Term::NIL),
        pair(atom!("trap_exit"), Term::from(trap_exit)),
        pair(atom!("status"), Term::Atom(atom!("running"))),
        pair(atom!("heap_size"), Term::from(0)),
        pair(atom!("stack_size"), Term::from(0)),
        pair(atom!("reductions"), Term::from(cell.polls.load(std::sync::atomic::Ordering::Relaxed))),
    ];
    Term::list(first.into_iter().chain(rest))
}

/// `{One, Other}`.
pub(crate) fn labels(one: Atom, other: Atom) -> Term {
    Term::tuple([Term::Atom(one), Term::Atom(other)])
}

/// `fun Module:Function/Arity`, which the BEAM that gets it has.
pub(crate) fn external_fun(module: Atom, function: Atom, arity: u8) -> Term {
    Term::Fun(Fun::External(Arc::new(ExternalFun { module, function, arity })))
}

/// Where an event comes from: the function of OTP that logs it on a BEAM, and the line of this crate that does here.
pub(crate) fn origin(
    (module, function, arity): (Atom, Atom, u8),
    (file, line): (&str, u32),
) -> Vec<(Atom, Term)> {
    let mfa = [Term::Atom(module), Term::Atom(function), Term::from(arity)];
    vec![
        (atom!("mfa"), Term::tuple(mfa)),
        (atom!("file"), Term::charlist(file)),
        (atom!("line"), Term::from(line)),
    ]
}

/// The metadata by which a report is one of SASL, with this title.
pub(crate) fn in_sasl(title: &str) -> [(Atom, Term); 2] {
    let domain = [Term::Atom(atom!("otp")), Term::Atom(atom!("sasl"))];
    [
        (atom!("domain"), Term::list(domain)),
        (atom!("logger_formatter"), atom_map([(atom!("title"), Term::charlist(title))])),
    ]
}

/// Prints the beginning of a term.
pub(crate) struct Shortened<'a>(pub(crate) &'a Term);

impl fmt::Display for Shortened<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut beginning = Beginning(String::new());
        // An error says that there is more.
        let more = write!(beginning, "{}", self.0).is_err();
        f.write_str(&beginning.0)?;
        if more { f.write_str("...") } else { Ok(()) }
    }
}

/// Takes so much and no more.
struct Beginning(String);

impl Write for Beginning {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = MAX_LOGGED - self.0.len();
        if text.len() <= room {
            self.0.push_str(text);
            return Ok(());
        }
        self.0.push_str(&text[..text.floor_char_boundary(room)]);
        Err(fmt::Error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_error_is_cut() {
        let long = Term::tuple([Term::Atom(atom!("undef")), Term::from("ä".repeat(5000))]);
        let printed = Shortened(&long).to_string();
        assert!(printed.len() <= MAX_LOGGED + 3 && printed.ends_with("ä..."), "{printed}");
        assert_eq!(Shortened(&Term::from(1)).to_string(), "1");
    }
}

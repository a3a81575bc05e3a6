//! Why processes end, and what an exit signal does.

use std::fmt;

use super::ExitKind;
use crate::atom;
use crate::term::etf::{DecodeError, EncodeError};
use crate::term::{Atom, AtomTooLong, DeserializeError, SerializeError, Term};

const NORMAL: Atom = atom!("normal");
const KILL: Atom = atom!("kill");

/// The reason a process ends with, as the error of its function.
///
/// Links and monitors get to see it as the term it holds. `?` turns this crate's errors into the reasons a BEAM
/// process would have.
#[derive(Clone, PartialEq)]
pub struct Exit(Term);

impl Exit {
    /// Ends the process with `reason`.
    pub fn new(reason: impl Into<Term>) -> Exit {
        Exit(reason.into())
    }

    /// `normal`: the same as returning `Ok(())`.
    #[must_use]
    pub fn normal() -> Exit {
        Exit(Term::Atom(NORMAL))
    }

    /// `shutdown`: an orderly end that supervisors do not report.
    #[must_use]
    pub fn shutdown() -> Exit {
        Exit(Term::Atom(atom!("shutdown")))
    }

    /// Ends the process with `{error, Text}`, where `Text` is a binary of what `error` says.
    pub fn from_error(error: impl std::error::Error) -> Exit {
        Exit(Term::tuple([Term::Atom(atom!("error")), Term::from(error.to_string())]))
    }

    /// The reason.
    #[must_use]
    pub fn reason(&self) -> &Term {
        &self.0
    }

    /// Whether it is worth a report: all reasons but `normal`, `shutdown` and `{shutdown, _}`.
    #[must_use]
    pub fn is_crash(&self) -> bool {
        let orderly = |reason: &Term| reason.is_atom("normal") || reason.is_atom("shutdown");
        match self.0.as_tuple() {
            Some([reason, _]) => !reason.is_atom("shutdown"),
            _ => !orderly(&self.0),
        }
    }

    /// The reason, by value.
    #[must_use]
    pub fn into_reason(self) -> Term {
        self.0
    }
}

impl fmt::Debug for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Exit({:?})", self.0)
    }
}

impl From<Term> for Exit {
    fn from(reason: Term) -> Exit {
        Exit(reason)
    }
}

impl From<Atom> for Exit {
    fn from(reason: Atom) -> Exit {
        Exit(Term::Atom(reason))
    }
}

macro_rules! from_errors {
    ($($error:ty)*) => { $(
        impl From<$error> for Exit {
            fn from(error: $error) -> Exit {
                Exit::from_error(error)
            }
        }
    )* };
}
from_errors!(std::io::Error DecodeError EncodeError DeserializeError SerializeError AtomTooLong);

/// What an exit signal does to a process.
#[derive(Debug, PartialEq)]
pub(crate) enum ExitAction {
    /// Nothing.
    Ignore,
    /// The process gets `{'EXIT', From, Reason}` as a message.
    Message,
    /// The process ends, for this reason.
    Terminate(Term),
}

/// The rules of exit signals, as the Reference Manual has them under "Errors" and `erlang:exit/2`.
pub(crate) fn exit_action(kind: ExitKind, reason: &Term, trap_exit: bool, from_self: bool) -> ExitAction {
    let is = |atom: &Atom| matches!(reason, Term::Atom(reason) if reason == atom);
    match kind {
        // Only exit/2 can kill; a linked process that ended with reason `kill` is like any other.
        ExitKind::Signal if is(&KILL) => ExitAction::Terminate(Term::Atom(atom!("killed"))),
        _ if trap_exit => ExitAction::Message,
        ExitKind::Signal if is(&NORMAL) && from_self => ExitAction::Terminate(reason.clone()),
        _ if is(&NORMAL) => ExitAction::Ignore,
        _ => ExitAction::Terminate(reason.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn action(kind: ExitKind, reason: Atom, trap_exit: bool, from_self: bool) -> ExitAction {
        exit_action(kind, &Term::Atom(reason), trap_exit, from_self)
    }

    #[test]
    fn kill_by_exit_2_cannot_be_trapped_and_is_seen_as_killed() {
        assert_eq!(
            action(ExitKind::Signal, KILL, true, false),
            ExitAction::Terminate(Term::Atom(atom!("killed")))
        );
    }

    #[test]
    fn kill_through_a_link_is_a_reason_like_any_other() {
        assert_eq!(action(ExitKind::Link, KILL, true, false), ExitAction::Message);
        assert_eq!(action(ExitKind::Link, KILL, false, false), ExitAction::Terminate(Term::Atom(KILL)));
    }

    #[test]
    fn normal_ends_nobody_else() {
        assert_eq!(action(ExitKind::Link, NORMAL, false, false), ExitAction::Ignore);
        assert_eq!(action(ExitKind::Signal, NORMAL, false, false), ExitAction::Ignore);
        assert_eq!(action(ExitKind::Signal, NORMAL, true, false), ExitAction::Message);
    }

    #[test]
    fn normal_to_oneself_ends_a_process_that_does_not_trap() {
        assert_eq!(action(ExitKind::Signal, NORMAL, false, true), ExitAction::Terminate(Term::Atom(NORMAL)));
        assert_eq!(action(ExitKind::Signal, NORMAL, true, true), ExitAction::Message);
    }
}

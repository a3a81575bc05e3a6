//! Why a call has no value.

use std::time::Duration;

use crate::atom;
use crate::node::{Class, ConnectError, Raise, SendError};
use crate::process::Exit;
use crate::term::{Atom, DeserializeError, SerializeError, Term};

/// Why a call of a function on another node has no value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ErpcError {
    /// It ran and raised, or could not be run as there is no such function: class, reason and stack as terms.
    #[error("the function raised {}: {}", class_name(.0.class), .0.reason)]
    Raised(Raise),
    /// The process that ran it was ended by an exit signal.
    #[error("the call was ended by an exit signal: {0}")]
    Signal(Term),
    /// No value came in time. The function may still run.
    #[error("no result within {} s", .0.as_secs_f32())]
    Timeout(Duration),
    /// There is no connection, and none could be made: the function has not run.
    #[error(transparent)]
    NoConnection(ConnectError),
    /// The connection was lost: the function may or may not have run, or may still do so.
    #[error("the connection to {0} ended")]
    ConnectionLost(Atom),
    /// The node did not start the call, as `system_limit` or `notsup`.
    #[error("the node did not start the call: {0}")]
    NotStarted(Atom),
    /// The value is not of the type asked for.
    #[error("the value does not have the expected shape: {0}")]
    Value(#[from] DeserializeError),
    /// The arguments have no external form.
    #[error("the arguments can't be encoded: {0}")]
    Encode(#[from] SerializeError),
}

fn class_name(class: Class) -> &'static str {
    match class {
        Class::Error => "an error",
        Class::Exit => "an exit",
        Class::Throw => "a throw",
    }
}

impl ErpcError {
    /// Class and reason as `erpc:call/5` raises them.
    #[must_use]
    pub fn class_and_reason(&self) -> (Class, Term) {
        let tuple = |name: Atom, rest: &[&Term]| {
            Term::tuple(std::iter::once(Term::Atom(name)).chain(rest.iter().copied().cloned()))
        };
        let erpc = |reason: Atom| (Class::Error, tuple(atom!("erpc"), &[&Term::Atom(reason)]));
        match self {
            ErpcError::Raised(Raise { class, reason, stack }) => match class {
                Class::Error => (Class::Error, tuple(atom!("exception"), &[reason, stack])),
                Class::Exit => (Class::Exit, tuple(atom!("exception"), &[reason])),
                Class::Throw => (Class::Throw, reason.clone()),
            },
            ErpcError::Signal(reason) => (Class::Exit, tuple(atom!("signal"), &[reason])),
            ErpcError::Timeout(_) => erpc(atom!("timeout")),
            ErpcError::NoConnection(_) | ErpcError::ConnectionLost(_) => erpc(atom!("noconnection")),
            ErpcError::NotStarted(reason) => erpc(reason.clone()),
            ErpcError::Value(_) | ErpcError::Encode(_) => erpc(atom!("badarg")),
        }
    }
}

impl ErpcError {
    /// What `rpc:call/5` returns in its place: `{badrpc, Reason}`, or what was thrown.
    #[must_use]
    pub fn to_rpc(&self) -> Term {
        let badrpc = |reason| Term::tuple([Term::Atom(atom!("badrpc")), reason]);
        let exit = |reason| Term::tuple([Term::Atom(atom!("EXIT")), reason]);
        match self {
            ErpcError::Raised(Raise { class: Class::Error, reason, stack }) => {
                badrpc(exit(Term::tuple([reason.clone(), stack.clone()])))
            }
            ErpcError::Raised(Raise { class: Class::Throw, reason, .. }) => match reason.as_tuple() {
                Some([kind, _]) if kind.is_atom("EXIT") => badrpc(reason.clone()),
                _ => reason.clone(),
            },
            ErpcError::Raised(Raise { class: Class::Exit, reason, .. }) | ErpcError::Signal(reason) => {
                badrpc(exit(reason.clone()))
            }
            ErpcError::Timeout(_) => badrpc(Term::Atom(atom!("timeout"))),
            ErpcError::NoConnection(_) | ErpcError::ConnectionLost(_) => {
                badrpc(Term::Atom(atom!("nodedown")))
            }
            ErpcError::NotStarted(reason) if reason == "notsup" => badrpc(Term::Atom(reason.clone())),
            ErpcError::NotStarted(reason) => badrpc(exit(Term::Atom(reason.clone()))),
            ErpcError::Value(_) | ErpcError::Encode(_) => badrpc(exit(Term::Atom(atom!("badarg")))),
        }
    }
}

/// The reason of a process that does not catch what `erpc:call/5` raises, without a stack.
impl From<ErpcError> for Exit {
    fn from(error: ErpcError) -> Exit {
        Exit::from(Raise::from(error))
    }
}

/// As `erpc:call/5` raises it.
impl From<ErpcError> for Raise {
    fn from(error: ErpcError) -> Raise {
        let (class, reason) = error.class_and_reason();
        Raise { class, reason, stack: Term::NIL }
    }
}

impl From<SendError> for ErpcError {
    fn from(error: SendError) -> ErpcError {
        match error {
            SendError::NoConnection(error) => ErpcError::NoConnection(error),
            SendError::ConnectionLost(node) => ErpcError::ConnectionLost(node),
            SendError::Encode(error) => ErpcError::Encode(error),
            // The other node does not know how to be asked for a process.
            SendError::Control(_)
            | SendError::NotRegistered(_)
            | SendError::NotRegisteredGlobally(_)
            | SendError::MailboxFull(_) => ErpcError::NotStarted(atom!("notsup")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rpc_returns_what_erpc_raises() {
        let raise = |class, reason: &str, stack: &str| {
            ErpcError::Raised(Raise { class, reason: reason.parse().unwrap(), stack: stack.parse().unwrap() })
        };
        for (error, rpc) in [
            (raise(Class::Error, "x", "[{m,f,0,[]}]"), "{badrpc,{'EXIT',{x,[{m,f,0,[]}]}}}"),
            (raise(Class::Exit, "x", "[]"), "{badrpc,{'EXIT',x}}"),
            (raise(Class::Throw, "x", "[]"), "x"),
            (raise(Class::Throw, "{'EXIT',x}", "[]"), "{badrpc,{'EXIT',x}}"),
            (ErpcError::Signal(Term::Atom(atom!("killed"))), "{badrpc,{'EXIT',killed}}"),
            (ErpcError::Timeout(Duration::ZERO), "{badrpc,timeout}"),
            (ErpcError::ConnectionLost(atom!("a@b")), "{badrpc,nodedown}"),
            (ErpcError::NotStarted(atom!("notsup")), "{badrpc,notsup}"),
            (ErpcError::NotStarted(atom!("system_limit")), "{badrpc,{'EXIT',system_limit}}"),
        ] {
            assert_eq!(error.to_rpc().to_string(), rpc);
        }
    }
}

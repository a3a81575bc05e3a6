//! Who a message goes to.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::ConnectError;
use crate::atom;
use crate::dist::connection::OutgoingError;
use crate::process::{Exit, Recipient};
use crate::term::{Atom, Pid, Reference, SerializeError, Term};

/// Who a message goes to, here or on any other node: whatever stands left of Erlang's `!`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dest {
    /// A process.
    Pid(Pid),
    /// The process registered under this name on this node.
    Name(Atom),
    /// The process registered under a name on some node: `{Name, Node}`.
    NameNode(Atom, Atom),
    /// Whoever made this alias, as long as it is active.
    Alias(Reference),
    /// The process of this name in the whole cluster: `{global, Name}`, as OTP's generic servers are called.
    Global(Term),
}

impl Dest {
    /// The process of this [global](crate::otp::global) name.
    pub fn global(name: impl Into<Term>) -> Dest {
        Dest::Global(name.into())
    }
}

/// As the term that stands left of Erlang's `!`.
impl Serialize for Dest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Dest::Pid(pid) => pid.serialize(serializer),
            Dest::Name(name) => name.serialize(serializer),
            Dest::NameNode(name, node) => (name, node).serialize(serializer),
            Dest::Alias(alias) => alias.serialize(serializer),
            Dest::Global(name) => (atom!("global"), name).serialize(serializer),
        }
    }
}

/// From a pid, a name, `{Name, Node}`, a reference, or `{global, Name}` where `Name` is not that of a node.
impl<'de> Deserialize<'de> for Dest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Dest, D::Error> {
        match Term::deserialize(deserializer)? {
            Term::Pid(pid) => Ok(Dest::Pid(pid)),
            Term::Atom(name) => Ok(Dest::Name(name)),
            Term::Reference(alias) => Ok(Dest::Alias(alias)),
            Term::Tuple(tuple) => match &*tuple {
                [Term::Atom(global), name] if global == "global" && !is_node(name) => {
                    Ok(Dest::Global(name.clone()))
                }
                [Term::Atom(name), Term::Atom(node)] => Ok(Dest::NameNode(name.clone(), node.clone())),
                _ => {
                    Err(D::Error::custom("a tuple that is not {Name, Node}, where a destination is expected"))
                }
            },
            _ => Err(D::Error::custom("expected a pid, a name, {Name, Node} or an alias")),
        }
    }
}

fn is_node(name: &Term) -> bool {
    name.as_atom().is_some_and(|name| name.as_str().contains('@'))
}

impl From<Pid> for Dest {
    fn from(pid: Pid) -> Dest {
        Dest::Pid(pid)
    }
}

impl From<&Pid> for Dest {
    fn from(pid: &Pid) -> Dest {
        Dest::Pid(pid.clone())
    }
}

impl From<Reference> for Dest {
    fn from(alias: Reference) -> Dest {
        Dest::Alias(alias)
    }
}

impl From<&Reference> for Dest {
    fn from(alias: &Reference) -> Dest {
        Dest::Alias(alias.clone())
    }
}

impl From<Atom> for Dest {
    fn from(name: Atom) -> Dest {
        Dest::Name(name)
    }
}

/// A registered name on this node.
///
/// # Panics
/// When it is longer than an atom can be.
impl From<&str> for Dest {
    fn from(name: &str) -> Dest {
        Dest::Name(to_atom(name))
    }
}

impl From<(Atom, Atom)> for Dest {
    fn from((name, node): (Atom, Atom)) -> Dest {
        Dest::NameNode(name, node)
    }
}

/// A registered name, and the node.
///
/// # Panics
/// When one is longer than an atom can be.
impl From<(&str, &str)> for Dest {
    fn from((name, node): (&str, &str)) -> Dest {
        Dest::NameNode(to_atom(name), to_atom(node))
    }
}

impl From<Recipient> for Dest {
    fn from(recipient: Recipient) -> Dest {
        match recipient {
            Recipient::Pid(pid) => Dest::Pid(pid),
            Recipient::Name { name, node } => Dest::NameNode(name, node),
        }
    }
}

impl From<Pid> for Recipient {
    fn from(pid: Pid) -> Recipient {
        Recipient::Pid(pid)
    }
}

impl From<&Pid> for Recipient {
    fn from(pid: &Pid) -> Recipient {
        Recipient::Pid(pid.clone())
    }
}

impl From<(Atom, Atom)> for Recipient {
    fn from((name, node): (Atom, Atom)) -> Recipient {
        Recipient::Name { name, node }
    }
}

/// A registered name, and the node.
///
/// # Panics
/// When one is longer than an atom can be.
impl From<(&str, &str)> for Recipient {
    fn from((name, node): (&str, &str)) -> Recipient {
        Recipient::Name { name: to_atom(name), node: to_atom(node) }
    }
}

fn to_atom(name: &str) -> Atom {
    Atom::new(name).expect("a name of at most 255 characters")
}

impl From<SendError> for Exit {
    fn from(error: SendError) -> Exit {
        match error {
            SendError::NoConnection(_) | SendError::ConnectionLost(_) => Exit::new(atom!("noconnection")),
            SendError::NotRegistered(_) | SendError::NotRegisteredGlobally(_) => Exit::new(atom!("badarg")),
            error => Exit::from_error(error),
        }
    }
}

/// Why a message could not be sent.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// No name of that kind is registered on this node.
    #[error("no process is registered as {0} on this node")]
    NotRegistered(Atom),
    /// No process of the cluster has that global name.
    #[error("no process has the global name {0}")]
    NotRegisteredGlobally(Term),
    /// There is no connection to the node, and none could be made.
    #[error(transparent)]
    NoConnection(#[from] ConnectError),
    /// The connection ended before the message was queued.
    #[error("the connection to {0} ended")]
    ConnectionLost(Atom),
    /// The process, one of this node, takes no more messages now: it was spawned with such a
    /// [limit](super::Overflow::Refuse).
    #[error("the mailbox of {0:?} is full")]
    MailboxFull(Pid),
    /// The message has no external form.
    #[error("the message can't be encoded: {0}")]
    Encode(#[from] SerializeError),
    /// The other node can't be told that, as it lacks the flag for it.
    #[error(transparent)]
    Control(OutgoingError),
}

/// Why a message could not be sent at once.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrySendError<T> {
    /// The queue of the connection is full.
    #[error("the connection to {node} is busy")]
    Busy {
        /// The other node.
        node: Atom,
        /// What was to be sent.
        message: T,
    },
    /// There is no connection to the node.
    #[error("there is no connection to {node}")]
    NotConnected {
        /// The other node.
        node: Atom,
        /// What was to be sent.
        message: T,
    },
    /// It can't be sent later either.
    #[error(transparent)]
    Send(#[from] SendError),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::term::{Creation, from_term, to_term};

    #[test]
    fn what_stands_left_of_a_send_is_a_destination_and_nothing_else() {
        let pid = Pid { node: atom!("n@h"), id: 1, serial: 0, creation: Creation(5) };
        let alias = Reference::new(atom!("n@h"), Creation(5), &[1, 2, 3]).unwrap();
        let destinations = [
            Dest::Pid(pid),
            Dest::Name(atom!("echo")),
            Dest::NameNode(atom!("echo"), atom!("n@h")),
            Dest::Alias(alias),
            Dest::global(atom!("counter")),
            Dest::global(Term::tuple([atom!("counter").into(), 1.into()])),
            // A process of that name, and no global one.
            Dest::NameNode(atom!("global"), atom!("n@h")),
        ];
        for dest in destinations {
            assert_eq!(from_term::<Dest>(&to_term(&dest).unwrap()).unwrap(), dest);
        }
        for other in ["1", "{echo, n@h, 1}", "{<<\"echo\">>, n@h}", "[]", "<<\"echo\">>"] {
            assert!(from_term::<Dest>(&other.parse().unwrap()).is_err(), "{other}");
        }
    }
}

//! Signals: all that one process can do to another.

use smallvec::SmallVec;

use super::{Message, SeqTraceToken, UnlinkId};
use crate::term::{Atom, Pid, Reference, Term};

/// Where an exit signal comes from; the rules differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitKind {
    /// A linked process ended.
    Link,
    /// A process sent it, as `exit/2` does.
    Signal,
}

/// What one process does to another. Signals from one process to another arrive in the order they were sent.
#[derive(Debug)]
pub enum Signal {
    /// A message.
    Message(Message),
    /// A message by way of an alias: dropped if the alias is not active any more.
    AliasMessage(Reference, Message),
    /// The sender has linked.
    Link,
    /// The sender has unlinked and waits for the acknowledgement.
    Unlink(UnlinkId),
    /// The sender has unlinked and is too old to wait for an acknowledgement.
    UnlinkWithoutId,
    /// The acknowledgement.
    UnlinkAck(UnlinkId),
    /// An exit signal by way of an alias: dropped if the alias is not active any more.
    AliasExit(Reference, Term),
    /// An exit signal.
    Exit(ExitKind, Term),
    /// The sender monitors this process, by the name if one is given.
    Monitor(Reference, Option<Atom>),
    /// The sender monitors it no longer.
    Demonitor(Reference),
    /// A monitored process has ended; the name is there if it was monitored by it.
    Down(Reference, Option<Atom>, Term),
    /// Another group leader.
    GroupLeader(Pid),
    /// A message or an exit signal, with what goes along.
    Marked(Marks, Box<Signal>),
}

/// What goes along with a message or an exit signal.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Marks {
    /// The token of sequential tracing.
    pub token: Option<SeqTraceToken>,
    /// It goes before ordinary messages, if it comes by an alias that was made for that.
    pub priority: bool,
}

impl Signal {
    /// The signal with these marks.
    #[must_use]
    pub fn marked(self, marks: Marks) -> Signal {
        if marks == Marks::default() { self } else { Signal::Marked(marks, Box::new(self)) }
    }

    /// The alias it goes by.
    pub(super) fn alias(&self) -> Option<&Reference> {
        match self {
            Signal::AliasMessage(alias, _) | Signal::AliasExit(alias, _) => Some(alias),
            _ => None,
        }
    }
}

/// Who gets a signal, or is monitored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recipient {
    /// A process by its pid.
    Pid(Pid),
    /// A process by its registered name, here or on another node.
    Name {
        /// The registered name.
        name: Atom,
        /// The node it is registered on.
        node: Atom,
    },
}

impl Recipient {
    /// The node the recipient lives on.
    #[must_use]
    pub fn node(&self) -> &Atom {
        match self {
            Recipient::Pid(pid) => &pid.node,
            Recipient::Name { node, .. } => node,
        }
    }

    /// As it stands in a `'DOWN'` message: a pid, or `{Name, Node}`.
    #[must_use]
    pub fn to_term(&self) -> Term {
        match self {
            Recipient::Pid(pid) => Term::Pid(pid.clone()),
            Recipient::Name { name, node } => {
                Term::tuple([Term::Atom(name.clone()), Term::Atom(node.clone())])
            }
        }
    }
}

/// A signal that a process sends because of one it got.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) to: Recipient,
    pub(crate) signal: Signal,
}

/// Most signals cause none or one.
pub(crate) type Outgoings = SmallVec<[Outgoing; 1]>;

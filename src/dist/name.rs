//! The names of nodes: `alive@host`.
//!
//! ```text
//! rust@localhost              short: the host has no dot
//! rust@machine.example.org    long
//! rust@10.0.0.7, rust@::1     long: an address stands for a fully qualified name
//! ```
//!
//! All nodes of a cluster have names of one kind, since a name is also how a node is found: one with short names
//! refuses to connect to a long one and the other way round. OTP checks that only when it connects, not when it is
//! connected to.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

use crate::term::{Atom, MAX_ATOM_CHARACTERS};

/// The name of a node, `alive@host`; an atom with exactly one `@` and something on either side of it.
///
/// ```
/// use erlnode::dist::{NameKind, NodeName};
/// let name: NodeName = "rust@localhost".parse()?;
/// assert_eq!((name.alive(), name.host(), name.kind()), ("rust", "localhost", NameKind::Short));
/// # Ok::<(), erlnode::dist::NameError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeName(Atom);

/// Whether the nodes of a cluster go by short or by fully qualified host names: `-sname` or `-name` of `erl`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NameKind {
    /// The host has no dot.
    Short,
    /// The host is a fully qualified name or an address.
    Long,
}

impl NodeName {
    /// Takes `name` apart and checks it.
    ///
    /// Whatever another node may call itself is accepted; [`check_alive`](NodeName::check_alive) has the stricter
    /// rules for the name of this node.
    ///
    /// # Errors
    /// [`NameError::NoHost`], [`EmptyAlive`](NameError::EmptyAlive), [`EmptyHost`](NameError::EmptyHost),
    /// [`SecondAt`](NameError::SecondAt), [`TooLong`](NameError::TooLong).
    pub fn new(name: &str) -> Result<NodeName, NameError> {
        let Some((alive, host)) = name.split_once('@') else {
            return Err(NameError::NoHost { name: name.to_owned() });
        };
        if alive.is_empty() {
            return Err(NameError::EmptyAlive { name: name.to_owned() });
        }
        if host.is_empty() {
            return Err(NameError::EmptyHost { name: name.to_owned() });
        }
        if host.contains('@') {
            return Err(NameError::SecondAt { name: name.to_owned() });
        }
        Atom::new(name).map(NodeName).map_err(|error| NameError::TooLong { characters: error.characters })
    }

    /// The name as an atom, as it stands in pids, ports and references.
    #[must_use]
    pub fn as_atom(&self) -> &Atom {
        &self.0
    }

    /// The whole name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The part before the `@`: the name under which epmd knows the node.
    #[must_use]
    pub fn alive(&self) -> &str {
        self.as_str().split_once('@').map_or(self.as_str(), |(alive, _)| alive)
    }

    /// The part after the `@`: where the node's epmd is asked.
    #[must_use]
    pub fn host(&self) -> &str {
        self.as_str().split_once('@').map_or("", |(_, host)| host)
    }

    /// Whether the host is short or fully qualified.
    #[must_use]
    pub fn kind(&self) -> NameKind {
        let host = self.host();
        if host.contains('.') || host.parse::<Ipv6Addr>().is_ok() { NameKind::Long } else { NameKind::Short }
    }

    /// Checks that `erl` would start under this name: letters, digits, `_` and `-` only before the `@`.
    ///
    /// # Errors
    /// [`NameError::AliveCharacter`].
    pub fn check_alive(&self) -> Result<(), NameError> {
        match self.alive().chars().find(|&c| !(c.is_ascii_alphanumeric() || c == '_' || c == '-')) {
            Some(character) => Err(NameError::AliveCharacter { name: self.as_str().to_owned(), character }),
            None => Ok(()),
        }
    }

    /// Checks that a node with names of `kind` can connect to this one.
    ///
    /// # Errors
    /// [`NameError::LongToShort`], [`NameError::ShortToLong`].
    pub fn check_kind(&self, kind: NameKind) -> Result<(), NameError> {
        match (kind, self.kind()) {
            (NameKind::Short, NameKind::Long) => Err(NameError::LongToShort { name: self.clone() }),
            (NameKind::Long, NameKind::Short) => Err(NameError::ShortToLong { name: self.clone() }),
            (NameKind::Short, NameKind::Short) | (NameKind::Long, NameKind::Long) => Ok(()),
        }
    }
}

/// What is wrong with the name of a node.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// There is no `@`.
    #[error("the node name {name:?} has no host, it should read name@host")]
    NoHost {
        /// The name.
        name: String,
    },
    /// Nothing stands before the `@`.
    #[error("the node name {name:?} has nothing before the @, it should read name@host")]
    EmptyAlive {
        /// The name.
        name: String,
    },
    /// Nothing stands after the `@`.
    #[error("the node name {name:?} has nothing after the @, it should read name@host")]
    EmptyHost {
        /// The name.
        name: String,
    },
    /// There is more than one `@`.
    #[error("the node name {name:?} has more than one @, it should read name@host")]
    SecondAt {
        /// The name.
        name: String,
    },
    /// A node that asks for a name gave something else than the host that is to stand in it.
    #[error("{name:?} is not a host, which a node that asks for a name has to give")]
    NotAHost {
        /// What it gave.
        name: String,
    },
    /// The name is longer than an atom can be.
    #[error("the node name has {characters} characters, the most is {MAX_ATOM_CHARACTERS}")]
    TooLong {
        /// How many characters it has.
        characters: usize,
    },
    /// A character that the name of this node must not have before the `@`.
    #[error(
        "the node name {name:?} has {character:?} before the @, where only letters, digits, _ and - may stand"
    )]
    AliveCharacter {
        /// The name.
        name: String,
        /// The first such character.
        character: char,
    },
    /// This node has a short name, the other a long one.
    #[error("{name} has a long host name, this node uses short ones: start both with names of one kind")]
    LongToShort {
        /// The other node.
        name: NodeName,
    },
    /// This node has a long name, the other a short one.
    #[error("{name} has a short host name, this node uses long ones: start both with names of one kind")]
    ShortToLong {
        /// The other node.
        name: NodeName,
    },
}

impl FromStr for NodeName {
    type Err = NameError;

    fn from_str(name: &str) -> Result<NodeName, NameError> {
        NodeName::new(name)
    }
}

impl TryFrom<&str> for NodeName {
    type Error = NameError;

    fn try_from(name: &str) -> Result<NodeName, NameError> {
        NodeName::new(name)
    }
}

impl TryFrom<Atom> for NodeName {
    type Error = NameError;

    fn try_from(name: Atom) -> Result<NodeName, NameError> {
        // `new` makes another atom of the same text; this keeps the one given.
        NodeName::new(name.as_str()).map(|_| NodeName(name))
    }
}

impl From<NodeName> for Atom {
    fn from(name: NodeName) -> Atom {
        name.0
    }
}

impl AsRef<str> for NodeName {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl PartialEq<Atom> for NodeName {
    fn eq(&self, other: &Atom) -> bool {
        self.0 == *other
    }
}

/// Without the quotes an atom of this name would have.
impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> NodeName {
        NodeName::new(text).unwrap()
    }

    #[test]
    fn each_fault_has_its_error() {
        assert!(matches!(NodeName::new("rust"), Err(NameError::NoHost { .. })));
        assert!(matches!(NodeName::new("@host"), Err(NameError::EmptyAlive { .. })));
        assert!(matches!(NodeName::new("rust@"), Err(NameError::EmptyHost { .. })));
        assert!(matches!(NodeName::new("rust@a@b"), Err(NameError::SecondAt { .. })));
        let long = format!("{}@b", "å".repeat(254));
        assert_eq!(NodeName::new(&long), Err(NameError::TooLong { characters: 256 }));
    }

    #[test]
    fn an_address_is_a_long_host() {
        for (host, kind) in [
            ("localhost", NameKind::Short),
            ("vm-1", NameKind::Short),
            ("vm.example.org", NameKind::Long),
            ("127.0.0.1", NameKind::Long),
            ("::1", NameKind::Long),
        ] {
            assert_eq!(name(&format!("rust@{host}")).kind(), kind, "{host}");
        }
    }

    #[test]
    fn names_of_two_kinds_do_not_connect() {
        let (short, long) = (name("a@vm"), name("a@vm.example.org"));
        assert_eq!(short.check_kind(NameKind::Short), Ok(()));
        assert_eq!(long.check_kind(NameKind::Long), Ok(()));
        assert_eq!(long.check_kind(NameKind::Short), Err(NameError::LongToShort { name: long.clone() }));
        assert_eq!(short.check_kind(NameKind::Long), Err(NameError::ShortToLong { name: short.clone() }));
    }

    #[test]
    fn the_own_name_is_held_to_stricter_rules() {
        assert_eq!(name("Rust_1-a@vm").check_alive(), Ok(()));
        let error = name("ru st@vm").check_alive().unwrap_err();
        assert_eq!(error, NameError::AliveCharacter { name: "ru st@vm".into(), character: ' ' });
    }
}

//! What epmd knows of a node.

use std::fmt;

use arcstr::ArcStr;
use bytes::Bytes;

use super::Facts;

/// The longest name, in characters: that of an atom.
pub const MAX_NAME_CHARACTERS: usize = 255;

/// The longest name, in bytes of UTF-8.
pub const MAX_NAME_BYTES: usize = 4 * MAX_NAME_CHARACTERS;

/// The longest "extra" field that a daemon takes, in bytes. BEAM nodes leave it empty.
pub const MAX_EXTRA_BYTES: usize = 1020;

/// Distribution version of OTP 23 and later, the highest there is.
const HIGHEST_VERSION: u16 = 6;

/// What nodes of OTP 25, 27 and 29 register as their lowest version, although the documentation says 6.
const LOWEST_VERSION: u16 = 5;

/// TCP over IPv4, the one protocol that is defined; nodes on IPv6 register it too.
const TCP: u8 = 0;

/// Whether a node is visible to others. Informative: a node is as hidden as its handshake says.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct NodeType(pub u8);

impl NodeType {
    /// A normal node.
    pub const NORMAL: NodeType = NodeType(b'M');
    /// A hidden node, or a C node.
    pub const HIDDEN: NodeType = NodeType(b'H');
}

impl fmt::Debug for NodeType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            NodeType::NORMAL => f.write_str("NORMAL"),
            NodeType::HIDDEN => f.write_str("HIDDEN"),
            NodeType(other) => write!(f, "NodeType({other})"),
        }
    }
}

/// A node as it is registered with epmd: its name, its port, and what else it told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeEntry {
    name: ArcStr,
    port: u16,
    node_type: NodeType,
    protocol: u8,
    highest: u16,
    lowest: u16,
    extra: Bytes,
}

impl NodeEntry {
    /// A visible node that listens on `port`, with the versions that nodes of OTP 25 to 29 register.
    ///
    /// `name` is the part before the `@`.
    ///
    /// # Errors
    /// If `name` is empty, longer than [`MAX_NAME_CHARACTERS`], or has a NUL in it: a daemon would not take it.
    pub fn new(name: &str, port: u16) -> Result<NodeEntry, EntryError> {
        check_name(name)?;
        Ok(NodeEntry {
            name: ArcStr::from(name),
            port,
            node_type: NodeType::NORMAL,
            protocol: TCP,
            highest: HIGHEST_VERSION,
            lowest: LOWEST_VERSION,
            extra: Bytes::new(),
        })
    }

    /// The same node as a hidden one.
    #[must_use]
    pub fn hidden(mut self) -> NodeEntry {
        self.node_type = NodeType::HIDDEN;
        self
    }

    /// The same node with another type.
    #[must_use]
    pub fn with_type(mut self, node_type: NodeType) -> NodeEntry {
        self.node_type = node_type;
        self
    }

    /// The same node with another protocol number; 0 is TCP, and there is no other.
    #[must_use]
    pub fn with_protocol(mut self, protocol: u8) -> NodeEntry {
        self.protocol = protocol;
        self
    }

    /// The same node with other distribution versions; below 6 is before OTP 23.
    #[must_use]
    pub fn with_versions(mut self, highest: u16, lowest: u16) -> NodeEntry {
        self.highest = highest;
        self.lowest = lowest;
        self
    }

    /// The same node with these facts in the "extra" field.
    ///
    /// # Errors
    /// If they do not fit into [`MAX_EXTRA_BYTES`].
    pub fn with_facts(mut self, facts: &Facts) -> Result<NodeEntry, EntryError> {
        self.extra = facts.to_extra()?;
        Ok(self)
    }

    /// The same node with bytes in the "extra" field, in place of [facts](Facts).
    ///
    /// # Errors
    /// If there are more than [`MAX_EXTRA_BYTES`].
    pub fn with_extra(mut self, extra: impl Into<Bytes>) -> Result<NodeEntry, EntryError> {
        let extra = extra.into();
        if extra.len() > MAX_EXTRA_BYTES {
            return Err(EntryError::ExtraTooLong { bytes: extra.len() });
        }
        self.extra = extra;
        Ok(self)
    }

    /// The part of the node's name before the `@`.
    #[must_use]
    pub fn name(&self) -> &ArcStr {
        &self.name
    }

    /// The port on which the node takes connections of other nodes.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Normal or hidden.
    #[must_use]
    pub fn node_type(&self) -> NodeType {
        self.node_type
    }

    /// 0: TCP.
    #[must_use]
    pub fn protocol(&self) -> u8 {
        self.protocol
    }

    /// The highest distribution version that the node speaks.
    #[must_use]
    pub fn highest_version(&self) -> u16 {
        self.highest
    }

    /// The lowest distribution version that the node speaks.
    #[must_use]
    pub fn lowest_version(&self) -> u16 {
        self.lowest
    }

    /// What the node tells of itself.
    #[must_use]
    pub fn facts(&self) -> Facts {
        Facts::from_extra(&self.extra)
    }

    /// The "extra" field.
    #[must_use]
    pub fn extra(&self) -> &Bytes {
        &self.extra
    }
}

// A daemon closes the connection of who registers a name with a NUL, and refuses the other faults with result 1.
pub(super) fn check_name(name: &str) -> Result<(), EntryError> {
    if name.is_empty() {
        return Err(EntryError::EmptyName);
    }
    if name.contains('\0') {
        return Err(EntryError::NulInName);
    }
    let characters = name.chars().count();
    if characters > MAX_NAME_CHARACTERS {
        return Err(EntryError::NameTooLong { characters });
    }
    Ok(())
}

/// Why something cannot be registered with epmd.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EntryError {
    /// The name has no characters.
    #[error("the name of a node is empty")]
    EmptyName,
    /// The name has too many characters.
    #[error("the name of a node has {characters} characters; at most {MAX_NAME_CHARACTERS} are allowed")]
    NameTooLong {
        /// How many it has.
        characters: usize,
    },
    /// The name is not UTF-8.
    #[error("the name of a node is not valid UTF-8")]
    NameNotUtf8,
    /// There is a NUL in the name.
    #[error("the name of a node has a NUL character in it")]
    NulInName,
    /// The "extra" field is too long.
    #[error("the extra field has {bytes} bytes; at most {MAX_EXTRA_BYTES} are allowed")]
    ExtraTooLong {
        /// How many it has.
        bytes: usize,
    },
    /// The facts are too long for the "extra" field.
    #[error("the facts about a node are too long: as the extra field they may have {MAX_EXTRA_BYTES} bytes")]
    FactsTooLong,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_counted_in_characters() {
        assert!(NodeEntry::new(&"\u{1d11e}".repeat(255), 1).is_ok());
        let error = NodeEntry::new(&"x".repeat(256), 1).unwrap_err();
        assert_eq!(error, EntryError::NameTooLong { characters: 256 });
        assert_eq!(NodeEntry::new("", 1), Err(EntryError::EmptyName));
        assert_eq!(NodeEntry::new("a\0b", 1), Err(EntryError::NulInName));
    }

    #[test]
    fn extra_is_counted_in_bytes() {
        let entry = NodeEntry::new("foo", 1).unwrap();
        assert!(entry.clone().with_extra(vec![0; 1020]).is_ok());
        assert_eq!(entry.with_extra(vec![0; 1021]), Err(EntryError::ExtraTooLong { bytes: 1021 }));
    }
}

//! Replies.
//!
//! To `ALIVE2_REQ`; which of the two tells the highest version in the request: `118` from version 6 on, else `121`.
//!
//! | 1     | 1        | 4          |     | 1     | 1        | 2          |
//! | ----- | -------- | ---------- | --- | ----- | -------- | ---------- |
//! | `118` | `Result` | `Creation` |     | `121` | `Result` | `Creation` |
//!
//! `Result` is 0 if the node is registered. If it is not, as its name is taken or unlawful, `Result` is 1 and `Creation`
//! is 99. OTP's `erl_epmd` reads such a reply only if it comes whole, so it must be sent in one piece.
//!
//! To `PORT2_REQ`, the short form if there is no such node:
//!
//! | 1     | 1        |                                        |     | 1     | 1   |
//! | ----- | -------- | -------------------------------------- | --- | ----- | --- |
//! | `119` | `0`      | the node, see [`RawEntry`]             |     | `119` | `1` |
//!
//! To `NAMES_REQ` and `DUMP_REQ` text after the port of epmd itself (4 bytes), a line a node, the newest first:
//!
//! ```text
//! NAMES_REQ:  name NAME at port PORT\n
//! DUMP_REQ:   active name     <NAME> at port PORT, fd = FD\n\0
//!             old/unused name <NAME>, port = PORT, fd = FD \n\0
//! ```
//!
//! (Neither the angle brackets nor the NUL after each line of `DUMP_REQ` are in the documentation. The names that are no
//! more come last, the longest unused one first.)
//!
//! To `KILL_REQ` `OK`, or `NO` if there are nodes. To `STOP_REQ` `STOPPED`, but for a name that is not registered
//! `NOEXISTSTOPPED`, where the documentation says `NOEXIST`; clients read 7 bytes.

use std::io::Write as _;
use std::str;

use bytes::BufMut;
use nom::Parser;
use nom::number::complete::{be_u8, be_u16, be_u32};

use super::{ALIVE2_RESP, ALIVE2_X_RESP, DecodeError, PORT2_RESP, RawEntry, complete, tag};
use crate::epmd::NodeEntry;
use crate::term::Creation;

/// What stands in the place of the creation when a registration is refused.
const NO_CREATION: u8 = 99;

/// From this distribution version on (OTP 23), creations have 32 bits.
pub(in crate::epmd) const WIDE_CREATIONS: u16 = 6;

/// The answer to `ALIVE2_REQ`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AliveReply {
    /// The node is registered, with this creation.
    Registered(Creation),
    /// The name is taken, or unlawful.
    Refused,
}

impl AliveReply {
    /// How long the reply is that begins with the byte `tag`.
    #[must_use]
    pub fn length(tag: u8) -> Option<usize> {
        match tag {
            ALIVE2_X_RESP => Some(6),
            ALIVE2_RESP => Some(4),
            _ => None,
        }
    }

    /// Reads a reply, in either form.
    ///
    /// # Errors
    /// If it is too short, or no such reply.
    pub fn decode(bytes: &[u8]) -> Result<AliveReply, DecodeError> {
        let (rest, tag) = tag("ALIVE2_RESP", bytes)?;
        let (result, creation) = match tag {
            ALIVE2_X_RESP => complete("ALIVE2_X_RESP", rest, (be_u8, be_u32))?.1,
            ALIVE2_RESP => complete("ALIVE2_RESP", rest, (be_u8, be_u16.map(u32::from)))?.1,
            tag => return Err(DecodeError::Tag { tag }),
        };
        Ok(if result == 0 { AliveReply::Registered(Creation(creation)) } else { AliveReply::Refused })
    }

    /// Appends the reply to a node with this highest version.
    ///
    /// Of a creation, the short form holds the lower 16 bits; the daemon gives such a node one from 1 to 3.
    pub fn encode(self, highest: u16, out: &mut Vec<u8>) {
        let (result, creation) = match self {
            AliveReply::Registered(Creation(creation)) => (0, creation),
            AliveReply::Refused => (1, u32::from(NO_CREATION)),
        };
        if highest >= WIDE_CREATIONS {
            out.put_slice(&[ALIVE2_X_RESP, result]);
            out.put_u32(creation);
        } else {
            let [_, _, high, low] = creation.to_be_bytes();
            out.put_slice(&[ALIVE2_RESP, result, high, low]);
        }
    }
}

/// The answer to `PORT2_REQ`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PortReply {
    /// The node that has the name.
    Found(NodeEntry),
    /// No node has the name.
    NotFound,
}

impl PortReply {
    /// Reads a reply. Bytes after it are ignored, so that later releases can add fields.
    ///
    /// # Errors
    /// If it is too short, or no such reply.
    pub fn decode(bytes: &[u8]) -> Result<PortReply, DecodeError> {
        let message = "PORT2_RESP";
        let (rest, tag) = tag(message, bytes)?;
        if tag != PORT2_RESP {
            return Err(DecodeError::Tag { tag });
        }
        let (rest, result) = complete(message, rest, be_u8)?;
        if result != 0 {
            return Ok(PortReply::NotFound);
        }
        let (_ignored, raw) = complete(message, rest, RawEntry::parse)?;
        NodeEntry::try_from(&raw).map(PortReply::Found).map_err(DecodeError::Entry)
    }

    /// Appends the reply.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            PortReply::Found(entry) => {
                out.put_slice(&[PORT2_RESP, 0]);
                RawEntry::from(entry).encode(out);
            }
            PortReply::NotFound => out.put_slice(&[PORT2_RESP, 1]),
        }
    }
}

/// The answer to `NAMES_REQ`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// The port of epmd, as it tells itself.
    pub epmd_port: u16,
    /// The nodes, the one registered last first.
    pub nodes: Vec<ListedNode>,
}

/// A node in the answer to `NAMES_REQ`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedNode {
    /// The part of its name before the `@`.
    pub name: String,
    /// The port on which it takes connections.
    pub port: u16,
}

impl Listing {
    /// Reads a whole reply. Lines of another form are skipped: a daemon takes names with line breaks in them.
    ///
    /// # Errors
    /// If it does not begin with a port.
    pub fn decode(bytes: &[u8]) -> Result<Listing, DecodeError> {
        let (text, epmd_port) = port_of_epmd("NAMES_RESP", bytes)?;
        let nodes = text.split(|byte| *byte == b'\n').filter_map(ListedNode::of_line).collect();
        Ok(Listing { epmd_port, nodes })
    }
}

impl ListedNode {
    fn of_line(line: &[u8]) -> Option<ListedNode> {
        let line = str::from_utf8(line).ok()?;
        // A name may have spaces in it, so the port is looked for from the end.
        let (name, port) = line.strip_prefix("name ")?.rsplit_once(" at port ")?;
        Some(ListedNode { name: name.to_owned(), port: port.parse().ok()? })
    }
}

/// The answer to `DUMP_REQ`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dump {
    /// The port of epmd, as it tells itself.
    pub epmd_port: u16,
    /// The text as it is, meant for people: a line a name, each with a NUL after its line feed.
    pub text: String,
}

impl Dump {
    /// Reads a whole reply.
    ///
    /// # Errors
    /// If it does not begin with a port.
    pub fn decode(bytes: &[u8]) -> Result<Dump, DecodeError> {
        let (text, epmd_port) = port_of_epmd("DUMP_RESP", bytes)?;
        Ok(Dump { epmd_port, text: String::from_utf8_lossy(text).into_owned() })
    }
}

/// What text replies begin with, and the rest.
fn port_of_epmd<'a>(message: &'static str, bytes: &'a [u8]) -> Result<(&'a [u8], u16), DecodeError> {
    let (text, port) = complete(message, bytes, be_u32)?;
    Ok((text, u16::try_from(port).map_err(|_| DecodeError::Answer { message })?))
}

/// Appends the answer to `NAMES_REQ`; `nodes` come in the order of the reply, the newest first.
pub fn encode_names<'a>(epmd_port: u16, nodes: impl IntoIterator<Item = &'a NodeEntry>, out: &mut Vec<u8>) {
    out.put_u32(u32::from(epmd_port));
    for node in nodes {
        append(out, format_args!("name {} at port {}\n", node.name(), node.port()));
    }
}

/// Appends the answer to `DUMP_REQ`: each node and each name that is no more, as name, port and number of its connection.
pub fn encode_dump<'a>(
    epmd_port: u16,
    active: impl IntoIterator<Item = (&'a str, u16, u64)>,
    unused: impl IntoIterator<Item = (&'a str, u16, u64)>,
    out: &mut Vec<u8>,
) {
    out.put_u32(u32::from(epmd_port));
    for (name, port, fd) in active {
        append(out, format_args!("active name     <{name}> at port {port}, fd = {fd}\n\0"));
    }
    for (name, port, fd) in unused {
        append(out, format_args!("old/unused name <{name}>, port = {port}, fd = {fd} \n\0"));
    }
}

fn append(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // Writing to a vector does not fail.
    let _ = out.write_fmt(text);
}

/// The answer to `KILL_REQ`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KillReply {
    /// The daemon ends.
    Killed,
    /// There are nodes, so the daemon stays.
    Refused,
}

impl KillReply {
    /// Its bytes.
    #[must_use]
    pub fn as_bytes(self) -> &'static [u8] {
        match self {
            KillReply::Killed => b"OK",
            KillReply::Refused => b"NO",
        }
    }

    /// Reads a reply.
    ///
    /// # Errors
    /// If it is none of the two.
    pub fn decode(bytes: &[u8]) -> Result<KillReply, DecodeError> {
        match bytes {
            b"OK" => Ok(KillReply::Killed),
            b"NO" => Ok(KillReply::Refused),
            _ => Err(DecodeError::Answer { message: "KILL_REQ" }),
        }
    }
}

/// The answer to `STOP_REQ`; a daemon that does not allow it closes the connection without one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReply {
    /// The node was dropped.
    Stopped,
    /// There is no such node.
    NotFound,
}

impl StopReply {
    /// Its bytes.
    #[must_use]
    pub fn as_bytes(self) -> &'static [u8] {
        match self {
            StopReply::Stopped => b"STOPPED",
            StopReply::NotFound => b"NOEXISTSTOPPED",
        }
    }

    /// Reads a reply, also in the form that is documented.
    ///
    /// # Errors
    /// If it is none of the two.
    pub fn decode(bytes: &[u8]) -> Result<StopReply, DecodeError> {
        match bytes {
            b"STOPPED" => Ok(StopReply::Stopped),
            _ if bytes.starts_with(b"NOEXIST") => Ok(StopReply::NotFound),
            _ => Err(DecodeError::Answer { message: "STOP_REQ" }),
        }
    }
}

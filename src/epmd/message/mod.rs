//! epmd messages: what nodes ask of the daemon, and what it answers.
//!
//! A client connects, sends one request, and reads one reply. A request is preceded by its length; a reply is not, and
//! the text ones end where the daemon closes the connection. Integers are big-endian.
//!
//! | request       | tag   | reply                                        | then            |
//! | ------------- | ----- | -------------------------------------------- | --------------- |
//! | `ALIVE2_REQ`  | `120` | `118` or `121`, see [`AliveReply`]           | stays connected |
//! | `PORT2_REQ`   | `122` | `119`, see [`PortReply`]                     | closed          |
//! | `NAMES_REQ`   | `110` | port and a line a node, see [`Listing`]      | closed          |
//! | `DUMP_REQ`    | `100` | port and a line a node, see [`encode_dump`]  | closed          |
//! | `KILL_REQ`    | `107` | `OK` or `NO`, see [`KillReply`]              | closed          |
//! | `STOP_REQ`    | `115` | `STOPPED`, see [`StopReply`]                 | closed          |
//!
//! A node is described in the same way when it registers and when it is found, after the tag of the request and after tag
//! and result of the reply; this is [`RawEntry`]:
//!
//! | 2      | 1          | 1          | 2                | 2               | 2      | Nlen   | 2      | Elen    |
//! | ------ | ---------- | ---------- | ---------------- | --------------- | ------ | ------ | ------ | ------- |
//! | `Port` | `NodeType` | `Protocol` | `HighestVersion` | `LowestVersion` | `Nlen` | `Name` | `Elen` | `Extra` |

mod reply;
mod request;
#[cfg(test)]
mod tests;

use std::str;

use bytes::BufMut;
use nom::multi::length_data;
use nom::number::complete::{be_u8, be_u16};
use nom::{IResult, Parser};

#[cfg(feature = "runtime")]
pub(super) use self::reply::WIDE_CREATIONS;
pub use self::reply::{
    AliveReply, Dump, KillReply, ListedNode, Listing, PortReply, StopReply, encode_dump, encode_names,
};
pub use self::request::{Frame, MAX_REQUEST_BYTES, Request, RequestTooLong};
use crate::epmd::{EntryError, NodeEntry, NodeType};

// The first bytes of requests and replies.
pub(super) const ALIVE2_REQ: u8 = 120;
pub(super) const PORT2_REQ: u8 = 122;
pub(super) const NAMES_REQ: u8 = 110;
pub(super) const DUMP_REQ: u8 = 100;
pub(super) const KILL_REQ: u8 = 107;
pub(super) const STOP_REQ: u8 = 115;
pub(super) const ALIVE2_X_RESP: u8 = 118;
pub(super) const PORT2_RESP: u8 = 119;
pub(super) const ALIVE2_RESP: u8 = 121;

/// A node's description as it is on the wire: name and extra are any bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawEntry<'a> {
    /// The port of the node.
    pub port: u16,
    /// Normal or hidden.
    pub node_type: NodeType,
    /// 0: TCP.
    pub protocol: u8,
    /// The highest distribution version.
    pub highest: u16,
    /// The lowest distribution version.
    pub lowest: u16,
    /// The part of the node's name before the `@`.
    pub name: &'a [u8],
    /// Free for use: see [`Facts`](crate::epmd::Facts).
    pub extra: &'a [u8],
}

impl<'a> RawEntry<'a> {
    fn parse(input: &'a [u8]) -> IResult<&'a [u8], RawEntry<'a>> {
        let fields = (be_u16, be_u8, be_u8, be_u16, be_u16, length_data(be_u16), length_data(be_u16));
        fields
            .map(|(port, node_type, protocol, highest, lowest, name, extra)| RawEntry {
                port,
                node_type: NodeType(node_type),
                protocol,
                highest,
                lowest,
                name,
                extra,
            })
            .parse(input)
    }

    // Nothing is cut in what is sent: a `NodeEntry` is far shorter, and `Request::encode` refuses what is that long.
    fn encode(&self, out: &mut impl BufMut) {
        out.put_u16(self.port);
        out.put_u8(self.node_type.0);
        out.put_u8(self.protocol);
        out.put_u16(self.highest);
        out.put_u16(self.lowest);
        for field in [self.name, self.extra] {
            let length = u16::try_from(field.len()).unwrap_or(u16::MAX);
            out.put_u16(length);
            out.put_slice(field.get(..usize::from(length)).unwrap_or(field));
        }
    }
}

impl<'a> From<&'a NodeEntry> for RawEntry<'a> {
    fn from(entry: &'a NodeEntry) -> RawEntry<'a> {
        RawEntry {
            port: entry.port(),
            node_type: entry.node_type(),
            protocol: entry.protocol(),
            highest: entry.highest_version(),
            lowest: entry.lowest_version(),
            name: entry.name().as_bytes(),
            extra: entry.extra(),
        }
    }
}

/// Checks name and extra.
impl TryFrom<&RawEntry<'_>> for NodeEntry {
    type Error = EntryError;

    fn try_from(raw: &RawEntry<'_>) -> Result<NodeEntry, EntryError> {
        let name = str::from_utf8(raw.name).map_err(|_| EntryError::NameNotUtf8)?;
        let entry = NodeEntry::new(name, raw.port)?
            .with_type(raw.node_type)
            .with_protocol(raw.protocol)
            .with_versions(raw.highest, raw.lowest);
        entry.with_extra(raw.extra.to_vec())
    }
}

/// Why bytes are no epmd message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// A message ends before it should.
    #[error("{message} ends too early, at byte {offset}")]
    Truncated {
        /// The message, by its name in the documentation.
        message: &'static str,
        /// Where the field begins that is cut short or missing.
        offset: usize,
    },
    /// The announced length is one that no request has.
    #[error("a request of {length} bytes is announced; the length can be 1 to {max}")]
    Length {
        /// The announced length.
        length: usize,
        /// The greatest length.
        max: usize,
    },
    /// More bytes came than the length announced.
    #[error("{excess} bytes more than announced")]
    Excess {
        /// How many more.
        excess: usize,
    },
    /// The first byte is not that of a message expected here.
    #[error("unknown message with first byte {tag}")]
    Tag {
        /// The first byte.
        tag: u8,
    },
    /// The name in a request is empty or has a NUL in it, or in `PORT2_REQ` it cannot be that of a node; to such requests
    /// a daemon gives no reply at all.
    #[error("{message} with a name that no node can have")]
    Name {
        /// The message, by its name in the documentation.
        message: &'static str,
    },
    /// A node is described by what cannot have been registered.
    #[error("a node was found that cannot have been registered")]
    Entry(#[source] EntryError),
    /// Text that is none of the answers to this request.
    #[error("unknown answer to {message}")]
    Answer {
        /// The request, by its name in the documentation.
        message: &'static str,
    },
}

// All parsers here fail only for want of bytes, so the place of the failure tells all.
fn complete<'a, T>(
    message: &'static str,
    input: &'a [u8],
    parser: impl Parser<&'a [u8], Output = T, Error = nom::error::Error<&'a [u8]>>,
) -> Result<(&'a [u8], T), DecodeError> {
    let mut parser = parser;
    parser.parse(input).map_err(|error| {
        let rest = match error {
            nom::Err::Error(error) | nom::Err::Failure(error) => error.input.len(),
            nom::Err::Incomplete(_) => 0,
        };
        DecodeError::Truncated { message, offset: input.len().saturating_sub(rest) }
    })
}

/// The first byte and the rest.
fn tag<'a>(message: &'static str, input: &'a [u8]) -> Result<(&'a [u8], u8), DecodeError> {
    complete(message, input, be_u8)
}

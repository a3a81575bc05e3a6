//! Requests.
//!
//! | 2        | 1     | Length - 1                                                  |
//! | -------- | ----- | ----------------------------------------------------------- |
//! | `Length` | `120` | the node to register, see [`RawEntry`]: `ALIVE2_REQ`        |
//! | `Length` | `122` | the name to look up, perhaps with one NUL after: `PORT2_REQ` |
//! | 1        | `110` | nothing: `NAMES_REQ`                                        |
//! | 1        | `100` | nothing: `DUMP_REQ`                                         |
//! | 1        | `107` | nothing: `KILL_REQ`                                         |
//! | `Length` | `115` | the name to drop: `STOP_REQ`                                |
//!
//! `Length` counts the bytes after itself. Bytes that `Length` includes and the request does not use are ignored, as OTP
//! does; bytes after those announced void the request.

use std::str;

use bytes::BufMut;
use nom::number::complete::be_u16;

use super::{
    ALIVE2_REQ, DUMP_REQ, DecodeError, KILL_REQ, NAMES_REQ, PORT2_REQ, RawEntry, STOP_REQ, complete, tag,
};
use crate::epmd::entry::check_name;

/// The longest request, with its length: the longest name and the longest extra in `ALIVE2_REQ`, with room to spare.
///
/// It is the limit of OTP's daemon: a length of 3057 is taken, 3058 is not.
pub const MAX_REQUEST_BYTES: usize = 3059;

/// What a node or a tool asks of epmd.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request<'a> {
    /// `ALIVE2_REQ`: registers a node for as long as this connection stays open.
    Alive(RawEntry<'a>),
    /// `PORT2_REQ`: where is the node of this name?
    Port(&'a str),
    /// `NAMES_REQ`: which nodes are there?
    Names,
    /// `DUMP_REQ`: all that the daemon remembers.
    Dump,
    /// `KILL_REQ`: ends the daemon.
    Kill,
    /// `STOP_REQ`: drops the node of this name.
    Stop(&'a [u8]),
}

impl<'a> Request<'a> {
    /// Reads a request, without its length.
    ///
    /// # Errors
    /// Any error means that a daemon closes the connection and says nothing.
    pub fn decode(body: &'a [u8]) -> Result<Request<'a>, DecodeError> {
        let (rest, tag) = tag("request", body)?;
        match tag {
            ALIVE2_REQ => {
                let message = "ALIVE2_REQ";
                let (_ignored, entry) = complete(message, rest, RawEntry::parse)?;
                if entry.name.is_empty() || entry.name.contains(&0) {
                    return Err(DecodeError::Name { message });
                }
                Ok(Request::Alive(entry))
            }
            PORT2_REQ => {
                let name = rest.strip_suffix(&[0]).unwrap_or(rest);
                // Unlike in ALIVE2_REQ, what cannot be the name of a node is not answered with "not found".
                let name = str::from_utf8(name).ok().filter(|name| check_name(name).is_ok());
                let name = name.ok_or(DecodeError::Name { message: "PORT2_REQ" })?;
                Ok(Request::Port(name))
            }
            NAMES_REQ => Ok(Request::Names),
            DUMP_REQ => Ok(Request::Dump),
            KILL_REQ => Ok(Request::Kill),
            STOP_REQ => {
                // Unlike in PORT2_REQ, the name ends at the first NUL, and what is then empty is just not found.
                if rest.is_empty() {
                    return Err(DecodeError::Name { message: "STOP_REQ" });
                }
                Ok(Request::Stop(rest.split(|byte| *byte == 0).next().unwrap_or(rest)))
            }
            tag => Err(DecodeError::Tag { tag }),
        }
    }

    /// Appends the request, with its length.
    ///
    /// # Errors
    /// If the request is longer than [`MAX_REQUEST_BYTES`]; then nothing is appended.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), RequestTooLong> {
        let start = out.len();
        out.put_u16(0);
        match self {
            Request::Alive(entry) => {
                out.put_u8(ALIVE2_REQ);
                entry.encode(out);
            }
            Request::Port(name) => {
                out.put_u8(PORT2_REQ);
                out.put_slice(name.as_bytes());
            }
            Request::Names => out.put_u8(NAMES_REQ),
            Request::Dump => out.put_u8(DUMP_REQ),
            Request::Kill => out.put_u8(KILL_REQ),
            Request::Stop(name) => {
                out.put_u8(STOP_REQ);
                out.put_slice(name);
            }
        }
        let bytes = out.len() - start;
        let length = u16::try_from(bytes - 2).ok().filter(|_| bytes <= MAX_REQUEST_BYTES);
        let (Some(length), Some(field)) = (length, out.get_mut(start..start + 2)) else {
            out.truncate(start);
            return Err(RequestTooLong { bytes });
        };
        field.copy_from_slice(&length.to_be_bytes());
        Ok(())
    }
}

/// A request is longer than any that a daemon reads.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a request of {bytes} bytes; epmd reads at most {MAX_REQUEST_BYTES}")]
pub struct RequestTooLong {
    /// How long it is.
    pub bytes: usize,
}

/// How far a request has come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frame<'a> {
    /// At least so many bytes are still to come.
    Missing(usize),
    /// The request, without its length.
    Whole(&'a [u8]),
}

impl<'a> Frame<'a> {
    /// Looks for a request in all bytes that a connection brought so far.
    ///
    /// # Errors
    /// If the length is one that no request has, or if there are more bytes than announced.
    pub fn find(received: &'a [u8]) -> Result<Frame<'a>, DecodeError> {
        Frame::find_within(received, MAX_REQUEST_BYTES)
    }

    /// The same for requests of at most `max_bytes`, their length included.
    ///
    /// # Errors
    /// If the length is one that no request has, or if there are more bytes than announced.
    pub fn find_within(received: &'a [u8], max_bytes: usize) -> Result<Frame<'a>, DecodeError> {
        let Ok((body, length)) = complete("length", received, be_u16) else {
            return Ok(Frame::Missing(2_usize.saturating_sub(received.len())));
        };
        let length = usize::from(length);
        if length == 0 || length + 2 > max_bytes {
            return Err(DecodeError::Length { length, max: max_bytes.saturating_sub(2) });
        }
        match body.len().checked_sub(length) {
            None => Ok(Frame::Missing(length - body.len())),
            Some(0) => Ok(Frame::Whole(body)),
            Some(excess) => Err(DecodeError::Excess { excess }),
        }
    }
}

//! Handshake messages: what two nodes tell each other before they are connected.
//!
//! Each stands in a packet of its own. Integers are big-endian. Bytes after the last field are ignored, so that later
//! releases can add fields.
//!
//! `send_name` (version 6, OTP 23 and later):
//!
//! | 1     | 8       | 4          | 2      | Nlen   |
//! | ----- | ------- | ---------- | ------ | ------ |
//! | `'N'` | `Flags` | `Creation` | `Nlen` | `Name` |
//!
//! The old `send_name` (version 5), which only OTP 22 and earlier need, and its second half, which follows the
//! challenge:
//!
//! | 1     | 2             | 4       | rest   |
//! | ----- | ------------- | ------- | ------ |
//! | `'n'` | `Version = 5` | `Flags` | `Name` |
//!
//! | 1     | 4           | 4          |
//! | ----- | ----------- | ---------- |
//! | `'c'` | `FlagsHigh` | `Creation` |
//!
//! `send_status`, in both directions; `named:` is followed by a name (2 bytes of length) and a creation (4 bytes):
//!
//! | 1     | rest                                                                               |
//! | ----- | ---------------------------------------------------------------------------------- |
//! | `'s'` | `ok`, `ok_simultaneous`, `nok`, `not_allowed`, `alive`, `true`, `false` or `named:…` |
//!
//! `send_challenge`, `send_challenge_reply` and `send_challenge_ack`:
//!
//! | 1     | 8       | 4           | 4          | 2      | Nlen   |
//! | ----- | ------- | ----------- | ---------- | ------ | ------ |
//! | `'N'` | `Flags` | `Challenge` | `Creation` | `Nlen` | `Name` |
//!
//! | 1     | 4           | 16       |
//! | ----- | ----------- | -------- |
//! | `'r'` | `Challenge` | `Digest` |
//!
//! | 1     | 16       |
//! | ----- | -------- |
//! | `'a'` | `Digest` |
//!
//! Reference: ERTS User's Guide, "Distribution Protocol", [Distribution Handshake][1].
//!
//! [1]: https://www.erlang.org/doc/apps/erts/erl_dist_protocol.html#distribution-handshake

use bytes::{BufMut, BytesMut};
use nom::bytes::complete::take;
use nom::multi::length_data;
use nom::number::complete::{be_u16, be_u32, be_u64};
use nom::{IResult, Parser as _};

use crate::dist::Flags;
use crate::dist::digest::{ChallengeDigest, DIGEST_LENGTH};
use crate::term::Creation;

const TAG_NAME: u8 = b'N';
const TAG_OLD_NAME: u8 = b'n';
const TAG_COMPLEMENT: u8 = b'c';
const TAG_STATUS: u8 = b's';
const TAG_REPLY: u8 = b'r';
const TAG_ACK: u8 = b'a';

/// The version in an old `send_name`.
const OLD_VERSION: u16 = 5;

const NAMED: &[u8] = b"named:";

/// Why a packet is not the message that was expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MessageError {
    /// The packet is empty.
    #[error("it sent an empty packet")]
    Empty,
    /// The first byte says that it is another message.
    #[error("it sent a message that starts with byte {0}")]
    Tag(u8),
    /// The packet ends before the message does.
    #[error("it sent a message that is cut short")]
    TooShort,
    /// A name is not UTF-8.
    #[error("it sent a name that is not UTF-8")]
    NotUtf8,
    /// An old `send_name` of another version than 5.
    #[error("it sent a name message of version {0} of the protocol")]
    Version(u16),
}

/// `send_name`: the initiator introduces itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SendName<'a> {
    /// What the initiator understands; only the low half in an old message.
    pub flags: Flags,
    /// `None`: an old message, a [`Complement`] follows later.
    pub creation: Option<Creation>,
    /// The full name, or only the host with the flag `NAME_ME`.
    pub name: &'a str,
}

impl<'a> SendName<'a> {
    /// Reads either form.
    ///
    /// # Errors
    /// [`MessageError`].
    pub fn decode(packet: &'a [u8]) -> Result<SendName<'a>, MessageError> {
        match packet.split_first() {
            Some((&TAG_NAME, rest)) => {
                let (_, (flags, creation, name)) =
                    (be_u64, be_u32, length_data(be_u16)).parse(rest).map_err(cut)?;
                let (flags, creation) = (Flags::from_bits(flags), Some(Creation(creation)));
                Ok(SendName { flags, creation, name: utf8(name)? })
            }
            Some((&TAG_OLD_NAME, rest)) => {
                let (name, (version, flags)) = (be_u16, be_u32).parse(rest).map_err(cut)?;
                if version != OLD_VERSION {
                    return Err(MessageError::Version(version));
                }
                Ok(SendName { flags: Flags::from_bits(flags.into()), creation: None, name: utf8(name)? })
            }
            other => Err(wrong_tag(other)),
        }
    }

    /// Appends the message: the new form if there is a creation.
    pub fn encode(&self, out: &mut BytesMut) {
        if let Some(creation) = self.creation {
            out.put_u8(TAG_NAME);
            out.put_u64(self.flags.bits());
            out.put_u32(creation.0);
            put_name(out, self.name);
        } else {
            out.put_u8(TAG_OLD_NAME);
            out.put_u16(OLD_VERSION);
            out.put_slice(&low_flags(self.flags));
            out.put_slice(self.name.as_bytes());
        }
    }
}

/// The second half of an old `send_name`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Complement {
    /// The high half of the flags, in place.
    pub flags: Flags,
    /// The creation of the initiator.
    pub creation: Creation,
}

impl Complement {
    /// Reads it.
    ///
    /// # Errors
    /// [`MessageError`].
    pub fn decode(packet: &[u8]) -> Result<Complement, MessageError> {
        let rest = after_tag(TAG_COMPLEMENT, packet)?;
        let (_, (high, creation)) = (be_u32, be_u32).parse(rest).map_err(cut)?;
        Ok(Complement { flags: Flags::from_bits(u64::from(high) << 32), creation: Creation(creation) })
    }

    /// Appends it.
    pub fn encode(&self, out: &mut BytesMut) {
        out.put_u8(TAG_COMPLEMENT);
        out.put_slice(&low_flags(Flags::from_bits(self.flags.bits() >> 32)));
        out.put_u32(self.creation.0);
    }
}

/// `send_status`: what the acceptor says to a name, and what the initiator answers to `alive`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status<'a> {
    /// The initiator may go on.
    Ok,
    /// The same, and the acceptor gives up its own attempt to connect.
    OkSimultaneous,
    /// The acceptor is connecting itself and goes on with that.
    Nok,
    /// The initiator may not connect.
    NotAllowed,
    /// The acceptor still has a connection to the initiator: has it gone?
    Alive,
    /// It has: go on.
    True,
    /// It has not: stop.
    False,
    /// The name that the initiator asked for.
    Named {
        /// The full name.
        name: &'a str,
        /// The creation that goes with it.
        creation: Creation,
    },
    /// None of these.
    Other(&'a [u8]),
}

impl<'a> Status<'a> {
    /// Reads it.
    ///
    /// # Errors
    /// [`MessageError`].
    pub fn decode(packet: &'a [u8]) -> Result<Status<'a>, MessageError> {
        let rest = after_tag(TAG_STATUS, packet)?;
        if let Some(named) = rest.strip_prefix(NAMED) {
            let (_, (name, creation)) = (length_data(be_u16), be_u32).parse(named).map_err(cut)?;
            return Ok(Status::Named { name: utf8(name)?, creation: Creation(creation) });
        }
        Ok(match rest {
            b"ok" => Status::Ok,
            b"ok_simultaneous" => Status::OkSimultaneous,
            b"nok" => Status::Nok,
            b"not_allowed" => Status::NotAllowed,
            b"alive" => Status::Alive,
            b"true" => Status::True,
            b"false" => Status::False,
            other => Status::Other(other),
        })
    }

    /// Appends it.
    pub fn encode(&self, out: &mut BytesMut) {
        out.put_u8(TAG_STATUS);
        match self {
            Status::Ok => out.put_slice(b"ok"),
            Status::OkSimultaneous => out.put_slice(b"ok_simultaneous"),
            Status::Nok => out.put_slice(b"nok"),
            Status::NotAllowed => out.put_slice(b"not_allowed"),
            Status::Alive => out.put_slice(b"alive"),
            Status::True => out.put_slice(b"true"),
            Status::False => out.put_slice(b"false"),
            Status::Named { name, creation } => {
                out.put_slice(NAMED);
                put_name(out, name);
                out.put_u32(creation.0);
            }
            Status::Other(text) => out.put_slice(text),
        }
    }
}

/// `send_challenge`: the acceptor introduces itself and asks for a digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SendChallenge<'a> {
    /// What the acceptor understands.
    pub flags: Flags,
    /// The number whose digest the initiator has to send.
    pub challenge: u32,
    /// The creation of the acceptor.
    pub creation: Creation,
    /// The name of the acceptor.
    pub name: &'a str,
}

impl<'a> SendChallenge<'a> {
    /// Reads it.
    ///
    /// # Errors
    /// [`MessageError`].
    pub fn decode(packet: &'a [u8]) -> Result<SendChallenge<'a>, MessageError> {
        let rest = after_tag(TAG_NAME, packet)?;
        let (_, (flags, challenge, creation, name)) =
            (be_u64, be_u32, be_u32, length_data(be_u16)).parse(rest).map_err(cut)?;
        let (flags, creation) = (Flags::from_bits(flags), Creation(creation));
        Ok(SendChallenge { flags, challenge, creation, name: utf8(name)? })
    }

    /// Appends it.
    pub fn encode(&self, out: &mut BytesMut) {
        out.put_u8(TAG_NAME);
        out.put_u64(self.flags.bits());
        out.put_u32(self.challenge);
        out.put_u32(self.creation.0);
        put_name(out, self.name);
    }
}

/// `send_challenge_reply`: the initiator's digest of the acceptor's challenge, and its own challenge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChallengeReply {
    /// The number whose digest the acceptor has to send.
    pub challenge: u32,
    /// The digest of the acceptor's challenge.
    pub digest: ChallengeDigest,
}

impl ChallengeReply {
    /// Reads it.
    ///
    /// # Errors
    /// [`MessageError`].
    pub fn decode(packet: &[u8]) -> Result<ChallengeReply, MessageError> {
        let (_, (challenge, digest)) = (be_u32, digest).parse(after_tag(TAG_REPLY, packet)?).map_err(cut)?;
        Ok(ChallengeReply { challenge, digest })
    }

    /// Appends it.
    pub fn encode(&self, out: &mut BytesMut) {
        out.put_u8(TAG_REPLY);
        out.put_u32(self.challenge);
        out.put_slice(&self.digest.0);
    }
}

/// `send_challenge_ack`: the acceptor's digest of the initiator's challenge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChallengeAck {
    /// The digest of the initiator's challenge.
    pub digest: ChallengeDigest,
}

impl ChallengeAck {
    /// Reads it.
    ///
    /// # Errors
    /// [`MessageError`].
    pub fn decode(packet: &[u8]) -> Result<ChallengeAck, MessageError> {
        let (_, digest) = digest(after_tag(TAG_ACK, packet)?).map_err(cut)?;
        Ok(ChallengeAck { digest })
    }

    /// Appends it.
    pub fn encode(&self, out: &mut BytesMut) {
        out.put_u8(TAG_ACK);
        out.put_slice(&self.digest.0);
    }
}

fn digest(input: &[u8]) -> IResult<&[u8], ChallengeDigest> {
    let (rest, bytes) = take(DIGEST_LENGTH)(input)?;
    let digest = bytes.first_chunk().copied().unwrap_or_default();
    Ok((rest, ChallengeDigest(digest)))
}

/// Every parser here fails for one reason only.
fn cut(_: nom::Err<nom::error::Error<&[u8]>>) -> MessageError {
    MessageError::TooShort
}

fn utf8(bytes: &[u8]) -> Result<&str, MessageError> {
    std::str::from_utf8(bytes).map_err(|_| MessageError::NotUtf8)
}

fn after_tag(tag: u8, packet: &[u8]) -> Result<&[u8], MessageError> {
    match packet.split_first() {
        Some((&first, rest)) if first == tag => Ok(rest),
        other => Err(wrong_tag(other)),
    }
}

fn wrong_tag(packet: Option<(&u8, &[u8])>) -> MessageError {
    packet.map_or(MessageError::Empty, |(&tag, _)| MessageError::Tag(tag))
}

fn low_flags(flags: Flags) -> [u8; 4] {
    let [_, _, _, _, low @ ..] = flags.bits().to_be_bytes();
    low
}

/// Appends a name with its length. The names of nodes have at most 1020 bytes.
fn put_name(out: &mut BytesMut, name: &str) {
    out.put_u16(u16::try_from(name.len()).unwrap_or(u16::MAX));
    out.put_slice(name.as_bytes());
}

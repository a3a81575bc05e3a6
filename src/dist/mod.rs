//! The distribution protocol: how two connected nodes talk, as plain data and state machines.
//!
//! None of these opens a socket, reads a clock or draws a random number: bytes, times and challenges come in as
//! arguments, bytes and events go out. In the order in which a connection needs them:
//!
//! 1. [`handshake`]: who are you, what can you do, do you know the cookie ([`name`], [`flags`], [`digest`]);
//! 2. [`packet`]: the length in front of everything that is sent;
//! 3. [`header`] and [`atom_cache`]: the atoms of a message, each sent in full only once; [`fragment`]: large messages
//!    in pieces;
//! 4. [`control`]: what one node tells the other to do;
//! 5. [`connection`]: all of these together, packets in and events out, messages in and bytes out;
//! 6. [`tick`]: how a node notices that the other one is gone.
//!
//! Only with the feature `runtime` there is also what carries the bytes, on tokio: [`transport`], the stream; [`driver`],
//! the task of a connection; [`outbox`] and [`cork`], the way out for all who send.
//!
//! # Limits
//!
//! What a peer may cost. No BEAM node exceeds any of these by what it lawfully sends; who does is disconnected.
//!
//! | What | Limit unless set | Where it is set |
//! | ---- | ---------------- | --------------- |
//! | a packet of the handshake | 64 KiB | [`FrameLimit::HANDSHAKE`](packet::FrameLimit::HANDSHAKE) |
//! | the time for each message of the handshake | 7 s | `node::Builder::net_setuptime` |
//! | handshakes under way at one time | 512 | `node::Builder::max_handshakes` |
//! | a packet after the handshake | 1 GiB | [`FrameLimit`](packet::FrameLimit), `node::Builder::frame_limit` |
//! | messages that have come in part, and their bytes | 2^18, 4 GiB | [`FragmentLimits`](fragment::FragmentLimits), `node::Builder::fragment_limits` |
//! | atoms in a header | 255 | the format: [`MAX_REFERENCES`](header::MAX_REFERENCES); others are written in full |
//! | atoms in the cache | 2048 | the format: [`CACHE_ENTRIES`](header::CACHE_ENTRIES) |
//! | the length of an atom | 255 characters | [`MAX_ATOM_CHARACTERS`](crate::term::MAX_ATOM_CHARACTERS) |
//! | the depth of a term | none: it costs no stack | [`DecodeLimits`](crate::term::etf::DecodeLimits); for Rust types [`Options`](crate::term::de::Options) |
//! | what a compressed term inflates to | 100 times its size, or 64 MiB if that is more | [`DecodeLimits`](crate::term::etf::DecodeLimits); messages hold none |
//! | silence | `net_ticktime` | [`TickSettings`](tick::TickSettings), `node::Builder::net_ticktime` |
//!
//! Reference: ERTS User's Guide, ["Distribution Protocol"](https://www.erlang.org/doc/apps/erts/erl_dist_protocol.html).

// What comes from the network must not be able to panic here.
#![warn(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::cast_possible_truncation)]

pub mod atom_cache;
mod buffers;
pub mod connection;
pub mod control;
#[cfg(feature = "runtime")]
pub mod cork;
pub mod digest;
#[cfg(feature = "runtime")]
pub mod driver;
pub mod flags;
pub mod fragment;
pub mod handshake;
pub mod header;
pub mod name;
#[cfg(feature = "runtime")]
pub mod outbox;
pub mod packet;
pub mod tick;
#[cfg(feature = "runtime")]
pub mod transport;

pub use self::digest::{AcceptedCookies, Cookie, CookieError};
pub use self::flags::Flags;
pub use self::name::{NameError, NameKind, NodeName};
pub use crate::term::Creation;

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
//! Reference: ERTS User's Guide, ["Distribution Protocol"](https://www.erlang.org/doc/apps/erts/erl_dist_protocol.html).

// What comes from the network must not be able to panic here.
#![warn(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::cast_possible_truncation)]

pub mod atom_cache;
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

//! Input and output as Erlang's processes do it: by messages to a device, most often their group leader.
//!
//! ```text
//!   process                                        device
//!     │  monitor                                     │
//!     ├─────────────────────────────────────────────▶│
//!     │  {io_request, Pid, Ref, Request}             │
//!     ├─────────────────────────────────────────────▶│
//!     │  {io_reply, Ref, Reply}                      │
//!     │◀─────────────────────────────────────────────┤
//! ```
//!
//! What runs here for a caller on another node has the caller's group leader, so what it prints comes out there.
//!
//! | file     | what it is about                                         |
//! | -------- | -------------------------------------------------------- |
//! | `client` | [`Io`]: printing at a device and reading from it         |
//! | `error`  | [`IoError`]: what devices say when they do not do it     |
//! | `leader` | [`GroupLeader`]: being a device; what it answers         |
//! | `source` | where that prints, and where it reads from               |
//! | `reader` | what was read, and is cut into what was asked for        |
//! | `tokens` | terms as `erl_scan` gives them to `io:read/1`            |
//! | `request`, `text` | the requests, and the text that they are about  |
//! | `functions` | those of `io` that other nodes call here              |
//! | `user`   | the device of the node                                   |
//!
//! Reference: STDLIB User's Guide, ["The Erlang I/O Protocol"](https://www.erlang.org/doc/apps/stdlib/io_protocol.html).

mod client;
mod error;
mod functions;
mod leader;
mod reader;
pub(crate) mod request;
mod source;
#[cfg(test)]
mod tests;
pub(crate) mod text;
mod tokens;
mod user;

pub use self::client::Io;
pub use self::error::IoError;
pub(super) use self::functions::export;
pub use self::leader::{Captured, GroupLeader};
pub(super) use self::user::user;

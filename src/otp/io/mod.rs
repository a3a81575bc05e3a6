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
//!
//! Reference: STDLIB User's Guide, ["The Erlang I/O Protocol"](https://www.erlang.org/doc/apps/stdlib/io_protocol.html).

mod client;
mod error;
#[cfg(test)]
mod tests;

pub use self::client::Io;
pub use self::error::IoError;

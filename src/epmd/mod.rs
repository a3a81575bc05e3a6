//! epmd, the port mapper: which port the node of a given name listens on.
//!
//! Each machine runs one epmd (Erlang Port Mapper Daemon), on TCP port 4369 unless `ERL_EPMD_PORT` says otherwise. A
//! node that starts listens on a port of its own choice, connects to the epmd of its machine, *registers* name and port,
//! and keeps that connection open for as long as it lives: when the connection goes, so does the name. A node that wants
//! to reach `foo@host` asks the epmd of `host` for the port of `foo` and connects there; epmd takes no further part.
//!
//! ```text
//!   node a@host1              epmd of host2              node b@host2
//!        |                         | <---- ALIVE2 (b, port) ---- |   stays connected
//!        |                         | ----- creation -----------> |
//!        | ---- PORT2 (b) -------> |                             |
//!        | <--- port ------------- |   closes                    |
//!        | ---- distribution handshake ------------------------> |
//! ```
//!
//! epmd also gives each registration a [creation](crate::term::Creation), by which the identifiers of a node are told from
//! those of an earlier node of that name.
//!
//! | file | what |
//! | --- | --- |
//! | [`message`] | requests and replies, and their bytes |
//! | [`names`] | the names that a daemon keeps, without any I/O |
//! | `table` | where a server keeps its names: in memory or elsewhere (feature `runtime`) |
//! | `client` | registers a node, asks for ports and names (feature `runtime`) |
//! | `server` | an epmd to run by itself or inside a program (feature `runtime`) |
//!
//! Reference: ERTS User's Guide, "Distribution Protocol", [EPMD Protocol][1]. Where real daemons differ from it, the text
//! here says so; observed with OTP 25, 27 and 29.
//!
//! [1]: https://www.erlang.org/doc/apps/erts/erl_dist_protocol.html#epmd-protocol

// What comes from the network must not be able to panic here.
#![warn(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::cast_possible_truncation)]

mod address;
#[cfg(feature = "runtime")]
mod client;
mod entry;
mod facts;
pub mod message;
pub mod names;
#[cfg(feature = "runtime")]
mod registration;
#[cfg(feature = "runtime")]
mod server;
#[cfg(feature = "runtime")]
pub mod table;
#[cfg(test)]
#[cfg(feature = "runtime")]
mod tests;

pub use self::address::{Address, DEFAULT_PORT, default_port};
#[cfg(feature = "runtime")]
pub use self::client::{Client, Error};
pub use self::entry::{
    EntryError, MAX_EXTRA_BYTES, MAX_NAME_BYTES, MAX_NAME_CHARACTERS, NodeEntry, NodeType,
};
pub use self::facts::Facts;
#[cfg(feature = "runtime")]
pub use self::registration::{Registration, RegistrationState};
#[cfg(feature = "runtime")]
pub use self::server::{BindError, Builder, Server};

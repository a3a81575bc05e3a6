//! A Rust program becomes a full, visible member of an Erlang or Elixir cluster.
//!
//! ```no_run
//! use erlnode::node::{Caller, Node, Process};
//! use erlnode::term::{Pid, Term};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let node = Node::builder("rust@localhost").cookie("secret").start().await?;
//!
//! // A process is an async function with a mailbox. Messages decode with serde, straight from the wire.
//! let echo = node.spawn(async |mut process: Process| {
//!     loop {
//!         let (from, payload): (Pid, Term) = process.receive().await.decode()?;
//!         process.send(from, payload).await?;
//!     }
//! });
//! node.register("echo", &echo)?;
//!
//! // BEAM code calls this as rust:add(1, 2), by rpc, erpc or spawn.
//! node.export("rust", "add", async |_: Caller, (a, b): (i64, i64)| Ok(a + b));
//!
//! // Calls out: typed in, typed out, every wait bounded.
//! let shout: String = node.erpc("iex@localhost").call("Elixir.String", "upcase", ("hello",)).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Where to look
//!
//! | module | what is there | what it may import |
//! | --- | --- | --- |
//! | [`term`] | Erlang's values, their external format, their text, and how they map to Rust types | |
//! | [`epmd`] | the port mapper: its protocol, a client, a server | `term` |
//! | [`dist`] | the distribution protocol: handshake, frames, control messages; plain data and state machines | `term` |
//! | [`process`] | the rules of processes: links, monitors, exit signals, mailboxes | `term` |
//! | [`node`] | the running node: processes as tasks, connections, the way of signals | those above |
//! | [`otp`] | generic servers, supervisors, calls of functions, the services every node has | all above |
//!
//! Start with [`Node::builder`](node::Node::builder), and with [`term::mapping`] for how Rust types look in Erlang.
//!
//! # Features
//!
//! - `runtime` (default): tokio and all that needs it, that is `node`, `otp` and what opens sockets in `epmd` and `dist`.
//!   Without it the rest does no input and output.
//! - `cli` (default): the command `erlnode`. Libraries want `default-features = false, features = ["runtime"]`.

pub mod dist;
pub mod epmd;
#[cfg(feature = "runtime")]
pub mod node;
#[cfg(feature = "runtime")]
pub mod otp;
pub mod process;
pub mod term;

#[doc(hidden)]
pub mod __private {
    //! What the macros of this crate need at the place they are used.
    pub use arcstr::literal;
}

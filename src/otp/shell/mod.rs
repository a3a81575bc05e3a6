//! The shell that `erl -remsh` and `iex --remsh` open on this node.
//!
//! ```text
//! $ erl -sname me -setcookie secret -remsh rust@host        $ iex --sname me --cookie secret --remsh rust@host
//! (rust@host)1> processes                                   rust@host(1)> processes
//! (rust@host)2> rust:add(1, 2).                             rust@host(2)> :rust.add(1, 2)
//! 3                                                         3
//! ```
//!
//! It is a small one, for looking around: `help` lists its commands. Lines can be written as commands, `info <0.5.0>`, or
//! as calls, `info(<0.5.0>).`; what is exported can be called by module and function. Terms are read in the syntax of
//! the shell it was opened from, Erlang's or Elixir's, without variables or operators. A name may be shortened as long
//! as it is clear. Editing and history are those of the client; with the tabulator key it asks this node how a name goes
//! on.
//!
//! ```
//! use erlnode::node::{Caller, Node};
//! use erlnode::term::Term;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let node = Node::nonode();
//! node.add_shell_command("jobs", "jobs [State]: what is to be done", async |_: Caller, arguments: Vec<Term>| {
//!     match &arguments[..] {
//!         [] => Ok("3 wait, 1 runs".to_owned()),
//!         [state] => Ok(format!("none is {state}")),
//!         _ => Err("jobs takes a state, or nothing".to_owned()),
//!     }
//! });
//! # }
//! ```
//!
//! # Who may
//!
//! Whoever may call `shell:start/0`, `iex:start/2` or `'Elixir.IEx':start/2` here, by the node's policy; and those have
//! all commands, among them `kill` and `send`, as nodes of a cluster can do that anyway. Calls by module and function
//! are those of the node that opened the shell, and have to be allowed to it too. [`Node::refuse_shells`](crate::node::Node::refuse_shells) closes it
//! for all, with a sentence that they are told.
//!
//! # How it works
//!
//! ```text
//!  group process on the client         shell                evaluator            command
//!    shell:start() ──────────────────▶   ●── link ─────────▶   ●
//!    ◀────────────────────────── pid     │                     │
//!    link ───────────────────────────▶   │                     │
//!    ◀────────────────────── io requests ┼─────────────────────┤── link ──────────▶ ●
//!    interrupt ──────────────────────▶   ├── interrupt ───────▶│── kill ──────────▶ ●
//!    its end ────────────────────────▶   ● ── and so ends ──▶  ● ── and so ends ──▶ ●
//! ```
//!
//! Input and output are requests to the group process, which is the group leader of all three.

mod commands;
mod complete;
mod elixir;
mod evaluator;
mod line;
mod registry;
mod show;
mod start;

pub(crate) use self::start::{export, refusal};

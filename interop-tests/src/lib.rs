//! What the interop tests share: real Erlang and Elixir nodes, started and ended with the test.
//!
//! `interop-tests/run` makes the releases available; a test that does not find its release panics and says so. Each
//! node gets its own name, cookie, home folder and, through [`Epmd`], a port mapper of its own, so that tests can run
//! side by side, also those of several test runs. All is killed when it is dropped. A test that fails shows what its
//! nodes have logged.
//!
//! ```no_run
//! # async fn test() {
//! use interop_tests::{BeamNode, ElixirNode, Epmd, NodeOptions, Release};
//!
//! let epmd = Epmd::start(Release::Otp29).await;
//! let a = BeamNode::start(Release::Otp27, NodeOptions::with(&epmd)).await;
//! let b = ElixirNode::start(Release::Otp29, NodeOptions::with(&epmd).hidden()).await;
//! a.expect(&format!("net_adm:ping({}).", b.atom()), "pong").await;
//! b.expect("Node.self() |> Atom.to_string() |> String.contains?(\"@\")", "true").await;
//! a.kill_9();
//! b.wait_until("Node.list(:connected)", "[]").await;
//! # }
//! ```

mod beam;
mod comparison;
mod elixir;
mod epmd;
mod eval;
mod log;
mod names;
mod options;
mod os_process;
mod ports;
mod rabbit;
pub mod raw_peer;
mod redis;
mod release;
mod rust_node;
mod scratch;
mod terminal;
mod wait;

pub use self::beam::BeamNode;
pub use self::comparison::Comparison;
pub use self::elixir::ElixirNode;
pub use self::epmd::Epmd;
pub use self::eval::{EvalError, PendingEval, Shell};
pub use self::names::{has_short_names, unique_name};
pub use self::options::NodeOptions;
pub use self::ports::free_port;
pub use self::rabbit::RabbitNode;
pub use self::redis::RedisServer;
pub use self::release::Release;
pub use self::rust_node::{RustNode, erlnode_command, example_command};
pub use self::scratch::Scratch;
pub use self::terminal::Terminal;
pub use self::wait::{PATIENCE, wait_until};

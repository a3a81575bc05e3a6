//! Logging across the cluster, as OTP's `logger` does it.
//!
//! What a process logs belongs where its group leader is: who starts a process on another node, or calls a function
//! there, has its log at home. So there are two directions, and the events are the same in both:
//!
//! ```text
//!  a process of a BEAM node, started from here ── {log, Level, ...} ──▶ logger_proxy ──▶ tracing
//!  a process of this node, started from a BEAM ── {log, Level, ...} ──▶ logger_proxy of that node ──▶ its logger
//! ```
//!
//! - **In:** the process registered as `logger_proxy` makes tracing events of what other nodes send it, with the level
//!   and the metadata as fields (`severity`, `pid`, `node`, `time`, `mfa`, `file`, `line`, `domain`, `label`, and `meta`
//!   for all else); `error_logger` does that for the older forms. A `report_cb` is a fun of the other node, and passed
//!   over: reports are printed as they are.
//! - **Out:** [`Process::log`](crate::node::Process::log) and [`Node::log`] log here, by tracing, and at the group leader's node. Errors that end
//!   processes go there by themselves, and the reports of servers and supervisors, in the words of OTP. What of it goes
//!   out [`Node::set_log_level`] says.
//!
//! ```
//! use erlnode::node::{Caller, Node};
//! use erlnode::otp::logger::{Event, Level};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let node = Node::nonode();
//! // Called from a BEAM, as rpc:call(Node, rust, work, [3]), it logs there too.
//! node.export("rust", "work", async |caller: Caller, (n,): (i64,)| {
//!     caller.log(Event::text(Level::Warning, format!("{n} left")).domain(["rust", "work"]));
//!     Ok(n)
//! });
//! # }
//! ```
//!
//! # Floods
//!
//! Nobody can fill the log from another node, or the memory: of [500 events within a second](MAX_EVENTS) all more are
//! counted and not even decoded, and the count is logged; events larger than [1 MiB](MAX_EVENT_SIZE) are only mentioned;
//! a text is cut after [8 KiB](MAX_TEXT); and of [1000 events that wait](MAX_WAITING) the next is dropped.
//!
//! Reference: kernel application, modules `logger` and `error_logger`.

mod emit;
mod error_logger;
mod event;
mod flood;
mod format;
mod proxy;
mod text;

use super::kernel_sup::supervise_limited;
use crate::node::{MailboxLimit, Node, Overflow};

pub use self::event::Event;
pub use self::flood::MAX_EVENTS;
pub use self::proxy::{MAX_EVENT_SIZE, MAX_WAITING};
pub use self::text::MAX_TEXT;
pub use crate::node::{Level, UnknownLevel};

/// Starts the services.
pub(super) fn start(node: &Node) {
    let limit = MailboxLimit { messages: MAX_WAITING, overflow: Overflow::DropNewest };
    supervise_limited(node, "logger_proxy", limit, proxy::logger_proxy);
    supervise_limited(node, "error_logger", limit, error_logger::error_logger);
}

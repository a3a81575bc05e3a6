//! The rules of processes: what each signal does to the process it reaches.
//!
//! Nothing here runs a process or knows the wire. `ProcessState` holds what a process has towards others: its
//! inbox, links, monitors and aliases. A [`Signal`] goes in, and other signals may come out, to be sent by the
//! caller. The layer above spawns the tasks and carries the signals, within the node or to another one.

#![cfg_attr(
    not(feature = "runtime"),
    expect(dead_code, unused_imports, reason = "only a node runs processes")
)]

mod alias;
mod exit;
mod links;
mod mailbox;
mod message;
mod monitors;
mod seq_trace;
mod signal;
mod spawn;
mod state;

pub use self::alias::{AliasMode, AliasOptions};
pub use self::exit::Exit;
pub use self::links::UnlinkId;
pub(crate) use self::mailbox::Mailbox;
pub(crate) use self::message::Envelope;
pub use self::message::{Message, UndecodedMessage};
pub use self::seq_trace::SeqTraceToken;
pub(crate) use self::seq_trace::{MessageTrace, SeqTrace};
pub use self::signal::{ExitKind, Marks, Recipient, Signal};
pub(crate) use self::signal::{Outgoing, Outgoings};
pub use self::spawn::{MonitorOptions, SpawnReplyOption, SpawnRequestOptions};
pub(crate) use self::spawn::{SpawnReply, unwanted_spawn};
pub(crate) use self::state::{Delivery, ProcessState, Remains, answer_of_the_dead};

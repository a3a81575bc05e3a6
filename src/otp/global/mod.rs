//! Names for processes in the whole cluster, and who belongs to it: what OTP's module `global` does.
//!
//! Every visible node runs a process `global_name_server`. Together they keep the cluster one: each knows all members
//! and all names, a name is changed on all nodes under one lock, nodes that have come together join with all that they
//! know, and nodes that have lost each other are cut off from those that still see both.
//!
//! Every visible node has to take part, even if nothing uses global names: a node that does not answer holds up all
//! others. On a hidden node there are names and locks, too, but it is alone with them. A visible node can be told to be
//! so as well, see [`Builder::connect_all`](crate::node::Builder::connect_all), which says what comes of that.
//!
//! | file | is about |
//! | --- | --- |
//! | `message` | what name servers say to each other |
//! | `name_server` | the rules: members, names, locks; `join`, `overlap` for the two long stories |
//! | `names`, `locks` | the tables |
//! | `locker` | locking two sides so that they can join |
//! | `resolve` | who keeps a name that both sides have |
//! | `server`, `locker_process`, `registrar` | the processes that do what the rules say |
//! | `handle`, `lock` | what programs do with names and locks: [`Global`], [`GlobalLock`] |
//! | `exports`, `info` | the functions that other nodes may call, and what the server tells of itself |
//!
//! None of the rules does any input or output: they take messages and give actions. They are not part of a process:
//! when one is ended by someone and started again, it goes on where the former has left off.

mod calls;
mod exports;
mod handle;
mod info;
mod join;
mod lock;
mod locker;
mod locker_process;
mod locks;
mod message;
mod name_server;
mod names;
mod overlap;
mod registrar;
mod resolve;
mod server;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::SystemTime;

pub use self::handle::{Global, GlobalError};
pub use self::info::{GlobalInfo, LockInfo};
pub use self::lock::{GlobalLock, LockError, SetLock};
pub use self::resolve::Resolver;

use self::name_server::{Identity, NameServer};
use self::server::{Event, Shared};
use super::kernel_sup::supervise;
use crate::atom;
use crate::node::{GlobalNames, Node, NodeType};
use crate::term::{Atom, Term};

const GLOBAL: Atom = atom!("global");

/// Starts what belongs to `global` on a node that takes no connections yet.
pub(super) fn start(node: &Node) {
    resolve::export(node);
    exports::export(node);
    node.attach(Arc::new(GlobalNames(|node, name| node.global().whereis_name(name.clone()))));
    let shared = Arc::new(Shared::new(NameServer::new(identity(node))));
    node.attach(shared.clone());
    supervise(node, None, {
        let shared = shared.clone();
        move |process| {
            // Now, and not when the process first runs: the rules name the locker in all they say.
            shared.rules.lock().locker_started(process.pid().clone());
            let _ = shared.events.send(Event::LockerStarted);
            locker_process::run(process, shared.clone())
        }
    });
    supervise(node, None, {
        let shared = shared.clone();
        move |process| {
            *shared.registrar.lock() = Some(process.pid().clone());
            registrar::run(process, shared.clone())
        }
    });
    supervise(node, Some("global_name_server"), move |process| {
        // As above: the first node may be connected by then.
        process.monitor_nodes(NodeType::Visible);
        server::run(process, shared.clone())
    });
}

fn identity(node: &Node) -> Identity {
    // Greater than those of earlier incarnations, and never negative.
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let first_number = i64::try_from(since_epoch.as_micros()).unwrap_or_default();
    let boot = rand::random_range(1..u64::from(u32::MAX) / 2);
    Identity {
        node: node.name().as_atom().clone(),
        // Until it is started.
        locker: node.pid().clone(),
        creation: Term::from(boot << 32 | u64::from(node.creation().0)),
        first_number,
        connect_all: node.connects_all(),
        prevent_overlapping_partitions: node.prevents_overlapping_partitions(),
    }
}

//! Names for processes in the whole cluster, and who belongs to it: what OTP's module `global` does.
//!
//! Every visible node runs a process `global_name_server`. Together they keep the cluster one: each knows all members
//! and all names, a name is changed on all nodes under one lock, nodes that have come together join with all that they
//! know, and nodes that have lost each other are cut off from those that still see both.
//!
//! Every visible node has to take part, even if nothing uses global names: a node that does not answer holds up all
//! others. Hidden nodes take no part.
//!
//! | file | is about |
//! | --- | --- |
//! | `message` | what name servers say to each other |
//! | `name_server` | the rules: members, names, locks; `join`, `overlap` for the two long stories |
//! | `names`, `locks` | the tables |
//! | `locker` | locking two sides so that they can join |
//! | `resolve` | who keeps a name that both sides have |
//! | `server`, `locker_process`, `registrar` | the processes that do what the rules say |
//!
//! None of the rules does any input or output: they take messages and give actions. They are not part of a process:
//! when one is ended by someone and started again, it goes on where the former has left off.

mod calls;
mod join;
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

use tokio::sync::oneshot;

pub use self::resolve::Resolver;

use self::name_server::{Identity, NameServer};
use self::registrar::{Change, Transaction};
use self::server::{Event, Shared};
use super::kernel_sup::supervise;
use crate::atom;
use crate::node::{Caller, Node, NodeType};
use crate::term::{Atom, Pid, Term};

const GLOBAL: Atom = atom!("global");

/// Starts what belongs to `global` on a node that takes no connections yet.
pub(super) fn start(node: &Node) {
    resolve::export(node);
    export_reads(node);
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
        move |process| registrar::run(process, shared.clone())
    });
    supervise(node, Some("global_name_server"), move |process| {
        // As above: the first node may be connected by then.
        process.monitor_nodes(NodeType::Visible);
        server::run(process, shared.clone())
    });
}

/// What others like to look at by `rpc`.
fn export_reads(node: &Node) {
    node.export("global", "whereis_name", async |caller: Caller, (name,): (Term,)| {
        Ok(caller.node().global().whereis_name(name))
    });
    node.export("global", "registered_names", async |caller: Caller, ()| {
        Ok(caller.node().global().registered_names())
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
        prevent_overlapping_partitions: node.prevents_overlapping_partitions(),
    }
}

/// Why a global name was not registered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GlobalError {
    /// Another process, or this one, has the name.
    #[error("the global name is taken")]
    NameTaken,
    /// A process has at most one global name.
    #[error("the process has a global name already")]
    HasName,
    /// Hidden nodes take no part in `global`, and one that shuts down does so no longer.
    #[error("this node takes no part in global")]
    NotRunning,
}

/// The names of the cluster, as one node sees them; see [`Node::global`].
#[derive(Debug, Clone, Copy)]
pub struct Global<'a> {
    node: &'a Node,
}

impl Node {
    /// Names for processes that hold in the whole cluster.
    ///
    /// A name is any term, most often an atom. Names are registered on all nodes that are connected, and found on each
    /// of them without asking others.
    ///
    /// ```
    /// use erlnode::{atom, node::Node};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let node = Node::nonode();
    /// let counter = node.spawn(async |_| std::future::pending().await);
    /// node.global().register_name(atom!("counter"), &counter).await?;
    /// assert_eq!(node.global().whereis_name(atom!("counter")), Some(counter));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Does what the module `global` does.
    #[must_use]
    pub fn global(&self) -> Global<'_> {
        Global { node: self }
    }
}

impl Global<'_> {
    /// Gives a process, of any node, a name in the whole cluster.
    ///
    /// When two clusters that both know the name come together, one of the processes is killed; see
    /// [`register_name_with`](Global::register_name_with) for other ways.
    ///
    /// It waits for all members of the cluster, without a bound.
    ///
    /// # Errors
    /// [`GlobalError`]: the name is taken, or the process has one.
    ///
    /// # Cancel safety
    /// When dropped, the name may be registered all the same.
    ///
    /// Does what `global:register_name/2` does.
    pub async fn register_name(&self, name: impl Into<Term>, pid: &Pid) -> Result<(), GlobalError> {
        self.register_name_with(name, pid, &Resolver::default()).await
    }

    /// As [`register_name`](Global::register_name), with a say in who keeps the name when clusters come together.
    ///
    /// # Errors
    /// [`GlobalError`]: the name is taken, or the process has one.
    ///
    /// # Cancel safety
    /// When dropped, the name may be registered all the same.
    ///
    /// Does what `global:register_name/3` does.
    pub async fn register_name_with(
        &self,
        name: impl Into<Term>,
        pid: &Pid,
        resolver: &Resolver,
    ) -> Result<(), GlobalError> {
        let (name, pid, method) = (name.into(), pid.clone(), resolver.to_term());
        self.transaction(Change::Register { name, pid, method }).await
    }

    /// Gives a process the name, whoever has it now.
    ///
    /// # Errors
    /// [`GlobalError::NotRunning`].
    ///
    /// # Cancel safety
    /// When dropped, the name may be registered all the same.
    ///
    /// Does what `global:re_register_name/2` does.
    pub async fn re_register_name(&self, name: impl Into<Term>, pid: &Pid) -> Result<(), GlobalError> {
        let (name, pid, method) = (name.into(), pid.clone(), Resolver::default().to_term());
        self.transaction(Change::ReRegister { name, pid, method }).await
    }

    /// Takes the name back, on all nodes.
    ///
    /// # Errors
    /// [`GlobalError::NotRunning`].
    ///
    /// # Cancel safety
    /// When dropped, the name may be gone all the same.
    ///
    /// Does what `global:unregister_name/1` does.
    pub async fn unregister_name(&self, name: impl Into<Term>) -> Result<(), GlobalError> {
        self.transaction(Change::Unregister { name: name.into() }).await
    }

    /// The process of this name.
    ///
    /// Does what `global:whereis_name/1` does.
    #[must_use]
    pub fn whereis_name(&self, name: impl Into<Term>) -> Option<Pid> {
        let pid = self.shared()?.rules.lock().names.get(&name.into())?.pid.clone();
        // One of this node may be dead already, which the server has yet to be told.
        let is_here = pid.node == *self.node.name().as_atom();
        (!is_here || self.node.is_process_alive(&pid)).then_some(pid)
    }

    /// All names.
    ///
    /// Does what `global:registered_names/0` does.
    #[must_use]
    pub fn registered_names(&self) -> Vec<Term> {
        self.shared().map_or_else(Vec::new, |shared| shared.rules.lock().names.names().cloned().collect())
    }

    /// Waits until all visible nodes that are connected now are in sync with this one, or gone: then this node knows
    /// all names that were registered before.
    ///
    /// # Errors
    /// [`GlobalError::NotRunning`].
    ///
    /// # Cancel safety
    /// Nothing happens when it is dropped.
    ///
    /// Does what `global:sync/0` does.
    pub async fn sync(&self) -> Result<(), GlobalError> {
        let shared = self.shared().ok_or(GlobalError::NotRunning)?;
        let (reply, synced) = oneshot::channel();
        shared.events.send(Event::Sync(reply)).map_err(|_| GlobalError::NotRunning)?;
        synced.await.map_err(|_| GlobalError::NotRunning)
    }

    async fn transaction(&self, change: Change) -> Result<(), GlobalError> {
        let shared = self.shared().ok_or(GlobalError::NotRunning)?;
        let (reply, result) = oneshot::channel();
        shared.transactions.send(Transaction { change, reply }).map_err(|_| GlobalError::NotRunning)?;
        result.await.map_err(|_| GlobalError::NotRunning)?
    }

    fn shared(&self) -> Option<Arc<Shared>> {
        self.node.attached()
    }
}

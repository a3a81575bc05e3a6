//! [`Global`]: what a program does with the names of the cluster.

use std::sync::Arc;

use serde::Serialize;
use tokio::sync::oneshot;

#[cfg(doc)]
use crate::node::Dest;
use crate::node::{Node, SendError};
use crate::term::{Atom, Pid, Term};

use super::info::GlobalInfo;
use super::lock::SetLock;
use super::registrar::{Change, Transaction};
use super::resolve::Resolver;
use super::server::{Event, Shared};

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
    /// The node shuts down.
    #[error("global has ended with its node")]
    NotRunning,
}

/// The names of the cluster, as one node sees them; see [`Node::global`].
#[derive(Debug, Clone, Copy)]
pub struct Global<'a> {
    pub(super) node: &'a Node,
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

    /// Gives a process the name, whoever has it now, and whatever other names the process has.
    ///
    /// # Errors
    /// [`GlobalError::NotRunning`].
    ///
    /// # Cancel safety
    /// When dropped, the name may be registered all the same.
    ///
    /// Does what `global:re_register_name/2` does.
    pub async fn re_register_name(&self, name: impl Into<Term>, pid: &Pid) -> Result<(), GlobalError> {
        self.re_register_name_with(name, pid, &Resolver::default()).await
    }

    /// As [`re_register_name`](Global::re_register_name), with a say in who keeps the name when clusters come together.
    ///
    /// # Errors
    /// [`GlobalError::NotRunning`].
    ///
    /// # Cancel safety
    /// When dropped, the name may be registered all the same.
    ///
    /// Does what `global:re_register_name/3` does.
    pub async fn re_register_name_with(
        &self,
        name: impl Into<Term>,
        pid: &Pid,
        resolver: &Resolver,
    ) -> Result<(), GlobalError> {
        let (name, pid, method) = (name.into(), pid.clone(), resolver.to_term());
        self.transaction(Change::ReRegister { name, pid, method }).await
    }

    /// Takes the name back, on all nodes. Nothing happens if there is no such name.
    ///
    /// # Errors
    /// [`GlobalError::NotRunning`].
    ///
    /// # Cancel safety
    /// When dropped, the name may be gone all the same.
    ///
    /// Does what `global:unregister_name/1` does.
    pub async fn unregister_name(&self, name: impl Into<Term>) -> Result<(), GlobalError> {
        let name = name.into();
        if self.whereis_name(name.clone()).is_none() {
            return Ok(());
        }
        self.transaction(Change::Unregister { name }).await
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
        self.sync_with(None).await
    }

    /// The same for these nodes, as far as they are connected.
    pub(super) async fn sync_with(&self, nodes: Option<Vec<Atom>>) -> Result<(), GlobalError> {
        let shared = self.shared().ok_or(GlobalError::NotRunning)?;
        let (reply, synced) = oneshot::channel();
        shared.events.send(Event::Sync(nodes, reply)).map_err(|_| GlobalError::NotRunning)?;
        synced.await.map_err(|_| GlobalError::NotRunning)
    }

    /// Sends `message` to the process of this name, and gives the process.
    ///
    /// Wherever else something is sent or called, [`Dest::global`] stands for the process of a name.
    ///
    /// # Errors
    /// [`SendError::NotRegisteredGlobally`], and others as of [`Node::send`].
    ///
    /// # Cancel safety
    /// When dropped before it is done, the message was not sent.
    ///
    /// Does what `global:send/2` does.
    pub async fn send<T>(&self, name: impl Into<Term>, message: T) -> Result<Pid, SendError>
    where
        T: Serialize + Send + 'static,
    {
        let name = name.into();
        let pid = self.whereis_name(name.clone()).ok_or(SendError::NotRegisteredGlobally(name))?;
        self.node.send(&pid, message).await?;
        Ok(pid)
    }

    /// Leaves the cluster: disconnects from all visible nodes, so that nobody takes that for a loss and the others stay
    /// together. The nodes that it was connected with are given back when all of it is done.
    ///
    /// Nothing keeps others from connecting again. To end the node there is no need to leave before.
    ///
    /// # Errors
    /// [`GlobalError::NotRunning`].
    ///
    /// # Cancel safety
    /// When dropped, the node may leave all the same.
    ///
    /// Does what `global:disconnect/0` does.
    pub async fn disconnect(&self) -> Result<Vec<Atom>, GlobalError> {
        let shared = self.shared().ok_or(GlobalError::NotRunning)?;
        let (reply, left) = oneshot::channel();
        shared.events.send(Event::Leave(reply)).map_err(|_| GlobalError::NotRunning)?;
        let left = left.await.map_err(|_| GlobalError::NotRunning)?;
        for node in &left {
            // It is under way already; this waits until it is done.
            self.node.disconnect(node.as_str()).await;
        }
        Ok(left)
    }

    /// What this node's server knows: members, and locks.
    ///
    /// What `global:info/0` shows of a BEAM node is like it.
    #[must_use]
    pub fn info(&self) -> GlobalInfo {
        self.shared().map(|shared| shared.rules.lock().info_of_all()).unwrap_or_default()
    }

    /// Begins to set a lock, that is, the right to do what only one may do at a time in the whole cluster; see
    /// [`SetLock`].
    ///
    /// Does what `global:set_lock/1,2,3` and `global:trans/2,3,4` do.
    pub fn set_lock(&self, resource: impl Into<Term>) -> SetLock {
        SetLock::new(self.node.clone(), resource.into())
    }

    pub(super) async fn transaction(&self, change: Change) -> Result<(), GlobalError> {
        let shared = self.shared().ok_or(GlobalError::NotRunning)?;
        let (reply, result) = oneshot::channel();
        shared.transactions.send(Transaction { change, reply }).map_err(|_| GlobalError::NotRunning)?;
        result.await.map_err(|_| GlobalError::NotRunning)?
    }

    pub(super) fn shared(&self) -> Option<Arc<Shared>> {
        self.node.attached()
    }
}

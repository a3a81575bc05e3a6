//! Locks of the cluster, as a program uses them.
//!
//! A lock is a term, the resource, that everybody agrees on, and it is set on nodes, each of which keeps its own table.
//! It belongs to a requester, another term: requests of the same requester share the lock. And it is held by a
//! process: when that ends, or its node is gone, the lock is free. Here a process of its own holds each lock, for as long
//! as there is a [`GlobalLock`].

use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::oneshot;
use tokio::time::sleep;

use super::calls::{multi_call, pause, set_lock};
use super::message::{Call, LockId};
use super::server::Shared;
use crate::node::{Node, NodeType, Process};
use crate::process::Exit;
use crate::term::{self, Atom, Term};

/// A lock that is about to be set; `.await` sets it.
///
/// Unless more is said it is set on this node and all visible ones that are connected, for a requester of its own, and
/// waits as long as it takes.
///
/// ```
/// use erlnode::{atom, node::Node};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let node = Node::nonode();
/// let lock = node.global().set_lock(atom!("disk")).await?;
/// // Someone else's turn comes later.
/// assert!(node.global().set_lock(atom!("disk")).retries(0).await.is_err());
/// lock.del().await;
///
/// let size = node.global().set_lock(atom!("disk")).trans(|| async { 17 }).await?;
/// assert_eq!(size, 17);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`LockError::Taken`] after the last retry, if there is one.
///
/// # Cancel safety
/// When dropped, the lock is not set, or given up again.
///
/// Does what `global:set_lock/3` does. As there, nothing keeps two from waiting for each other who set more than one
/// lock, and the resources `global` and `dist_ac` belong to OTP itself.
#[must_use = "a lock is set when it is awaited"]
#[derive(Debug, Clone)]
pub struct SetLock {
    node: Node,
    resource: Term,
    requester: Option<Term>,
    nodes: Option<Vec<Atom>>,
    retries: Option<u32>,
}

/// Why a lock was not set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// Another requester has it, on one of the nodes at least.
    #[error("the lock is taken")]
    Taken,
    /// The node shuts down.
    #[error("global has ended with its node")]
    NotRunning,
}

impl SetLock {
    pub(super) fn new(node: Node, resource: Term) -> SetLock {
        SetLock { node, resource, requester: None, nodes: None, retries: None }
    }

    /// For whom it is set: requests of the same requester share the lock, which is free when all have given it up. If not
    /// set, it is the process that holds the lock, so that nobody shares it.
    pub fn requester(mut self, requester: impl Into<Term>) -> SetLock {
        self.requester = Some(requester.into());
        self
    }

    /// The nodes on which it is set. Those that are not connected are connected to; those that can't be are taken to have
    /// said yes, as in OTP.
    pub fn nodes(mut self, nodes: impl IntoIterator<Item = Atom>) -> SetLock {
        self.nodes = Some(nodes.into_iter().collect());
        self
    }

    /// How often it is tried again when the lock is taken, after pauses that grow from an eighth of a second at the most
    /// to eight seconds. If not set, it is tried until it succeeds.
    pub fn retries(mut self, retries: u32) -> SetLock {
        self.retries = Some(retries);
        self
    }

    /// Sets the lock, does the `work`, and gives up the lock.
    ///
    /// # Errors
    /// [`LockError`]: nothing was done.
    ///
    /// # Cancel safety
    /// When dropped, so is the work, and the lock is given up.
    ///
    /// Does what `global:trans/4` does.
    pub async fn trans<F, Fut>(self, work: F) -> Result<Fut::Output, LockError>
    where
        F: FnOnce() -> Fut,
        Fut: Future,
    {
        let lock = self.await?;
        let output = work().await;
        lock.del().await;
        Ok(output)
    }
}

impl IntoFuture for SetLock {
    type Output = Result<GlobalLock, LockError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Result<GlobalLock, LockError>> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let node = self.node.clone();
            let shared = node.attached::<Shared>().ok_or(LockError::NotRunning)?;
            let (set, is_set) = oneshot::channel();
            let (give_up, is_given_up) = oneshot::channel();
            let holder = node.spawn(move |process| hold(process, shared, self, set, is_given_up));
            match is_set.await {
                Ok(true) => Ok(GlobalLock { holder, give_up }),
                Ok(false) => Err(LockError::Taken),
                Err(_) => Err(LockError::NotRunning),
            }
        })
    }
}

/// A lock that is set, until this is dropped.
#[derive(Debug)]
pub struct GlobalLock {
    holder: term::Pid,
    give_up: oneshot::Sender<oneshot::Sender<()>>,
}

impl GlobalLock {
    /// The process that holds the lock: whatever ends it frees the lock.
    #[must_use]
    pub fn holder(&self) -> &term::Pid {
        &self.holder
    }

    /// Gives up the lock, and waits until all nodes have heard of it. To drop it does the same without waiting.
    ///
    /// # Cancel safety
    /// When dropped, the lock is given up all the same.
    ///
    /// Does what `global:del_lock/2` does.
    pub async fn del(self) {
        let (done, is_done) = oneshot::channel();
        if self.give_up.send(done).is_ok() {
            // An error says that the holder was ended, which frees the lock.
            let _ = is_done.await;
        }
    }
}

/// The process that holds a lock.
async fn hold(
    mut process: Process,
    shared: Arc<Shared>,
    lock: SetLock,
    set: oneshot::Sender<bool>,
    mut is_given_up: oneshot::Receiver<oneshot::Sender<()>>,
) -> Result<(), Exit> {
    let SetLock { resource, requester, nodes, retries, .. } = lock;
    let requester = requester.unwrap_or_else(|| Term::Pid(process.pid().clone()));
    let nodes = nodes.unwrap_or_else(|| own_and_visible(process.node()));
    let lock = LockId { resource, requester };
    let give_up = async {
        let _ = (&mut is_given_up).await;
    };
    match set_lock_retrying(&mut process, &shared, &lock, &nodes, retries, give_up).await {
        Some(true) => {}
        Some(false) => {
            let _ = set.send(false);
            return Ok(());
        }
        None => return Ok(()),
    }
    // If nobody waits any more, the other end is dropped, and the lock given up at once.
    let _ = set.send(true);
    let done = is_given_up.await;
    multi_call(&mut process, nodes, &Call::DelLock(lock)).await;
    if let Ok(done) = done {
        let _ = done.send(());
    }
    Ok(())
}

/// `[node() | nodes()]`.
pub(super) fn own_and_visible(node: &Node) -> Vec<Atom> {
    let mut nodes = node.nodes(NodeType::Visible);
    nodes.push(node.name().as_atom().clone());
    nodes
}

/// Sets the lock for the process; false when it is taken after so many retries. `None` if given up in a pause.
pub(super) async fn set_lock_retrying(
    process: &mut Process,
    shared: &Shared,
    lock: &LockId,
    nodes: &[Atom],
    retries: Option<u32>,
    give_up: impl Future<Output = ()>,
) -> Option<bool> {
    let mut give_up = std::pin::pin!(give_up);
    for attempt in 0.. {
        if set_lock(process, shared, lock, nodes.to_vec()).await {
            return Some(true);
        }
        if retries.is_some_and(|retries| retries <= attempt) {
            return Some(false);
        }
        tokio::select! {
            () = sleep(pause(attempt.saturating_add(1))) => {}
            () = &mut give_up => return None,
        }
    }
    Some(false)
}

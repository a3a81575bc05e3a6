//! An established connection, and the processes that are bound to the other node by it.
//!
//! Links, monitors and spawn requests live in the states of processes; a connection knows which processes have some
//! over it, and when it ends they are told. At any time all that a process has with one node goes over one connection:
//!
//! * a process is bound by [`Connection::bind`], which fails once the connection has ended, and changes nothing then;
//! * the next connection to the same node is not there before all is told that the end of this one causes.
//!
//! So what ends with a connection is found by the name of its node alone.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::time::Duration;

use foldhash::fast::FixedState;
use parking_lot::Mutex;
use tokio::sync::watch;

use super::busy::Waits;
use super::policy::CachedLimits;
use super::registry::ProcessCell;
use crate::dist::NodeName;
use crate::dist::cork::Cork;
use crate::dist::driver::CloseReason;
use crate::dist::handshake::Established;
use crate::dist::outbox::Outbox;
use crate::process::{Outgoing, ProcessState};
use crate::term::{Creation, Pid};

/// How long a connection that is closed from here may take to write what is queued.
const TIME_TO_FINISH: Duration = Duration::from_secs(1);

/// An established connection.
#[derive(Debug)]
pub(crate) struct Connection {
    /// Greater than that of each connection of this node before.
    pub(crate) id: u64,
    pub(crate) address: SocketAddr,
    pub(crate) peer: NodeName,
    pub(crate) creation: Creation,
    pub(crate) outbox: Arc<Outbox>,
    /// The other node is not published, or this one is not to it.
    pub(crate) hidden: bool,
    /// This node gave the other one its name.
    pub(super) is_peer_named_here: bool,
    pub(super) waits: Waits,
    pub(super) limits: CachedLimits,
    /// The processes here with links, monitors or spawn requests over it; `None` once it has ended.
    relations: Mutex<Option<HashMap<Pid, Weak<ProcessCell>, FixedState>>>,
    /// Links of processes here with processes of third nodes, for which the other node has asked: who it said wants the
    /// link, and who has it. They end with the connection, too.
    links_of_others: Mutex<Vec<(Pid, Pid)>>,
    /// Becomes true when all that its end has to cause is done.
    ended: watch::Sender<bool>,
}

impl Connection {
    pub(crate) fn new(
        established: &Established,
        id: u64,
        address: SocketAddr,
        outbox: Arc<Outbox>,
        hidden: bool,
    ) -> Connection {
        Connection {
            id,
            address,
            peer: established.peer.clone(),
            creation: established.peer_creation,
            outbox,
            hidden,
            is_peer_named_here: established.is_peer_named_here,
            waits: Waits::default(),
            limits: CachedLimits::default(),
            relations: Mutex::new(Some(HashMap::default())),
            links_of_others: Mutex::default(),
            ended: watch::Sender::new(false),
        }
    }

    /// Changes what `cell` has towards the other node, binds it to the connection, and sends what the other node is to
    /// know, all as one step. False if the connection has ended: nothing is done then.
    ///
    /// A process that has ended is not bound to anything any more: nothing is done for it, and nobody needs to know.
    pub(crate) fn bind(
        self: &Arc<Self>,
        cell: &Arc<ProcessCell>,
        change: impl FnOnce(&mut ProcessState) -> Option<Outgoing>,
    ) -> bool {
        let _cork = Cork::tight();
        let mut state = cell.state.lock();
        if state.has_ended() {
            return true;
        }
        if !self.relate(cell) {
            return false;
        }
        if let Some(Outgoing { to, signal }) = change(&mut state) {
            self.signal(&cell.pid, &to, &signal);
        }
        true
    }

    /// Has `cell` told when the connection ends; false if it has ended already.
    ///
    /// It is called with the state of `cell` locked, and before that process has ended: so its end finds all that it
    /// is bound to.
    pub(crate) fn relate(self: &Arc<Self>, cell: &Arc<ProcessCell>) -> bool {
        let mut related = cell.related.lock();
        let mut relations = self.relations.lock();
        let Some(relations) = relations.as_mut() else { return false };
        if related.iter().any(|other| other.as_ptr() == Arc::as_ptr(self)) {
            return true;
        }
        relations.insert(cell.pid.clone(), Arc::downgrade(cell));
        // Those of connections that are gone make room.
        related.retain(|other| other.strong_count() > 0);
        related.push(Arc::downgrade(self));
        true
    }

    pub(crate) fn unrelate(&self, pid: &Pid) {
        if let Some(relations) = self.relations.lock().as_mut() {
            relations.remove(pid);
        }
        self.links_of_others.lock().retain(|(_, linked)| linked != pid);
    }

    /// The process `linked` here, which is bound to this connection, has a link with one of a third node.
    pub(super) fn add_link_of_other(&self, other: &Pid, linked: &Pid) {
        self.links_of_others.lock().push((other.clone(), linked.clone()));
    }

    /// Gives the links with processes of third nodes.
    pub(super) fn take_links_of_others(&self) -> Vec<(Pid, Pid)> {
        std::mem::take(&mut *self.links_of_others.lock())
    }

    /// Gives those that are bound to it, for the last time: nobody can be bound any more.
    pub(super) fn take_related(&self) -> impl Iterator<Item = Arc<ProcessCell>> {
        let related = self.relations.lock().take().unwrap_or_default();
        related.into_values().filter_map(|cell| cell.upgrade())
    }

    /// Whether a process is bound to it.
    #[cfg(test)]
    pub(crate) fn is_related(&self, pid: &Pid) -> bool {
        self.relations.lock().as_ref().is_some_and(|relations| relations.contains_key(pid))
    }

    /// Closes it when what is queued is written, or the other node has not taken that for a while.
    pub(super) async fn finish(&self) {
        let _ = tokio::time::timeout(TIME_TO_FINISH, self.outbox.drained()).await;
        self.outbox.close(CloseReason::ClosedHere);
        self.ended().await;
    }

    /// Waits until all that its end causes is done.
    pub(super) async fn ended(&self) {
        // An error means that the sender is gone, and with it the connection.
        let _ = self.ended.subscribe().wait_for(|ended| *ended).await;
    }

    pub(super) fn set_ended(&self) {
        self.ended.send_replace(true);
    }
}

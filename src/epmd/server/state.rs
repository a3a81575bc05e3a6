//! What the connections of a server share.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};

use super::Limits;
use crate::epmd::NodeEntry;
use crate::epmd::message::{
    AliveReply, KillReply, PortReply, RawEntry, StopReply, encode_dump, encode_names,
};
use crate::epmd::names::{Names, Owner};

/// The part of the connections that other machines may have.
const REMOTE_SHARE: usize = 4;

/// Whether the server goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// It does.
    Serving,
    /// Its owner closes it.
    Closed,
    /// A `KILL_REQ` ended it.
    Killed,
}

/// The table of names, the limits, and how all of it ends.
#[derive(Debug)]
pub(super) struct State {
    pub(super) port: u16,
    pub(super) limits: Limits,
    table: Mutex<Table>,
    ending: watch::Sender<Ending>,
    next_owner: AtomicU64,
    connections: Arc<Semaphore>,
    remote_connections: Arc<Semaphore>,
    crowded: AtomicBool,
}

#[derive(Debug, Default)]
struct Table {
    names: Names,
    // Ends the connection of an owner, for STOP_REQ.
    stops: HashMap<Owner, oneshot::Sender<()>>,
    // The reply to NAMES_REQ, made once for all who ask between two changes.
    listing: Option<Bytes>,
}

/// A place among the connections that the server allows.
#[derive(Debug)]
pub(super) struct Place {
    _any: OwnedSemaphorePermit,
    _remote: Option<OwnedSemaphorePermit>,
}

impl State {
    pub(super) fn new(port: u16, limits: Limits) -> State {
        let connections = limits.max_connections.min(Semaphore::MAX_PERMITS);
        State {
            port,
            limits,
            table: Mutex::default(),
            ending: watch::Sender::new(Ending::Serving),
            next_owner: AtomicU64::new(1),
            connections: Arc::new(Semaphore::new(connections)),
            remote_connections: Arc::new(Semaphore::new(connections / REMOTE_SHARE)),
            crowded: AtomicBool::new(false),
        }
    }

    pub(super) fn new_owner(&self) -> Owner {
        Owner(self.next_owner.fetch_add(1, Ordering::Relaxed))
    }

    /// A place for a connection, if there is one left; warns once when there is none.
    pub(super) fn place(&self, peer: SocketAddr, local: bool) -> Option<Place> {
        let take = |semaphore: &Arc<Semaphore>| Arc::clone(semaphore).try_acquire_owned().ok();
        let remote = if local { None } else { Some(take(&self.remote_connections)) };
        let place = match remote {
            Some(None) => None,
            remote => take(&self.connections).map(|any| Place { _any: any, _remote: remote.flatten() }),
        };
        let crowded = place.is_none();
        if self.crowded.swap(crowded, Ordering::Relaxed) != crowded && crowded {
            tracing::warn!(%peer, limit = self.limits.max_connections, "too many connections; closing new ones");
        }
        place
    }

    pub(super) fn end(&self, ending: Ending) {
        self.ending.send_if_modified(|now| {
            let first = *now == Ending::Serving;
            if first {
                *now = ending;
            }
            first
        });
    }

    /// Waits until the server ends.
    pub(super) async fn ended(&self) {
        // The sender lives in `self`, so the channel does not close.
        let _ = self.ending.subscribe().wait_for(|ending| *ending != Ending::Serving).await;
    }

    /// Waits until a `KILL_REQ` ends the server.
    pub(super) async fn killed(&self) {
        let _ = self.ending.subscribe().wait_for(|ending| *ending == Ending::Killed).await;
    }

    pub(super) fn nodes(&self) -> Vec<NodeEntry> {
        self.table.lock().names.active().map(|(entry, _)| entry.clone()).collect()
    }

    /// Registers a node, if it may be; the name is given back when the [`Held`] is dropped.
    pub(super) fn register(
        self: &Arc<State>,
        entry: &RawEntry<'_>,
        owner: Owner,
        peer: SocketAddr,
    ) -> (AliveReply, Option<Held>) {
        let mut table = self.table.lock();
        let refused = match table.names.register(entry, owner, seconds()) {
            Ok(creation) => {
                let name = table.names.find(entry.name).map(|entry| entry.name().clone());
                let (stop, stopped) = oneshot::channel();
                table.stops.insert(owner, stop);
                table.listing = None;
                drop(table);
                let name = name.unwrap_or_default();
                tracing::info!(%name, port = entry.port, %creation, %peer, "registered");
                let held = Held { state: Arc::clone(self), name, owner, peer, stopped };
                return (AliveReply::Registered(creation), Some(held));
            }
            Err(refusal) => refusal,
        };
        drop(table);
        let name = String::from_utf8_lossy(entry.name);
        tracing::info!(%name, port = entry.port, %peer, reason = %refused, "refused to register");
        (AliveReply::Refused, None)
    }

    pub(super) fn find(&self, name: &[u8]) -> PortReply {
        match self.table.lock().names.find(name) {
            Some(entry) => PortReply::Found(entry.clone()),
            None => PortReply::NotFound,
        }
    }

    pub(super) fn listing(&self) -> Bytes {
        let Table { names, listing, .. } = &mut *self.table.lock();
        let text = listing.get_or_insert_with(|| {
            let mut text = Vec::new();
            encode_names(self.port, names.active().map(|(entry, _)| entry), &mut text);
            Bytes::from(text)
        });
        text.clone()
    }

    pub(super) fn dump(&self) -> Bytes {
        let mut text = Vec::new();
        let table = self.table.lock();
        let active =
            table.names.active().map(|(entry, owner)| (entry.name().as_str(), entry.port(), owner.0));
        let unused = table.names.unused().map(|(name, port, owner)| (name, port, owner.0));
        encode_dump(self.port, active, unused, &mut text);
        Bytes::from(text)
    }

    /// Whether the server may be ended; the caller then ends it, once the reply is out.
    pub(super) fn kill(&self) -> KillReply {
        if self.limits.relaxed_command_check || self.table.lock().names.is_empty() {
            KillReply::Killed
        } else {
            KillReply::Refused
        }
    }

    /// Drops a name and ends its connection.
    pub(super) fn stop(&self, name: &[u8]) -> StopReply {
        let mut table = self.table.lock();
        let found = table.names.find(name).map(|entry| entry.name().clone()).zip(table.names.owner(name));
        let Some((name, owner)) = found else { return StopReply::NotFound };
        table.names.unregister(&name, owner);
        table.listing = None;
        if let Some(stop) = table.stops.remove(&owner) {
            // The connection may be ending at this moment anyway.
            let _ = stop.send(());
        }
        StopReply::Stopped
    }
}

/// A name that is registered for a connection.
#[derive(Debug)]
pub(super) struct Held {
    state: Arc<State>,
    name: arcstr::ArcStr,
    owner: Owner,
    peer: SocketAddr,
    stopped: oneshot::Receiver<()>,
}

impl Held {
    /// Waits until someone takes the name away.
    pub(super) async fn stopped(&mut self) {
        // An error means that the name is gone too.
        let _ = (&mut self.stopped).await;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut table = self.state.table.lock();
        table.stops.remove(&self.owner);
        if table.names.unregister(&self.name, self.owner) {
            table.listing = None;
        }
        drop(table);
        tracing::info!(name = %self.name, peer = %self.peer, "unregistered");
    }
}

/// The creation of a name that was not in use lately. Cut to 32 bits it repeats after 136 years.
fn seconds() -> u32 {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    u32::try_from(seconds & u64::from(u32::MAX)).unwrap_or_default()
}

//! What the connections of a server share.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use arcstr::ArcStr;
use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, oneshot, watch};
use tokio::time::timeout;

use super::limits::Limits;
use super::stream::Probe;
use crate::epmd::message::{
    AliveReply, KillReply, PortReply, RawEntry, StopReply, WIDE_CREATIONS, encode_dump, encode_names,
};
use crate::epmd::names::{NameTaken, Owner};
use crate::epmd::table::Table;
use crate::epmd::{EntryError, NodeEntry};
use crate::term::Creation;

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

/// The table of names, who holds them, the limits, and how all of it ends.
#[derive(Debug)]
pub(super) struct State<T> {
    pub(super) port: u16,
    pub(super) limits: Limits,
    pub(super) table: T,
    /// The addresses of this machine on which a node may listen.
    pub(super) node_addresses: Vec<IpAddr>,
    // Locked while the table is changed, so that changes come one after the other. Lookups don't take it.
    pub(super) holders: tokio::sync::Mutex<Holders>,
    /// Told when a name is left without a connection.
    pub(super) name_left: Notify,
    // The reply to NAMES_REQ, made once for all who ask between two changes, with the number of the last change.
    listing: Mutex<Option<(u64, Bytes)>>,
    ending: watch::Sender<Ending>,
    next_owner: AtomicU64,
    connections: Arc<Semaphore>,
    remote_connections: Arc<Semaphore>,
    crowded: AtomicBool,
}

/// The names that belong to connections of this server.
pub(super) type Holders = HashMap<ArcStr, Holder>;

/// The connection to which a name belongs.
#[derive(Debug)]
pub(super) struct Holder {
    owner: Owner,
    /// Ends the connection.
    stop: oneshot::Sender<()>,
    probe: Probe,
}

/// A place among the connections that the server allows.
#[derive(Debug)]
pub(super) struct Place {
    _any: OwnedSemaphorePermit,
    _remote: Option<OwnedSemaphorePermit>,
}

/// Why the table gave no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum TableFault {
    #[error("the table of names failed: {0}")]
    Failed(String),
    #[error("the table of names takes too long")]
    Timeout,
}

/// Why a node is not registered. On the wire all are the same.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("the name is taken")]
    NameTaken,
    #[error(transparent)]
    Unlawful(#[from] EntryError),
    #[error("there are {0} names already")]
    TooManyNames(usize),
}

impl<T: Table> State<T> {
    pub(super) fn new(port: u16, limits: Limits, table: T, node_addresses: Vec<IpAddr>) -> State<T> {
        let connections = limits.max_connections.min(Semaphore::MAX_PERMITS);
        State {
            port,
            limits,
            table,
            node_addresses,
            holders: tokio::sync::Mutex::default(),
            name_left: Notify::new(),
            listing: Mutex::new(None),
            ending: watch::Sender::new(Ending::Serving),
            next_owner: AtomicU64::new(1),
            connections: Arc::new(Semaphore::new(connections)),
            remote_connections: Arc::new(Semaphore::new(connections / REMOTE_SHARE)),
            crowded: AtomicBool::new(false),
        }
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

    /// Registers a node, if it may be; the caller gives the name back by [`unregister`](State::unregister).
    pub(super) async fn register(
        &self,
        raw: &RawEntry<'_>,
        peer: SocketAddr,
        probe: Probe,
    ) -> Result<(AliveReply, Option<Held>), TableFault> {
        match self.try_register(raw, probe).await? {
            Ok((creation, held)) => {
                tracing::info!(name = %held.name, port = raw.port, %creation, %peer, "registered");
                // Nodes before OTP 23 have room for two bits.
                let wide = raw.highest >= WIDE_CREATIONS;
                let told = if wide { creation } else { Creation(creation.0 % 3 + 1) };
                Ok((AliveReply::Registered(told), Some(held)))
            }
            Err(refusal) => {
                let name = String::from_utf8_lossy(raw.name);
                tracing::info!(%name, port = raw.port, %peer, reason = %refusal, "refused to register");
                Ok((AliveReply::Refused, None))
            }
        }
    }

    async fn try_register(
        &self,
        raw: &RawEntry<'_>,
        probe: Probe,
    ) -> Result<Result<(Creation, Held), Refusal>, TableFault> {
        let entry = match NodeEntry::try_from(raw) {
            Ok(entry) => entry,
            Err(error) => return Ok(Err(error.into())),
        };
        let name = entry.name();
        let mut holders = self.holders.lock().await;
        if let Some(holder) = holders.get(name) {
            // A node that starts again at once comes before its earlier connection is seen to end.
            if !holder.probe.has_ended() {
                return Ok(Err(Refusal::NameTaken));
            }
            let owner = holder.owner;
            tracing::debug!(%name, "the node that had the name has just ended");
            self.ask(self.table.unregister(name, owner)).await?;
            holders.remove(name);
        }
        if holders.len() >= self.limits.max_names {
            return Ok(Err(Refusal::TooManyNames(self.limits.max_names)));
        }
        let owner = Owner(self.next_owner.fetch_add(1, Ordering::Relaxed));
        let mut creation = self.ask(self.table.register(&entry, owner)).await?;
        if let Err(NameTaken { by, owner: left }) = &creation {
            // Nobody here holds it, so an earlier server left it.
            if by.port() != entry.port() && self.takes_connections(by.port()).await {
                return Ok(Err(Refusal::NameTaken));
            }
            tracing::debug!(%name, port = by.port(), "the name was left by an earlier server");
            self.ask(self.table.unregister(name, *left)).await?;
            creation = self.ask(self.table.register(&entry, owner)).await?;
        }
        let Ok(creation) = creation else { return Ok(Err(Refusal::NameTaken)) };
        let (stop, stopped) = oneshot::channel();
        holders.insert(name.clone(), Holder { owner, stop, probe });
        Ok(Ok((creation, Held { name: name.clone(), owner, stopped })))
    }

    /// Gives a name back.
    pub(super) async fn unregister(&self, held: Held, peer: SocketAddr) {
        let Held { name, owner, .. } = held;
        let mut holders = self.holders.lock().await;
        if holders.get(&name).is_none_or(|holder| holder.owner != owner) {
            // It was taken away, or is already another's.
            return;
        }
        holders.remove(&name);
        match self.ask(self.table.unregister(&name, owner)).await {
            Ok(_) => tracing::info!(%name, %peer, "unregistered"),
            Err(error) => {
                tracing::warn!(%name, %peer, %error, "cannot unregister");
                self.name_left.notify_one();
            }
        }
    }

    pub(super) async fn find(&self, name: &str) -> Result<PortReply, TableFault> {
        Ok(match self.ask(self.table.find(name)).await? {
            Some(entry) => PortReply::Found(entry),
            None => PortReply::NotFound,
        })
    }

    pub(super) async fn listing(&self) -> Result<Bytes, TableFault> {
        let change = self.table.changes();
        if let (Some(change), Some((listed, text))) = (change, &*self.listing.lock())
            && change == *listed
        {
            return Ok(text.clone());
        }
        let mut text = Vec::new();
        let active = self.ask(self.table.active()).await?;
        encode_names(self.port, active.iter().map(|(entry, _)| entry), &mut text);
        let text = Bytes::from(text);
        *self.listing.lock() = change.map(|change| (change, text.clone()));
        Ok(text)
    }

    pub(super) async fn dump(&self) -> Result<Bytes, TableFault> {
        let mut text = Vec::new();
        let (active, unused) = (self.ask(self.table.active()).await?, self.ask(self.table.unused()).await?);
        let active = active.iter().map(|(entry, owner)| (entry.name().as_str(), entry.port(), owner.0));
        let unused = unused.iter().map(|unused| (unused.name.as_str(), unused.port, unused.owner.0));
        encode_dump(self.port, active, unused, &mut text);
        Ok(Bytes::from(text))
    }

    /// Whether the server may be ended; the caller then ends it, once the reply is out.
    pub(super) async fn kill(&self) -> Result<KillReply, TableFault> {
        if self.limits.relaxed_command_check {
            return Ok(KillReply::Killed);
        }
        let nodes = !self.holders.lock().await.is_empty() || !self.ask(self.table.active()).await?.is_empty();
        Ok(if nodes { KillReply::Refused } else { KillReply::Killed })
    }

    /// Drops a name and ends its connection.
    pub(super) async fn stop(&self, name: &[u8], peer: SocketAddr) -> Result<StopReply, TableFault> {
        let Ok(name) = str::from_utf8(name) else { return Ok(StopReply::NotFound) };
        let mut holders = self.holders.lock().await;
        if let Some(holder) = holders.get(name) {
            self.ask(self.table.unregister(name, holder.owner)).await?;
            if let Some(holder) = holders.remove(name) {
                // The connection may be ending at this moment anyway.
                let _ = holder.stop.send(());
            }
        } else {
            let active = self.ask(self.table.active()).await?;
            let Some((_, owner)) = active.iter().find(|(entry, _)| entry.name() == name) else {
                return Ok(StopReply::NotFound);
            };
            self.ask(self.table.unregister(name, *owner)).await?;
        }
        tracing::info!(name, %peer, "unregistered by STOP_REQ");
        Ok(StopReply::Stopped)
    }

    /// Waits for the table, but not for ever.
    pub(super) async fn ask<A>(
        &self,
        answer: impl Future<Output = Result<A, T::Error>>,
    ) -> Result<A, TableFault> {
        match timeout(self.limits.table_timeout, answer).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(TableFault::Failed(error.to_string())),
            Err(_) => Err(TableFault::Timeout),
        }
    }
}

/// A name that is registered for a connection.
#[derive(Debug)]
pub(super) struct Held {
    name: ArcStr,
    owner: Owner,
    stopped: oneshot::Receiver<()>,
}

impl Held {
    /// Waits until someone takes the name away.
    pub(super) async fn stopped(&mut self) {
        // An error means that the name is gone too.
        let _ = (&mut self.stopped).await;
    }
}

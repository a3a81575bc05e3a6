//! Busy connections: who waits for one, and for how long.
//!
//! A connection is busy when more bytes are queued for it than [`dist_buf_busy_limit`][limit] allows: the other node
//! reads more slowly than it is sent to, or not at all. Whoever sends a message to it waits then, and so does a process
//! that ends and has others to tell of it, as its reason may be a large result. A large message, which goes out in
//! fragments, keeps only its own sender waiting, until a few of them are queued. What is queued is thus bounded by the
//! limit, a few large messages, and a message of each thread. Other connections are not touched.
//!
//! In OTP, `erlang:system_monitor/2` tells of such processes as `busy_dist_port`.
//!
//! [limit]: super::Builder::dist_buf_busy_limit

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::connection::Connection;
use super::registry::ProcessCell;
use super::{Node, SendError};
use crate::term::Pid;

/// After so long a process that ends looks whether its node does, too.
const STOP_INTERVAL: Duration = Duration::from_millis(100);

/// What a connection has carried, and who had to wait for it; see [`Node::connection_info`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ConnectionInfo {
    /// Bytes received over it.
    pub received: u64,
    /// Bytes sent over it.
    pub sent: u64,
    /// Bytes that are queued and not sent yet.
    pub queued: usize,
    /// Whether senders have to wait.
    pub is_busy: bool,
    /// Who waits now, and since when: the longest first. What is sent outside of any process counts as sent by the
    /// node, a pid of number 0.
    pub waiting: Vec<(Pid, Duration)>,
    /// How often senders have waited, those that wait now not included.
    pub waits: u64,
    /// How long all of these took together.
    pub waited: Duration,
}

/// The senders that wait, or have waited, for one connection.
#[derive(Debug, Default)]
pub(crate) struct Waits(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    next: u64,
    now: BTreeMap<u64, (Pid, Instant)>,
    count: u64,
    time: Duration,
}

/// A sender that waits, for as long as this lives.
struct Wait<'a> {
    connection: &'a Connection,
    id: u64,
}

impl<'a> Wait<'a> {
    fn new(connection: &'a Connection, sender: &Pid) -> Wait<'a> {
        let mut table = connection.waits.0.lock();
        let id = table.next;
        table.next += 1;
        table.now.insert(id, (sender.clone(), Instant::now()));
        Wait { connection, id }
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        let mut table = self.connection.waits.0.lock();
        let Some((sender, since)) = table.now.remove(&self.id) else { return };
        let waited = since.elapsed();
        table.count += 1;
        table.time += waited;
        drop(table);
        tracing::debug!(pid = ?sender, node = %self.connection.peer, ?waited, "waited for a busy connection");
    }
}

impl Connection {
    /// Waits until `sender` may send another message.
    ///
    /// # Errors
    /// [`SendError::ConnectionLost`].
    pub(crate) async fn room(&self, sender: &Pid) -> Result<(), SendError> {
        if !self.outbox.is_busy_for(sender) {
            return Ok(());
        }
        let _wait = Wait::new(self, sender);
        self.outbox.ready(sender).await.map_err(|_| SendError::ConnectionLost(self.peer.as_atom().clone()))
    }
}

impl Node {
    /// What the connection to `node` has carried, and who waits for it; `None` if there is none.
    ///
    /// As `erlang:system_monitor/2` with `busy_dist_port`, to be asked and not told.
    #[must_use]
    pub fn connection_info(&self, node: &str) -> Option<ConnectionInfo> {
        let connection = self.connection(node)?;
        let outbox = &connection.outbox;
        let table = connection.waits.0.lock();
        Some(ConnectionInfo {
            received: outbox.received(),
            sent: outbox.written(),
            queued: outbox.queued(),
            is_busy: outbox.is_busy(),
            waiting: table.now.values().map(|(pid, since)| (pid.clone(), since.elapsed())).collect(),
            waits: table.count,
            waited: table.time,
        })
    }

    /// Waits until those that `cell` is bound to on other nodes can be told of its end. A node that ends does not wait.
    pub(super) async fn room_to_end(&self, cell: &ProcessCell) {
        let related: Vec<Arc<Connection>> =
            cell.related.lock().iter().filter_map(|connection| connection.upgrade()).collect();
        for connection in related {
            while !self.is_stopping() {
                // Once it is lost there is nobody to tell.
                if tokio::time::timeout(STOP_INTERVAL, connection.room(&cell.pid)).await.is_ok() {
                    break;
                }
            }
        }
    }
}

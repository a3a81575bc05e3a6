//! Where a server keeps its names: in memory, or where else a program likes.
//!
//! A [`Table`] holds two lists: the *active* names, each with the node that has it, and the *unused* ones, of which only
//! port and creation matter, so that the next node of that name gets another creation. The server does the rest: it speaks
//! with the nodes, and it decides who may have a name.
//!
//! ```text
//!   node ---- ALIVE2 ----> server ---- register ---> table        the connection lives: so does the name
//!   node ---- closes ----> server --- unregister --> table        active -> unused
//!   any  ---- PORT2 -----> server ------ find -----> table
//!   server closes or crashes                         table        nothing happens: the names stay active
//! ```
//!
//! # Who lives
//!
//! A name lives as long as the connection of its node. A table that outlives its server thus has names without a
//! connection: *left* names. Their nodes may well be alive and connected to others; BEAM nodes and
//! [`Registration`](crate::epmd::Registration)s register again within 2 seconds of an epmd that is back. Until they have,
//! left names are found by lookups. What becomes of one:
//!
//! - A node registers under the name with the same port: that is most likely the same node. It gets the name, and a new
//!   creation, for it could be the next one on a fixed port; a node that registers again ignores that.
//! - A node registers with another port: if something still takes connections on the old port, the name is taken; if not,
//!   the old node is gone, and the new one gets the name.
//! - Nobody registers: every [`left_names_check`](crate::epmd::Builder::left_names_check) the server drops the left names
//!   on whose port nothing takes connections.
//!
//! The example `epmd_redis` keeps names in Redis.
//!
//! One server uses a table at a time. It makes changes one after the other; lookups may come at any moment, also in
//! between.

use std::convert::Infallible;
use std::error::Error;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;

use super::NodeEntry;
use super::names::{NameTaken, Names, Owner};
use crate::term::Creation;

/// A store for the names of a [`Server`](crate::epmd::Server).
///
/// The server gives every call at most [`table_timeout`](crate::epmd::Builder::table_timeout) and drops the future then;
/// it does not call again for the same request. A table should be as it was before or as it is after a change, also when
/// the future of the change is dropped or the program is killed.
///
/// With a request whose call fails, the server closes the connection without an answer and logs a warning: a node that
/// starts then fails to register, one that asks for a port finds nobody. If `unregister` fails, the name is a left one
/// (see the [module](crate::epmd::table)).
pub trait Table: Send + Sync + 'static {
    /// Why a call failed. It is logged, and seen by nobody else.
    type Error: Error + Send + Sync + 'static;

    /// Makes the name active, with what the node told and the connection to which it belongs, and gives its creation.
    ///
    /// The creation is 4 or more, and another than the last node of this name had: by custom the next one if the name is
    /// among the unused ones, which it then leaves, or else the seconds since 1970.
    ///
    /// If the name is active, nothing changes, and the answer is [`NameTaken`].
    fn register(
        &self,
        entry: &NodeEntry,
        owner: Owner,
    ) -> impl Future<Output = Result<Result<Creation, NameTaken>, Self::Error>> + Send;

    /// Makes an active name an unused one, if it belongs to `owner`; tells whether it did.
    fn unregister(&self, name: &str, owner: Owner) -> impl Future<Output = Result<bool, Self::Error>> + Send;

    /// The node that has the name; names are compared byte for byte.
    fn find(&self, name: &str) -> impl Future<Output = Result<Option<NodeEntry>, Self::Error>> + Send;

    /// The active names, the one registered last first.
    fn active(&self) -> impl Future<Output = Result<Vec<(NodeEntry, Owner)>, Self::Error>> + Send;

    /// The unused names, the longest unused one first. Only people see them, who ask for a dump.
    fn unused(&self) -> impl Future<Output = Result<Vec<UnusedName>, Self::Error>> + Send;

    /// A number that is another one after each change, if the table can tell at once.
    ///
    /// As long as it stays the same, the server makes the list of all names only once. So it must not change before the
    /// change can be seen in that list. `None`, the default, has the list made for each who asks.
    fn changes(&self) -> Option<u64> {
        None
    }
}

/// A table can be kept by others than the server, who must not change it.
impl<T: Table> Table for Arc<T> {
    type Error = T::Error;

    fn register(
        &self,
        entry: &NodeEntry,
        owner: Owner,
    ) -> impl Future<Output = Result<Result<Creation, NameTaken>, T::Error>> + Send {
        T::register(self, entry, owner)
    }

    fn unregister(&self, name: &str, owner: Owner) -> impl Future<Output = Result<bool, T::Error>> + Send {
        T::unregister(self, name, owner)
    }

    fn find(&self, name: &str) -> impl Future<Output = Result<Option<NodeEntry>, T::Error>> + Send {
        T::find(self, name)
    }

    fn active(&self) -> impl Future<Output = Result<Vec<(NodeEntry, Owner)>, T::Error>> + Send {
        T::active(self)
    }

    fn unused(&self) -> impl Future<Output = Result<Vec<UnusedName>, T::Error>> + Send {
        T::unused(self)
    }

    fn changes(&self) -> Option<u64> {
        T::changes(self)
    }
}

/// A name that was in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnusedName {
    /// The name.
    pub name: String,
    /// The port of the last node that had it.
    pub port: u16,
    /// The connection to which it belonged.
    pub owner: Owner,
}

/// The usual table: [`Names`] in the memory of the program, gone with it.
#[derive(Debug, Default)]
pub struct MemoryTable(Mutex<Names>);

impl MemoryTable {
    /// A table that remembers so many unused names, see [`MAX_UNUSED`](crate::epmd::names::MAX_UNUSED).
    #[must_use]
    pub fn with_max_unused(max_unused: usize) -> MemoryTable {
        MemoryTable(Mutex::new(Names::with_max_unused(max_unused)))
    }

    /// The active nodes, the one registered last first.
    #[must_use]
    pub fn nodes(&self) -> Vec<NodeEntry> {
        self.0.lock().active().map(|(entry, _)| entry.clone()).collect()
    }
}

// Nobody waits in here: the futures are ready at once.
impl Table for MemoryTable {
    type Error = Infallible;

    async fn register(
        &self,
        entry: &NodeEntry,
        owner: Owner,
    ) -> Result<Result<Creation, NameTaken>, Infallible> {
        Ok(self.0.lock().register(entry.clone(), owner, seconds()))
    }

    async fn unregister(&self, name: &str, owner: Owner) -> Result<bool, Infallible> {
        Ok(self.0.lock().unregister(name, owner))
    }

    async fn find(&self, name: &str) -> Result<Option<NodeEntry>, Infallible> {
        Ok(self.0.lock().find(name).cloned())
    }

    async fn active(&self) -> Result<Vec<(NodeEntry, Owner)>, Infallible> {
        Ok(self.0.lock().active().map(|(entry, owner)| (entry.clone(), owner)).collect())
    }

    async fn unused(&self) -> Result<Vec<UnusedName>, Infallible> {
        let names = self.0.lock();
        let unused = names.unused();
        Ok(unused.map(|(name, port, owner)| UnusedName { name: name.to_owned(), port, owner }).collect())
    }

    fn changes(&self) -> Option<u64> {
        Some(self.0.lock().changes())
    }
}

/// The seconds since 1970. Cut to 32 bits they repeat after 136 years.
fn seconds() -> u32 {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    u32::try_from(seconds & u64::from(u32::MAX)).unwrap_or_default()
}

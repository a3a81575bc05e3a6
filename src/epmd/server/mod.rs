//! The built-in epmd, to run by itself or inside a program.
//!
//! It keeps to the protocol as OTP's daemon does, oddities included (see [`message`](crate::epmd::message)):
//!
//! - A registration lives as long as its connection; any byte that comes on it after `ALIVE2_REQ` ends it too.
//! - Who is refused a name keeps a connection without one; it is up to the client to close it.
//! - A connection that has registered nothing is closed when it is idle for 60 seconds.
//! - Only this machine may register, dump, kill and stop: that is 127.0.0.0/8, `::1`, and who comes from the very address
//!   that he connects to. Any other gets no answer to these.
//! - `KILL_REQ` is refused while nodes are registered, and `STOP_REQ` always, unless
//!   [`relaxed_command_check`](Builder::relaxed_command_check) is on.
//!
//! Unlike OTP's daemon (25, 27 and 29) it
//!
//! - listens on loopback only, unless told otherwise, and never lets other machines take so many connections that none is
//!   left for this one;
//! - looks whether the node that has a name is still connected before it refuses the name to another, so that a node can
//!   start again as fast as it likes;
//! - finds a node whose name has 255 characters, to which OTP's gives no answer;
//! - does not register an empty name, which OTP's does if there is something in the "extra" field;
//! - takes no longer for a lookup the more names there are, and more than 1,024 connections.
//!
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! use erlnode::epmd::{Address, Client, NodeEntry, Server};
//!
//! let server = Server::builder().port(0).start().await?;
//! let client = Client::new(Address::new("localhost", server.port()));
//! let registration = client.register(NodeEntry::new("foo", 5000)?).await?;
//! assert_eq!(client.names().await?.nodes[0].name, "foo");
//! registration.close().await;
//! server.close().await;
//! # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
//! ```
//!
//! What a server allows, all of it settable with the methods of these names of [`Builder`]:
//!
//! | limit | default | of what is beyond |
//! | --- | --- | --- |
//! | `max_connections` | 16,384, a quarter of them for other machines | new connections are closed |
//! | `max_names` | 16,384 | registrations are refused |
//! | `max_unused_names` | 1,000 | the longest unused one is forgotten for a new name |
//! | `max_request_bytes` | 3,059 | the connection is closed |
//! | `packet_timeout` | 60 s without a byte of a request, or for a whole reply | the connection is closed |
//! | `table_timeout` | 5 s | the connection is closed |
//!
//! Each connection is a task, owned by the task of its listener, which the [`Server`] owns. Lookups go straight to the
//! [`Table`]; changes of it are made one after the other.

mod connection;
mod left;
mod limits;
mod listen;
mod state;
mod stream;
#[cfg(test)]
mod tests;

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use self::limits::Limits;
pub use self::listen::BindError;
use self::listen::Listening;
use self::state::{Ending, State};
use super::table::{MemoryTable, Table};
use super::{DEFAULT_PORT, NodeEntry};

/// Settings of a [`Server`].
#[derive(Debug, Clone)]
#[must_use = "nothing listens before `start`"]
pub struct Builder<T = MemoryTable> {
    port: u16,
    addresses: Vec<IpAddr>,
    host_addresses: bool,
    limits: Limits,
    table: T,
}

impl Builder {
    /// How many unused names may be remembered when a new name comes, 1,000 by default: see
    /// [`MAX_UNUSED`](super::names::MAX_UNUSED).
    pub fn max_unused_names(mut self, names: usize) -> Builder {
        self.table = MemoryTable::with_max_unused(names);
        self
    }

    /// Keeps the names in `table`, see the [module](super::table).
    pub fn table<T: Table>(self, table: T) -> Builder<T> {
        let Builder { port, addresses, host_addresses, limits, .. } = self;
        Builder { port, addresses, host_addresses, limits, table }
    }
}

impl<T: Table> Builder<T> {
    /// The port to listen on, 4369 by default; 0 takes a free one, the same for all addresses.
    ///
    /// Nodes look on the port that `ERL_EPMD_PORT` names: see [`default_port`](crate::epmd::default_port).
    pub fn port(mut self, port: u16) -> Builder<T> {
        self.port = port;
        self
    }

    /// Listens on these addresses besides loopback, for nodes of other machines to find those of this one.
    ///
    /// `0.0.0.0` and `::` are all addresses of the machine.
    pub fn addresses(mut self, addresses: impl IntoIterator<Item = IpAddr>) -> Builder<T> {
        self.addresses = addresses.into_iter().collect();
        self
    }

    /// Listens on the addresses of this machine's host name too, but serves only this machine there.
    ///
    /// A node with a short name, `foo@host`, is looked for at the address of `host`, even from the same machine; where
    /// that is no loopback address, nodes of one machine find each other only with this. A connection from elsewhere is
    /// closed at once. Off by default; loopback addresses of the host name are always listened on.
    pub fn host_addresses(mut self, on: bool) -> Builder<T> {
        self.host_addresses = on;
        self
    }

    /// How long a connection may be idle that has registered nothing, and how long a reply may take to be read; 60 seconds
    /// by default.
    pub fn packet_timeout(mut self, timeout: Duration) -> Builder<T> {
        self.limits.packet_timeout = timeout;
        self
    }

    /// Lets programs of this machine end the server and drop names of others. Off by default.
    pub fn relaxed_command_check(mut self, on: bool) -> Builder<T> {
        self.limits.relaxed_command_check = on;
        self
    }

    /// How many connections there may be at once, 16,384 by default; those beyond are closed at once.
    ///
    /// Other machines may have a quarter of them. Each connection takes a file descriptor, and a process often may open
    /// no more than 1,024.
    pub fn max_connections(mut self, connections: usize) -> Builder<T> {
        self.limits.max_connections = connections;
        self
    }

    /// How many names may be registered at once, 16,384 by default; those beyond are refused.
    ///
    /// Names that an earlier server left in the table do not count.
    pub fn max_names(mut self, names: usize) -> Builder<T> {
        self.limits.max_names = names;
        self
    }

    /// How long a request may be, its length included: 3,059 bytes by default, as in OTP.
    pub fn max_request_bytes(mut self, bytes: usize) -> Builder<T> {
        self.limits.max_request_bytes = bytes;
        self
    }

    /// How long the table may take for an answer, 5 seconds by default.
    pub fn table_timeout(mut self, timeout: Duration) -> Builder<T> {
        self.limits.table_timeout = timeout;
        self
    }

    /// How often names that an earlier server left in the table are checked, every 10 seconds by default: see the
    /// [module of tables](super::table).
    pub fn left_names_check(mut self, interval: Duration) -> Builder<T> {
        self.limits.left_names_check = interval;
        self
    }

    /// Waits so long before each connection is served, to test clients with a slow epmd.
    pub fn delay_accept(mut self, delay: Duration) -> Builder<T> {
        self.limits.delay_accept = delay;
        self
    }

    /// Waits so long before each reply, to test clients with a slow epmd.
    pub fn delay_write(mut self, delay: Duration) -> Builder<T> {
        self.limits.delay_write = delay;
        self
    }

    /// Starts to listen. Must be called within a tokio runtime, which then runs the server.
    ///
    /// # Errors
    /// - [`BindError::InUse`]: another program, most likely an epmd, listens there already.
    /// - [`BindError::Address`]: an address cannot be listened on; on loopback that is an error only if it fails for
    ///   both IPv4 and IPv6.
    pub async fn start(self) -> Result<Server<T>, BindError> {
        let listening = Listening::start(self.port, &self.addresses, self.host_addresses).await?;
        Ok(self.serve(listening))
    }

    /// Starts to serve on sockets that listen already, such as those that systemd hands over; port and addresses that
    /// were set do not matter then.
    ///
    /// # Errors
    /// If a socket cannot be used.
    pub async fn start_on(self, sockets: Vec<TcpListener>) -> io::Result<Server<T>> {
        let listening = Listening::from_std(sockets).await?;
        Ok(self.serve(listening))
    }

    fn serve(self, listening: Listening) -> Server<T> {
        let (unserved, node_addresses) = (listening.unserved(), listening.node_addresses());
        let listeners = listening.listeners;
        let local_addrs: Vec<SocketAddr> = listeners.iter().map(|listener| listener.address).collect();
        let port = local_addrs.first().map_or(self.port, SocketAddr::port);
        let state = Arc::new(State::new(port, self.limits, self.table, node_addresses));
        let mut tasks = JoinSet::new();
        for listener in listeners {
            tasks.spawn(listener.run(Arc::clone(&state)));
        }
        tasks.spawn(left::watch(Arc::clone(&state)));
        tracing::debug!(addresses = ?local_addrs, "epmd listens");
        Server { port, local_addrs, unserved, state, tasks }
    }
}

/// A running epmd. It ends when it is [closed](Server::close) or dropped, or by a permitted `KILL_REQ`.
#[derive(Debug)]
pub struct Server<T = MemoryTable> {
    port: u16,
    local_addrs: Vec<SocketAddr>,
    unserved: Vec<IpAddr>,
    state: Arc<State<T>>,
    tasks: JoinSet<()>,
}

impl Server {
    /// Settings with their defaults.
    pub fn builder() -> Builder {
        Builder {
            port: DEFAULT_PORT,
            addresses: Vec::new(),
            host_addresses: false,
            limits: Limits::default(),
            table: MemoryTable::default(),
        }
    }

    /// The nodes that are registered now, the one registered last first.
    #[must_use]
    pub fn nodes(&self) -> Vec<NodeEntry> {
        self.state.table.nodes()
    }
}

impl<T: Table> Server<T> {
    /// The addresses on which the server listens.
    #[must_use]
    pub fn local_addrs(&self) -> &[SocketAddr] {
        &self.local_addrs
    }

    /// The addresses of this machine's host name on which the server does not listen.
    ///
    /// Nodes with that host in their name cannot be found there, not even from this machine: see
    /// [`host_addresses`](Builder::host_addresses).
    #[must_use]
    pub fn unserved_addresses(&self) -> &[IpAddr] {
        &self.unserved
    }

    /// The port on which the server listens.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where the names are kept. Only the server changes it.
    #[must_use]
    pub fn table(&self) -> &T {
        &self.state.table
    }

    /// Waits until the server ends by a permitted `KILL_REQ`.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn killed(&self) {
        self.state.killed().await;
    }

    /// Stops listening and closes all connections; when this returns, the port is free.
    ///
    /// The table stays as it is: the nodes have not ended.
    pub async fn close(mut self) {
        self.state.end(Ending::Closed);
        while self.tasks.join_next().await.is_some() {}
    }
}

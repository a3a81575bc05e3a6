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
//! Unlike OTP's daemon it listens on loopback only, unless told otherwise, and never lets other machines take so many
//! connections that none is left for this one.
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
//! Each connection is a task, owned by the task of its listener, which the [`Server`] owns; the table of names is behind a
//! lock that nobody holds while waiting.

mod connection;
mod listen;
mod state;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

pub use self::listen::BindError;
use self::state::{Ending, State};
use super::{DEFAULT_PORT, NodeEntry};

/// How long a connection may be idle that has registered nothing, as in OTP.
const PACKET_TIMEOUT: Duration = Duration::from_secs(60);

/// How many connections there may be at once: each takes a file descriptor and about 2 kB.
const MAX_CONNECTIONS: usize = 16 * 1024;

/// Settings of a [`Server`].
#[derive(Debug, Clone)]
#[must_use = "nothing listens before `start`"]
pub struct Builder {
    port: u16,
    addresses: Vec<IpAddr>,
    host_addresses: bool,
    limits: Limits,
}

/// What the server allows.
#[derive(Debug, Clone)]
struct Limits {
    packet_timeout: Duration,
    relaxed_command_check: bool,
    max_connections: usize,
}

impl Builder {
    /// The port to listen on, 4369 by default; 0 takes a free one, the same for all addresses.
    ///
    /// Nodes look on the port that `ERL_EPMD_PORT` names: see [`default_port`](crate::epmd::default_port).
    pub fn port(mut self, port: u16) -> Builder {
        self.port = port;
        self
    }

    /// Listens on these addresses besides loopback, for nodes of other machines to find those of this one.
    ///
    /// `0.0.0.0` and `::` are all addresses of the machine.
    pub fn addresses(mut self, addresses: impl IntoIterator<Item = IpAddr>) -> Builder {
        self.addresses = addresses.into_iter().collect();
        self
    }

    /// Listens on the addresses of this machine's host name too, but serves only this machine there.
    ///
    /// A node with a short name, `foo@host`, is looked for at the address of `host`, even from the same machine; where
    /// that is no loopback address, nodes of one machine find each other only with this. A connection from elsewhere is
    /// closed at once. Off by default; loopback addresses of the host name are always listened on.
    pub fn host_addresses(mut self, on: bool) -> Builder {
        self.host_addresses = on;
        self
    }

    /// How long a connection may be idle that has registered nothing, 60 seconds by default.
    pub fn packet_timeout(mut self, timeout: Duration) -> Builder {
        self.limits.packet_timeout = timeout;
        self
    }

    /// Lets programs of this machine end the server and drop names of others. Off by default.
    pub fn relaxed_command_check(mut self, on: bool) -> Builder {
        self.limits.relaxed_command_check = on;
        self
    }

    /// How many connections there may be at once, 16,384 by default; those beyond are closed at once.
    ///
    /// Other machines may have a quarter of them. Each connection takes a file descriptor, and a process often may open
    /// no more than 1,024.
    pub fn max_connections(mut self, connections: usize) -> Builder {
        self.limits.max_connections = connections;
        self
    }

    /// Starts to listen. Must be called within a tokio runtime, which then runs the server.
    ///
    /// # Errors
    /// - [`BindError::InUse`]: another program, most likely an epmd, listens there already.
    /// - [`BindError::Address`]: an address cannot be listened on; on loopback that is an error only if it fails for
    ///   both IPv4 and IPv6.
    pub async fn start(self) -> Result<Server, BindError> {
        let (listeners, unserved) = listen::listen(self.port, &self.addresses, self.host_addresses).await?;
        let local_addrs: Vec<SocketAddr> = listeners.iter().map(|listener| listener.address).collect();
        let port = local_addrs.first().map_or(self.port, SocketAddr::port);
        let state = Arc::new(State::new(port, self.limits));
        let mut tasks = JoinSet::new();
        for listener in listeners {
            tasks.spawn(listener.run(Arc::clone(&state)));
        }
        tracing::debug!(addresses = ?local_addrs, "epmd listens");
        Ok(Server { port, local_addrs, unserved, state, tasks })
    }
}

/// A running epmd. It ends when it is [closed](Server::close) or dropped, or by a permitted `KILL_REQ`.
#[derive(Debug)]
pub struct Server {
    port: u16,
    local_addrs: Vec<SocketAddr>,
    unserved: Vec<IpAddr>,
    state: Arc<State>,
    tasks: JoinSet<()>,
}

impl Server {
    /// Settings with their defaults.
    pub fn builder() -> Builder {
        let limits = Limits {
            packet_timeout: PACKET_TIMEOUT,
            relaxed_command_check: false,
            max_connections: MAX_CONNECTIONS,
        };
        Builder { port: DEFAULT_PORT, addresses: Vec::new(), host_addresses: false, limits }
    }

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

    /// The nodes that are registered now, the one registered last first.
    #[must_use]
    pub fn nodes(&self) -> Vec<NodeEntry> {
        self.state.nodes()
    }

    /// Waits until the server ends by a permitted `KILL_REQ`.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn killed(&self) {
        self.state.killed().await;
    }

    /// Stops listening and closes all connections; when this returns, the port is free.
    pub async fn close(mut self) {
        self.state.end(Ending::Closed);
        while self.tasks.join_next().await.is_some() {}
    }
}

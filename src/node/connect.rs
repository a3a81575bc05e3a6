//! Connections that this node makes to others, and what carries each connection once it is there.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use tokio::net::lookup_host;

use super::Node;
use super::config::Settings;
use super::connection::Connection;
use super::net_kernel::Reason;
use crate::dist::connection::Inbound;
use crate::dist::driver::{self, CloseReason, SetupError};
use crate::dist::handshake::{Established, HandshakeError, Initiate, OwnName};
use crate::dist::outbox::Outbox;
use crate::dist::packet::LengthSize;
use crate::dist::transport::Stream;
use crate::dist::{Flags, NameError, NodeName};
use crate::epmd;

/// Why there is no connection to a node.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// It can't be the name of a node, or not of one that this node talks to.
    #[error("{0}")]
    Name(NameError),
    /// This node is by itself, without distribution.
    #[error("this node does not take part in distribution")]
    NotAlive,
    /// It is this node.
    #[error("{0} is this node")]
    OwnName(NodeName),
    /// It is not among the nodes that this one was told to [allow](Node::allow).
    #[error("{0} is not among the nodes that this one allows")]
    NotAllowed(NodeName),
    /// The epmd of its host was not reached or did not answer.
    #[error("{0}")]
    Epmd(Arc<epmd::Error>),
    /// The epmd of its host does not know it.
    #[error("{node} is not running: the epmd of {host} does not know it", host = .node.host())]
    NotRunning {
        /// The node.
        node: NodeName,
    },
    /// The host in its name does not resolve.
    #[error("there is no host {host} to reach {node} on: {source}", host = .node.host())]
    UnknownHost {
        /// The node.
        node: NodeName,
        /// What the resolver says.
        source: Arc<io::Error>,
    },
    /// Nothing listens on its port.
    #[error("nothing listens on port {port} of {host}, where {node} should: has it just ended, or does it listen on \
             another address?", host = .node.host())]
    PortClosed {
        /// The node.
        node: NodeName,
        /// The port that epmd knows, or that all nodes are taken to have.
        port: u16,
    },
    /// Nothing answers at its port.
    #[error("can't connect to {node} at port {port}: {source}; is a firewall in between?")]
    Unreachable {
        /// The node.
        node: NodeName,
        /// The port that epmd knows, or that all nodes are taken to have.
        port: u16,
        /// What the operating system says.
        source: Arc<io::Error>,
    },
    /// The two nodes did not agree.
    #[error("{0}")]
    Setup(Arc<SetupError>),
    /// The connection took too long.
    #[error("{node} did not take the connection within {} s", .after.as_secs_f32())]
    Timeout {
        /// The node.
        node: NodeName,
        /// How long it had.
        after: Duration,
    },
    /// The attempt was broken off by a panic, in this crate or in what it calls, as the program's log.
    #[error("the attempt to connect to {node} was broken off")]
    BrokenOff {
        /// The node.
        node: NodeName,
    },
    /// The node that gave this one its name is gone, and the name with it.
    #[error("this node has lost its name, as {0} is gone, which gave it: start it anew")]
    NameLost(NodeName),
    /// Connections to it are not made by themselves: see [`Builder::dist_auto_connect`](super::Builder::dist_auto_connect).
    #[error("there is no connection to {0}, and none is made unless asked for: dist_auto_connect")]
    NotAutomatic(NodeName),
    /// This node is shutting down.
    #[error("this node is shutting down")]
    NodeStopped,
}

impl ConnectError {
    /// Whether the other node connects to this one at the same time, so that its connection is to be waited for.
    pub(crate) fn is_simultaneous(&self) -> bool {
        matches!(self, ConnectError::Setup(error)
            if matches!(**error, SetupError::Handshake(HandshakeError::Nok { .. })))
    }
}

impl Node {
    /// Runs `task` for as long as it likes and the node lives.
    pub(crate) fn keep(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut services = self.0.services.lock();
        services.tasks.spawn_on(task, &self.0.runtime);
        // Those that have ended make room.
        while services.tasks.try_join_next().is_some() {}
    }

    /// Whether the node serves epmd itself, as none answered when it started.
    #[must_use]
    pub fn serves_epmd(&self) -> bool {
        self.0.services.lock().epmd.is_some()
    }

    /// Connects to a node, if it is not connected yet, whatever
    /// [`dist_auto_connect`](super::Builder::dist_auto_connect) says.
    ///
    /// # Errors
    /// [`ConnectError`] says what is in the way.
    ///
    /// # Cancel safety
    /// When dropped, the attempt goes on for others who wait for it.
    ///
    /// Does what `net_kernel:connect_node/1` does.
    pub async fn connect(&self, node: &str) -> Result<(), ConnectError> {
        let name = NodeName::new(node).map_err(ConnectError::Name)?;
        if name == *self.name() {
            return Ok(());
        }
        self.connected_for(name.as_atom(), Reason::Asked).await.map(|_| ())
    }

    /// Makes a connection to `name`, from epmd to the end of the handshake.
    pub(crate) async fn connect_to(&self, name: &NodeName) -> Result<(), ConnectError> {
        let stream = self.settings().reach(name).await?;
        let settings = Initiate {
            own: OwnName::Named { name: self.name().clone(), creation: self.creation() },
            flags: self.settings().flags(),
            required: Flags::MANDATORY,
            peer: Some(name.clone()),
            cookie: self.cookies().for_node(name.as_atom()),
            challenge: rand::random(),
            length_size: LengthSize::Two,
        };
        match driver::initiate(&stream, settings, self.settings().net_setuptime, || self.is_gone(name)).await
        {
            Ok((established, input)) => {
                self.established(stream, established, input).await;
                Ok(())
            }
            Err(error) => Err(ConnectError::Setup(Arc::new(error))),
        }
    }

    pub(super) async fn established(&self, stream: Stream, established: Established, input: BytesMut) {
        let settings = self.settings();
        let address = stream.remote_addr();
        let (read, write) = stream.split();
        let outbox = Arc::new(Outbox::new(write, established.flags, settings.dist_buf_busy_limit));
        let hidden = settings.hidden || !established.peer_flags.contains(Flags::PUBLISHED);
        let connection = Arc::new(Connection::new(
            &established,
            self.net_kernel().next_connection_id(),
            address,
            outbox,
            hidden,
        ));
        if !self.connection_up(connection.clone()).await {
            connection.outbox.hang_up();
            return;
        }
        let mut ending =
            Ending { node: self.clone(), connection: connection.clone(), reason: CloseReason::ClosedHere };
        let inbound = Inbound::new(&established.peer, established.flags, settings.fragment_limits);
        let ticks = self.net_kernel().ticktime().watch(hidden);
        let (node, limit) = (self.clone(), settings.frame_limit);
        self.keep(async move {
            let outbox = connection.outbox.clone();
            let handle = |event| node.handle_event(&connection, event);
            ending.reason = driver::run(read, &outbox, inbound, ticks, limit, input, handle).await;
            if let CloseReason::Protocol(error) = &ending.reason {
                tracing::warn!(node = %connection.peer, %error, "closing the connection: the other node broke the protocol");
            }
        });
    }
}

impl Settings {
    /// What the node understands, as it tells others.
    pub(super) fn flags(&self) -> Flags {
        let flags = Flags::full_node();
        if self.hidden { flags - Flags::PUBLISHED } else { flags }
    }

    /// The port on which `name` takes connections.
    async fn port_of(&self, name: &NodeName) -> Result<u16, ConnectError> {
        if let Some(port) = self.assumed_port {
            return Ok(port);
        }
        let client = epmd::Client::new(epmd::Address::new(name.host(), self.epmd_port));
        match client.port_please(name.alive()).await {
            Ok(Some(entry)) => Ok(entry.port()),
            Ok(None) => Err(ConnectError::NotRunning { node: name.clone() }),
            Err(error) => Err(ConnectError::Epmd(Arc::new(error))),
        }
    }

    /// A stream to where `name` takes connections; who is there need not be that node.
    pub(super) async fn reach(&self, name: &NodeName) -> Result<Stream, ConnectError> {
        let port = self.port_of(name).await?;
        let (node, time) = (name.clone(), self.net_setuptime);
        let timeout = |_| ConnectError::Timeout { node: name.clone(), after: time };
        let lookup = tokio::time::timeout(time, lookup_host((name.host(), port))).await.map_err(timeout)?;
        let addresses: Vec<SocketAddr> = match lookup {
            Ok(addresses) => addresses.collect(),
            Err(source) => return Err(ConnectError::UnknownHost { node, source: Arc::new(source) }),
        };
        Stream::connect(&addresses, time).await.map_err(|error| match error.kind() {
            io::ErrorKind::TimedOut => ConnectError::Timeout { node, after: time },
            io::ErrorKind::ConnectionRefused => ConnectError::PortClosed { node, port },
            _ => ConnectError::Unreachable { node, port, source: Arc::new(error) },
        })
    }
}

/// A connection that is up. When this is dropped, it is not, whatever became of its task.
struct Ending {
    node: Node,
    connection: Arc<Connection>,
    reason: CloseReason,
}

impl Drop for Ending {
    fn drop(&mut self) {
        let Ending { node, connection, reason } = self;
        connection.outbox.close(reason.clone());
        connection.outbox.hang_up();
        node.connection_down(connection, reason);
    }
}

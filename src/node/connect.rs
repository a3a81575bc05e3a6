//! How a node comes up, and how its connections do: from here, and from others.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpStream, lookup_host};
use tokio::runtime::Handle;

use super::auth::{CookieFileError, Cookies, default_cookie, read_cookie_file};
use super::config::{Builder, CookieSource, Settings, full_name};
use super::net_kernel::Connection;
use super::registry::{Processes, References};
use super::{Inner, Node, Services};
use crate::dist::connection::Inbound;
use crate::dist::driver::{self, CloseReason, Gate, SetupError};
use crate::dist::fragment::FragmentLimits;
use crate::dist::handshake::{
    Accept, Accepted, Established, HandshakeError, Initiate, NameReceived, NameWanted, OwnName, Refusal,
};
use crate::dist::outbox::Outbox;
use crate::dist::packet::LengthSize;
use crate::dist::tick::{TickSettings, Ticker};
use crate::dist::transport::Stream;
use crate::dist::{Cookie, CookieError, Flags, NameError, NodeName};
use crate::epmd;
use crate::term::{Creation, Pid};

/// Why a node did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The name can't be that of a node.
    #[error("{0}")]
    Name(#[from] NameError),
    /// The cookie can't be one.
    #[error(transparent)]
    Cookie(#[from] CookieError),
    /// No cookie was given, and that of `erl` can't be used.
    #[error(transparent)]
    CookieFile(#[from] CookieFileError),
    /// The port for other nodes can't be listened on.
    #[error("can't listen on {address}: {source}; give another port, or 0 for any free one")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the operating system says.
        source: io::Error,
    },
    /// epmd takes no such name.
    #[error(transparent)]
    EpmdEntry(#[from] epmd::EntryError),
    /// epmd does not know the node now.
    #[error(transparent)]
    Epmd(#[from] epmd::Error),
    /// No epmd answers, and none can be served.
    #[error("no epmd answers on this host, and none can be started here: {0}")]
    ServeEpmd(#[from] epmd::BindError),
}

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
    /// The epmd of its host was not reached or did not answer.
    #[error("{0}")]
    Epmd(Arc<epmd::Error>),
    /// The epmd of its host does not know it.
    #[error("{node} is not running: the epmd of {host} does not know it", host = .node.host())]
    NotRunning {
        /// The node.
        node: NodeName,
    },
    /// Nothing answers at its port.
    #[error("can't connect to {node} at port {port}: {source}; is a firewall in between?")]
    Unreachable {
        /// The node.
        node: NodeName,
        /// The port that epmd knows.
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

/// What a node without distribution is called.
const NONODE: &str = "nonode@nohost";

impl Builder {
    /// Makes the node and its name known. It does not take connections before [`Node::listen`].
    pub(crate) async fn prepare(self) -> Result<(Node, Option<TcpListener>), StartError> {
        let name = full_name(&self.name)?;
        name.check_alive()?;
        let cookie = match self.cookie {
            CookieSource::Given(cookie) => cookie?,
            CookieSource::File(path) => read_cookie_file(&path)?,
            CookieSource::Default => default_cookie()?,
        };
        let settings = self.settings;
        let mut services = Services::default();
        let (listener, creation) = if settings.dist_listen {
            let (listener, creation) = services.publish(&name, &settings).await?;
            (Some(listener), creation)
        } else {
            // As epmd does: one that this name has hardly had before, and none of the few that old nodes had.
            (None, Creation(rand::random_range(4..=u32::MAX)))
        };
        Ok((Node::assemble(name, creation, settings, Cookies::new(cookie), services), listener))
    }
}

impl Services {
    /// Has a port listened on, and epmd know it.
    async fn publish(
        &mut self,
        name: &NodeName,
        settings: &Settings,
    ) -> Result<(TcpListener, Creation), StartError> {
        let listen_error = |source| StartError::Listen { address: settings.listen, source };
        let listener = TcpListener::bind(settings.listen).await.map_err(listen_error)?;
        self.port = listener.local_addr().map_err(listen_error)?.port();
        let mut entry = epmd::NodeEntry::new(name.alive(), self.port)?;
        if settings.hidden {
            entry = entry.hidden();
        }
        let client = epmd::Client::new(epmd::Address::new("localhost", settings.epmd_port));
        let registration = match client.register(entry.clone()).await {
            Err(epmd::Error::NotRunning { .. }) if settings.serve_epmd => {
                match epmd::Server::builder().port(settings.epmd_port).host_addresses(true).start().await {
                    Ok(server) => {
                        tracing::info!(
                            port = settings.epmd_port,
                            "no epmd answers here: this node serves it"
                        );
                        self.epmd = Some(server);
                    }
                    // Another node that starts now was faster.
                    Err(epmd::BindError::InUse { .. }) => {}
                    Err(error) => return Err(error.into()),
                }
                client.register(entry).await?
            }
            result => result?,
        };
        let creation = registration.creation();
        self.registration = Some(registration);
        Ok((listener, creation))
    }
}

impl Node {
    fn assemble(
        name: NodeName,
        creation: Creation,
        settings: Settings,
        cookies: Cookies,
        services: Services,
    ) -> Node {
        Node(Arc::new(Inner {
            pid: Pid { node: name.as_atom().clone(), id: 0, serial: 0, creation },
            references: References::new(name.as_atom().clone(), creation, rand::random()),
            processes: Processes::new(name.as_atom().clone(), creation),
            names: Default::default(),
            exports: Default::default(),
            net_kernel: Default::default(),
            attached: Default::default(),
            name,
            creation,
            settings,
            cookies,
            runtime: Handle::current(),
            started: Instant::now(),
            services: Mutex::new(services),
        }))
    }

    /// A node that nobody can connect to, and that connects to nobody.
    pub(crate) fn not_alive() -> Node {
        let name = NodeName::new(NONODE).expect("it is the name of a node");
        let settings = Settings { alive: false, ..Builder::new(NONODE).settings };
        // No connection is made, so no cookie is ever compared.
        let cookies = Cookies::new(Cookie::new("nocookie").expect("it is a cookie"));
        Node::assemble(name, Creation(0), settings, cookies, Services::default())
    }

    /// Takes connections of other nodes from now on.
    pub(crate) fn listen(&self, listener: TcpListener) {
        let node = self.clone();
        self.keep(async move {
            loop {
                match listener.accept().await {
                    Ok((tcp, _)) => {
                        let handshake = node.clone().accept(tcp);
                        node.keep(handshake);
                    }
                    Err(error) => {
                        // Out of file descriptors, as a rule: others may close some.
                        tracing::warn!(%error, "could not take a connection");
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                }
            }
        });
    }

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

    fn flags(&self) -> Flags {
        let flags = Flags::full_node();
        if self.settings().hidden { flags - Flags::PUBLISHED } else { flags }
    }

    /// Connects to a node, if it is not connected yet.
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
        self.connected(name.as_atom()).await.map(|_| ())
    }

    /// Makes a connection to `name`, from epmd to the end of the handshake.
    pub(crate) async fn connect_to(&self, name: &NodeName) -> Result<(), ConnectError> {
        let client = epmd::Client::new(epmd::Address::new(name.host(), self.settings().epmd_port));
        let entry =
            client.port_please(name.alive()).await.map_err(|error| ConnectError::Epmd(Arc::new(error)))?;
        let Some(entry) = entry else { return Err(ConnectError::NotRunning { node: name.clone() }) };
        let port = entry.port();
        let unreachable =
            |source| ConnectError::Unreachable { node: name.clone(), port, source: Arc::new(source) };
        let time = self.settings().setup_time;
        let connecting = async {
            let addresses: Vec<SocketAddr> = lookup_host((name.host(), port)).await?.collect();
            Stream::connect(&addresses).await
        };
        let stream = match tokio::time::timeout(time, connecting).await {
            Ok(stream) => stream.map_err(unreachable)?,
            Err(_) => return Err(ConnectError::Timeout { node: name.clone(), after: time }),
        };
        let settings = Initiate {
            own: OwnName::Named { name: self.name().clone(), creation: self.creation() },
            flags: self.flags(),
            required: Flags::MANDATORY,
            peer: Some(name.clone()),
            cookie: self.cookies().for_node(name.as_atom()),
            challenge: rand::random(),
            length_size: LengthSize::Two,
        };
        match driver::initiate(&stream, settings, time, || self.is_gone(name)).await {
            Ok((established, input)) => {
                self.established(stream, established, input).await;
                Ok(())
            }
            Err(error) => Err(ConnectError::Setup(Arc::new(error))),
        }
    }

    /// Takes a connection that another node has made.
    async fn accept(self, tcp: TcpStream) {
        let Ok(stream) = Stream::new(tcp) else { return };
        let settings = Accept {
            name: self.name().clone(),
            creation: self.creation(),
            flags: self.flags(),
            required: Flags::MANDATORY,
            length_size: LengthSize::Two,
        };
        let gate = NodeGate { node: &self, admitted: Mutex::new(None) };
        let result = driver::accept(&stream, settings, self.settings().setup_time, &gate).await;
        let admitted = gate.admitted.into_inner();
        match result {
            Ok((established, input)) => self.established(stream, established, input).await,
            Err(error) => {
                let address = stream.remote_addr();
                if error.is_usual() {
                    tracing::debug!(%address, %error, "a connection came to nothing");
                } else {
                    tracing::warn!(%address, %error, "refused a connection");
                }
                drop(stream);
                if let Some((name, id)) = admitted {
                    self.admitted_failed(&name, id, ConnectError::Setup(Arc::new(error)));
                }
            }
        }
    }

    async fn established(&self, stream: Stream, established: Established, input: BytesMut) {
        let settings = self.settings();
        let (read, write) = stream.split();
        let outbox = Arc::new(Outbox::new(write, established.flags, settings.busy_limit));
        let hidden = settings.hidden || !established.peer_flags.contains(Flags::PUBLISHED);
        let connection = Arc::new(Connection::new(&established, outbox, hidden));
        if !self.connection_up(connection.clone()).await {
            connection.outbox.hang_up();
            return;
        }
        let inbound = Inbound::new(&established.peer, established.flags, FragmentLimits::default());
        let ticks = TickSettings {
            net_ticktime: settings.net_ticktime,
            net_tickintensity: settings.net_tickintensity,
            peer_is_hidden: hidden,
        };
        let ticker = Ticker::new(ticks, Instant::now());
        let (node, limit) = (self.clone(), settings.frame_limit);
        self.keep(async move {
            let outbox = connection.outbox.clone();
            let handle = |event| node.handle_event(&connection, event);
            let reason = driver::run(read, &outbox, inbound, ticker, limit, input, handle).await;
            if let CloseReason::Protocol(error) = &reason {
                tracing::warn!(node = %connection.peer, %error, "closing the connection: the other node broke the protocol");
            }
            outbox.close(reason.clone());
            outbox.hang_up();
            node.connection_down(&connection, &reason);
        });
    }

    /// Ends the node: its processes, its connections, and its name at epmd.
    ///
    /// Processes get the exit signal `shutdown`, and those that have not ended a second later are killed.
    pub async fn shutdown(&self) {
        self.end_all_processes().await;
        self.close_connections().await;
        let services = std::mem::take(&mut *self.0.services.lock());
        if let Some(registration) = services.registration {
            registration.close().await;
        }
        if let Some(server) = services.epmd {
            server.close().await;
        }
        let mut tasks = services.tasks;
        tasks.shutdown().await;
        tracing::info!(node = %self.name(), "node stopped");
    }
}

/// Decides for the node who may connect.
struct NodeGate<'a> {
    node: &'a Node,
    /// Whom it let in, and by which attempt.
    admitted: Mutex<Option<(NodeName, u64)>>,
}

impl Gate for NodeGate<'_> {
    fn name_received(&self, name: &NameReceived) -> Result<(Accepted, Cookie), Refusal> {
        let (accepted, id) = self.node.admit(name)?;
        *self.admitted.lock() = Some((name.name().clone(), id));
        Ok((accepted, self.node.cookies().for_node(name.name().as_atom())))
    }

    fn name_wanted(&self, _wanted: &NameWanted) -> Option<(NodeName, Creation, Cookie)> {
        None
    }
}

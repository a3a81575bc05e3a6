//! How a node comes up: its name, its cookie, its port, and its entry at epmd.

use std::io;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Instant;

use bytes::BytesMut;
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::runtime::Handle;

use super::auth::{Allowed, Cookies};
use super::config::{Builder, CookieSource, Settings, full_name};
use super::cookie_file::{CookieFileError, default_cookie, read_cookie_file};
use super::handshakes::Handshakes;
use super::net_kernel::NetKernel;
use super::registry::{Processes, References};
use super::{ConnectError, Inner, Node, Services};
use crate::dist::driver;
use crate::dist::handshake::{Established, Initiate, OwnName};
use crate::dist::packet::LengthSize;
use crate::dist::transport::{self, Stream};
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
    /// Its name is `undefined`, and no node was said to give it another.
    #[error(
        "a node called undefined gets its name from another one: say from which, or call it something else"
    )]
    Undefined,
    /// The node that should give it a name did not.
    #[error("no name for this node: {source}")]
    NotNamed {
        /// Why there is no connection to that node.
        source: ConnectError,
    },
    /// The cookie can't be one.
    #[error(transparent)]
    Cookie(#[from] CookieError),
    /// No cookie was given, and that of `erl` can't be used.
    #[error(transparent)]
    CookieFile(#[from] CookieFileError),
    /// All ports on which the node could take connections are in use.
    #[error("{} in use on {address}: end what listens there, or give {}", ports_are(.ports), other_ports(.ports))]
    PortsInUse {
        /// Where.
        address: IpAddr,
        /// Which.
        ports: RangeInclusive<u16>,
    },
    /// The address for other nodes can't be listened on.
    #[error("can't listen on {address}: {source}; is that an address of this host?")]
    Listen {
        /// Where.
        address: IpAddr,
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

fn ports_are(ports: &RangeInclusive<u16>) -> String {
    match (ports.start(), ports.end()) {
        (first, last) if first == last => format!("port {first} is"),
        (first, last) => format!("the ports from {first} to {last} are all"),
    }
}

fn other_ports(ports: &RangeInclusive<u16>) -> &'static str {
    if ports.start() == ports.end() { "another port, or 0 for any free one" } else { "more of them" }
}

/// What a node without distribution is called.
const NONODE: &str = "nonode@nohost";

impl Builder {
    /// Makes the node and its name known. It has no connections before [`Node::open`].
    pub(crate) async fn prepare(self) -> Result<(Node, Entrance), StartError> {
        let name = full_name(&self.name)?;
        name.check_alive()?;
        let cookie = match self.cookie {
            CookieSource::Given(cookie) => cookie?,
            CookieSource::File(path) => read_cookie_file(&path)?,
            CookieSource::Default => default_cookie()?,
        };
        let cookies = Cookies::new(cookie, self.accepted_cookie.transpose()?);
        let allowed = Allowed::new(self.allow);
        let settings = self.settings;
        let auth = (cookies, allowed);
        let mut services = Services::default();
        let (own, entrance) = match self.named_by {
            Some(node) => {
                let node = full_name(&node)?;
                let (stream, established, input) = be_named(name.host(), &node, &auth, &settings).await?;
                let own = (established.own_name.clone(), established.own_creation);
                let named = Entrance::Named(Box::new((stream, established, input)));
                return Ok((Node::assemble(own, Some(node), settings, auth, services), named));
            }
            None if name.alive() == "undefined" => return Err(StartError::Undefined),
            None if settings.dist_listen => {
                let (listener, creation) = services.publish(&name, &settings).await?;
                ((name, creation), Entrance::Listener(listener))
            }
            None => ((name, random_creation()), Entrance::Closed),
        };
        Ok((Node::assemble(own, None, settings, auth, services), entrance))
    }
}

/// How the first connections of a node come about.
pub(crate) enum Entrance {
    /// Only by connecting to others.
    Closed,
    /// Others connect to it.
    Listener(TcpListener),
    /// There is one to the node that gave it its name.
    Named(Box<(Stream, Established, BytesMut)>),
}

/// Connects to `node` to be given a name on `host`.
async fn be_named(
    host: &str,
    node: &NodeName,
    (cookies, allowed): &(Cookies, Allowed),
    settings: &Settings,
) -> Result<(Stream, Established, BytesMut), StartError> {
    let failed = |error| StartError::NotNamed { source: error };
    let kind = NodeName::new(&format!("undefined@{host}"))?.kind();
    node.check_kind(kind).map_err(|error| failed(ConnectError::Name(error)))?;
    if !allowed.includes(node) {
        return Err(failed(ConnectError::NotAllowed(node.clone())));
    }
    let stream = settings.reach(node).await.map_err(failed)?;
    let initiate = Initiate {
        own: OwnName::NameMe { host: host.to_owned() },
        flags: settings.flags(),
        required: Flags::MANDATORY,
        peer: Some(node.clone()),
        cookie: cookies.for_node(node.as_atom()),
        challenge: rand::random(),
        length_size: LengthSize::Two,
    };
    match driver::initiate(&stream, initiate, settings.net_setuptime, || true).await {
        Ok((established, input)) => Ok((stream, established, input)),
        Err(error) => Err(failed(ConnectError::Setup(Arc::new(error)))),
    }
}

/// A creation without epmd: one that the name has hardly had before, and none of the few that old nodes had.
pub(super) fn random_creation() -> Creation {
    Creation(rand::random_range(4..=u32::MAX))
}

impl Services {
    /// Has a port listened on, and epmd know it unless the node does without.
    async fn publish(
        &mut self,
        name: &NodeName,
        settings: &Settings,
    ) -> Result<(TcpListener, Creation), StartError> {
        let (address, ports) = (settings.listen_address, settings.listen_ports.clone());
        let listener = match transport::listen(address, ports.clone()) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                return Err(StartError::PortsInUse { address, ports });
            }
            listener => listener.map_err(|source| StartError::Listen { address, source })?,
        };
        self.port = listener.local_addr().map_err(|source| StartError::Listen { address, source })?.port();
        if settings.assumed_port.is_some() {
            return Ok((listener, random_creation()));
        }
        let mut entry = epmd::NodeEntry::new(name.alive(), self.port)?.with_facts(&settings.facts)?;
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
        (name, creation): (NodeName, Creation),
        named_by: Option<NodeName>,
        settings: Settings,
        (cookies, allowed): (Cookies, Allowed),
        services: Services,
    ) -> Node {
        Node(Arc::new(Inner {
            pid: Pid { node: name.as_atom().clone(), id: 0, serial: 0, creation },
            references: References::new(name.as_atom().clone(), creation, rand::random()),
            processes: Processes::new(name.as_atom().clone(), creation),
            names: Default::default(),
            exports: Default::default(),
            policies: Default::default(),
            net_kernel: NetKernel::new(&settings),
            handshakes: Handshakes::new(settings.max_handshakes, settings.net_setuptime),
            dynamic_names: Default::default(),
            named_by,
            attached: Default::default(),
            group_leader: Default::default(),
            name,
            creation,
            settings,
            cookies,
            allowed,
            runtime: Handle::current(),
            started: Instant::now(),
            services: Mutex::new(services),
            stopped: Default::default(),
        }))
    }

    /// Lets the first connections of the node come about.
    pub(crate) async fn open(&self, entrance: Entrance) {
        match entrance {
            Entrance::Closed => {}
            Entrance::Listener(listener) => self.listen(listener),
            Entrance::Named(connection) => {
                let (stream, established, input) = *connection;
                self.established(stream, established, input).await;
            }
        }
    }

    /// A node that nobody can connect to, and that connects to nobody.
    pub(crate) fn not_alive() -> Node {
        let name = NodeName::new(NONODE).expect("it is the name of a node");
        let settings = Settings { alive: false, ..Builder::new(NONODE).settings };
        // No connection is made, so no cookie is ever compared.
        let cookies = Cookies::new(Cookie::new("nocookie").expect("it is a cookie"), None);
        let auth = (cookies, Allowed::default());
        Node::assemble((name, Creation(0)), None, settings, auth, Services::default())
    }
}

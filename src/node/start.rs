//! How a node comes up: its name, its cookie, its port, and its entry at epmd.

use std::io;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::runtime::Handle;

use super::auth::{Allowed, Cookies};
use super::config::{Builder, CookieSource, Settings, full_name};
use super::cookie_file::{CookieFileError, default_cookie, read_cookie_file};
use super::handshakes::Handshakes;
use super::registry::{Processes, References};
use super::{Inner, Node, Services};
use crate::dist::{Cookie, CookieError, NameError, NodeName, transport};
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
    /// Makes the node and its name known. It does not take connections before [`Node::listen`].
    pub(crate) async fn prepare(self) -> Result<(Node, Option<TcpListener>), StartError> {
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
        let mut services = Services::default();
        let (listener, creation) = if settings.dist_listen {
            let (listener, creation) = services.publish(&name, &settings).await?;
            (Some(listener), creation)
        } else {
            (None, random_creation())
        };
        Ok((Node::assemble(name, creation, settings, (cookies, allowed), services), listener))
    }
}

/// A creation without epmd: one that the name has hardly had before, and none of the few that old nodes had.
fn random_creation() -> Creation {
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
        name: NodeName,
        creation: Creation,
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
            net_kernel: Default::default(),
            handshakes: Handshakes::new(settings.max_handshakes, settings.net_setuptime),
            attached: Default::default(),
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

    /// A node that nobody can connect to, and that connects to nobody.
    pub(crate) fn not_alive() -> Node {
        let name = NodeName::new(NONODE).expect("it is the name of a node");
        let settings = Settings { alive: false, ..Builder::new(NONODE).settings };
        // No connection is made, so no cookie is ever compared.
        let cookies = Cookies::new(Cookie::new("nocookie").expect("it is a cookie"), None);
        Node::assemble(name, Creation(0), settings, (cookies, Allowed::default()), Services::default())
    }
}

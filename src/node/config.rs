//! The settings of a node.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::dist::driver::DEFAULT_SETUP_TIME;
use crate::dist::outbox::DEFAULT_BUSY_LIMIT;
use crate::dist::packet::FrameLimit;
use crate::dist::tick::{DEFAULT_NET_TICKINTENSITY, DEFAULT_NET_TICKTIME};
use crate::dist::{Cookie, CookieError, NameError, NodeName};
use crate::epmd;

/// Settings of a node that is about to start; see [`Node::builder`](super::Node::builder).
#[derive(Debug, Clone)]
pub struct Builder {
    pub(crate) name: String,
    pub(crate) cookie: CookieSource,
    pub(crate) accepted_cookie: Option<Result<Cookie, CookieError>>,
    pub(crate) allow: Vec<String>,
    pub(crate) settings: Settings,
}

/// Where the cookie is to come from.
#[derive(Debug, Clone)]
pub(crate) enum CookieSource {
    /// `~/.erlang.cookie`.
    Default,
    Given(Result<Cookie, CookieError>),
    File(PathBuf),
}

/// What does not change while a node runs.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Whether it takes part in distribution at all.
    pub(crate) alive: bool,
    pub(crate) hidden: bool,
    pub(crate) prevent_overlapping_partitions: bool,
    pub(crate) epmd_port: u16,
    pub(crate) serve_epmd: bool,
    pub(crate) dist_listen: bool,
    pub(crate) listen: SocketAddr,
    pub(crate) net_ticktime: Duration,
    pub(crate) net_tickintensity: u16,
    pub(crate) setup_time: Duration,
    pub(crate) busy_limit: usize,
    pub(crate) frame_limit: FrameLimit,
}

impl Builder {
    pub(crate) fn new(name: &str) -> Builder {
        Builder {
            name: name.to_owned(),
            cookie: CookieSource::Default,
            accepted_cookie: None,
            allow: Vec::new(),
            settings: Settings {
                alive: true,
                hidden: false,
                prevent_overlapping_partitions: true,
                epmd_port: epmd::default_port(),
                serve_epmd: true,
                dist_listen: true,
                listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0),
                net_ticktime: DEFAULT_NET_TICKTIME,
                net_tickintensity: DEFAULT_NET_TICKINTENSITY,
                setup_time: DEFAULT_SETUP_TIME,
                busy_limit: DEFAULT_BUSY_LIMIT,
                frame_limit: FrameLimit::DEFAULT,
            },
        }
    }

    /// The secret that all nodes of the cluster share. Without it, the node uses that of `erl`: `~/.erlang.cookie`.
    #[must_use]
    pub fn cookie(mut self, cookie: &str) -> Builder {
        self.cookie = CookieSource::Given(Cookie::new(cookie));
        self
    }

    /// A file that holds the cookie, and that nobody but its owner can read. It is read when the node starts.
    #[must_use]
    pub fn cookie_file(mut self, path: impl Into<PathBuf>) -> Builder {
        self.cookie = CookieSource::File(path.into());
        self
    }

    /// A second cookie with which nodes may connect to this one; see [`Node::accept_cookie`](super::Node::accept_cookie).
    #[must_use]
    pub fn accept_cookie(mut self, cookie: &str) -> Builder {
        self.accepted_cookie = Some(Cookie::new(cookie));
        self
    }

    /// Only these nodes may be connected to this one; see [`Node::allow`](super::Node::allow).
    #[must_use]
    pub fn allow(mut self, nodes: impl IntoIterator<Item = impl Into<String>>) -> Builder {
        self.allow.extend(nodes.into_iter().map(Into::into));
        self
    }

    /// Makes the node a hidden one: it is not in `nodes()` of others, and takes no part in `global`.
    #[must_use]
    pub fn hidden(mut self, hidden: bool) -> Builder {
        self.settings.hidden = hidden || !self.settings.dist_listen;
        self
    }

    /// Whether nodes that have lost the connection to each other are cut off from those that have not, so that the
    /// cluster never falls into groups that overlap. The default is true, as in OTP since release 25; it has to be
    /// the same on all nodes of a cluster.
    #[must_use]
    pub fn prevent_overlapping_partitions(mut self, prevent: bool) -> Builder {
        self.settings.prevent_overlapping_partitions = prevent;
        self
    }

    /// The port at which epmd is asked, here and on other hosts. The default is that of `ERL_EPMD_PORT`, or 4369.
    #[must_use]
    pub fn epmd_port(mut self, port: u16) -> Builder {
        self.settings.epmd_port = port;
        self
    }

    /// Whether the node serves epmd itself, on loopback, if none answers on this host. The default is true.
    #[must_use]
    pub fn serve_epmd(mut self, serve: bool) -> Builder {
        self.settings.serve_epmd = serve;
        self
    }

    /// Whether the node takes connections. The default is true. A node that does not is hidden and not registered with
    /// epmd; it can connect to others.
    ///
    /// As `erl -dist_listen`.
    #[must_use]
    pub fn dist_listen(mut self, listen: bool) -> Builder {
        self.settings.dist_listen = listen;
        self.settings.hidden |= !listen;
        self
    }

    /// The port on which the node takes connections. The default, 0, is any free one.
    #[must_use]
    pub fn dist_port(mut self, port: u16) -> Builder {
        self.settings.listen.set_port(port);
        self
    }

    /// The address on which the node takes connections. The default is all IPv4 addresses of the host, as with `erl`.
    #[must_use]
    pub fn listen_address(mut self, address: IpAddr) -> Builder {
        self.settings.listen.set_ip(address);
        self
    }

    /// How long a node may be silent before it is taken for dead, give or take a quarter; 60 s if not set. It has to be
    /// the same on all nodes of a cluster.
    #[must_use]
    pub fn net_ticktime(mut self, time: Duration) -> Builder {
        self.settings.net_ticktime = time;
        self
    }

    /// In how many ticks `net_ticktime` is divided: 4 to 1000; 4 if not set.
    #[must_use]
    pub fn net_tickintensity(mut self, ticks: u16) -> Builder {
        self.settings.net_tickintensity = ticks.clamp(4, 1000);
        self
    }

    /// How long each message of a handshake may take; 7 s if not set.
    #[must_use]
    pub fn setup_time(mut self, time: Duration) -> Builder {
        self.settings.setup_time = time;
        self
    }

    /// From how many bytes queued for one connection on senders have to wait; 1 MiB if not set.
    #[must_use]
    pub fn busy_limit(mut self, bytes: usize) -> Builder {
        self.settings.busy_limit = bytes;
        self
    }

    /// The longest frame that is read, in bytes; 1 GiB if not set.
    #[must_use]
    pub fn frame_limit(mut self, bytes: u32) -> Builder {
        self.settings.frame_limit = FrameLimit(bytes);
        self
    }
}

/// The node's name in full: a name without a host gets the short name of this one, as with `erl -sname`.
pub(crate) fn full_name(name: &str) -> Result<NodeName, NameError> {
    if name.contains('@') {
        return NodeName::new(name);
    }
    let host = gethostname::gethostname();
    let host = host.to_string_lossy();
    let short = host.split('.').next().unwrap_or_default();
    NodeName::new(&format!("{name}@{short}"))
}

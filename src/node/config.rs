//! The settings of a node.

use std::net::{IpAddr, Ipv4Addr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use super::policy::Policy;
use crate::dist::driver::DEFAULT_NET_SETUPTIME;
use crate::dist::fragment::FragmentLimits;
use crate::dist::outbox::DEFAULT_BUSY_LIMIT;
use crate::dist::packet::FrameLimit;
use crate::dist::tick::{DEFAULT_NET_TICKINTENSITY, DEFAULT_NET_TICKTIME};
use crate::dist::{Cookie, CookieError, NameError, NodeName};
use crate::epmd;

/// How many handshakes of others may be under way at once: each takes a file descriptor, of which a process has 1024 in
/// many places, and a lawful one takes some milliseconds.
const DEFAULT_MAX_HANDSHAKES: usize = 512;

/// Settings of a node that is about to start; see [`Node::builder`](super::Node::builder).
#[derive(Debug, Clone)]
pub struct Builder {
    pub(crate) name: String,
    pub(crate) cookie: CookieSource,
    pub(crate) accepted_cookie: Option<Result<Cookie, CookieError>>,
    pub(crate) allow: Vec<String>,
    pub(crate) named_by: Option<String>,
    pub(crate) policy: Policy,
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

/// Whether connections are made by themselves: [`Builder::dist_auto_connect`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DistAutoConnect {
    /// Whenever something is sent to a node, or done with a process there, and there is no connection to it.
    #[default]
    Always,
    /// So, but not any more to a node that a connection was lost to: only when [asked for](super::Node::connect), or
    /// when the other node connects; after that again once.
    Once,
    /// Only when asked for, or when the other node connects.
    Never,
}

/// What does not change while a node runs.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Whether it takes part in distribution at all.
    pub(crate) alive: bool,
    pub(crate) hidden: bool,
    pub(crate) connect_all: bool,
    pub(crate) prevent_overlapping_partitions: bool,
    pub(crate) epmd_port: u16,
    pub(crate) serve_epmd: bool,
    pub(crate) facts: epmd::Facts,
    pub(crate) dist_listen: bool,
    pub(crate) listen_address: IpAddr,
    /// From 0 to 0 for any free one.
    pub(crate) listen_ports: RangeInclusive<u16>,
    /// Without epmd: the port on which all nodes are taken to listen.
    pub(crate) assumed_port: Option<u16>,
    pub(crate) dist_auto_connect: DistAutoConnect,
    pub(crate) net_ticktime: Duration,
    pub(crate) net_tickintensity: u16,
    pub(crate) net_setuptime: Duration,
    pub(crate) max_handshakes: usize,
    pub(crate) dist_buf_busy_limit: usize,
    pub(crate) frame_limit: FrameLimit,
    pub(crate) fragment_limits: FragmentLimits,
    pub(crate) program: Program,
}

/// What the program is called by those who look at the node.
#[derive(Debug, Clone, Default)]
pub(crate) struct Program {
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) version: String,
}

impl Program {
    /// By the name of its file.
    fn by_file() -> Program {
        let path = std::env::current_exe().unwrap_or_default();
        let name =
            path.file_stem().map_or_else(|| "program".to_owned(), |name| name.to_string_lossy().into_owned());
        Program { name, ..Program::default() }
    }
}

impl Builder {
    pub(crate) fn new(name: &str) -> Builder {
        Builder {
            name: name.to_owned(),
            cookie: CookieSource::Default,
            accepted_cookie: None,
            allow: Vec::new(),
            named_by: None,
            policy: Policy::new(),
            settings: Settings {
                alive: true,
                hidden: false,
                connect_all: true,
                prevent_overlapping_partitions: true,
                epmd_port: epmd::default_port(),
                serve_epmd: true,
                facts: epmd::Facts::new(),
                dist_listen: true,
                listen_address: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
                listen_ports: 0..=0,
                assumed_port: None,
                dist_auto_connect: DistAutoConnect::Always,
                net_ticktime: DEFAULT_NET_TICKTIME,
                net_tickintensity: DEFAULT_NET_TICKINTENSITY,
                net_setuptime: DEFAULT_NET_SETUPTIME,
                max_handshakes: DEFAULT_MAX_HANDSHAKES,
                dist_buf_busy_limit: DEFAULT_BUSY_LIMIT,
                frame_limit: FrameLimit::DEFAULT,
                fragment_limits: FragmentLimits::default(),
                program: Program::by_file(),
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

    /// Who may call which of the exported functions, and what each peer may send. If not set, all may. See also
    /// [`Node::set_policy`](super::Node::set_policy).
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Builder {
        self.policy = policy;
        self
    }

    /// Has `node` (on this host if it has no `@`) give this one its name: the two are connected from the start. Of the name that the builder was made
    /// with only the host counts; by custom the rest is `undefined`. The node is hidden and takes no connections, as after
    /// [`dist_listen(false)`](Builder::dist_listen), and no epmd knows it.
    ///
    /// The name holds as long as the connection to `node`. When that ends, so do all others, and there are no new ones:
    /// [`ConnectError::NameLost`](super::ConnectError::NameLost).
    ///
    /// As `erl -sname undefined`, which gets its name when it first connects, and then from whom it connects to.
    #[must_use]
    pub fn named_by(mut self, node: &str) -> Builder {
        self.named_by = Some(node.to_owned());
        self.dist_listen(false)
    }

    /// Makes the node a hidden one: it is not in `nodes()` of others, and `global` is on it alone.
    #[must_use]
    pub fn hidden(mut self, hidden: bool) -> Builder {
        self.settings.hidden = hidden || !self.settings.dist_listen;
        self
    }

    /// Whether the node takes part in [`global`](crate::otp::global): joins the cluster of each visible node that it is
    /// connected with, connects to all members of that, and has its names. The default is true.
    ///
    /// A visible node that does not is a stranger in the midst of a cluster. It is in `nodes()` of those that it is
    /// connected with, and messages, links, monitors and calls work; but nothing makes connections to the rest. It has no
    /// global names but its own, and its own are known to nobody else. Locks work as ever, on the nodes that are named for
    /// them. The others wait for it in vain: `global:sync/0` on a node that is connected with it never returns. To look at
    /// a cluster without being in it, a [hidden](Builder::hidden) node does better.
    ///
    /// As `erl -connect_all false`, or the kernel parameter `connect_all`.
    #[must_use]
    pub fn connect_all(mut self, connect_all: bool) -> Builder {
        self.settings.connect_all = connect_all;
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

    /// Publishes a fact about the node with epmd: see [`epmd::Facts`]. Another one of this name is replaced.
    ///
    /// Who looks the node up reads it, see [`epmd::Client::port_please`]. All facts together may take about 1,000 bytes; if
    /// they take more, the node does not start. The default is none.
    #[must_use]
    pub fn fact(mut self, name: impl Into<String>, value: impl Into<String>) -> Builder {
        self.settings.facts.insert(name, value);
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
    pub fn dist_port(self, port: u16) -> Builder {
        self.dist_ports(port..=port)
    }

    /// The ports of which the node takes the first free one to take connections on.
    ///
    /// As the kernel parameters `inet_dist_listen_min` and `inet_dist_listen_max`.
    #[must_use]
    pub fn dist_ports(mut self, ports: RangeInclusive<u16>) -> Builder {
        self.settings.listen_ports = ports;
        self
    }

    /// The address on which the node takes connections. The default is all IPv4 addresses of the host, as with `erl`.
    ///
    /// `::` is all addresses of the host, IPv4 ones included, as with `erl -proto_dist inet6_tcp`. Nodes that this one
    /// connects to are reached at whatever addresses their hosts have.
    ///
    /// As the kernel parameter `inet_dist_use_interface`.
    #[must_use]
    pub fn listen_address(mut self, address: IpAddr) -> Builder {
        self.settings.listen_address = address;
        self
    }

    /// Does without epmd: the node takes connections on `port`, is registered nowhere, and takes it that every other
    /// node listens on that port of its host.
    ///
    /// As `erl -erl_epmd_port PORT`, or the kernel parameter `erl_epmd_node_listen_port`.
    #[must_use]
    pub fn without_epmd(mut self, port: u16) -> Builder {
        self.settings.assumed_port = Some(port);
        self.dist_port(port)
    }

    /// Whether a connection is made when something is sent to a node, or a process there is linked or monitored, and there is
    /// none; [`Always`](DistAutoConnect::Always) if not set. What would need one otherwise fails as if the node was not there:
    /// [`ConnectError::NotAutomatic`](super::ConnectError::NotAutomatic).
    ///
    /// With [`Never`](DistAutoConnect::Never) a cluster does not grow together by itself, and
    /// [`ping`](super::Node::ping) does not connect either, as in OTP.
    ///
    /// As the kernel parameter `dist_auto_connect`.
    #[must_use]
    pub fn dist_auto_connect(mut self, auto_connect: DistAutoConnect) -> Builder {
        self.settings.dist_auto_connect = auto_connect;
        self
    }

    /// How long a node may be silent before it is taken for dead, give or take a quarter; 60 s if not set. It has to be
    /// the same on all nodes of a cluster. [`Node::set_net_ticktime`](super::Node::set_net_ticktime) changes it while the
    /// node runs.
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

    /// How long each message of a handshake may take, of which there are four at the most, and how long it may take to
    /// reach a node at all; 7 s if not set.
    ///
    /// As the kernel parameter `net_setuptime`.
    #[must_use]
    pub fn net_setuptime(mut self, time: Duration) -> Builder {
        self.settings.net_setuptime = time;
        self
    }

    /// How many handshakes of nodes that connect to this one may be under way at once; 512 if not set, at least 1.
    ///
    /// Whoever comes when there are that many takes the place of the oldest from the address that has the most, so
    /// that those who only hold places cannot keep others out. Connections that are up don't count.
    #[must_use]
    pub fn max_handshakes(mut self, handshakes: usize) -> Builder {
        self.settings.max_handshakes = handshakes.max(1);
        self
    }

    /// From how many bytes queued for one connection on senders have to wait; 1 MiB if not set.
    /// [`Node::connection_info`](super::Node::connection_info) tells who waits.
    ///
    /// As `erl +zdbbl`, which is in KiB, and `erlang:system_info(dist_buf_busy_limit)`.
    #[must_use]
    pub fn dist_buf_busy_limit(mut self, bytes: usize) -> Builder {
        self.settings.dist_buf_busy_limit = bytes;
        self
    }

    /// The longest frame that is read, in bytes; 1 GiB if not set. Who sends a longer one is disconnected.
    #[must_use]
    pub fn frame_limit(mut self, bytes: u32) -> Builder {
        self.settings.frame_limit = FrameLimit(bytes);
        self
    }

    /// How much of messages that come in fragments may be incomplete on each connection: 2^18 messages and 4 GiB if not
    /// set, which no BEAM node exceeds. Who sends more is disconnected.
    #[must_use]
    pub fn fragment_limits(mut self, limits: FragmentLimits) -> Builder {
        self.settings.fragment_limits = limits;
        self
    }

    /// What the program is called where the node shows its applications: in `application:which_applications()`, and on
    /// the Applications page of `observer`. If not set, the name is that of the program's file, and the others are empty.
    ///
    /// As the keys of an application's `.app` file.
    #[must_use]
    pub fn application(mut self, name: &str, description: &str, version: &str) -> Builder {
        let (name, description, version) = (name.to_owned(), description.to_owned(), version.to_owned());
        self.settings.program = Program { name, description, version };
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

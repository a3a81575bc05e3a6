//! The running node: processes, connections, and the way of signals between them.
//!
//! [`Node`] is a handle that can be cloned and used from anywhere in the program. [`Process`] is what the code that
//! runs as a process gets: it can be sent to, and do to other processes, here or on other nodes, all that a BEAM
//! process can.

// Numbers of this node's own making are packed into the fields of pids and references.
#![expect(clippy::cast_possible_truncation, reason = "they are masked before")]

mod apply;
mod attached;
mod auth;
mod busy;
mod config;
mod connect;
mod connection;
mod context;
mod cookie_file;
mod crash;
mod dest;
mod dynamic_names;
mod erlang;
mod exports;
mod global_names;
mod handshakes;
mod inbound;
mod leader_log;
mod listen;
mod mailbox_limit;
mod modules;
mod net_kernel;
mod node_monitor;
mod outbound;
mod policy;
mod process_facts;
mod process_info;
mod registry;
mod router;
mod send_to_many;
mod seq_trace;
mod shutdown;
mod spawn;
mod spawn_at;
mod spawn_request;
mod start;
#[cfg(test)]
pub(crate) mod tests;

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, RwLock};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

pub(crate) use self::apply::MAX_ARGUMENTS;
pub use self::busy::ConnectionInfo;
pub use self::config::{Builder, DistAutoConnect};
pub use self::connect::ConnectError;
pub use self::context::Process;
pub use self::cookie_file::{CookieFileError, default_cookie, read_cookie_file};
pub(crate) use self::crash::{Shortened, external_fun, in_sasl, labels, origin};
pub use self::dest::{Dest, SendError, TrySendError};
pub(crate) use self::erlang::memory::Memory;
pub use self::exports::{Arguments, Caller, Class, Raise};
pub(crate) use self::exports::{CallFrom, to_arguments};
pub(crate) use self::global_names::GlobalNames;
pub(crate) use self::leader_log::{LeaderEvent, atom_map};
pub use self::leader_log::{Level, UnknownLevel};
pub use self::mailbox_limit::{MailboxLimit, Overflow, SpawnOpt};
pub use self::net_kernel::{NetTicktime, NodeInfo, NodeType, TicktimeChange};
pub use self::node_monitor::NodeMonitorOptions;
pub(crate) use self::policy::Origin;
pub use self::policy::{CallRequest, PeerLimits, Policy, PolicyError, Rule};
pub(crate) use self::registry::ProcessCell;
pub use self::registry::{InitialCall, RegisterError};
pub(crate) use self::seq_trace::Sent;
pub(crate) use self::spawn::{SpawnOptions, TemporaryProcess};
pub use self::spawn_at::SpawnError;
pub(crate) use self::spawn_at::SpawnRequest;
pub(crate) use self::spawn_request::{WireOptions, run_function};
pub use self::start::StartError;

use self::attached::Attached;
use self::auth::{Allowed, Cookies};
use self::config::{Program, Settings};
use self::dynamic_names::DynamicNames;
use self::exports::Exports;
use self::handshakes::Handshakes;
use self::net_kernel::NetKernel;
use self::policy::Policies;
use self::registry::{Names, Processes, References};
use crate::dist::{Cookie, CookieError, NodeName};
use crate::epmd;
use crate::term::{Atom, Creation, Pid, Reference};

/// A running node.
///
/// Cloning gives another handle to the same node. The node does not end with its last handle, as a task that was
/// spawned does not: its processes go on, each with a handle of its own, and other nodes reach them. It ends by
/// [`shutdown`](Node::shutdown), or with the tokio runtime that it was started in.
#[derive(Debug, Clone)]
pub struct Node(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    name: NodeName,
    creation: Creation,
    started: Instant,
    /// The sender of what no process sends.
    pid: Pid,
    settings: Settings,
    cookies: Cookies,
    allowed: Allowed,
    runtime: Handle,
    processes: Processes,
    names: Names,
    references: References,
    exports: Exports,
    policies: Policies,
    net_kernel: NetKernel,
    /// Those of nodes that connect to this one.
    handshakes: Handshakes,
    dynamic_names: DynamicNames,
    named_by: Option<NodeName>,
    attached: Attached,
    /// The group leader of what has no other.
    group_leader: RwLock<Option<Pid>>,
    /// What runs for as long as the node does, and its name at epmd.
    services: Mutex<Services>,
    /// Set when the node begins to end; becomes true when it has.
    stopped: OnceLock<watch::Receiver<bool>>,
}

#[derive(Debug, Default)]
struct Services {
    tasks: JoinSet<()>,
    listener: Option<JoinHandle<()>>,
    registration: Option<epmd::Registration>,
    epmd: Option<epmd::Server>,
    port: u16,
}

impl Node {
    /// Settings for a node of this name: `name@host`, or only `name`, to which the short name of this host is added.
    ///
    /// A host with a dot makes it a node with a long name; those only talk to others of their kind.
    pub fn builder(name: &str) -> Builder {
        Builder::new(name)
    }

    /// The node's full name.
    #[must_use]
    pub fn name(&self) -> &NodeName {
        &self.0.name
    }

    /// Which incarnation of its name it is.
    #[must_use]
    pub fn creation(&self) -> Creation {
        self.0.creation
    }

    /// How long ago it started.
    #[must_use]
    pub fn uptime(&self) -> Duration {
        self.0.started.elapsed()
    }

    /// The port on which it takes connections; 0 if it takes none.
    #[must_use]
    pub fn dist_port(&self) -> u16 {
        self.0.services.lock().port
    }

    /// Whether it takes part in distribution: all do but [`Node::nonode`].
    ///
    /// Does what `is_alive/0` does.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.settings().alive
    }

    /// Whether it is a hidden node.
    #[must_use]
    pub fn is_hidden(&self) -> bool {
        self.settings().hidden
    }

    pub(crate) fn epmd_port(&self) -> u16 {
        self.settings().epmd_port
    }

    pub(crate) fn connects_all(&self) -> bool {
        self.settings().connect_all
    }

    pub(crate) fn prevents_overlapping_partitions(&self) -> bool {
        self.settings().prevent_overlapping_partitions
    }

    /// The pid that stands for the node itself: it sends what is sent outside of any process.
    pub(crate) fn pid(&self) -> &Pid {
        &self.0.pid
    }

    /// The group leader of processes that are not given another: `user`, once that runs.
    pub(crate) fn default_group_leader(&self) -> Pid {
        self.0.group_leader.read().as_ref().unwrap_or(&self.0.pid).clone()
    }

    pub(crate) fn set_default_group_leader(&self, leader: &Pid) {
        *self.0.group_leader.write() = Some(leader.clone());
    }

    /// A new reference, unique among all that the connected nodes make.
    ///
    /// Does what `make_ref/0` does.
    #[must_use]
    pub fn make_ref(&self) -> Reference {
        self.0.references.next()
    }

    /// Registers `pid`, a process of this node, under `name`.
    ///
    /// # Errors
    /// [`RegisterError`]: the name is taken, the process has one already or is no process of this node, or the name is
    /// `undefined`.
    ///
    /// # Panics
    /// When `name` is longer than an atom can be.
    ///
    /// Does what `register/2` does.
    pub fn register(&self, name: &str, pid: &Pid) -> Result<(), RegisterError> {
        let name = Atom::new(name).expect("a name of at most 255 characters");
        let cell = self.local(pid).ok_or(RegisterError::NoProcess)?;
        self.names().register(name, &cell)
    }

    /// Gives a registered name back; true if it was registered.
    ///
    /// Does what `unregister/1` does.
    pub fn unregister(&self, name: &str) -> bool {
        self.names().unregister(name)
    }

    /// The process registered under `name`.
    ///
    /// Does what `whereis/1` does.
    #[must_use]
    pub fn whereis(&self, name: &str) -> Option<Pid> {
        self.names().whereis(name).map(|cell| cell.pid.clone())
    }

    /// The registered names.
    ///
    /// Does what `registered/0` does.
    #[must_use]
    pub fn registered(&self) -> Vec<Atom> {
        self.names().all()
    }

    /// The processes of this node.
    ///
    /// Does what `processes/0` does.
    #[must_use]
    pub fn processes(&self) -> Vec<Pid> {
        self.process_table().all().iter().map(|cell| cell.pid.clone()).collect()
    }

    /// Whether the process lives; always false for processes of other nodes.
    ///
    /// Does what `is_process_alive/1` does.
    #[must_use]
    pub fn is_process_alive(&self, pid: &Pid) -> bool {
        self.local(pid).is_some_and(|cell| !cell.state.lock().has_ended())
    }

    /// The cookie for one other node, in place of the one for all: this node connects to it with that cookie, and it
    /// has to connect with that cookie, too. For this node's own name it is the cookie for all.
    ///
    /// Does what `erlang:set_cookie/2` does.
    ///
    /// # Errors
    /// When `cookie` can't be one.
    pub fn set_cookie_for(&self, node: &NodeName, cookie: &str) -> Result<(), CookieError> {
        if node == self.name() {
            return self.set_cookie(cookie);
        }
        self.0.cookies.set(node.as_atom().clone(), Cookie::new(cookie)?);
        Ok(())
    }

    /// Another cookie for all nodes without one of their own. Connections that are up stay up.
    ///
    /// Does what `erlang:set_cookie/1` does.
    ///
    /// # Errors
    /// When `cookie` can't be one.
    pub fn set_cookie(&self, cookie: &str) -> Result<(), CookieError> {
        self.0.cookies.set_default(Cookie::new(cookie)?);
        Ok(())
    }

    /// A second cookie with which nodes may connect to this one, until it is set again; `None` for no more. This node
    /// itself connects with the cookie for all. Nodes with a cookie of their own have to use that.
    ///
    /// So a cluster can change its cookie while it runs: have each node accept the new one, then
    /// [set](Node::set_cookie) it on each and have the old one accepted, then drop the old one on each.
    ///
    /// OTP has nothing like it.
    ///
    /// # Errors
    /// When `cookie` can't be one.
    pub fn accept_cookie(&self, cookie: Option<&str>) -> Result<(), CookieError> {
        self.0.cookies.set_accepted(cookie.map(Cookie::new).transpose()?);
        Ok(())
    }

    /// Adds to the list of nodes that may connect to this one, and that this one connects to. As long as that is empty,
    /// all may who know the cookie. Each entry is `name@host`, or `host` for all nodes there, or `name@` for nodes of
    /// that name anywhere. Connections that are up stay up.
    ///
    /// A node that is not on the list is told so when it connects (status `not_allowed`); to connect to one fails with
    /// [`ConnectError::NotAllowed`].
    ///
    /// Does what `net_kernel:allow/1` does, which takes only whole names for nodes that are connected to.
    pub fn allow(&self, nodes: impl IntoIterator<Item = impl Into<String>>) {
        self.0.allowed.add(nodes.into_iter().map(Into::into));
    }

    /// The list of nodes that may be connected to this one; empty if all may.
    ///
    /// Does what `net_kernel:allowed/0` does.
    #[must_use]
    pub fn allowed(&self) -> Vec<String> {
        self.0.allowed.all()
    }

    /// The process `pid`, if it lives on this node.
    fn local(&self, pid: &Pid) -> Option<Arc<registry::ProcessCell>> {
        self.process_table().get(pid)
    }

    pub(crate) fn runtime(&self) -> &Handle {
        &self.0.runtime
    }

    pub(crate) fn process_table(&self) -> &Processes {
        &self.0.processes
    }

    pub(crate) fn names(&self) -> &Names {
        &self.0.names
    }

    pub(crate) fn references(&self) -> &References {
        &self.0.references
    }

    fn exports(&self) -> &Exports {
        &self.0.exports
    }

    fn policies(&self) -> &Policies {
        &self.0.policies
    }

    fn net_kernel(&self) -> &NetKernel {
        &self.0.net_kernel
    }

    fn dynamic_names(&self) -> &DynamicNames {
        &self.0.dynamic_names
    }

    fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// What the program is called.
    pub(crate) fn program(&self) -> &Program {
        &self.settings().program
    }

    fn cookies(&self) -> &Cookies {
        &self.0.cookies
    }

    fn allowed_nodes(&self) -> &Allowed {
        &self.0.allowed
    }
}

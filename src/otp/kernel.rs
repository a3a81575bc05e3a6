//! The services that other nodes expect of every node: what OTP's kernel application is to a BEAM node.

use super::kernel_sup::{supervise, supervise_calls};
use super::{
    application, code, erpc, global, io, kernel_sup, logger, net_adm, net_kernel, observer, pg, proc_lib,
    rpc, shell, supervisor, sys,
};
use crate::node::{Builder, Node, StartError};

impl Builder {
    /// Starts the node: it gets its name at epmd, and other nodes can connect from now on.
    ///
    /// # Errors
    /// [`StartError`] says what is in the way: the name is taken, the cookie file can be read by others, the port is
    /// in use, no epmd.
    pub async fn start(self) -> Result<Node, StartError> {
        self.start_with(async |_| ()).await
    }

    /// As [`start`](Builder::start), but other nodes can connect only when `setup` is done: what it exports, spawns
    /// and registers is there for the first of them.
    ///
    /// # Errors
    /// As for [`start`](Builder::start).
    pub async fn start_with(self, setup: impl AsyncFnOnce(&Node)) -> Result<Node, StartError> {
        let policy = self.policy.clone();
        let (node, entrance) = self.prepare().await?;
        node.set_policy(policy);
        start_services(&node);
        setup(&node).await;
        node.open(entrance).await;
        Ok(node)
    }
}

impl Node {
    /// A node by itself, `nonode@nohost`, as `erl` starts one without a name: it has processes, names and servers,
    /// but takes no part in distribution. It has to be made within a tokio runtime.
    ///
    /// ```
    /// use erlnode::node::Node;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let node = Node::nonode();
    /// let sum: Result<i64, _> = node.erpc("nonode@nohost").call("math", "add", (1, 2)).await;
    /// assert!(sum.is_err(), "nothing is exported yet");
    /// # }
    /// ```
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    #[must_use]
    pub fn nonode() -> Node {
        let node = Node::not_alive();
        start_services(&node);
        node
    }
}

/// Before the first connection: a BEAM node talks to them as soon as it is connected.
fn start_services(node: &Node) {
    erpc::export(node);
    proc_lib::export(node);
    io::export(node);
    net_kernel::export(node);
    net_adm::export(node);
    code::export(node);
    sys::export(node);
    supervisor::export(node);
    application::export(node);
    observer::export(node);
    node.export_standard_functions();
    supervise(node, Some(kernel_sup::NAME), kernel_sup::kernel_sup);
    supervise(node, Some(application::CONTROLLER), application::controller);
    shell::export(node);
    logger::start(node);
    supervise(node, Some("user"), io::user);
    supervise_calls(node, "net_kernel", net_kernel::net_kernel);
    supervise_calls(node, "rex", rpc::rex);
    pg::prepare(node);
    global::start(node);
}

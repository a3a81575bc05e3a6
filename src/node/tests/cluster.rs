//! An epmd, and nodes that know each other by it.

use crate::epmd;
use crate::node::{Builder, Node};

pub(crate) struct Cluster {
    epmd: epmd::Server,
}

pub(crate) const COOKIE: &str = "cookie";

impl Cluster {
    pub(crate) async fn new() -> Cluster {
        let epmd = epmd::Server::builder().port(0).start().await.expect("a free port");
        Cluster { epmd }
    }

    pub(super) fn epmd_port(&self) -> u16 {
        self.epmd.port()
    }

    /// Settings for a node `name@localhost`. It is hidden, so that it only sends what it is told to.
    pub(crate) fn builder(&self, name: &str) -> Builder {
        Node::builder(&format!("{name}@localhost"))
            .cookie(COOKIE)
            .hidden(true)
            .epmd_port(self.epmd.port())
            .serve_epmd(false)
            .listen_address([127, 0, 0, 1].into())
    }

    pub(crate) async fn node(&self, name: &str) -> Node {
        self.builder(name).start().await.expect("a node starts")
    }

    /// Whether the epmd knows a node of this alive name.
    pub(crate) async fn knows(&self, alive: &str) -> bool {
        let client = epmd::Client::new(epmd::Address::new("localhost", self.epmd.port()));
        client.port_please(alive).await.expect("the epmd answers").is_some()
    }
}

/// Two nodes, connected.
pub(crate) async fn pair() -> (Cluster, Node, Node) {
    let cluster = Cluster::new().await;
    let (a, b) = (cluster.node("a").await, cluster.node("b").await);
    a.connect("b@localhost").await.expect("the nodes connect");
    (cluster, a, b)
}

//! The nodes that are measured, two of each kind, and the node that tells them what to do.

use std::time::Duration;

use erlnode::node::{Node, Process};
use erlnode::process::Exit;
use erlnode::term::Atom;
use interop_tests::{BeamNode, Epmd, NodeOptions, Release, RustNode, unique_name};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::oneshot;

/// The playground of a Rust node, for a BEAM node.
const PLAYGROUND: &str = include_str!("rust.erl");

/// How long a call may take that makes a node do the work of one round: far more than it should.
const LIMIT: Duration = Duration::from_secs(300);

/// What a node runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Beam,
    Rust,
}

impl Kind {
    pub(crate) const ALL: [Kind; 2] = [Kind::Beam, Kind::Rust];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Beam => "BEAM",
            Kind::Rust => "Rust",
        }
    }
}

/// Two nodes of which the first has something done by the second.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pair {
    pub(crate) name: &'static str,
    pub(crate) from: Kind,
    pub(crate) to: Kind,
}

impl Pair {
    /// The pair that the others are compared with comes first.
    pub(crate) const ALL: [Pair; 4] = [
        Pair { name: "BEAM → BEAM", from: Kind::Beam, to: Kind::Beam },
        Pair { name: "BEAM → Rust", from: Kind::Beam, to: Kind::Rust },
        Pair { name: "Rust → BEAM", from: Kind::Rust, to: Kind::Beam },
        Pair { name: "Rust → Rust", from: Kind::Rust, to: Kind::Rust },
    ];
}

/// A node with the playground on it.
#[derive(Debug)]
pub(crate) enum TestNode {
    Beam(BeamNode),
    Rust(RustNode),
}

impl TestNode {
    async fn start(kind: Kind, release: Release, epmd: &Epmd) -> TestNode {
        let options = NodeOptions::with(epmd);
        match kind {
            Kind::Rust => TestNode::Rust(RustNode::start(options).await),
            Kind::Beam => {
                let node = BeamNode::start(release, options).await;
                node.load_module("rust", PLAYGROUND).await;
                node.expect("rust:start()", "ok").await;
                TestNode::Beam(node)
            }
        }
    }

    pub(crate) fn name(&self) -> &str {
        match self {
            TestNode::Beam(node) => node.name(),
            TestNode::Rust(node) => node.name(),
        }
    }

    /// The process id of the operating system.
    pub(crate) fn os_pid(&self) -> u32 {
        match self {
            TestNode::Beam(node) => node.pid(),
            TestNode::Rust(node) => node.pid(),
        }
    }

    /// The process of this name, as a term that functions of the playground take.
    pub(crate) fn registered(&self, name: &str) -> (Atom, Atom) {
        (Atom::new(name).expect("a short name"), self.atom())
    }

    pub(crate) fn atom(&self) -> Atom {
        Atom::new(self.name()).expect("the name of a node is an atom")
    }
}

/// Everything that runs.
#[derive(Debug)]
pub(crate) struct Cluster {
    release: Release,
    epmd: Epmd,
    /// For each kind the node that has things done, and the one that does them.
    nodes: [[TestNode; 2]; 2],
    /// Tells the others what to do; hidden, so that nobody minds it.
    control: Node,
}

impl Cluster {
    pub(crate) async fn start(release: Release) -> Cluster {
        let epmd = Epmd::start(release).await;
        let pair = async |kind| {
            [TestNode::start(kind, release, &epmd).await, TestNode::start(kind, release, &epmd).await]
        };
        let nodes = [pair(Kind::Beam).await, pair(Kind::Rust).await];
        let cookie = match &nodes[0][0] {
            TestNode::Beam(node) => node.cookie(),
            TestNode::Rust(node) => node.cookie(),
        };
        let control =
            Node::builder(&unique_name("control")).cookie(cookie).epmd_port(epmd.port()).hidden(true);
        let control = control.start().await.expect("the node that controls the others starts");
        Cluster { release, epmd, nodes, control }
    }

    pub(crate) fn from(&self, pair: Pair) -> &TestNode {
        let [from, _] = &self.nodes[pair.from as usize];
        from
    }

    pub(crate) fn to(&self, pair: Pair) -> &TestNode {
        let [_, to] = &self.nodes[pair.to as usize];
        to
    }

    /// One more node, that nothing was done on yet.
    pub(crate) async fn fresh(&self, kind: Kind) -> TestNode {
        let node = TestNode::start(kind, self.release, &self.epmd).await;
        // It is to be connected before something is measured.
        self.call::<_, i64>(&node, "add", (1, 2)).await;
        node
    }

    /// Where a node listens, and with which cookie.
    pub(crate) fn listener(&self, node: &TestNode) -> (u16, String) {
        let alive = node.name().split('@').next().unwrap_or_default().to_owned();
        let names = self.epmd.names();
        let port = names.into_iter().find(|(name, _)| *name == alive).map(|(_, port)| port);
        let cookie = match node {
            TestNode::Beam(node) => node.cookie(),
            TestNode::Rust(node) => node.cookie(),
        };
        (port.expect("a node is registered"), cookie.to_owned())
    }

    /// Calls a function of the playground.
    ///
    /// # Panics
    /// If it fails: what is compared then would be two different things.
    pub(crate) async fn call<A, R>(&self, on: &TestNode, function: &str, arguments: A) -> R
    where
        A: Serialize + Send,
        R: DeserializeOwned + 'static,
    {
        let called = self.control.erpc(on.name()).call("rust", function, arguments).timeout(LIMIT);
        called.await.unwrap_or_else(|error| panic!("rust:{function} on {}: {error}", on.name()))
    }

    /// Runs `body` as a process of the node that controls the others.
    ///
    /// # Panics
    /// If it fails.
    pub(crate) async fn in_process<T, F, Fut>(&self, body: F) -> T
    where
        T: Send + 'static,
        F: FnOnce(Process) -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, Exit>> + Send + 'static,
    {
        let (done, result) = oneshot::channel();
        self.control.spawn(|process| {
            let body = body(process);
            async move {
                let _ = done.send(body.await);
                Ok(())
            }
        });
        result.await.expect("the process ends by itself").expect("what it does succeeds")
    }

    /// The release that the BEAM nodes run, with the version of its virtual machine.
    pub(crate) async fn otp(&self) -> String {
        let [[node, _], _] = &self.nodes;
        let TestNode::Beam(node) = node else { return self.release.to_string() };
        let version = node.eval("list_to_atom(erlang:system_info(version))").await;
        let version = version.expect("a node knows its version");
        format!("{} (ERTS {})", self.release, version.trim_matches('\''))
    }

    /// Ends all nodes.
    pub(crate) async fn end(self) {
        self.control.shutdown().await;
    }
}

//! How a node of a test is to be started.

use crate::epmd::Epmd;
use crate::names::{short_host, unique_alive_name};

/// The cookie of nodes that are given none.
const DEFAULT_COOKIE: &str = "interop";

/// Name, cookie, port mapper and flags of a node; the same for Erlang, Elixir and Rust nodes.
///
/// Without more said: a visible node with a name of its own, short if this machine allows it, and a cookie that all
/// such nodes share.
#[derive(Debug, Clone)]
pub struct NodeOptions {
    name: Option<String>,
    pub(crate) cookie: String,
    pub(crate) hidden: bool,
    pub(crate) mapper: Mapper,
    pub(crate) arguments: Vec<String>,
    pub(crate) environment: Vec<(String, String)>,
    long_names: bool,
    undefined: bool,
}

/// Where the node registers.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Mapper {
    /// With the daemon on this port, there or not.
    Epmd(u16),
    /// Nowhere: it listens on this port and takes it that all others do.
    FixedPort(u16),
}

impl NodeOptions {
    /// A node that registers with `epmd`.
    #[must_use]
    pub fn with(epmd: &Epmd) -> NodeOptions {
        NodeOptions::with_epmd_port(epmd.port())
    }

    /// A node that registers with whatever daemon listens on `port`.
    #[must_use]
    pub fn with_epmd_port(port: u16) -> NodeOptions {
        NodeOptions {
            name: None,
            cookie: DEFAULT_COOKIE.to_owned(),
            hidden: false,
            mapper: Mapper::Epmd(port),
            arguments: Vec::new(),
            environment: Vec::new(),
            long_names: false,
            undefined: false,
        }
    }

    /// A node without a port mapper: it listens on `port`, as `erl -erl_epmd_port` does.
    #[must_use]
    pub fn without_epmd(port: u16) -> NodeOptions {
        NodeOptions { mapper: Mapper::FixedPort(port), ..NodeOptions::with_epmd_port(port) }
    }

    /// Gives it this name: `name` on this host, or a full `name@host`, which makes it a long name if the host has a
    /// dot.
    #[must_use]
    pub fn name(mut self, name: &str) -> NodeOptions {
        self.name = Some(name.to_owned());
        self
    }

    /// Gives it a long name on 127.0.0.1.
    #[must_use]
    pub fn long_names(mut self) -> NodeOptions {
        self.long_names = true;
        self
    }

    /// An Erlang node without a name, which gets one from the first node that it connects to; till then, and in what
    /// [`BeamNode::name`](crate::BeamNode::name) says, it is `nonode@nohost`.
    #[must_use]
    pub fn undefined(mut self) -> NodeOptions {
        self.undefined = true;
        self
    }

    /// Gives it this cookie.
    #[must_use]
    pub fn cookie(mut self, cookie: &str) -> NodeOptions {
        cookie.clone_into(&mut self.cookie);
        self
    }

    /// Makes it a hidden node.
    #[must_use]
    pub fn hidden(mut self) -> NodeOptions {
        self.hidden = true;
        self
    }

    /// Adds flags of `erl` or, for a Rust node, options of `erlnode start`. For Elixir they cannot hold spaces.
    #[must_use]
    pub fn arguments<'a>(mut self, arguments: impl IntoIterator<Item = &'a str>) -> NodeOptions {
        self.arguments.extend(arguments.into_iter().map(str::to_owned));
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn environment(mut self, name: &str, value: &str) -> NodeOptions {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The name to start it under; `prefix` begins one that was not given.
    pub(crate) fn node_name(&self, prefix: &str) -> NodeName {
        if self.undefined {
            let long = short_host().is_none() || self.long_names;
            let argument = if long { "undefined@127.0.0.1" } else { "undefined" };
            return NodeName { full: "nonode@nohost".to_owned(), long, argument: argument.to_owned() };
        }
        let name = self.name.clone().unwrap_or_else(|| unique_alive_name(prefix));
        let full = match (name.contains('@'), short_host()) {
            (true, _) => name,
            (false, Some(host)) if !self.long_names => format!("{name}@{host}"),
            (false, _) => format!("{name}@127.0.0.1"),
        };
        let long = full.rsplit('@').next().is_some_and(|host| host.contains(['.', ':']));
        let argument =
            if long { full.clone() } else { full.split('@').next().unwrap_or_default().to_owned() };
        NodeName { full, long, argument }
    }
}

/// A node's name, and of which kind it is.
#[derive(Debug, Clone)]
pub(crate) struct NodeName {
    pub(crate) full: String,
    pub(crate) long: bool,
    argument: String,
}

impl NodeName {
    /// What follows `-sname` or `-name` on a command line.
    pub(crate) fn argument(&self) -> &str {
        &self.argument
    }
}

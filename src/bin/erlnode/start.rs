//! `erlnode start`: a node with something on it to talk to.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use erlnode::dist::{NameKind, NodeName};
use erlnode::epmd;
use erlnode::node::{Builder, Node, Policy, Rule};

use crate::connections::ConnectionOptions;
use crate::cookie::{AcceptedCookie, CookieOptions};
use crate::playground;

/// How long the end of the node may take before the command ends anyway.
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(4);

/// Run a node: a member of a cluster, with a few processes and functions to talk to.
///
/// Registered processes are echo, counter, sink and source; the functions are in module rust, for instance rust:add(1, 2).
/// If no epmd answers on this machine, the node serves it, too, for this machine only. It runs until SIGTERM or Ctrl-C.
///
/// What it logs goes to standard error; ERLNODE_LOG=debug shows more, ERLNODE_LOG=off nothing.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  erlnode start --sname rust --cookie secret\n  \
    iex --sname me --cookie secret    then: Node.connect(:rust@thishost); :erpc.call(:rust@thishost, :rust, :add, [1, 2])")]
pub(crate) struct Start {
    #[command(flatten)]
    name: Name,
    #[command(flatten)]
    cookie: CookieOptions,
    #[command(flatten)]
    accepted_cookie: AcceptedCookie,
    /// Be a hidden node: not in nodes() of others, and not connected to all of them by itself.
    #[arg(long)]
    hidden: bool,
    /// Publish this about the node with epmd, for `erlnode names --json` and programs; may be given several times.
    #[arg(long, value_name = "NAME=VALUE", value_parser = fact)]
    fact: Vec<(String, String)>,
    /// Let nodes call some functions or not, as "allow rust:add/2 from web@host" or "deny rust:spawn_idle"; of several the
    /// first that fits a call decides. With "deny *" as the last, all others are denied.
    #[arg(long, value_name = "RULE")]
    policy: Vec<Rule>,
    /// Connect to this node at the start; may be given several times.
    #[arg(long, value_name = "NODE")]
    connect: Vec<String>,
    #[command(flatten)]
    connections: ConnectionOptions,
    /// Take connections on this port instead of any free one; or, as MIN-MAX, on the first free one of several.
    #[arg(long, value_name = "PORT", env = "ERL_DIST_PORT", value_parser = ports)]
    dist_port: Option<RangeInclusive<u16>>,
    /// Take connections on this address of the host only; on :: by IPv6, too [default: all IPv4 addresses].
    #[arg(long, value_name = "ADDRESS")]
    listen_address: Option<IpAddr>,
    /// Do without epmd: all nodes listen on the port that --dist-port gives, as with erl -erl_epmd_port.
    #[arg(long, requires = "dist_port")]
    no_epmd: bool,
}

/// `NAME=VALUE`.
fn fact(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("not a fact as NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// `PORT` or `MIN-MAX`.
fn ports(text: &str) -> Result<RangeInclusive<u16>, String> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    match (first.parse(), last.parse()) {
        (Ok(first @ 1..), Ok(last)) if first <= last => Ok(first..=last),
        _ => Err("not a port from 1 to 65535, nor two of them as MIN-MAX".to_owned()),
    }
}

/// The node's name, of one of the two kinds.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Name {
    /// The node's name, with the short name of this host: as erl -sname.
    #[arg(long, value_name = "NAME", value_parser = short_name)]
    sname: Option<String>,
    /// The node's full name, with a fully qualified host name or an address: as erl -name.
    #[arg(long, value_name = "NAME@HOST", value_parser = long_name)]
    name: Option<String>,
}

fn short_name(name: &str) -> Result<String, String> {
    match NodeName::new(name) {
        Ok(full) if full.kind() == NameKind::Long => {
            Err(format!("the host {} is not a short one: use --name", full.host()))
        }
        Err(error) if name.contains('@') => Err(error.to_string()),
        _ => Ok(name.to_owned()),
    }
}

fn long_name(name: &str) -> Result<String, String> {
    let full = NodeName::new(name).map_err(|error| error.to_string())?;
    match full.kind() {
        NameKind::Long => Ok(name.to_owned()),
        NameKind::Short => {
            Err(format!("the host {} is neither fully qualified nor an address: use --sname", full.host()))
        }
    }
}

impl Start {
    pub(crate) async fn run(self) -> ExitCode {
        crate::log("info");
        crate::file_limit::raise();
        let end_signal = match crate::signals::end_signal() {
            Ok(end_signal) => end_signal,
            Err(error) => return crate::fail(&error),
        };
        let default_cookie = self.cookie.is_default();
        let connect = self.connect.clone();
        let builder = match self.builder() {
            Ok(builder) => builder,
            Err(error) => return crate::fail(&error),
        };
        let node = match builder.start_with(async |node| playground::set_up(node).await).await {
            Ok(node) => node,
            Err(error) => return crate::fail(&error),
        };
        let ready = async {
            connect_to(&node, connect).await;
            announce(&node, default_cookie);
        };
        tokio::pin!(end_signal);
        tokio::select! {
            () = &mut end_signal => {}
            () = ready => end_signal.await,
        }
        if tokio::time::timeout(SHUTDOWN_LIMIT, node.shutdown()).await.is_err() {
            tracing::warn!("ending though not everything was closed in order");
        }
        ExitCode::SUCCESS
    }

    fn builder(self) -> Result<Builder, ManyPorts> {
        let name = self.name.sname.or(self.name.name).unwrap_or_default();
        let mut builder = self.connections.apply(Node::builder(&name).hidden(self.hidden));
        builder = self.accepted_cookie.apply(builder);
        builder = builder.application("playground", "A few things to talk to", env!("CARGO_PKG_VERSION"));
        if let Some(address) = self.listen_address {
            builder = builder.listen_address(address);
        }
        builder = builder.policy(self.policy.into_iter().fold(Policy::new(), Policy::rule));
        for (name, value) in self.fact {
            builder = builder.fact(name, value);
        }
        builder = match self.dist_port {
            Some(ports) if self.no_epmd && ports.start() != ports.end() => return Err(ManyPorts),
            Some(ports) if self.no_epmd => builder.without_epmd(*ports.start()),
            Some(ports) => builder.dist_ports(ports),
            None => builder,
        };
        Ok(self.cookie.apply(builder))
    }
}

/// Without epmd all nodes have the same port.
#[derive(Debug, thiserror::Error)]
#[error("with --no-epmd there is one port for all nodes: give --dist-port a single one")]
struct ManyPorts;

/// Connects to all these nodes at once. One that is not there is no reason not to start.
async fn connect_to(node: &Node, others: Vec<String>) {
    let mut attempts = tokio::task::JoinSet::new();
    for other in others {
        let (node, other) = (node.clone(), with_host(&other, node.name()));
        attempts.spawn(async move {
            if let Err(error) = node.connect(&other).await {
                crate::tell(format_args!("not connected to {other}: {error}"));
            }
        });
    }
    attempts.join_all().await;
}

/// A node named without a host is on the same one.
fn with_host(name: &str, own: &NodeName) -> String {
    if name.contains('@') { name.to_owned() } else { format!("{name}@{}", own.host()) }
}

fn announce(node: &Node, default_cookie: bool) {
    if node.serves_epmd() {
        let port = epmd::default_port();
        crate::tell(format_args!(
            "no epmd answered on port {port}, so this node serves it, for this machine only"
        ));
    }
    crate::print(format_args!("{} is ready\n", node.name()));
    let option = match node.name().kind() {
        NameKind::Short => "-sname me",
        NameKind::Long => "-name me@127.0.0.1",
    };
    let cookie = if default_cookie { "" } else { " -setcookie COOKIE" };
    let name = node.name().as_atom();
    crate::tell(format_args!(
        "to talk to it: erl {option}{cookie}, then erpc:call({name}, rust, add, [1, 2])."
    ));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_one_or_a_range() {
        assert_eq!(ports("9100"), Ok(9100..=9100));
        assert_eq!(ports("9100-9105"), Ok(9100..=9105));
        for text in ["", "0", "0-5", "9105-9100", "9100-", "-9100", "65536", "9100-9105-9110", "any"] {
            assert!(ports(text).is_err(), "{text}");
        }
    }
}

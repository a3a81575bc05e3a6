//! Whether other nodes are there, as OTP's module `net_adm` asks.
//!
//! A connection proves only that the other machine answers. So the node is asked, too: `net_kernel`, which every node
//! has, replies `yes` to `{is_auth, Node}`.

use std::time::Duration;

use super::r#gen::CallError;
use crate::atom;
use crate::dist::NodeName;
use crate::epmd;
use crate::epmd::message::ListedNode;
use crate::node::{Caller, ConnectError, Node};
use crate::term::{Atom, CharEncoding, Term};

/// Longer than any program runs.
const FOREVER: Duration = Duration::from_secs(u32::MAX as u64);

/// Why a node did not answer: OTP's `pang`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PingError {
    /// There is no connection to it.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// It is connected, but does not answer as a node does.
    #[error("{node} is connected, but its net_kernel does not answer: {error}")]
    NoAnswer {
        /// The node.
        node: Atom,
        /// What the call came to.
        error: CallError,
    },
}

impl Node {
    /// Asks `node` whether it is there, connecting to it if need be (and if connections are
    /// [made by themselves](crate::node::Builder::dist_auto_connect)). `Ok` is `pong`, an error `pang`.
    ///
    /// It waits for as long as the node is connected.
    ///
    /// # Errors
    /// [`PingError`] says why there is no answer. A node that does not answer is disconnected.
    ///
    /// Does what `net_adm:ping/1` does.
    pub async fn ping(&self, node: &str) -> Result<(), PingError> {
        let node = NodeName::new(node).map_err(ConnectError::Name)?.as_atom().clone();
        if node != *self.name().as_atom() {
            self.connected(&node).await?;
        }
        let request = (atom!("is_auth"), self.name().as_atom().clone());
        let reply = self.call::<_, Term>((atom!("net_kernel"), node.clone()), request).timeout(FOREVER).await;
        match reply {
            Ok(_) => Ok(()),
            Err(error) => {
                self.disconnect(node.as_str()).await;
                Err(PingError::NoAnswer { node, error })
            }
        }
    }

    /// The nodes that the epmd of `host` knows, with the ports on which they take connections; those on this host if it is
    /// `None`. Hidden nodes are among them.
    ///
    /// # Errors
    /// [`epmd::Error`] if it does not answer.
    ///
    /// # Cancel safety
    /// It can be dropped at any time.
    ///
    /// Does what `net_adm:names/0,1` does.
    pub async fn epmd_names(&self, host: Option<&str>) -> Result<Vec<ListedNode>, epmd::Error> {
        let address = epmd::Address::new(host.unwrap_or("localhost"), self.epmd_port());
        Ok(epmd::Client::new(address).names().await?.nodes)
    }

    /// [Pings](Node::ping) all nodes that the epmds of these hosts know, all at once, and gives those that answer. Hosts are
    /// named as in the names of their nodes. One whose epmd does not answer is left out.
    ///
    /// So a node becomes a member of a cluster of which only the machines are known.
    ///
    /// # Cancel safety
    /// When dropped, the connections that are under way come up all the same.
    ///
    /// Does what `net_adm:world_list/1` does.
    pub async fn world(&self, hosts: impl IntoIterator<Item = impl Into<String>>) -> Vec<Atom> {
        let mut pings = tokio::task::JoinSet::new();
        for host in hosts.into_iter().map(Into::into) {
            let listed = match self.epmd_names(Some(&host)).await {
                Ok(listed) => listed,
                Err(error) => {
                    tracing::debug!(host, %error, "the nodes of a host are not known");
                    continue;
                }
            };
            for listed in listed {
                let (node, name) = (self.clone(), format!("{}@{host}", listed.name));
                pings.spawn(async move { node.ping(&name).await.ok().and_then(|()| Atom::new(&name).ok()) });
            }
        }
        pings.join_all().await.into_iter().flatten().collect()
    }
}

/// Exports what others call of module `net_adm`.
pub(super) fn export(node: &Node) {
    node.export("net_adm", "ping", async |caller: Caller, (other,): (Atom,)| {
        let is_there = caller.node().ping(other.as_str()).await.is_ok();
        Ok(if is_there { atom!("pong") } else { atom!("pang") })
    });
    node.export("net_adm", "names", async |caller: Caller, (): ()| Ok(names(caller.node(), None).await));
    node.export("net_adm", "names", async |caller: Caller, (host,): (Term,)| {
        let host = match &host {
            Term::Atom(host) => host.as_str().to_owned(),
            host => host
                .chardata(CharEncoding::Unicode)
                .ok_or_else(|| crate::node::Raise::error(atom!("badarg")))?,
        };
        Ok(names(caller.node(), Some(&host)).await)
    });
    node.export("net_adm", "localhost", async |_: Caller, (): ()| {
        Ok(charlist(&gethostname::gethostname().to_string_lossy()))
    });
}

fn charlist(text: &str) -> Term {
    Term::list(text.chars().map(|character| Term::from(u32::from(character))))
}

/// `{ok, [{Name, Port}]}`, or `{error, address}` if there is no epmd.
async fn names(node: &Node, host: Option<&str>) -> Term {
    match node.epmd_names(host).await {
        Ok(names) => {
            let names =
                names.into_iter().map(|node| Term::tuple([charlist(&node.name), Term::from(node.port)]));
            Term::tuple([atom!("ok").into(), Term::list(names)])
        }
        Err(_) => Term::tuple([Term::Atom(atom!("error")), Term::Atom(atom!("address"))]),
    }
}

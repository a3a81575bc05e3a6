//! The same call on many nodes at once.

use std::future::IntoFuture;
use std::marker::PhantomData;
use std::pin::Pin;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::task::JoinSet;

use super::outcome::{Apply, Site};
use super::{ErpcError, ErpcRequest, to_atom};
use crate::node::{Node, Process};
use crate::otp::r#gen::DEFAULT_TIMEOUT;
use crate::term::{self, Atom, Pid, SerializeError, Term};

/// Nodes, as the places where a function is called; see [`Node::erpc_multi`].
#[derive(Debug)]
pub struct ErpcMulti(Vec<Site>);

impl Node {
    /// Calls functions on all these nodes at once; this one may be among them, and a node more than once.
    ///
    /// ```no_run
    /// # async fn example(node: erlnode::node::Node) -> Result<(), Box<dyn std::error::Error>> {
    /// let nodes = ["a@localhost", "b@localhost"];
    /// for (at, release) in node.erpc_multi(nodes).call::<_, String>("erlang", "system_info", (erlnode::atom!("otp_release"),)).await {
    ///     println!("{at}: {}", release?);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Panics
    /// When a name is longer than an atom can be.
    #[must_use]
    pub fn erpc_multi(&self, nodes: impl IntoIterator<Item = impl AsRef<str>>) -> ErpcMulti {
        ErpcMulti::new(self, None, nodes)
    }
}

impl Process {
    /// Calls functions on all these nodes, as [`Node::erpc_multi`]; what they print goes to this process's group leader.
    ///
    /// # Panics
    /// When a name is longer than an atom can be.
    #[must_use]
    pub fn erpc_multi(&self, nodes: impl IntoIterator<Item = impl AsRef<str>>) -> ErpcMulti {
        ErpcMulti::new(self.node(), Some(self.group_leader()), nodes)
    }
}

impl ErpcMulti {
    fn new(node: &Node, leader: Option<Pid>, nodes: impl IntoIterator<Item = impl AsRef<str>>) -> ErpcMulti {
        let site = |at: &str| Site { node: node.clone(), at: to_atom(at), group_leader: leader.clone() };
        ErpcMulti(nodes.into_iter().map(|at| site(at.as_ref())).collect())
    }

    /// Calls `module:function(arguments...)` on each node, and waits for all values: what came of each, in the order of
    /// the nodes. The arguments are a tuple, or a `Vec`.
    ///
    /// # Panics
    /// When `module` or `function` is longer than an atom can be.
    ///
    /// # Cancel safety
    /// Dropping the future gives up all values; it does not stop the functions.
    ///
    /// Does what `erpc:multicall/5` does. What `rpc:multicall/5` makes of it: values and errors are
    /// [`ErpcError::to_rpc`], and nodes that were not reached, or took too long, are set apart.
    pub fn call<A: Serialize, R>(self, module: &str, function: &str, arguments: A) -> ErpcMulticall<R> {
        let apply = Apply::new(module, function, &arguments);
        ErpcMulticall { sites: self.0, apply, timeout: DEFAULT_TIMEOUT, value: PhantomData }
    }

    /// Has `module:function(arguments...)` run on each node, without waiting for it or hearing of it. A node that is not
    /// reached is passed over.
    ///
    /// It waits for connections that have to be made.
    ///
    /// # Errors
    /// [`SerializeError`] when the arguments have no external form: nothing has been sent.
    ///
    /// # Panics
    /// When `module` or `function` is longer than an atom can be.
    ///
    /// Does what `erpc:multicast/4` and `rpc:eval_everywhere/4` do.
    pub async fn cast<A: Serialize>(
        self,
        module: &str,
        function: &str,
        arguments: A,
    ) -> Result<(), SerializeError> {
        let apply = Apply::new(module, function, &arguments)?;
        let mut casts = JoinSet::new();
        for site in self.0 {
            let (runtime, apply) = (site.node.runtime().clone(), apply.clone());
            casts.spawn_on(site.cast(apply), &runtime);
        }
        // What became of each nobody is told, as with any cast.
        while casts.join_next().await.is_some() {}
        Ok(())
    }
}

/// A call on many nodes that is about to be made; `.await` makes it.
#[must_use = "a call is made when it is awaited"]
#[derive(Debug)]
pub struct ErpcMulticall<R> {
    sites: Vec<Site>,
    apply: Result<Apply, SerializeError>,
    timeout: Duration,
    value: PhantomData<fn() -> R>,
}

impl<R> ErpcMulticall<R> {
    /// How long to wait for all values together, counted from the call and with the time to connect; 5 s if not set.
    /// [`Duration::MAX`] is what Erlang calls `infinity`.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}

impl<R: DeserializeOwned + 'static> IntoFuture for ErpcMulticall<R> {
    type Output = Vec<(Atom, Result<R, ErpcError>)>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        let ErpcMulticall { sites, apply, timeout, .. } = self;
        Box::pin(async move {
            let end = tokio::time::Instant::now().checked_add(timeout);
            // As terms, so that the values need not be `Send`.
            let requests: Vec<(Atom, ErpcRequest)> = sites
                .into_iter()
                .map(|site| (site.at.clone(), ErpcRequest::start(site, apply.clone())))
                .collect();
            let mut outcomes = Vec::with_capacity(requests.len());
            for (at, mut request) in requests {
                let left = end
                    .map_or(Duration::MAX, |end| end.saturating_duration_since(tokio::time::Instant::now()));
                let outcome = request.wait(left).await;
                let outcome: Result<Term, ErpcError> = outcome.unwrap_or(Err(ErpcError::Timeout(timeout)));
                outcomes.push((at, outcome));
            }
            let decode = |value: Term| Ok(term::from_term(&value)?);
            outcomes.into_iter().map(|(at, outcome)| (at, outcome.and_then(decode))).collect()
        })
    }
}

//! One call, one value.

use std::future::IntoFuture;
use std::marker::PhantomData;
use std::pin::Pin;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::outcome::{Apply, Site};
use super::{ErpcError, ErpcRequest, to_atom};
use crate::node::{Node, Process, SendError};
use crate::otp::r#gen::DEFAULT_TIMEOUT;
use crate::term::{self, Pid, SerializeError};

/// Another node, as the place where functions are called; see [`Node::erpc`].
#[derive(Debug)]
pub struct Erpc(Site);

impl Node {
    /// Calls functions on the node `at`, which may be this one too.
    ///
    /// ```no_run
    /// # async fn example(node: erlnode::node::Node) -> Result<(), Box<dyn std::error::Error>> {
    /// let shout: String = node.erpc("iex@localhost").call("Elixir.String", "upcase", ("hello",)).await?;
    /// assert_eq!(shout, "HELLO");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Panics
    /// When `at` is longer than an atom can be.
    #[must_use]
    pub fn erpc(&self, at: &str) -> Erpc {
        Erpc(Site { node: self.clone(), at: to_atom(at), group_leader: None })
    }
}

impl Process {
    /// Calls functions on the node `at`, as [`Node::erpc`] does; what they print goes to this process's group leader.
    ///
    /// # Panics
    /// When `at` is longer than an atom can be.
    #[must_use]
    pub fn erpc(&self, at: &str) -> Erpc {
        Erpc(Site { node: self.node().clone(), at: to_atom(at), group_leader: Some(self.group_leader()) })
    }
}

impl Erpc {
    /// The process that does input and output for the functions, as Erlang's I/O protocol has it. If not set, it is that
    /// of the process that calls; without one, what a function wants to print fails.
    #[must_use]
    pub fn group_leader(mut self, leader: Pid) -> Self {
        self.0.group_leader = Some(leader);
        self
    }

    /// Calls `module:function(arguments...)` and waits for its value; the arguments are a tuple, or a `Vec`.
    ///
    /// # Errors
    /// [`ErpcError`] tells whether the function raised, was not there, or no value came.
    ///
    /// # Panics
    /// When `module` or `function` is longer than an atom can be.
    ///
    /// # Cancel safety
    /// Dropping the future gives up the value; it does not stop the function.
    ///
    /// Does what `erpc:call/5` does.
    pub fn call<A: Serialize, R>(self, module: &str, function: &str, arguments: A) -> ErpcCall<R> {
        let apply = Apply::new(module, function, &arguments);
        ErpcCall { site: self.0, apply, timeout: DEFAULT_TIMEOUT, value: PhantomData }
    }

    /// Has `module:function(arguments...)` run, without waiting for it or hearing of it.
    ///
    /// # Errors
    /// [`SendError`], as for a message.
    ///
    /// # Panics
    /// When `module` or `function` is longer than an atom can be.
    ///
    /// Does what `erpc:cast/4` does.
    pub async fn cast<A: Serialize>(
        self,
        module: &str,
        function: &str,
        arguments: A,
    ) -> Result<(), SendError> {
        let apply = Apply::new(module, function, &arguments)?;
        self.0.cast(apply).await
    }

    /// Begins to call `module:function(arguments...)`, and gives what its value is asked from.
    ///
    /// The call is under way at once, whether or not anybody waits for it; to drop the request gives up the value, and
    /// does not stop the function.
    ///
    /// # Panics
    /// When `module` or `function` is longer than an atom can be.
    ///
    /// Does what `erpc:send_request/4` and `rpc:async_call/4` do.
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # async fn example(node: erlnode::node::Node) -> Result<(), Box<dyn std::error::Error>> {
    /// let sum = node.erpc("iex@localhost").send_request::<_, i64>("lists", "sum", (vec![1, 2, 3],));
    /// // Do something else, then:
    /// assert_eq!(sum.receive(Duration::from_secs(5)).await?, 6);
    /// # Ok(())
    /// # }
    /// ```
    pub fn send_request<A: Serialize, R>(self, module: &str, function: &str, arguments: A) -> ErpcRequest<R> {
        ErpcRequest::start(self.0, Apply::new(module, function, &arguments))
    }
}

/// A call that is about to be made; `.await` makes it.
#[must_use = "a call is made when it is awaited"]
#[derive(Debug)]
pub struct ErpcCall<R> {
    site: Site,
    apply: Result<Apply, SerializeError>,
    timeout: Duration,
    value: PhantomData<fn() -> R>,
}

impl<R> ErpcCall<R> {
    /// How long to wait for the value, counted from the call and with the time to connect; 5 s if not set.
    /// [`Duration::MAX`] is what Erlang calls `infinity`.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The process that does input and output for the function; see [`Erpc::group_leader`].
    pub fn group_leader(mut self, leader: Pid) -> Self {
        self.site.group_leader = Some(leader);
        self
    }
}

impl<R: DeserializeOwned + 'static> IntoFuture for ErpcCall<R> {
    type Output = Result<R, ErpcError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Result<R, ErpcError>> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        let ErpcCall { site, apply, timeout, .. } = self;
        Box::pin(async move {
            let value = match tokio::time::timeout(timeout, site.call(apply?)).await {
                Ok(value) => value?,
                Err(_) => return Err(ErpcError::Timeout(timeout)),
            };
            Ok(term::from_term(&value)?)
        })
    }
}

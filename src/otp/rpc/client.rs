//! The calls of OTP's module `rpc` that are not those of [`erpc`](crate::otp::Erpc) by another name.
//!
//! | OTP | here |
//! | --- | ---- |
//! | `rpc:call/4,5` | [`Node::erpc`]; what `rpc` makes of errors is [`ErpcError::to_rpc`] |
//! | `rpc:cast/4` | [`Erpc::cast`](crate::otp::Erpc::cast) |
//! | `rpc:async_call/4`, `yield/1`, `nb_yield/1,2` | [`Erpc::send_request`](crate::otp::Erpc::send_request), [`ErpcRequest::receive`](crate::otp::ErpcRequest::receive), [`wait`](crate::otp::ErpcRequest::wait) |
//! | `rpc:multicall/3..5`, `eval_everywhere/3,4` | [`ErpcMulti::call`](crate::otp::ErpcMulti::call), [`cast`](crate::otp::ErpcMulti::cast) |
//! | `rpc:block_call/4,5` | [`Rpc::block_call`] |
//! | `rpc:server_call/4`, `multi_server_call/2,3` | [`Rpc::server_call`], [`multi_server_call`](Rpc::multi_server_call) |
//! | `rpc:abcast/2,3`, `sbcast/2,3` | [`Rpc::abcast`], [`sbcast`](Rpc::sbcast) |
//! | `rpc:pinfo/1,2` | [`Rpc::pinfo`], [`pinfo_items`](Rpc::pinfo_items) |
//! | `rpc:parallel_eval/1`, `pmap/3` | [`Rpc::parallel_eval`], [`pmap`](Rpc::pmap) |

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::task::JoinSet;

use super::server_call::ServerCall;
use crate::atom;
use crate::node::{Dest, Node, NodeType, Process, SendError, SpawnOptions, TemporaryProcess, to_arguments};
use crate::otp::r#gen::{CallError, DEFAULT_TIMEOUT};
use crate::otp::{ErpcError, ErpcRequest};
use crate::term::{self, Atom, DeserializeError, Pid, SerializeError, Term};

/// The calls of OTP's module `rpc`; see [`Node::rpc`].
#[derive(Debug, Clone)]
pub struct Rpc {
    node: Node,
    group_leader: Option<Pid>,
    timeout: Duration,
}

/// Why a call has no value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RpcError {
    /// The function raised, or the call failed on the other side: the reason in `{badrpc, Reason}`.
    #[error("the call failed: {0}")]
    BadRpc(Term),
    /// There is no connection to the node, or it was lost before the value came: `{badrpc, nodedown}`.
    #[error("no connection to {0}")]
    NodeDown(Atom),
    /// No value came in time: `{badrpc, timeout}`. The function may still run.
    #[error("no result within {} s", .0.as_secs_f32())]
    Timeout(Duration),
    /// The server ended, or is not there.
    #[error("the server ended: {0}")]
    Exit(Term),
    /// The value is not of the type asked for.
    #[error("the value does not have the expected shape: {0}")]
    Value(#[from] DeserializeError),
    /// What was to be sent has no external form.
    #[error("the arguments can't be encoded: {0}")]
    Encode(#[from] SerializeError),
}

impl RpcError {
    /// What `rpc:block_call/5` returns in its place.
    #[must_use]
    pub fn to_rpc(&self) -> Term {
        let exit = |reason| Term::tuple([Term::Atom(atom!("EXIT")), reason]);
        let reason = match self {
            RpcError::BadRpc(reason) => reason.clone(),
            RpcError::NodeDown(_) => Term::Atom(atom!("nodedown")),
            RpcError::Timeout(_) => Term::Atom(atom!("timeout")),
            RpcError::Exit(reason) => exit(reason.clone()),
            RpcError::Value(_) | RpcError::Encode(_) => exit(Term::Atom(atom!("badarg"))),
        };
        Term::tuple([Term::Atom(atom!("badrpc")), reason])
    }
}

impl Node {
    /// The calls of OTP's module `rpc` that [`erpc`](Node::erpc) does not have.
    ///
    /// ```no_run
    /// # async fn example(node: erlnode::node::Node) -> Result<(), Box<dyn std::error::Error>> {
    /// // Is anybody called `logger` there?
    /// let (there, missing) = node.rpc().sbcast(["a@localhost", "b@localhost"], "logger", "hello").await?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn rpc(&self) -> Rpc {
        Rpc { node: self.clone(), group_leader: None, timeout: DEFAULT_TIMEOUT }
    }
}

impl Process {
    /// The calls of OTP's module `rpc`, as [`Node::rpc`]; what functions print goes to this process's group leader.
    #[must_use]
    pub fn rpc(&self) -> Rpc {
        Rpc { group_leader: Some(self.group_leader()), ..self.node().rpc() }
    }
}

impl Rpc {
    /// How long to wait for values, counted from the call and with the time to connect; 5 s if not set. [`Duration::MAX`] is
    /// what Erlang calls `infinity`.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Rpc {
        self.timeout = timeout;
        self
    }

    /// This node and all visible ones: where `rpc` calls when no nodes are given.
    #[must_use]
    pub fn everywhere(&self) -> Vec<Atom> {
        let mut nodes = vec![self.node.name().as_atom().clone()];
        nodes.extend(self.node.nodes(NodeType::Visible));
        nodes
    }

    /// Calls `module:function(arguments...)` on the node `at`, in its server `rex`: these calls run one after another there,
    /// and on a BEAM node nothing else of `rex` meanwhile.
    ///
    /// # Errors
    /// [`RpcError`] tells whether the function raised or no value came. What it throws is its value.
    ///
    /// # Panics
    /// When a name is longer than an atom can be.
    ///
    /// # Cancel safety
    /// Dropping the future gives up the value; it does not stop the function.
    ///
    /// Does what `rpc:block_call/5` does.
    pub async fn block_call<A: Serialize, R: DeserializeOwned + 'static>(
        &self,
        at: &str,
        module: &str,
        function: &str,
        arguments: A,
    ) -> Result<R, RpcError> {
        let [at, module, function] = [at, module, function].map(to_atom);
        let arguments = to_arguments(&arguments)?;
        let mut temporary = self.temporary_process();
        let process = temporary.process();
        let request = (atom!("block_call"), module, function, arguments, process.group_leader());
        let dest = Dest::NameNode(atom!("rex"), at.clone());
        match process.call::<_, Term>(dest, request).timeout(self.timeout).await {
            Ok(value) => match value.as_tuple() {
                Some([kind, reason]) if kind.is_atom("badrpc") => Err(RpcError::BadRpc(reason.clone())),
                _ => Ok(term::from_term(&value)?),
            },
            Err(CallError::NoConnection(_)) => Err(RpcError::NodeDown(at)),
            Err(CallError::Timeout(after)) => Err(RpcError::Timeout(after)),
            Err(CallError::Reply(error)) => Err(error.into()),
            Err(CallError::Send(SendError::Encode(error))) => Err(error.into()),
            Err(error) => Err(RpcError::Exit(error.reason())),
        }
    }

    /// Sends `{Pid, Request}` to the process registered as `name` on the node `at`, and waits for `{Wrapper, Node, Reply}`.
    ///
    /// # Errors
    /// [`RpcError`] tells whether the server is not there, or no reply came.
    ///
    /// # Panics
    /// When a name is longer than an atom can be.
    ///
    /// # Cancel safety
    /// Dropping the future gives up the reply.
    ///
    /// Does what `rpc:server_call/4` does.
    pub async fn server_call<T: Serialize, R: DeserializeOwned + 'static>(
        &self,
        at: &str,
        name: &str,
        wrapper: &str,
        request: T,
    ) -> Result<R, RpcError> {
        let request = term::to_encoded(&request)?;
        let call = ServerCall { at: to_atom(at), name: to_atom(name), wrapper: to_atom(wrapper), request };
        let reply = self.clone().serve(call).await?;
        Ok(term::from_term(&reply)?)
    }

    /// Sends `{Pid, Request}` to the process registered as `name` on each node, and waits for `{Name, Node, Reply}` of each:
    /// the replies, and the nodes that have no such process, were not reached, or took too long.
    ///
    /// # Errors
    /// [`RpcError::Encode`], and [`RpcError::Value`] for a reply that is of another type.
    ///
    /// # Panics
    /// When a name is longer than an atom can be.
    ///
    /// # Cancel safety
    /// Dropping the future gives up the replies.
    ///
    /// Does what `rpc:multi_server_call/3` does.
    pub async fn multi_server_call<T: Serialize, R: DeserializeOwned + 'static>(
        &self,
        nodes: impl IntoIterator<Item = impl AsRef<str>>,
        name: &str,
        request: T,
    ) -> Result<(Vec<(Atom, R)>, Vec<Atom>), RpcError> {
        let (name, request) = (to_atom(name), term::to_encoded(&request)?);
        let calls = nodes.into_iter().map(|at| ServerCall {
            at: to_atom(at.as_ref()),
            name: name.clone(),
            wrapper: name.clone(),
            request: request.clone(),
        });
        let (mut replies, mut bad) = (Vec::new(), Vec::new());
        for (at, reply) in self.serve_all(calls).await {
            match reply {
                Ok(reply) => replies.push((at, term::from_term(&reply)?)),
                Err(_) => bad.push(at),
            }
        }
        Ok((replies, bad))
    }

    /// Sends `message` to the process registered as `name` on each node, and hears nothing of it.
    ///
    /// It waits for connections that have to be made, and for room in their queues.
    ///
    /// # Errors
    /// [`SerializeError`] when the message has no external form.
    ///
    /// # Panics
    /// When a name is longer than an atom can be.
    ///
    /// Does what `rpc:abcast/3` does.
    pub async fn abcast<T: Serialize>(
        &self,
        nodes: impl IntoIterator<Item = impl AsRef<str>>,
        name: &str,
        message: T,
    ) -> Result<(), SerializeError> {
        let (name, message) = (to_atom(name), term::to_encoded(&message)?);
        let mut sends = JoinSet::new();
        for at in nodes {
            let (node, message) = (self.node.clone(), message.clone());
            let dest = Dest::NameNode(name.clone(), to_atom(at.as_ref()));
            sends.spawn_on(async move { node.send(dest, message).await }, self.node.runtime());
        }
        while sends.join_next().await.is_some() {}
        Ok(())
    }

    /// Sends `message` to the process registered as `name` on each node, and tells the nodes that have one from those that
    /// have none, were not reached, or took too long. That it was received is not known.
    ///
    /// # Errors
    /// [`SerializeError`] when the message has no external form.
    ///
    /// # Panics
    /// When a name is longer than an atom can be.
    ///
    /// # Cancel safety
    /// When dropped, the message may have been sent to some.
    ///
    /// Does what `rpc:sbcast/3` does.
    pub async fn sbcast<T: Serialize>(
        &self,
        nodes: impl IntoIterator<Item = impl AsRef<str>>,
        name: &str,
        message: T,
    ) -> Result<(Vec<Atom>, Vec<Atom>), SerializeError> {
        let request = term::to_encoded(&(atom!("sbcast"), to_atom(name), term::to_encoded(&message)?))?;
        let rex = atom!("rex");
        let calls = nodes.into_iter().map(|at| ServerCall {
            at: to_atom(at.as_ref()),
            name: rex.clone(),
            wrapper: rex.clone(),
            request: request.clone(),
        });
        let (mut good, mut bad) = (Vec::new(), Vec::new());
        for (at, reply) in self.serve_all(calls).await {
            if reply.is_ok() { good.push(at) } else { bad.push(at) }
        }
        Ok((good, bad))
    }

    /// What is known of a process, here or on any node: a list of `{Item, Value}`, or `undefined`.
    ///
    /// # Errors
    /// [`ErpcError`], as of [`Node::erpc`].
    ///
    /// Does what `rpc:pinfo/1` does.
    pub async fn pinfo(&self, pid: &Pid) -> Result<Term, ErpcError> {
        self.erpc(&pid.node).call("erlang", "process_info", (pid,)).timeout(self.timeout).await
    }

    /// One item of a process, as `{Item, Value}`, or a list of them; `undefined` if the process is not there.
    ///
    /// # Errors
    /// [`RpcError`], as of [`block_call`](Rpc::block_call).
    ///
    /// Does what `rpc:pinfo/2` does.
    pub async fn pinfo_items<I: Serialize>(&self, pid: &Pid, items: I) -> Result<Term, RpcError> {
        self.block_call(pid.node.as_str(), "erlang", "process_info", (pid, items)).await
    }

    /// Calls functions `(module, function, arguments)` spread over this node and all visible ones, and gives what came of
    /// each, in their order.
    ///
    /// # Panics
    /// When a name is longer than an atom can be.
    ///
    /// # Cancel safety
    /// Dropping the future gives up all values; it does not stop the functions.
    ///
    /// Does what `rpc:parallel_eval/1` does.
    pub async fn parallel_eval<'a, A: Serialize, R: DeserializeOwned + 'static>(
        &self,
        calls: impl IntoIterator<Item = (&'a str, &'a str, A)>,
    ) -> Vec<Result<R, ErpcError>> {
        let nodes = self.everywhere();
        let end = tokio::time::Instant::now().checked_add(self.timeout);
        let requests: Vec<ErpcRequest<R>> = nodes
            .iter()
            .cycle()
            .zip(calls)
            .map(|(at, (module, function, arguments))| {
                self.erpc(at).send_request(module, function, arguments)
            })
            .collect();
        let mut values = Vec::with_capacity(requests.len());
        for mut request in requests {
            let left =
                end.map_or(Duration::MAX, |end| end.saturating_duration_since(tokio::time::Instant::now()));
            values.push(request.wait(left).await.unwrap_or(Err(ErpcError::Timeout(self.timeout))));
        }
        values
    }

    /// Calls `module:function(Element, extra...)` for each of the elements, spread over this node and all visible ones, and
    /// gives the values in their order. `extra` is a tuple, or a `Vec`.
    ///
    /// # Errors
    /// The first [`ErpcError`] of a call, or that something has no external form.
    ///
    /// # Panics
    /// When a name is longer than an atom can be.
    ///
    /// # Cancel safety
    /// Dropping the future gives up all values; it does not stop the functions.
    ///
    /// Does what `rpc:pmap/3` does.
    pub async fn pmap<T: Serialize, E: Serialize, R: DeserializeOwned + 'static>(
        &self,
        module: &str,
        function: &str,
        extra: E,
        elements: impl IntoIterator<Item = T>,
    ) -> Result<Vec<R>, ErpcError> {
        let extra = to_arguments(&extra)?.list_elements().unwrap_or_default();
        let mut calls = Vec::new();
        for element in elements {
            let mut arguments = vec![term::to_encoded(&element)?];
            arguments.extend(extra.iter().cloned());
            calls.push((module, function, arguments));
        }
        self.parallel_eval(calls).await.into_iter().collect()
    }

    fn erpc(&self, at: &Atom) -> crate::otp::Erpc {
        let erpc = self.node.erpc(at.as_str());
        match &self.group_leader {
            Some(leader) => erpc.group_leader(leader.clone()),
            None => erpc,
        }
    }

    fn temporary_process(&self) -> TemporaryProcess {
        let group_leader = self.group_leader.clone();
        self.node.temporary_process_with(SpawnOptions { group_leader, ..SpawnOptions::default() })
    }

    async fn serve_all(
        &self,
        calls: impl Iterator<Item = ServerCall>,
    ) -> Vec<(Atom, Result<Term, RpcError>)> {
        let mut tasks = JoinSet::new();
        for (index, call) in calls.enumerate() {
            let rpc = self.clone();
            tasks.spawn_on(
                async move { (index, call.at.clone(), rpc.serve(call).await) },
                self.node.runtime(),
            );
        }
        let mut replies = tasks.join_all().await;
        replies.sort_unstable_by_key(|(index, ..)| *index);
        replies.into_iter().map(|(_, at, reply)| (at, reply)).collect()
    }

    async fn serve(self, call: ServerCall) -> Result<Term, RpcError> {
        let mut temporary = self.temporary_process();
        let reply = call.exchange(temporary.process());
        tokio::time::timeout(self.timeout, reply).await.unwrap_or(Err(RpcError::Timeout(self.timeout)))
    }
}

fn to_atom(name: &str) -> Atom {
    Atom::new(name).expect("a name of at most 255 characters")
}

//! Calls of functions on other nodes, as OTP's module `erpc` makes and serves them.
//!
//! A call is a process: the caller asks the other node to spawn `erpc:execute_call(Ref, Module, Function, Args)` and
//! monitors it, and the process ends with the result as its reason.
//!
//! | the process ends with           | and the call                                   |
//! | ------------------------------- | ---------------------------------------------- |
//! | `{Ref, return, Value}`          | returns `Value`                                |
//! | `{Ref, throw, Term}`            | throws `Term`                                  |
//! | `{Ref, exit, Reason}`           | exits: `{exception, Reason}`                   |
//! | `{Ref, error, Reason, Stack}`   | raises: `{exception, Reason, Stack}`           |
//! | `{Ref, error, {erpc, Reason}}`  | raises `{erpc, Reason}`                        |
//! | any other reason                | exits: `{signal, Reason}`                      |
//!
//! Reference: kernel application, module `erpc`.

use std::future::IntoFuture;
use std::marker::PhantomData;
use std::pin::Pin;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::r#gen::DEFAULT_TIMEOUT;
use crate::atom;
use crate::node::{
    Caller, Class, ConnectError, MAX_ARGUMENTS, Node, Process, Raise, SendError, SpawnOptions, SpawnRequest,
    TemporaryProcess, to_arguments,
};
use crate::process::{Exit, MonitorOptions, SpawnReplyOption, SpawnRequestOptions};
use crate::term::etf::Encoded;
use crate::term::{self, Atom, DeserializeError, Pid, Reference, SerializeError, Term};

/// Exports what other nodes call: `erpc:execute_call/4` and `erpc:execute_cast/3`.
pub(crate) fn export(node: &Node) {
    node.export_passing_on("erpc", "execute_call", 4, async |caller, arguments| {
        Err(execute_call(caller, arguments).await)
    });
    node.export_passing_on("erpc", "execute_cast", 3, async |caller, arguments| {
        let [module, function, arguments] = &arguments[..] else { return Err(Raise::error(atom!("badarg"))) };
        execute_cast(caller, module, function, arguments).await
    });
}

/// Runs the call and gives how its process is to end.
async fn execute_call(caller: Caller, arguments: Vec<Encoded>) -> Raise {
    let [result, module, function, arguments] = &arguments[..] else {
        return Raise::error(atom!("badarg"));
    };
    // Whatever it is, it goes back as it came.
    let result = match result.to_term() {
        Ok(result) => result,
        Err(error) => return error.into(),
    };
    let node = caller.node().clone();
    let outcome = node.try_apply(caller, module, function, arguments).await;
    let outcome = outcome.and_then(|value| Ok(value.to_term()?));
    let class = |name| Term::Atom(name);
    Raise::exit(Term::tuple(match outcome {
        Err(raise) if is_argument_error(&raise, arguments) => {
            let reason = Term::tuple([Term::Atom(atom!("erpc")), raise.reason]);
            vec![result, class(atom!("error")), reason]
        }
        Ok(value) => vec![result, class(atom!("return")), value],
        Err(Raise { class: Class::Throw, reason, .. }) => vec![result, class(atom!("throw")), reason],
        Err(Raise { class: Class::Exit, reason, .. }) => vec![result, class(atom!("exit")), reason],
        Err(Raise { class: Class::Error, reason, stack }) => {
            vec![result, class(atom!("error")), reason, stack]
        }
    }))
}

/// Whether the function could not be called at all, as there are more arguments than one can have.
pub(super) fn is_argument_error(raise: &Raise, arguments: &Encoded) -> bool {
    raise.class == Class::Error
        && raise.reason.is_atom("system_limit")
        && arguments.list_elements().is_ok_and(|arguments| arguments.len() > MAX_ARGUMENTS)
}

/// Runs what nobody waits for. An error is told to the log as what a call would have raised.
pub(super) async fn execute_cast(
    caller: Caller,
    module: &Encoded,
    function: &Encoded,
    arguments: &Encoded,
) -> Result<Encoded, Raise> {
    let node = caller.node().clone();
    let result = node.try_apply(caller, module, function, arguments).await;
    result.map_err(|raise| match raise.class {
        Class::Error if is_argument_error(&raise, arguments) => {
            let reason = Term::tuple([Term::Atom(atom!("erpc")), raise.reason]);
            Raise::error(reason).within(&atom!("erpc"), &atom!("execute_cast"), 3)
        }
        Class::Error => {
            let caught = Term::tuple([raise.reason, raise.stack]);
            let reason = Term::tuple([Term::Atom(atom!("exception")), caught]);
            Raise::error(reason).within(&atom!("erpc"), &atom!("execute_cast"), 3)
        }
        Class::Exit | Class::Throw => raise,
    })
}

/// Why a call of a function on another node has no value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ErpcError {
    /// It ran and raised, or could not be run as there is no such function: class, reason and stack as terms.
    #[error("the function raised {}: {}", class_name(.0.class), .0.reason)]
    Raised(Raise),
    /// The process that ran it was ended by an exit signal.
    #[error("the call was ended by an exit signal: {0}")]
    Signal(Term),
    /// No value came in time. The function may still run.
    #[error("no result within {} s", .0.as_secs_f32())]
    Timeout(Duration),
    /// There is no connection, and none could be made: the function has not run.
    #[error(transparent)]
    NoConnection(ConnectError),
    /// The connection was lost: the function may or may not have run, or may still do so.
    #[error("the connection to {0} ended")]
    ConnectionLost(Atom),
    /// The node did not start the call, as `system_limit` or `notsup`.
    #[error("the node did not start the call: {0}")]
    NotStarted(Atom),
    /// The value is not of the type asked for.
    #[error("the value does not have the expected shape: {0}")]
    Value(#[from] DeserializeError),
    /// The arguments have no external form.
    #[error("the arguments can't be encoded: {0}")]
    Encode(#[from] SerializeError),
}

fn class_name(class: Class) -> &'static str {
    match class {
        Class::Error => "an error",
        Class::Exit => "an exit",
        Class::Throw => "a throw",
    }
}

impl ErpcError {
    /// Class and reason as `erpc:call/5` raises them.
    #[must_use]
    pub fn class_and_reason(&self) -> (Class, Term) {
        let tuple = |name: Atom, rest: &[&Term]| {
            Term::tuple(std::iter::once(Term::Atom(name)).chain(rest.iter().copied().cloned()))
        };
        let erpc = |reason: Atom| (Class::Error, tuple(atom!("erpc"), &[&Term::Atom(reason)]));
        match self {
            ErpcError::Raised(Raise { class, reason, stack }) => match class {
                Class::Error => (Class::Error, tuple(atom!("exception"), &[reason, stack])),
                Class::Exit => (Class::Exit, tuple(atom!("exception"), &[reason])),
                Class::Throw => (Class::Throw, reason.clone()),
            },
            ErpcError::Signal(reason) => (Class::Exit, tuple(atom!("signal"), &[reason])),
            ErpcError::Timeout(_) => erpc(atom!("timeout")),
            ErpcError::NoConnection(_) | ErpcError::ConnectionLost(_) => erpc(atom!("noconnection")),
            ErpcError::NotStarted(reason) => erpc(reason.clone()),
            ErpcError::Value(_) | ErpcError::Encode(_) => erpc(atom!("badarg")),
        }
    }
}

/// The reason of a process that does not catch what `erpc:call/5` raises, without a stack.
impl From<ErpcError> for Exit {
    fn from(error: ErpcError) -> Exit {
        Exit::from(Raise::from(error))
    }
}

/// As `erpc:call/5` raises it.
impl From<ErpcError> for Raise {
    fn from(error: ErpcError) -> Raise {
        let (class, reason) = error.class_and_reason();
        Raise { class, reason, stack: Term::NIL }
    }
}

impl From<SendError> for ErpcError {
    fn from(error: SendError) -> ErpcError {
        match error {
            SendError::NoConnection(error) => ErpcError::NoConnection(error),
            SendError::ConnectionLost(node) => ErpcError::ConnectionLost(node),
            SendError::Encode(error) => ErpcError::Encode(error),
            // The other node does not know how to be asked for a process.
            SendError::Control(_) | SendError::NotRegistered(_) | SendError::MailboxFull(_) => {
                ErpcError::NotStarted(atom!("notsup"))
            }
        }
    }
}

/// Another node, as the place where functions are called; see [`Node::erpc`].
#[derive(Debug)]
pub struct Erpc<'a> {
    node: &'a Node,
    at: Atom,
    group_leader: Option<Pid>,
}

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
    pub fn erpc(&self, at: &str) -> Erpc<'_> {
        Erpc { node: self, at: to_atom(at), group_leader: None }
    }
}

fn to_atom(name: &str) -> Atom {
    Atom::new(name).expect("a name of at most 255 characters")
}

impl Process {
    /// Calls functions on the node `at`, as [`Node::erpc`] does; what they print goes to this process's group leader.
    ///
    /// # Panics
    /// When `at` is longer than an atom can be.
    #[must_use]
    pub fn erpc(&self, at: &str) -> Erpc<'_> {
        Erpc { node: self.node(), at: to_atom(at), group_leader: Some(self.group_leader()) }
    }
}

impl<'a> Erpc<'a> {
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
    pub fn call<A, R>(self, module: &str, function: &str, arguments: A) -> ErpcCall<'a, A, R> {
        ErpcCall {
            module: to_atom(module),
            function: to_atom(function),
            arguments,
            timeout: DEFAULT_TIMEOUT,
            value: PhantomData,
            erpc: self,
        }
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
        let call = (to_atom(module), to_atom(function), to_arguments(&arguments)?);
        let mut temporary = self.temporary_process();
        let request = SpawnRequest {
            node: self.at,
            module: atom!("erpc"),
            function: atom!("execute_cast"),
            arguments: to_arguments(&call)?,
            options: SpawnRequestOptions { reply: SpawnReplyOption::No, ..SpawnRequestOptions::default() },
        };
        temporary.process().request_spawn(request).await?;
        Ok(())
    }
}

impl Erpc<'_> {
    /// What is told of the call comes to a process of its own, so that nothing of it is left to anyone.
    fn temporary_process(&self) -> TemporaryProcess {
        let group_leader = self.group_leader.clone();
        self.node.temporary_process_with(SpawnOptions { group_leader, ..SpawnOptions::default() })
    }
}

/// A call that is about to be made; `.await` makes it.
#[must_use = "a call is made when it is awaited"]
#[derive(Debug)]
pub struct ErpcCall<'a, A, R> {
    erpc: Erpc<'a>,
    module: Atom,
    function: Atom,
    arguments: A,
    timeout: Duration,
    value: PhantomData<fn() -> R>,
}

impl<A, R> ErpcCall<'_, A, R> {
    /// How long to wait for the value, counted from the call and with the time to connect; 5 s if not set.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The process that does input and output for the function, as Erlang's I/O protocol has it. If not set, what the
    /// function wants to print fails.
    pub fn group_leader(mut self, leader: Pid) -> Self {
        self.erpc.group_leader = Some(leader);
        self
    }
}

impl<'a, A, R> IntoFuture for ErpcCall<'a, A, R>
where
    A: Serialize + Send + 'a,
    R: DeserializeOwned + 'static,
{
    type Output = Result<R, ErpcError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Result<R, ErpcError>> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        let ErpcCall { erpc, module, function, arguments, timeout, .. } = self;
        Box::pin(async move {
            let mut temporary = erpc.temporary_process();
            let call = call(temporary.process(), erpc.at, module, function, arguments);
            let value = match tokio::time::timeout(timeout, call).await {
                Ok(value) => value?,
                Err(_) => return Err(ErpcError::Timeout(timeout)),
            };
            Ok(term::from_term(&value)?)
        })
    }
}

async fn call<A: Serialize>(
    process: &mut Process,
    node: Atom,
    module: Atom,
    function: Atom,
    arguments: A,
) -> Result<Term, ErpcError> {
    let result = process.node().make_ref();
    let call = (&result, module, function, to_arguments(&arguments)?);
    let request = SpawnRequest {
        node: node.clone(),
        module: atom!("erpc"),
        function: atom!("execute_call"),
        arguments: to_arguments(&call)?,
        options: SpawnRequestOptions {
            monitor: Some(MonitorOptions::default()),
            reply: SpawnReplyOption::ErrorOnly,
            ..SpawnRequestOptions::default()
        },
    };
    let request = process.request_spawn(request).await?;
    let message =
        process.receive_match(|message| message.is_down(&request) || message.is_spawn_reply(&request)).await;
    match message.as_term().and_then(Term::as_tuple) {
        Some([_, _, _, _, reason]) => outcome(reason, &result, node),
        Some([_, _, _, Term::Atom(reason)]) if reason == "noconnection" => {
            Err(ErpcError::ConnectionLost(node))
        }
        Some([_, _, _, Term::Atom(reason)]) => Err(ErpcError::NotStarted(reason.clone())),
        _ => unreachable!("the node makes both messages"),
    }
}

/// The outcome of the call whose process ended with `reason`.
fn outcome(reason: &Term, result: &Reference, node: Atom) -> Result<Term, ErpcError> {
    let raised = |class, reason: &Term, stack: &Term| {
        Err(ErpcError::Raised(Raise { class, reason: reason.clone(), stack: stack.clone() }))
    };
    match reason.as_tuple() {
        Some([Term::Reference(of), Term::Atom(class), value, rest @ ..]) if of == result => {
            match (class.as_str(), rest) {
                ("return", []) => Ok(value.clone()),
                ("throw", []) => raised(Class::Throw, value, &Term::NIL),
                ("exit", []) => raised(Class::Exit, value, &Term::NIL),
                ("error", [stack]) => raised(Class::Error, value, stack),
                // `{erpc, Reason}`: the call itself was not a proper one.
                ("error", []) => match value.as_tuple() {
                    Some([_, Term::Atom(reason)]) => Err(ErpcError::NotStarted(reason.clone())),
                    _ => raised(Class::Error, value, &Term::NIL),
                },
                _ => Err(ErpcError::Signal(reason.clone())),
            }
        }
        _ if reason.is_atom("noconnection") => Err(ErpcError::ConnectionLost(node)),
        _ => Err(ErpcError::Signal(reason.clone())),
    }
}

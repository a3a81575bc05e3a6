//! Generic servers: processes that answer calls and casts, one after the other.
//!
//! A server is a type that implements [`GenServer`]; its fields are the state. Callers are processes of this node, of
//! other Rust nodes or of BEAM nodes, by [`Node::call`](crate::node::Node::call) or `gen_server:call`:
//!
//! ```
//! use erlnode::node::{Node, Process};
//! use erlnode::otp::gen_server::{From, GenServer, Reply};
//! use erlnode::process::Exit;
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Default)]
//! struct Counter {
//!     value: i64,
//! }
//!
//! /// `get` or `{add, N}`.
//! #[derive(Serialize, Deserialize)]
//! #[serde(rename_all = "snake_case")]
//! enum Call {
//!     Get,
//!     Add(i64),
//! }
//!
//! /// `reset`.
//! #[derive(Serialize, Deserialize)]
//! #[serde(rename_all = "snake_case")]
//! enum Cast {
//!     Reset,
//! }
//!
//! impl GenServer for Counter {
//!     type Call = Call;
//!     type Cast = Cast;
//!     type Reply = i64;
//!
//!     async fn handle_call(
//!         &mut self,
//!         call: Call,
//!         _from: From<i64>,
//!         _process: &mut Process,
//!     ) -> Result<Reply<i64>, Exit> {
//!         if let Call::Add(n) = call {
//!             self.value += n;
//!         }
//!         Ok(Reply::Now(self.value))
//!     }
//!
//!     async fn handle_cast(&mut self, Cast::Reset: Cast, _process: &mut Process) -> Result<(), Exit> {
//!         self.value = 0;
//!         Ok(())
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let node = Node::nonode();
//! node.start_server(Counter::default()).name("counter").await?;
//! assert_eq!(node.call::<_, i64>("counter", Call::Add(2)).await?, 2);
//! node.cast("counter", Cast::Reset).await?;
//! assert_eq!(node.call::<_, i64>("counter", Call::Get).await?, 0);
//! # Ok(())
//! # }
//! ```
//!
//! A server's life:
//!
//! ```text
//!  start ──▶ init ──▶ the start returns ──▶ handle_call, handle_cast, handle_info ──▶ terminate ──▶ its end
//!             │                                     one message after the other          ▲
//!             └──▶ its end, the start fails                                              │
//!                              a handler returned Err or Reply::Stop, sys:terminate, the parent's exit
//! ```
//!
//! Besides, an exit signal ends a server that does not trap exits right where it waits, and a panic where it is:
//! without `terminate`.
//!
//! Reference: stdlib application, module `gen_server`.

mod report;
mod serve;
mod start;
#[cfg(test)]
mod tests;

use std::any::type_name;
use std::future::ready;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

pub(crate) use self::serve::enter_loop;
pub(crate) use self::start::Origin;
pub use self::start::{Start, StartError};
pub use super::r#gen::{CallError, DEFAULT_TIMEOUT, From, Replier};

use crate::atom;
use crate::node::{InitialCall, Process};
use crate::process::{Exit, Message};
use crate::term::{Atom, Term};

/// What a call is answered with.
#[derive(Debug)]
pub enum Reply<R> {
    /// This, now.
    Now(R),
    /// By way of the [`From`], later or from elsewhere; or never, and then the caller's time runs out.
    Later,
    /// This, and the server ends. The reply is sent when [`terminate`](GenServer::terminate) is done.
    Stop(R, Exit),
}

/// A state as a term, as serde makes it; `undefined` if it has no external form.
///
/// ```
/// use erlnode::otp::gen_server::serialized;
/// # use erlnode::node::Process;
/// # use erlnode::otp::gen_server::{From, GenServer, Never, Reply};
/// # use erlnode::process::Exit;
/// use erlnode::term::Term;
/// use serde::Serialize;
///
/// #[derive(Serialize)]
/// struct Stock {
///     items: Vec<String>,
/// }
///
/// impl GenServer for Stock {
/// #   type Call = ();
/// #   type Cast = Never;
/// #   type Reply = ();
/// #   async fn handle_call(&mut self, (): (), _: From<()>, _: &mut Process) -> Result<Reply<()>, Exit> {
/// #       Ok(Reply::Now(()))
/// #   }
///     fn state(&self) -> Term {
///         serialized(self)
///     }
///     // ...
/// }
///
/// assert_eq!(Stock { items: Vec::new() }.state().to_string(), "#{items => []}");
/// ```
#[must_use]
pub fn serialized(state: &impl Serialize) -> Term {
    crate::term::to_term(state).unwrap_or(Term::Atom(atom!("undefined")))
}

/// Stands for requests that a server does not have: there is no such value, so all are unknown to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Never {}

/// A generic server; see the [module](self).
///
/// Its methods are called one after the other, by the process it is. All but [`handle_call`](GenServer::handle_call)
/// have a default.
pub trait GenServer: Sized + Send + 'static {
    /// The requests that are replied to; [`Never`] if there are none, [`Term`] if they may be anything.
    type Call: DeserializeOwned + Send + 'static;
    /// The requests that are not replied to.
    type Cast: DeserializeOwned + Send + 'static;
    /// What calls are replied to with.
    type Reply: Serialize + Send + 'static;

    /// Runs first, in the server's process. Whoever starts the server waits for it.
    ///
    /// # Errors
    /// The server does not start: the reason is that of [`StartError::Init`].
    fn init(&mut self, process: &mut Process) -> impl Future<Output = Result<(), Exit>> + Send {
        let _ = process;
        ready(Ok(()))
    }

    /// Answers a call.
    ///
    /// # Errors
    /// The server ends with this reason; the caller gets no reply, but learns of the end.
    fn handle_call(
        &mut self,
        call: Self::Call,
        from: From<Self::Reply>,
        process: &mut Process,
    ) -> impl Future<Output = Result<Reply<Self::Reply>, Exit>> + Send;

    /// Takes a cast. By default it is dropped.
    ///
    /// # Errors
    /// The server ends with this reason.
    fn handle_cast(
        &mut self,
        cast: Self::Cast,
        process: &mut Process,
    ) -> impl Future<Output = Result<(), Exit>> + Send {
        drop(cast);
        tracing::debug!(pid = ?process.pid(), "a server without casts got one");
        ready(Ok(()))
    }

    /// Takes any other message. By default it is dropped.
    ///
    /// # Errors
    /// The server ends with this reason.
    fn handle_info(
        &mut self,
        message: Message,
        process: &mut Process,
    ) -> impl Future<Output = Result<(), Exit>> + Send {
        tracing::debug!(pid = ?process.pid(), ?message, "a server got an unexpected message");
        ready(Ok(()))
    }

    /// Answers a call that is no [`Call`](GenServer::Call).
    ///
    /// By default the server ends with reason `{bad_call, Request}`. A BEAM server without a clause for the request
    /// ends too, with reason `function_clause`: so the caller learns at once that it has the wrong server or the
    /// wrong request, instead of waiting in vain.
    ///
    /// # Errors
    /// The server ends with this reason; the caller gets no reply, but learns of the end.
    fn handle_unknown_call(
        &mut self,
        request: Message,
        from: From,
        process: &mut Process,
    ) -> impl Future<Output = Result<Reply<Term>, Exit>> + Send {
        let _ = (from, process);
        let request = request.to_term().unwrap_or_else(|_| Term::Atom(atom!("undefined")));
        ready(Err(Exit::new(Term::tuple([Term::Atom(atom!("bad_call")), request]))))
    }

    /// Takes a cast that is no [`Cast`](GenServer::Cast). By default it is dropped: nobody waits for it.
    ///
    /// # Errors
    /// The server ends with this reason.
    fn handle_unknown_cast(
        &mut self,
        request: Message,
        process: &mut Process,
    ) -> impl Future<Output = Result<(), Exit>> + Send {
        tracing::debug!(pid = ?process.pid(), ?request, "a server got an unknown cast");
        ready(Ok(()))
    }

    /// Runs last, when the server ends by itself, by `gen_server:stop`, or, if it traps exits, with its parent.
    fn terminate(&mut self, reason: &Exit, process: &mut Process) -> impl Future<Output = ()> + Send {
        let _ = (reason, process);
        ready(())
    }

    /// The state as `sys:get_state/1` gives it; `undefined` by default.
    ///
    /// Of a server that is [`Serialize`] it is `serialized(self)`: see [`serialized`].
    fn state(&self) -> Term {
        Term::Atom(atom!("undefined"))
    }

    /// The state as `sys:get_status/1` and `observer` show it, for instance without what is secret or too large; by
    /// default it is [`state`](GenServer::state).
    ///
    /// As the callback `format_status/1`.
    fn format_status(&self) -> Term {
        self.state()
    }

    /// What observers see as the function that the server runs; by default `init/1` of a module with the name of the
    /// type.
    fn initial_call() -> InitialCall {
        // Without the path, and without what it is generic over.
        let name = type_name::<Self>().split('<').next().unwrap_or_default();
        let name = name.rsplit("::").next().unwrap_or_default();
        InitialCall {
            module: Atom::new(name).unwrap_or(atom!("gen_server")),
            function: atom!("init"),
            arity: 1,
        }
    }
}

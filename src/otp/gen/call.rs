//! Calling a generic server, and casting to it.

use std::future::poll_fn;
use std::marker::PhantomData;
use std::pin::Pin;
use std::time::Duration;

use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::from::{Tag, is_reply_to};
use super::{DEFAULT_TIMEOUT, Gen};
use crate::atom;
use crate::node::{Dest, Node, Process, SendError};
use crate::process::{AliasMode, Exit, Message, Recipient};
use crate::term::{Atom, DeserializeError, Reference, Term};

/// A call that is about to be made; `.await` makes it.
#[must_use = "a call is made when it is awaited"]
#[derive(Debug)]
pub struct Call<'a, Q, R> {
    caller: CallerOf<'a>,
    dest: Dest,
    request: Q,
    /// Whether it is for the server itself, or for what OTP's module `sys` does with any process.
    kind: Kind,
    timeout: Duration,
    reply: PhantomData<fn() -> R>,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Call,
    System,
}

#[derive(Debug)]
enum CallerOf<'a> {
    Node(&'a Node),
    Process(&'a mut Process),
}

impl<'a, Q, R> Call<'a, Q, R> {
    fn new(caller: CallerOf<'a>, dest: Dest, kind: Kind, request: Q) -> Call<'a, Q, R> {
        Call { caller, dest, request, kind, timeout: DEFAULT_TIMEOUT, reply: PhantomData }
    }

    /// How long to wait for the reply, counted from the call and with the time to connect; 5 s if not set.
    /// [`Duration::MAX`] is what Erlang calls `infinity`.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}

impl<'a, Q, R> IntoFuture for Call<'a, Q, R>
where
    Q: Serialize + Send + 'static,
    R: DeserializeOwned + 'static,
{
    type Output = Result<R, CallError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Result<R, CallError>> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        let Call { caller, dest, request, kind, timeout, .. } = self;
        match caller {
            CallerOf::Process(process) => Box::pin(call(process, dest, kind, request, timeout)),
            CallerOf::Node(node) => Box::pin(async move {
                let mut temporary = node.temporary_process();
                call(temporary.process(), dest, kind, request, timeout).await
            }),
        }
    }
}

impl Node {
    /// Calls a generic server, here or on any node: a request, and its reply.
    ///
    /// # Errors
    /// [`CallError`] tells whether the server was not there, ended, was not reached, or took too long.
    ///
    /// # Cancel safety
    /// Dropping the future gives up the reply; the server may serve the request all the same.
    ///
    /// Does what `gen_server:call/3` does.
    pub fn call<Q, R>(&self, dest: impl Into<Dest>, request: Q) -> Call<'_, Q, R> {
        let caller = CallerOf::Node(self);
        Call::new(caller, dest.into(), Kind::Call, request)
    }

    /// Sends a process a request of `sys`, and waits for the reply.
    pub(crate) fn call_system<Q, R>(&self, dest: Dest, request: Q) -> Call<'_, Q, R> {
        Call::new(CallerOf::Node(self), dest, Kind::System, request)
    }

    /// Sends a generic server a request that has no reply.
    ///
    /// # Errors
    /// [`SendError`], as for any message.
    ///
    /// Does what `gen_server:cast/2` does.
    pub async fn cast<Q>(&self, dest: impl Into<Dest>, request: Q) -> Result<(), SendError>
    where
        Q: Serialize + Send + 'static,
    {
        self.send_enveloped(self.pid().into(), dest.into(), Gen::Cast, request).await
    }
}

impl Process {
    /// Calls a generic server; see [`Node::call`].
    ///
    /// # Errors
    /// [`CallError`] tells whether the server was not there, ended, was not reached, or took too long.
    ///
    /// # Cancel safety
    /// Dropping the future gives up the reply; the server may serve the request all the same.
    pub fn call<Q, R>(&mut self, dest: impl Into<Dest>, request: Q) -> Call<'_, Q, R> {
        let caller = CallerOf::Process(self);
        Call::new(caller, dest.into(), Kind::Call, request)
    }

    /// Sends a generic server a request that has no reply.
    ///
    /// # Errors
    /// [`SendError`], as for any message.
    pub async fn cast<Q>(&self, dest: impl Into<Dest>, request: Q) -> Result<(), SendError>
    where
        Q: Serialize + Send + 'static,
    {
        self.node().send_enveloped(self.sent(), dest.into(), Gen::Cast, request).await
    }
}

/// Why a call has no reply.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The server is not there.
    #[error("no such process")]
    NoProc,
    /// The server is the process that calls: it would wait for itself.
    #[error("a process can't call itself")]
    CallingSelf,
    /// An alias was called, which can be sent to but not monitored.
    #[error("an alias can't be called")]
    Alias,
    /// There is no connection to its node, or it was lost before the reply came. The request may have been served.
    #[error("no connection to {0}")]
    NoConnection(Atom),
    /// No reply came in time. The request may have been served, or may still be.
    #[error("no reply within {} s", .0.as_secs_f32())]
    Timeout(Duration),
    /// The server ended before it replied, with this reason.
    #[error("the process ended: {0}")]
    Exit(Term),
    /// The reply is not of the type asked for.
    #[error("the reply does not have the expected shape: {0}")]
    Reply(#[from] DeserializeError),
    /// The request could not be sent.
    #[error(transparent)]
    Send(#[from] SendError),
}

impl CallError {
    /// The reason that `gen_server:call/2` exits with, without the call that OTP adds to it.
    #[must_use]
    pub fn reason(&self) -> Term {
        let atom = |atom| Term::Atom(atom);
        match self {
            CallError::NoProc
            | CallError::Send(SendError::NotRegistered(_) | SendError::NotRegisteredGlobally(_)) => {
                atom(atom!("noproc"))
            }
            CallError::CallingSelf => atom(atom!("calling_self")),
            CallError::Alias => atom(atom!("badarg")),
            CallError::NoConnection(node) => Term::tuple([atom(atom!("nodedown")), atom(node.clone())]),
            CallError::Timeout(_) => atom(atom!("timeout")),
            CallError::Exit(reason) => reason.clone(),
            CallError::Reply(_) => Term::tuple([atom(atom!("bad_reply")), Term::from(self.to_string())]),
            CallError::Send(_) => Term::tuple([atom(atom!("error")), Term::from(self.to_string())]),
        }
    }
}

impl From<CallError> for Exit {
    fn from(error: CallError) -> Exit {
        Exit::new(error.reason())
    }
}

async fn call<Q, R>(
    process: &mut Process,
    dest: Dest,
    kind: Kind,
    request: Q,
    timeout: Duration,
) -> Result<R, CallError>
where
    Q: Serialize + Send + 'static,
    R: DeserializeOwned + 'static,
{
    let target = target(process, dest)?;
    let node = target.node().clone();
    let mut pending = PendingCall::new(process);
    match tokio::time::timeout(timeout, pending.exchange(target, kind, request)).await {
        Ok(reply) => read_reply(reply?, node),
        Err(_) => Err(CallError::Timeout(timeout)),
    }
}

/// Who is called. A name of this node is looked up once, so that the monitor and the request reach the same process.
fn target(process: &Process, dest: Dest) -> Result<Recipient, CallError> {
    let here = process.node().name().as_atom();
    let pid = match dest {
        Dest::Alias(_) => return Err(CallError::Alias),
        Dest::NameNode(name, node) if node != *here => return Ok(Recipient::Name { name, node }),
        Dest::Pid(pid) => pid,
        Dest::Global(name) => process.node().whereis_global(&name).ok_or(CallError::NoProc)?,
        Dest::Name(name) | Dest::NameNode(name, _) => {
            process.node().whereis(name.as_str()).ok_or(CallError::NoProc)?
        }
    };
    if pid == *process.pid() { Err(CallError::CallingSelf) } else { Ok(Recipient::Pid(pid)) }
}

/// A call under way. When dropped, nothing of it is left: no monitor, no alias, no late reply.
struct PendingCall<'a> {
    process: &'a mut Process,
    /// Of the monitor, and the alias.
    reference: Reference,
    /// The reply is behind this position of the mailbox.
    from: usize,
    /// The reply or the end of the server was taken out of the mailbox.
    done: bool,
}

impl<'a> PendingCall<'a> {
    fn new(process: &'a mut Process) -> PendingCall<'a> {
        let from = process.mailbox_end();
        let reference = process.new_monitor(true);
        PendingCall { process, reference, from, done: false }
    }

    /// Sends the request and waits for the reply, or the message that the server has ended.
    async fn exchange<Q>(&mut self, target: Recipient, kind: Kind, request: Q) -> Result<Message, CallError>
    where
        Q: Serialize + Send + 'static,
    {
        let alias = Some(AliasMode::Demonitor);
        self.process.monitor_by(&self.reference, target.clone(), alias, None).await;
        let node = self.process.node();
        let (pid, tag) = (self.process.pid().clone(), Tag::Alias(self.reference.clone()));
        let envelope = match kind {
            Kind::Call => Gen::Call(pid, tag),
            Kind::System => Gen::System(pid, tag),
        };
        match node.send_enveloped(self.process.sent(), Dest::from(target), envelope, request).await {
            // The monitor says why, as it does for a process that is not there.
            Ok(()) | Err(SendError::NoConnection(_) | SendError::ConnectionLost(_)) => {}
            Err(error) => return Err(error.into()),
        }
        let (process, reference, from) = (&mut *self.process, &self.reference, &mut self.from);
        let message = poll_fn(|context| {
            process.poll_match(context, from, |message| {
                message.is_down(reference) || is_reply_to(message, reference)
            })
        })
        .await;
        self.done = true;
        Ok(message)
    }
}

impl Drop for PendingCall<'_> {
    fn drop(&mut self) {
        let (reference, from) = (&self.reference, &mut self.from);
        self.process.demonitor(reference, false);
        if !self.done {
            // The alias is gone, so nothing comes any more; what has come meanwhile nobody waits for.
            self.process
                .discard(from, |message| message.is_down(reference) || is_reply_to(message, reference));
        }
    }
}

fn read_reply<R: DeserializeOwned + 'static>(message: Message, node: Atom) -> Result<R, CallError> {
    let message = match message.open(|envelope| matches!(envelope, Gen::Reply(_))) {
        Ok((_, reply)) => return reply.decode().map_err(|error| error.error.into()),
        Err(message) => message,
    };
    if let Some([_, _, _, _, reason]) = message.as_term().and_then(Term::as_tuple) {
        return Err(match reason.as_atom().map(Atom::as_str) {
            Some("noproc") => CallError::NoProc,
            Some("noconnection") => CallError::NoConnection(node),
            _ => CallError::Exit(reason.clone()),
        });
    }
    let (IgnoredAny, reply) = message.decode::<(IgnoredAny, R)>().map_err(|error| error.error)?;
    Ok(reply)
}

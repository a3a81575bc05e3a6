//! A call whose value is seen to later.

use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use serde::de::DeserializeOwned;
use tokio::runtime::Handle;
use tokio::task::{JoinError, JoinHandle};

use super::ErpcError;
use super::outcome::{Apply, Site};
use crate::atom;
use crate::term::{self, SerializeError, Term};

/// A call under way; see [`Erpc::send_request`](super::Erpc::send_request).
///
/// To drop it gives up the value.
#[must_use = "to drop a request gives up its value"]
#[derive(Debug)]
pub struct ErpcRequest<R = Term> {
    pub(super) pending: Pending,
    value: PhantomData<fn() -> R>,
}

impl<R> ErpcRequest<R> {
    pub(super) fn start(site: Site, apply: Result<Apply, SerializeError>) -> ErpcRequest<R> {
        let runtime = site.node.runtime().clone();
        let task = runtime.spawn(async move { site.call(apply?).await });
        ErpcRequest { pending: Pending { task, runtime }, value: PhantomData }
    }
}

impl<R: DeserializeOwned + 'static> ErpcRequest<R> {
    /// Waits for the value, at most so long; then it is given up. [`Duration::MAX`] is what Erlang calls `infinity`.
    ///
    /// # Errors
    /// [`ErpcError`], as of [`Erpc::call`](super::Erpc::call).
    ///
    /// # Cancel safety
    /// Dropping the future gives up the value.
    ///
    /// Does what `erpc:receive_response/2` and `rpc:yield/1` do.
    pub async fn receive(mut self, timeout: Duration) -> Result<R, ErpcError> {
        self.wait(timeout).await.unwrap_or(Err(ErpcError::Timeout(timeout)))
    }

    /// Waits for the value, at most so long; `None` if it has not come by then, and can be waited for again.
    ///
    /// # Errors
    /// [`ErpcError`], as of [`Erpc::call`](super::Erpc::call).
    ///
    /// # Cancel safety
    /// No value is lost when the future is dropped.
    ///
    /// # Panics
    /// After it has given the value, or the error.
    ///
    /// Does what `erpc:wait_response/2` and `rpc:nb_yield/2` do.
    pub async fn wait(&mut self, timeout: Duration) -> Option<Result<R, ErpcError>> {
        let outcome =
            tokio::time::timeout(timeout, poll_fn(|context| self.pending.poll(context))).await.ok()?;
        Some(outcome.and_then(|value| Ok(term::from_term(&value)?)))
    }

    /// The value, if it has come.
    ///
    /// # Errors
    /// [`ErpcError`], as of [`Erpc::call`](super::Erpc::call).
    ///
    /// # Panics
    /// After it has given the value, or the error.
    ///
    /// Does what `erpc:check_response/2` does.
    pub async fn check(&mut self) -> Option<Result<R, ErpcError>> {
        if self.pending.task.is_finished() { self.wait(Duration::MAX).await } else { None }
    }
}

/// The task that makes the call.
#[derive(Debug)]
pub(super) struct Pending {
    task: JoinHandle<Result<Term, ErpcError>>,
    pub(super) runtime: Handle,
}

impl Pending {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Term, ErpcError>> {
        Pin::new(&mut self.task).poll(context).map(|joined| joined.unwrap_or_else(|error| ended(&error)))
    }
}

impl Future for Pending {
    type Output = Result<Term, ErpcError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.get_mut().poll(context)
    }
}

/// The task was ended before its time: its runtime has ended, and with it the node.
pub(super) fn ended(_: &JoinError) -> Result<Term, ErpcError> {
    Err(ErpcError::Signal(Term::Atom(atom!("shutdown"))))
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.task.abort();
    }
}

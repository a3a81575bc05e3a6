//! Many calls whose values are taken as they come.

use std::collections::HashMap;
use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use serde::de::DeserializeOwned;
use tokio::task::{Id, JoinError, JoinSet};

use super::request::ended;
use super::{ErpcError, ErpcRequest};
use crate::term::{self, Term};

/// Calls under way, each with a label that tells it from others.
///
/// ```no_run
/// use std::time::Duration;
///
/// use erlnode::otp::ErpcRequests;
///
/// # async fn example(node: erlnode::node::Node) -> Result<(), Box<dyn std::error::Error>> {
/// let mut requests = ErpcRequests::new();
/// for at in node.nodes(erlnode::node::NodeType::Visible) {
///     let uptime = node.erpc(at.as_str()).send_request::<_, (u64, u64)>("erlang", "statistics", (erlnode::atom!("wall_clock"),));
///     requests.add(uptime, at);
/// }
/// while let Some((at, uptime)) = requests.receive(Duration::from_secs(5)).await? {
///     println!("{at}: {uptime:?}");
/// }
/// # Ok(())
/// # }
/// ```
///
/// To drop it gives up all their values.
///
/// As the request id collections of OTP's `erpc`.
pub struct ErpcRequests<L, R = Term> {
    tasks: JoinSet<Result<Term, ErpcError>>,
    labels: HashMap<Id, L>,
    value: PhantomData<fn() -> R>,
}

/// No value has come in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no result within {} s", .0.as_secs_f32())]
pub struct NoResponse(pub Duration);

impl<L, R> ErpcRequests<L, R> {
    /// None.
    ///
    /// Does what `erpc:reqids_new/0` does.
    #[must_use]
    pub fn new() -> ErpcRequests<L, R> {
        ErpcRequests { tasks: JoinSet::new(), labels: HashMap::new(), value: PhantomData }
    }

    /// Adds a request. Several may have the same label.
    ///
    /// Does what `erpc:reqids_add/3` does.
    pub fn add(&mut self, request: ErpcRequest<R>, label: L) {
        let pending = request.pending;
        let runtime = pending.runtime.clone();
        let task = self.tasks.spawn_on(pending, &runtime);
        self.labels.insert(task.id(), label);
    }

    /// How many there are whose values were not taken.
    ///
    /// Does what `erpc:reqids_size/1` does.
    #[must_use]
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The labels of those whose values were not taken, in any order.
    ///
    /// As `erpc:reqids_to_list/1`.
    pub fn labels(&self) -> impl Iterator<Item = &L> {
        self.labels.values()
    }
}

impl<L, R: DeserializeOwned + 'static> ErpcRequests<L, R> {
    /// Takes the next value that comes, with the label of its request; `None` when there are no more requests.
    ///
    /// It waits for as long as the calls take, or the nodes are connected.
    ///
    /// # Cancel safety
    /// No value is lost when the future is dropped.
    pub async fn next(&mut self) -> Option<(L, Result<R, ErpcError>)> {
        let joined = self.tasks.join_next_with_id().await?;
        self.taken(joined)
    }

    /// Takes the next value that comes, as [`next`](ErpcRequests::next), waiting at most so long; what has not come by then
    /// can be waited for again.
    ///
    /// # Errors
    /// [`NoResponse`]. What became of the call itself is told beside its label.
    ///
    /// # Cancel safety
    /// No value is lost when the future is dropped.
    ///
    /// Does what `erpc:wait_response/3` does.
    pub async fn wait(&mut self, timeout: Duration) -> Result<Option<(L, Result<R, ErpcError>)>, NoResponse> {
        tokio::time::timeout(timeout, self.next()).await.map_err(|_| NoResponse(timeout))
    }

    /// Takes the next value that comes, as [`wait`](ErpcRequests::wait); if none has come by then, all are given up.
    ///
    /// # Errors
    /// [`NoResponse`]. What became of the call itself is told beside its label.
    ///
    /// # Cancel safety
    /// No value is lost when the future is dropped.
    ///
    /// Does what `erpc:receive_response/3` does.
    pub async fn receive(
        &mut self,
        timeout: Duration,
    ) -> Result<Option<(L, Result<R, ErpcError>)>, NoResponse> {
        let next = self.wait(timeout).await;
        if next.is_err() {
            *self = ErpcRequests::new();
        }
        next
    }

    /// Takes a value that has come, if there is one, with the label of its request.
    ///
    /// Does what `erpc:check_response/3` does.
    pub fn check(&mut self) -> Option<(L, Result<R, ErpcError>)> {
        let joined = self.tasks.try_join_next_with_id()?;
        self.taken(joined)
    }

    fn taken(
        &mut self,
        joined: Result<(Id, Result<Term, ErpcError>), JoinError>,
    ) -> Option<(L, Result<R, ErpcError>)> {
        let (id, outcome) = joined.unwrap_or_else(|error| (error.id(), ended(&error)));
        let label = self.labels.remove(&id)?;
        Some((label, outcome.and_then(|value| Ok(term::from_term(&value)?))))
    }
}

impl<L, R> Default for ErpcRequests<L, R> {
    fn default() -> ErpcRequests<L, R> {
        ErpcRequests::new()
    }
}

impl<L: fmt::Debug, R> fmt::Debug for ErpcRequests<L, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ErpcRequests").field(&self.labels).finish()
    }
}

//! Nodes that talk to each other inside one program, over loopback and with an epmd of their own.

mod busy;
pub(crate) mod cluster;
mod ends;
mod foreign;
mod links;
pub(crate) mod peer;
mod relations;
mod shutdown;

use std::time::Duration;

use tokio::sync::mpsc;

use self::cluster::Cluster;
use self::peer::Peer;
use super::{Node, Process};
use crate::term::Term;

/// Longer than anything here takes on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits for what must come.
pub(crate) async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future).await.expect("it takes too long")
}

/// Runs `body` in a process and gives what it gives.
pub(crate) async fn in_process<R, Fut>(node: &Node, body: impl FnOnce(Process) -> Fut) -> R
where
    R: Send + 'static,
    Fut: Future<Output = R> + Send + 'static,
{
    let (sender, mut result) = mpsc::unbounded_channel();
    node.spawn(|process| {
        let body = body(process);
        async move {
            let _ = sender.send(body.await);
            Ok(())
        }
    });
    soon(result.recv()).await.expect("the process gives something")
}

/// The next message, as a term.
pub(crate) async fn next(process: &mut Process) -> Term {
    soon(process.receive()).await.to_term().expect("a message is a term")
}

/// A term by its text.
pub(crate) fn term(text: &str) -> Term {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

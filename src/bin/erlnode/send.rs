//! `erlnode send`: one message to a registered process.

use std::process::ExitCode;

use clap::Args;
use erlnode::atom;
use erlnode::node::{Node, Process, SendError};
use erlnode::otp::{ErpcError, PingError};
use erlnode::term::{Atom, Reference, Term};
use tokio::sync::oneshot;

use crate::source::{self, Source};
use crate::visit::Visit;

/// Send a message to a registered process of a node.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  erlnode send rust@thishost sink '{hello, [1, 2.5, <<\"three\">>]}' --cookie secret"
)]
pub(crate) struct Send {
    #[command(flatten)]
    visit: Visit,
    /// The name of the process.
    #[arg(value_parser = source::name)]
    name: Atom,
    /// The message, in Erlang's syntax. Pids can stand there as a shell of the node prints them.
    #[arg(value_parser = source::term, allow_negative_numbers = true)]
    term: Source,
}

/// Why it is not certain that the message has arrived.
#[derive(Debug, thiserror::Error)]
enum NotSent {
    #[error(transparent)]
    Unreachable(#[from] PingError),
    #[error(transparent)]
    Term(#[from] ErpcError),
    #[error(transparent)]
    Send(#[from] SendError),
    #[error("no process is registered as {name} on {node}")]
    NoProcess { name: Atom, node: String },
}

impl Send {
    pub(crate) async fn run(self) -> ExitCode {
        let Send { visit, name, term } = self;
        visit
            .run(async |node, to| {
                let (told, outcome) = oneshot::channel();
                let to = to.to_owned();
                node.spawn(async |process| {
                    let _ = told.send(send(process, name, to, term).await);
                    Ok(())
                });
                match outcome.await {
                    Ok(Ok(())) => ExitCode::SUCCESS,
                    Ok(Err(error)) => crate::fail(&error),
                    Err(_) => ExitCode::FAILURE,
                }
            })
            .await
    }
}

async fn send(mut process: Process, name: Atom, node: String, term: Source) -> Result<(), NotSent> {
    let own: Node = process.node().clone();
    own.ping(&node).await?;
    let term = term.term(&own, &node).await?;
    let monitor = process.monitor((name.as_str(), node.as_str())).await;
    process.send((name.as_str(), node.as_str()), term).await?;
    // When this answer comes, all that was sent before has arrived, and so has word of a process that is not there.
    own.ping(&node).await?;
    let down = process.receive_timeout(std::time::Duration::ZERO).await;
    let down = down.and_then(|message| message.decode::<(Atom, Reference, Atom, Term, Term)>().ok());
    match down {
        Some((_, reference, _, _, reason)) if reference == monitor && reason == atom!("noproc").into() => {
            Err(NotSent::NoProcess { name, node })
        }
        _ => Ok(()),
    }
}

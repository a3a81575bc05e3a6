//! The process of the locker: it makes the calls that its rules ask for, and keeps the time.

use std::future::pending;
use std::sync::Arc;

use super::calls::multi_call;
use super::locker::{Locker, Output, View};
use super::message::Refusal;
use super::server::{Event, Shared, post, post_cast};
use crate::node::{Dest, Process};
use crate::process::Exit;

/// Runs the locker.
pub(super) async fn run(mut process: Process, shared: Arc<Shared>) -> Result<(), Exit> {
    let mut commands = shared.received_commands.lock().await;
    let mut locker = Locker::new(process.pid().clone());
    loop {
        while let Some(output) = locker.poll_output() {
            tracing::trace!(?output, "locker");
            match output {
                Output::Call(nodes, call) => {
                    let answers = multi_call(&mut process, nodes, &call).await;
                    tracing::trace!(?answers, "locker");
                    let is_yes =
                        |answer: Option<crate::term::Term>| answer.map(|answer| answer.is_atom("true"));
                    let answers = answers.into_iter().map(|(node, answer)| (node, is_yes(answer))).collect();
                    locker.answered(answers, &view(&shared));
                }
                Output::Cast(to, cast) => post_cast(&process, &to, &cast),
                Output::Refuse(asking) => {
                    let refusal = Refusal::LockSet(process.pid().clone(), false, Vec::new());
                    post(process.node(), process.pid(), &Dest::Pid(asking), &refusal);
                }
                Output::LockIsSet { node, tag, lock } => {
                    if shared.events.send(Event::LockIsSet { node, tag, lock }).is_err() {
                        return Ok(());
                    }
                }
            }
        }
        let patience = locker.patience(&view(&shared));
        let timer = async {
            match patience {
                Some(patience) => tokio::time::sleep(patience).await,
                None => pending().await,
            }
        };
        tokio::select! {
            command = commands.recv() => match command {
                Some(command) => {
                    tracing::trace!(?command, "locker");
                    locker.command(command, &view(&shared));
                }
                // The server has ended.
                None => return Ok(()),
            },
            // Another locker's refusal comes straight here.
            message = process.receive() => match message.decode() {
                Ok(Refusal::LockSet(from, false, _)) => locker.refused(&from),
                other => tracing::debug!(?other, "the locker of global got an unknown message"),
            },
            () = timer => locker.timed_out(&view(&shared), rand::random_range(0..usize::MAX)),
        }
    }
}

fn view(shared: &Shared) -> View {
    let rules = shared.rules.lock();
    View {
        known: rules.known().keys().cloned().collect(),
        global_requester: rules.locks.global_requester().cloned(),
    }
}

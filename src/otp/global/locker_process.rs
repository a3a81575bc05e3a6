//! The process of the locker: it makes the calls that its rules ask for, and keeps the time.

use std::future::pending;
use std::sync::Arc;

use super::calls::multi_call;
use super::locker::{Command, Locker, Output, View};
use super::message::UntaggedLockSet;
use super::server::{Event, Shared, post, post_cast};
use crate::node::{Dest, Process};
use crate::process::Exit;
use crate::term::Term;

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
                    let is_yes = |answer: Option<Term>| answer.map(|answer| answer.is_atom("true"));
                    let answers = answers.into_iter().map(|(node, answer)| (node, is_yes(answer))).collect();
                    locker.answered(answers, &view(&shared));
                }
                Output::Cast(to, cast) => post_cast(&process, &to, &cast),
                Output::LockSet(asking, set) => {
                    let answer = UntaggedLockSet::LockSet(process.pid().clone(), set, Term::NIL);
                    post(process.node(), process.pid(), &Dest::Pid(asking), &answer);
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
            // A refusal comes straight here, and all that lockers of the oldest version have to say.
            message = process.receive() => match message.decode() {
                Ok(UntaggedLockSet::LockSet(locker_of_other, set, _)) => {
                    locker.command(Command::LockSet { locker: locker_of_other, set }, &view(&shared));
                }
                Err(error) => tracing::debug!(%error, "the locker of global got an unknown message"),
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

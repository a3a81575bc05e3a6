//! Ending a child.

use std::time::Duration;

use super::child::{Child, Shutdown, State};
use super::name_of;
use crate::atom;
use crate::node::Process;
use crate::process::Exit;
use crate::term::{Pid, Reference, Term};

/// Ends the child if it runs, and waits until it has. After that no exit signal of it is left.
pub(super) async fn end(child: &mut Child, process: &mut Process) {
    let State::Running(pid) = std::mem::replace(&mut child.state, State::Stopped) else { return };
    let reason = end_process(&pid, child.spec.shutdown, process).await;
    let expected = match child.spec.shutdown {
        Shutdown::BrutalKill => reason.is_atom("killed"),
        Shutdown::Timeout(_) | Shutdown::Infinity => !Exit::new(reason.clone()).is_crash(),
    };
    if !expected {
        let (supervisor, child) = (name_of(process), &child.spec.id);
        tracing::error!(supervisor, %child, %reason, "child did not end in good order");
    }
}

/// Ends the process and gives the reason it ended with.
async fn end_process(pid: &Pid, shutdown: Shutdown, process: &mut Process) -> Term {
    // A monitor, since a child may have undone the link.
    let monitor = process.monitor(pid).await;
    process.unlink(pid);
    if let Some(reason) = taken_exit(pid, process) {
        process.demonitor(&monitor, true);
        return reason;
    }
    let kill = Term::Atom(atom!("kill"));
    let patience = match shutdown {
        Shutdown::BrutalKill => None,
        Shutdown::Timeout(time) => Some(time),
        Shutdown::Infinity => Some(Duration::MAX),
    };
    if let Some(patience) = patience {
        process.exit(pid, atom!("shutdown")).await;
        match tokio::time::timeout(patience, down(&monitor, process)).await {
            Ok(reason) => return reason,
            Err(_) => tracing::debug!(?pid, "a child has not ended in time"),
        }
    }
    process.exit(pid, kill).await;
    down(&monitor, process).await
}

/// The reason in the exit signal that came before the link was undone.
fn taken_exit(pid: &Pid, process: &mut Process) -> Option<Term> {
    let mut reason = None;
    process.discard(&mut 0, |message| match message.as_term().and_then(Term::as_tuple) {
        Some([exit, Term::Pid(from), why]) if exit.is_atom("EXIT") && from == pid => {
            reason = Some(why.clone());
            true
        }
        _ => false,
    });
    reason
}

async fn down(monitor: &Reference, process: &mut Process) -> Term {
    let message = process.receive_match(|message| message.is_down(monitor)).await;
    match message.as_term().and_then(Term::as_tuple) {
        Some([_, _, _, _, reason]) => reason.clone(),
        _ => Term::Atom(atom!("noproc")),
    }
}

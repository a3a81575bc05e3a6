//! Functions that start a process which watches others, and tells what it sees.
//!
//! The process watches before its pid is given: whoever has the pid can count on it.

use erlnode::atom;
use erlnode::node::{Caller, Dest, Node, NodeType, Process, Raise};
use erlnode::process::{Exit, Recipient};
use erlnode::term::etf::Encoded;
use erlnode::term::{Atom, Pid, Reference, Term};
use tokio::sync::oneshot;

use super::MODULE;

pub(super) fn export(node: &Node) {
    node.export(MODULE, "link", async |caller: Caller, (other,): (Pid,)| {
        start(&caller, |process, ready| link(process, other, None, ready)).await
    });
    node.export(MODULE, "link", async |caller: Caller, (other, notify): (Pid, Dest)| {
        start(&caller, |process, ready| link(process, other, Some(notify), ready)).await
    });
    node.export(MODULE, "monitor", async |caller: Caller, (target, notify): (Dest, Dest)| {
        let recipient = recipient(&target, caller.node()).ok_or_else(|| Raise::error(atom!("badarg")))?;
        start(&caller, |process, ready| monitor(process, target, recipient, notify, ready)).await
    });
    node.export(MODULE, "monitor_nodes", async |caller: Caller, (notify,): (Dest,)| {
        start(&caller, |process, ready| monitor_nodes(process, notify, ready)).await
    });
    node.export(MODULE, "exit_process", async |caller: Caller, (pid, reason): (Pid, Term)| {
        caller.exit(&pid, reason).await;
        Ok::<_, Raise>(true)
    });
}

/// Told when the process watches.
type Ready = oneshot::Sender<()>;

async fn start<F, Fut>(caller: &Caller, body: F) -> Result<Pid, Raise>
where
    F: FnOnce(Process, Ready) -> Fut,
    Fut: Future<Output = Result<(), Exit>> + Send + 'static,
{
    let (ready, is_ready) = oneshot::channel();
    let pid = caller.node().spawn(|process| body(process, ready));
    // An error says that the process has ended already, as others will see by its pid.
    let _ = is_ready.await;
    Ok(pid)
}

async fn link(process: Process, other: Pid, notify: Option<Dest>, ready: Ready) -> Result<(), Exit> {
    let mut process = process;
    process.trap_exit(true);
    process.link(&other).await;
    let _ = ready.send(());
    loop {
        let Ok((tag, from, reason)) = process.receive().await.decode::<(Atom, Pid, Term)>() else { continue };
        if tag != "EXIT" {
            continue;
        }
        if from == other {
            if let Some(notify) = notify {
                process.send(notify, (atom!("rust_exit"), other, reason)).await?;
            }
            return Ok(());
        }
        // A signal of somebody else is meant for this process, which traps exits only for its link.
        if !reason.is_atom("normal") {
            return Err(Exit::new(reason));
        }
    }
}

async fn monitor(
    mut process: Process,
    target: Dest,
    recipient: Recipient,
    notify: Dest,
    ready: Ready,
) -> Result<(), Exit> {
    let reference = process.monitor(recipient).await;
    let _ = ready.send(());
    loop {
        let message = process.receive().await;
        if let Ok((_, of, _, _, reason)) = message.decode::<(Atom, Reference, Atom, Term, Term)>()
            && of == reference
        {
            process.send(notify, (atom!("rust_down"), target, reason)).await?;
            return Ok(());
        }
    }
}

async fn monitor_nodes(mut process: Process, notify: Dest, ready: Ready) -> Result<(), Exit> {
    process.monitor_nodes(NodeType::Visible);
    // Without anybody to tell there is nothing to do.
    let notified = match recipient(&notify, process.node()) {
        Some(recipient) => Some(process.monitor(recipient).await),
        None => None,
    };
    let _ = ready.send(());
    loop {
        let message = process.receive().await;
        match message.tag_and_arity() {
            Some((tag, 2)) if tag == "nodeup" || tag == "nodedown" => {
                // The node that is down may be the one to be told.
                let _ = process.send(notify.clone(), message.to_encoded()?).await;
            }
            Some((tag, 5)) if tag == "DOWN" => {
                let (_, of, ..) = message.decode::<(Atom, Reference, Atom, Term, Encoded)>()?;
                if Some(of) == notified {
                    return Ok(());
                }
            }
            _ => {}
        }
    }
}

/// What can be monitored of a destination: all but an alias.
pub(super) fn recipient(dest: &Dest, node: &Node) -> Option<Recipient> {
    match dest.clone() {
        Dest::Pid(pid) => Some(Recipient::Pid(pid)),
        Dest::Name(name) => Some(Recipient::Name { name, node: node.name().as_atom().clone() }),
        Dest::NameNode(name, node) => Some(Recipient::Name { name, node }),
        Dest::Alias(_) => None,
        Dest::Global(name) => node.global().whereis_name(name).map(Recipient::Pid),
    }
}

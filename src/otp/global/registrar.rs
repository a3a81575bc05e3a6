//! The registrar: changes names in the whole cluster, one after the other, under the lock `global`.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::oneshot;

use super::GlobalError;
use super::calls::{multi_call, pause, set_lock};
use super::message::{Call, LockId};
use super::server::Shared;
use crate::node::Process;
use crate::process::Exit;
use crate::term::{Atom, Pid, Term};

/// A change of names, and who waits for it.
#[derive(Debug)]
pub(super) struct Transaction {
    pub(super) change: Change,
    pub(super) reply: oneshot::Sender<Result<(), GlobalError>>,
}

#[derive(Debug)]
pub(super) enum Change {
    /// Only if name and process are free.
    Register {
        name: Term,
        pid: Pid,
        method: Term,
    },
    /// Whoever had the name.
    ReRegister {
        name: Term,
        pid: Pid,
        method: Term,
    },
    Unregister {
        name: Term,
    },
}

/// Runs the registrar.
pub(super) async fn run(mut process: Process, shared: Arc<Shared>) -> Result<(), Exit> {
    let mut transactions = shared.received_transactions.lock().await;
    while let Some(Transaction { change, reply }) = transactions.recv().await {
        // Whoever has given up before it began does not get it done.
        if reply.is_closed() {
            continue;
        }
        let lock = LockId::global(Term::Pid(process.pid().clone()));
        let nodes = lock_all(&mut process, &shared, &lock).await;
        let result = apply(&mut process, &shared, change, &nodes).await;
        unlock_boss_last(&mut process, lock, nodes).await;
        let _ = reply.send(result);
    }
    Ok(())
}

async fn apply(
    process: &mut Process,
    shared: &Shared,
    change: Change,
    nodes: &[Atom],
) -> Result<(), GlobalError> {
    let call = match change {
        Change::Register { name, pid, method } => {
            {
                let rules = shared.rules.lock();
                let node = process.node();
                // One of this node that is dead already does not have its name any more.
                let has_process =
                    |pid: &Pid| pid.node != *node.name().as_atom() || node.is_process_alive(pid);
                if rules.names.get(&name).is_some_and(|named| has_process(&named.pid)) {
                    return Err(GlobalError::NameTaken);
                }
                if rules.names.is_named(&pid) {
                    return Err(GlobalError::HasName);
                }
            }
            Call::Register(name, pid, method)
        }
        Change::ReRegister { name, pid, method } => Call::Register(name, pid, method),
        Change::Unregister { name } => Call::Unregister(name),
    };
    multi_call(process, nodes.to_vec(), &call).await;
    Ok(())
}

/// Takes the lock on this node and all others, however long it takes, and gives these nodes.
///
/// The greatest of them is asked first: whoever gets it there will get it everywhere.
async fn lock_all(process: &mut Process, shared: &Shared, lock: &LockId) -> Vec<Atom> {
    for attempt in 0.. {
        if attempt > 0 {
            tokio::time::sleep(pause(attempt - 1)).await;
        }
        let nodes = members(process, shared);
        let boss: Vec<Atom> = nodes.last().cloned().into_iter().collect();
        if !set_lock(process, shared, lock, boss.clone()).await {
            continue;
        }
        // Those that have come meanwhile are not locked.
        if set_lock(process, shared, lock, nodes.iter().cloned().collect()).await
            && members(process, shared).is_subset(&nodes)
        {
            return nodes.into_iter().collect();
        }
        // The others keep it: it is this registrar's next time as well.
        multi_call(process, boss, &Call::DelLock(lock.clone())).await;
    }
    unreachable!("the attempts don't end")
}

/// All members, in the order of their names.
fn members(process: &Process, shared: &Shared) -> BTreeSet<Atom> {
    let mut members: BTreeSet<Atom> = shared.rules.lock().known().keys().cloned().collect();
    members.insert(process.node().name().as_atom().clone());
    members
}

async fn unlock_boss_last(process: &mut Process, lock: LockId, mut nodes: Vec<Atom>) {
    let boss: Vec<Atom> = nodes.pop().into_iter().collect();
    let unlock = Call::DelLock(lock);
    multi_call(process, nodes, &unlock).await;
    multi_call(process, boss, &unlock).await;
}

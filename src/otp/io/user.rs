//! `user`: the device of the node itself, and the group leader of processes that got no other.
//!
//! `io:format(rpc:call(Node, erlang, whereis, [user]), "hi~n", [])` on a BEAM node prints here.

use std::sync::Arc;

use parking_lot::Mutex;

use super::GroupLeader;
use crate::atom;
use crate::node::{Node, Process};
use crate::process::Exit;

/// The device that is to take the place of the one before.
#[derive(Debug, Default)]
pub(super) struct Successor(pub(super) Mutex<Option<GroupLeader>>);

/// The service. It prints on the standard output until the program wants something else.
pub(crate) fn user(process: Process) -> impl Future<Output = Result<(), Exit>> + Send + 'static {
    let node = process.node();
    // Right now, for the processes that are started next.
    node.set_default_group_leader(process.pid());
    let successor = node.attached::<Successor>().unwrap_or_else(|| {
        let successor = Arc::new(Successor::default());
        node.attach(successor.clone());
        successor
    });
    GroupLeader::stdout().serve(process, Some(successor))
}

impl Node {
    /// Has the process `user` print and read as `device` says. It is the group leader of all processes of this node that
    /// were not given another, and other nodes find it under that name.
    ///
    /// Unless this is called it prints on the program's standard output, and there is nothing to read. It does so again
    /// if somebody ends the process, which is then started anew.
    pub fn set_user(&self, device: GroupLeader) {
        if let Some(successor) = self.attached::<Successor>() {
            *successor.0.lock() = Some(device);
        }
        if let Some(user) = self.whereis("user") {
            // Any message that is no request has it look; one to a process of this node can't be busy.
            let _ = self.try_send(user, atom!("erlnode_new_device"));
        }
    }
}

//! The members of a group as they are sent to: one walk over those of each node.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use foldhash::fast::FixedState;

use crate::node::{Node, Process, ProcessCell, Sent};
use crate::process::Message;
use crate::term::etf::Encoded;
use crate::term::{Atom, Pid};

/// The members of a group, found already: those of this node, and those of each other.
#[derive(Debug)]
pub(super) struct Audience {
    local: Vec<Weak<ProcessCell>>,
    remote: Vec<(Atom, Vec<Pid>)>,
}

/// Who counts as the sender.
#[derive(Debug, Clone, Copy)]
pub(super) enum Sender<'a> {
    Node(&'a Node),
    Process(&'a Process),
}

impl Sender<'_> {
    fn node(&self) -> &Node {
        match self {
            Sender::Node(node) => node,
            Sender::Process(process) => process.node(),
        }
    }

    fn sent(&self) -> Sent<'_> {
        match self {
            Sender::Node(node) => node.pid().into(),
            Sender::Process(process) => process.sent(),
        }
    }
}

impl Audience {
    pub(super) fn new(node: &Node, pids: Vec<Pid>) -> Audience {
        let (mut local, mut remote) = (Vec::new(), HashMap::<Atom, Vec<Pid>, FixedState>::default());
        for pid in pids {
            if pid.node == *node.name().as_atom() {
                local.extend(node.process_table().get(&pid).map(|cell| Arc::downgrade(&cell)));
            } else {
                remote.entry(pid.node.clone()).or_default().push(pid);
            }
        }
        Audience { local, remote: remote.into_iter().collect() }
    }

    /// Sends to the members on this node; gives how many these are.
    pub(super) fn send_here(&self, sender: Sender<'_>, message: &Encoded) -> usize {
        let mut count = 0;
        for cell in self.local.iter().filter_map(Weak::upgrade) {
            let Sent { from, token, .. } = sender.sent();
            let message = Message::from_encoded(message.clone()).with_trace(token);
            // One that takes no more is passed over: the others can't help it.
            match sender.node().deliver_message(from, &cell, message) {
                Ok(()) => count += 1,
                Err(error) => tracing::debug!(%error, "a member of a group was passed over"),
            }
        }
        count
    }

    /// Sends to all; gives how many these are.
    pub(super) async fn send(&self, sender: Sender<'_>, message: &Encoded) -> usize {
        let mut count = self.send_here(sender, message);
        // Nodes that have to be waited for come last.
        let mut busy = Vec::new();
        for (node, pids) in &self.remote {
            let (sent, done) = sender.node().send_to_many(|| sender.sent(), node, pids, message);
            count += sent;
            if let Some(rest) = pids.get(done..).filter(|rest| !rest.is_empty()) {
                busy.push((node, rest));
            }
        }
        for (node, mut rest) in busy {
            while !rest.is_empty() && sender.node().room_at(sender.sent().from, node).await.is_ok() {
                let (sent, done) = sender.node().send_to_many(|| sender.sent(), node, rest, message);
                count += sent;
                rest = rest.get(done..).unwrap_or_default();
            }
        }
        count
    }
}

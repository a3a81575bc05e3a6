//! The way to a connection from the other side: which node that gives its name may go on.

use std::collections::hash_map::Entry;

use super::{Pending, State};
use crate::dist::NodeName;
use crate::dist::handshake::{Accepted, NameReceived, NameWanted, Refusal};
use crate::node::{ConnectError, Node};
use crate::term::Creation;

impl Node {
    /// The handshake `id` of someone who said that it is `name` has come to nothing.
    ///
    /// It need not have been that node: anybody can give a name, and say nothing more. So if somebody here waits for a
    /// connection to that node, this one tries itself.
    pub(crate) fn admitted_failed(&self, name: &NodeName, id: u64, error: ConnectError) {
        let mut table = self.net_kernel().table.lock();
        let Some(State::Pending(pending)) = table.nodes.get_mut(name.as_atom()) else { return };
        if pending.id != id {
            return;
        }
        if pending.outcome.receiver_count() == 0 && pending.queue.is_empty() {
            table.nodes.remove(name.as_atom());
        } else if pending.retried {
            drop(table);
            self.attempt_failed(name, id, error);
        } else {
            pending.retried = true;
            let attempt = self.runtime().spawn(self.clone().attempt(name.clone(), id));
            pending.own = Some(attempt.abort_handle());
        }
    }

    /// Whether the node that has given its name may connect.
    pub(crate) fn admit(&self, name: &NameReceived) -> Result<(Accepted, u64), Refusal> {
        let mut table = self.net_kernel().table.lock();
        if table.closing || self.is_stopping() {
            return Err(Refusal::ShuttingDown);
        }
        table.attempts += 1;
        let id = table.attempts;
        match table.nodes.entry(name.name().as_atom().clone()) {
            Entry::Vacant(entry) => {
                entry.insert(State::Pending(Pending::new(id, None)));
                Ok((Accepted::Ok, id))
            }
            Entry::Occupied(mut entry) => match entry.get_mut() {
                State::Up(_) => Ok((Accepted::Alive, id)),
                State::Pending(pending) => match &pending.own {
                    Some(attempt) => {
                        let accepted = name.simultaneous()?;
                        attempt.abort();
                        (pending.own, pending.id) = (None, id);
                        Ok((accepted, id))
                    }
                    // An earlier handshake of the same node that has not ended: the new one counts.
                    None => {
                        pending.id = id;
                        Ok((Accepted::Ok, id))
                    }
                },
            },
        }
    }

    /// A name for the node that wants one, its creation, and the number of its handshake.
    pub(crate) fn admit_unnamed(&self, wanted: &NameWanted) -> Result<(NodeName, Creation, u64), Refusal> {
        let mut table = self.net_kernel().table.lock();
        if table.closing || self.is_stopping() {
            return Err(Refusal::ShuttingDown);
        }
        table.attempts += 1;
        let id = table.attempts;
        loop {
            let named = self.dynamic_names().take(wanted.host());
            let (name, creation) = named.ok_or(Refusal::NotAllowed)?;
            // A node that was started under a name that is free here may have come meanwhile.
            if let Entry::Vacant(entry) = table.nodes.entry(name.as_atom().clone()) {
                entry.insert(State::Pending(Pending::new(id, None)));
                return Ok((name, creation, id));
            }
        }
    }

    /// Whether this node has no connection to `name`: the answer to `alive`.
    pub(crate) fn is_gone(&self, name: &NodeName) -> bool {
        !matches!(self.net_kernel().table.lock().nodes.get(name.as_atom()), Some(State::Up(_)))
    }
}

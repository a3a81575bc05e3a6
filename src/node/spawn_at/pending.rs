//! A request to spawn that is waited for.

use std::future::poll_fn;

use super::SpawnRequest;
use crate::atom;
use crate::node::Process;
use crate::process::{ExitKind, Outgoing, Recipient, Signal};
use crate::term::{Atom, Pid, Reference, Term};

/// A request under way. When dropped before the reply was seen, the process is not bound to what comes of it.
pub(super) struct PendingSpawn<'a> {
    pub(super) process: &'a mut Process,
    pub(super) reference: Reference,
    /// The reply is behind this position of the mailbox.
    from: usize,
    link: bool,
    monitor: bool,
    done: bool,
}

impl<'a> PendingSpawn<'a> {
    pub(super) fn new(process: &'a mut Process, request: &SpawnRequest) -> PendingSpawn<'a> {
        let (from, reference) = (process.mailbox_end(), process.new_request(request));
        let (link, monitor) = (request.options.link, request.options.monitor.is_some());
        PendingSpawn { process, reference, from, link, monitor, done: false }
    }

    /// Waits for the pid, or the reason why there is none.
    pub(super) async fn reply(&mut self) -> Result<Pid, Atom> {
        let (process, reference, from) = (&mut *self.process, &self.reference, &mut self.from);
        let reply =
            poll_fn(|context| process.poll_match(context, from, |message| message.is_spawn_reply(reference)))
                .await;
        self.done = true;
        spawned(reply.as_term())
    }
}

fn spawned(reply: Option<&Term>) -> Result<Pid, Atom> {
    match reply.and_then(Term::as_tuple) {
        Some([_, _, _, Term::Pid(pid)]) => Ok(pid.clone()),
        Some([_, _, _, Term::Atom(reason)]) => Err(reason.clone()),
        _ => unreachable!("the node makes the reply, of a pid or a reason"),
    }
}

impl Drop for PendingSpawn<'_> {
    fn drop(&mut self) {
        if self.done || self.process.cell().state.lock().abandon_spawn(&self.reference) {
            return;
        }
        // The reply has come, if the request was sent at all, and nobody has seen it.
        let (reference, mut child) = (&self.reference, None);
        self.process.discard(&mut self.from, |message| {
            let found = message.is_spawn_reply(reference);
            if found {
                child = spawned(message.as_term()).ok();
            }
            found
        });
        let Some(child) = child else { return };
        if self.monitor {
            self.process.demonitor(reference, true);
        }
        if self.link {
            self.process.unlink(&child);
            let signal = Signal::Exit(ExitKind::Signal, Term::Atom(atom!("abandoned")));
            let outgoing = Outgoing { to: Recipient::Pid(child), signal };
            self.process.node().route(self.process.pid(), outgoing);
        }
    }
}

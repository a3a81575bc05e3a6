//! Limits of mailboxes: how many messages may wait for a process, and what becomes of more.
//!
//! As in Erlang, a mailbox has no limit unless the process asks for one when it is spawned. The limit is for what others
//! send to its pid or name, here or from other nodes. It always gets what belongs to something it has asked for itself:
//! replies to its calls, messages to its aliases, `'DOWN'`, `'EXIT'`, `nodeup` and their like.

use std::sync::Arc;

use super::registry::ProcessCell;
use super::{Node, SendError};
use crate::atom;
use crate::process::{ExitKind, Message, Signal};
use crate::term::{Pid, Term};

/// How many messages may wait for a process; see [`SpawnOpt::mailbox_limit`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MailboxLimit {
    /// So many may wait; one for each thread that sends at the same moment may be over it.
    pub messages: usize,
    /// What becomes of one more.
    pub overflow: Overflow,
}

/// What becomes of a message for which a mailbox has no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Overflow {
    /// It is dropped; the sender does not learn of that.
    DropNewest,
    /// The oldest one that waits is dropped for it.
    DropOldest,
    /// The process that should have received it is killed, as by OTP's `max_heap_size`.
    Exit,
    /// A sender of this node gets [`SendError::MailboxFull`]. What comes from another node is dropped.
    Refuse,
}

/// How a process is to be spawned; see [`Node::spawn_opt`].
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct SpawnOpt {
    pub(crate) mailbox_limit: Option<MailboxLimit>,
    pub(crate) label: Option<Term>,
}

impl SpawnOpt {
    /// As without options.
    pub fn new() -> SpawnOpt {
        SpawnOpt::default()
    }

    /// Limits how many messages may wait.
    pub fn mailbox_limit(mut self, messages: usize, overflow: Overflow) -> SpawnOpt {
        self.mailbox_limit = Some(MailboxLimit { messages, overflow });
        self
    }
}

impl Node {
    /// Hands over a message that somebody has sent to the process itself.
    ///
    /// # Errors
    /// [`SendError::MailboxFull`], if that is what the process wants.
    pub(crate) fn deliver_message(
        &self,
        from: &Pid,
        cell: &Arc<ProcessCell>,
        message: Message,
    ) -> Result<(), SendError> {
        if let Some(limit) = cell.mailbox_limit
            && !self.make_room(cell, limit)
        {
            return match limit.overflow {
                Overflow::Refuse => Err(SendError::MailboxFull(cell.pid.clone())),
                _ => Ok(()),
            };
        }
        self.deliver_to(from, cell, Signal::Message(message));
        Ok(())
    }

    /// Whether there is room for a message, if need be after the oldest has made some.
    fn make_room(&self, cell: &Arc<ProcessCell>, limit: MailboxLimit) -> bool {
        // It is looking through its messages itself: then it takes one more.
        let Some(mut messages) = cell.try_all_messages() else { return true };
        if messages.len() < limit.messages {
            return true;
        }
        match limit.overflow {
            Overflow::DropNewest | Overflow::Refuse => false,
            Overflow::DropOldest => {
                let oldest = messages.drop_oldest();
                drop(messages);
                // Outside of the lock: it may be a value of any type.
                drop(oldest);
                limit.messages > 0
            }
            Overflow::Exit => {
                drop(messages);
                tracing::warn!(pid = ?cell.pid, limit = limit.messages, "a mailbox is full: its process is killed");
                let kill = Signal::Exit(ExitKind::Signal, Term::Atom(atom!("kill")));
                self.deliver_to(self.pid(), cell, kill);
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::tests::{in_process, next, soon};
    use crate::process::Exit;
    use tokio::sync::{mpsc, oneshot};

    /// Sends 1 to 5 to a process with room for three, and gives what it receives, and what the senders are told.
    async fn overflow(overflow: Overflow) -> (Vec<i64>, usize) {
        let node = Node::nonode();
        let (go_on, may_go_on) = oneshot::channel::<()>();
        let (sender, mut received) = mpsc::unbounded_channel();
        let limited = node.spawn_opt(SpawnOpt::new().mailbox_limit(3, overflow), async move |mut process| {
            let _ = may_go_on.await;
            loop {
                sender.send(process.receive().await.decode::<i64>()?).map_err(Exit::from_error)?;
            }
        });
        let mut refused = 0;
        for number in 1..=5i64 {
            let sent = node.send(&limited, number).await;
            refused += usize::from(matches!(sent, Err(SendError::MailboxFull(pid)) if pid == limited));
        }
        go_on.send(()).unwrap();
        let mut all = Vec::new();
        for _ in 0..3 {
            all.extend(soon(received.recv()).await);
        }
        // Now there is room again.
        node.send(&limited, 6i64).await.unwrap();
        all.extend(soon(received.recv()).await);
        (all, refused)
    }

    #[tokio::test]
    async fn what_is_too_much_is_dropped_or_refused() {
        assert_eq!(overflow(Overflow::DropNewest).await, (vec![1, 2, 3, 6], 0));
        assert_eq!(overflow(Overflow::DropOldest).await, (vec![3, 4, 5, 6], 0));
        assert_eq!(overflow(Overflow::Refuse).await, (vec![1, 2, 3, 6], 2));
    }

    #[tokio::test]
    async fn a_process_can_end_by_too_many_messages() {
        let node = Node::nonode();
        let reason = in_process(&node, async |mut process| {
            let options = SpawnOpt::new().mailbox_limit(3, Overflow::Exit);
            let limited = process.spawn_opt(options, async |process| {
                process.trap_exit(true);
                std::future::pending().await
            });
            process.monitor(&limited).await;
            for number in 0..4 {
                process.send(&limited, number).await.unwrap();
            }
            next(&mut process).await
        });
        assert!(reason.await.as_tuple().unwrap()[4].is_atom("killed"));
    }

    /// Its messages move up while it waits for one behind them.
    #[tokio::test]
    async fn a_receive_that_waits_misses_nothing_when_older_messages_are_dropped() {
        let node = Node::nonode();
        let (ready, mut is_ready) = mpsc::unbounded_channel();
        let (found, is_found) = oneshot::channel();
        let options = SpawnOpt::new().mailbox_limit(3, Overflow::DropOldest);
        let limited = node.spawn_opt(options, async move |mut process: crate::node::Process| {
            let wanted = process
                .receive_match(|message| {
                    let _ = ready.send(());
                    message.to_term().unwrap() == Term::from(5)
                })
                .await;
            let _ = found.send(wanted.decode::<i64>()?);
            Ok(())
        });
        for number in 1..=5i64 {
            node.send(&limited, number).await.unwrap();
            soon(is_ready.recv()).await;
        }
        assert_eq!(soon(is_found).await.unwrap(), 5);
    }
}

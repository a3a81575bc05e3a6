//! The receiving half of a process's messages: what it has taken over from its inbox and not used yet.

use std::collections::VecDeque;

use super::Message;

/// Messages in the order they arrived.
///
/// Senders fill the inbox of the process's state; the process takes all that is there in one go and goes through
/// it here without a lock. A selective receive leaves what does not match where it is.
#[derive(Debug, Default)]
pub(crate) struct Mailbox {
    queue: VecDeque<Message>,
}

impl Mailbox {
    /// The oldest message.
    pub(crate) fn pop(&mut self) -> Option<Message> {
        self.queue.pop_front()
    }

    /// The oldest message that `matches`, looking only at those from position `*from` on, and moves `from` behind
    /// what was looked at, so that no message is looked at twice by one receive.
    pub(crate) fn take(
        &mut self,
        from: &mut usize,
        mut matches: impl FnMut(&Message) -> bool,
    ) -> Option<Message> {
        while let Some(message) = self.queue.get(*from) {
            if matches(message) {
                return self.queue.remove(*from);
            }
            *from += 1;
        }
        None
    }

    /// Takes over all of `inbox`, behind what is here.
    pub(crate) fn take_over(&mut self, inbox: &mut VecDeque<Message>) {
        if self.queue.is_empty() {
            std::mem::swap(&mut self.queue, inbox);
        } else {
            self.queue.append(inbox);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::term::Term;

    fn mailbox(values: impl IntoIterator<Item = i64>) -> Mailbox {
        let mut inbox = values.into_iter().map(|value| Message::from_term(Term::from(value))).collect();
        let mut mailbox = Mailbox::default();
        mailbox.take_over(&mut inbox);
        mailbox
    }

    #[test]
    fn a_selective_receive_leaves_the_rest_in_order() {
        let mut mailbox = mailbox([1, 2, 3]);
        let mut from = 0;
        let found = mailbox.take(&mut from, |message| message.to_term().unwrap() == Term::from(2));
        assert!(found.is_some());
        assert_eq!(mailbox.pop().unwrap().to_term().unwrap(), Term::from(1));
        assert_eq!(mailbox.pop().unwrap().to_term().unwrap(), Term::from(3));
        assert!(mailbox.pop().is_none());
    }

    #[test]
    fn no_message_is_looked_at_twice_by_one_receive() {
        let mut mailbox = mailbox([1, 2]);
        let (mut from, mut looked) = (0, 0);
        assert!(
            mailbox
                .take(&mut from, |_| {
                    looked += 1;
                    false
                })
                .is_none()
        );
        mailbox.take_over(&mut VecDeque::from([Message::from_term(Term::from(3))]));
        assert!(
            mailbox
                .take(&mut from, |_| {
                    looked += 1;
                    true
                })
                .is_some()
        );
        assert_eq!(looked, 3);
    }
}

//! The receiving half of a process's messages: what it has taken over from its inbox and not used yet.

use std::collections::VecDeque;

use super::Message;

/// So much room is kept for the next burst of messages; more is given back when three quarters of it are free.
const KEPT: usize = 1024;

/// Messages in the order they arrived.
///
/// Senders fill the inbox of the process's state; the process takes all that is there in one go and goes through
/// it here without a lock. A selective receive leaves what does not match where it is.
#[derive(Debug, Default)]
pub(crate) struct Mailbox {
    /// Those that go before all others, few as a rule.
    priority: VecDeque<Message>,
    queue: VecDeque<Message>,
    /// How many were dropped by others than the process itself: positions count from the first of them on.
    dropped: usize,
}

impl Mailbox {
    /// The oldest message.
    pub(crate) fn pop(&mut self) -> Option<Message> {
        if let Some(message) = self.priority.pop_front() {
            return Some(message);
        }
        let message = self.queue.pop_front();
        self.give_back();
        message
    }

    /// The oldest message that `matches`, looking only at those from position `*from` on, and moves `from` behind
    /// what was looked at, so that no message is looked at twice by one receive.
    ///
    /// Those with priority have no position: they are looked at first, each time.
    pub(crate) fn take(
        &mut self,
        from: &mut usize,
        mut matches: impl FnMut(&Message) -> bool,
    ) -> Option<Message> {
        if let Some(place) = self.priority.iter().position(&mut matches) {
            return self.priority.remove(place);
        }
        *from = (*from).max(self.dropped);
        while let Some(message) = self.queue.get(*from - self.dropped) {
            if matches(message) {
                let message = self.queue.remove(*from - self.dropped);
                self.give_back();
                return message;
            }
            *from += 1;
        }
        None
    }

    /// The oldest message, taken out by somebody else than the process itself, which may be waiting for a later one.
    pub(crate) fn drop_oldest(&mut self) -> Option<Message> {
        let Some(oldest) = self.queue.pop_front() else { return self.priority.pop_front() };
        self.dropped += 1;
        Some(oldest)
    }

    /// The position behind all messages that are here.
    pub(crate) fn end(&self) -> usize {
        self.dropped + self.queue.len()
    }

    /// Takes over all of `inbox`, behind what is here, and of `priority`, behind what has priority here.
    pub(crate) fn take_over(&mut self, inbox: &mut VecDeque<Message>, priority: &mut VecDeque<Message>) {
        if !priority.is_empty() {
            self.priority.extend(std::mem::take(priority));
        }
        if self.queue.is_empty() {
            std::mem::swap(&mut self.queue, inbox);
        } else {
            self.queue.append(inbox);
            if inbox.capacity() > KEPT {
                *inbox = VecDeque::new();
            }
        }
    }

    /// Gives back room that a burst has left behind. It is halved each time, which costs less than taking out the
    /// messages that were in it.
    fn give_back(&mut self) {
        let room = self.queue.capacity();
        if room > KEPT && self.queue.len() < room / 4 {
            self.queue.shrink_to(room / 2);
        }
    }

    /// All messages, which leaves none.
    pub(crate) fn take_all(&mut self) -> VecDeque<Message> {
        let mut all = std::mem::take(&mut self.priority);
        all.append(&mut self.queue);
        self.queue = VecDeque::new();
        all
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Message> {
        self.priority.iter().chain(&self.queue)
    }

    pub(crate) fn len(&self) -> usize {
        self.priority.len() + self.queue.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::term::Term;

    fn mailbox(values: impl IntoIterator<Item = i64>) -> Mailbox {
        let mut inbox = values.into_iter().map(|value| Message::from_term(Term::from(value))).collect();
        let mut mailbox = Mailbox::default();
        mailbox.take_over(&mut inbox, &mut VecDeque::new());
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
    fn what_has_priority_goes_first_in_its_order_and_through_every_receive() {
        let mut mailbox = mailbox([1, 2]);
        let mut from = 0;
        assert!(mailbox.take(&mut from, |_| false).is_none());
        let message = |value| Message::from_term(Term::from(value));
        let mut priority = VecDeque::from([message(10), message(11)]);
        mailbox.take_over(&mut VecDeque::from([message(3)]), &mut priority);
        let is = |message: &Message, value| message.to_term().unwrap() == Term::from(value);
        assert!(mailbox.take(&mut from, |message| is(message, 11)).is_some());
        mailbox.take_over(&mut VecDeque::new(), &mut VecDeque::from([message(12)]));
        for value in [10, 12, 1, 2, 3] {
            assert!(is(&mailbox.pop().unwrap(), value), "{value}");
        }
    }

    #[test]
    fn the_room_of_a_burst_is_given_back() {
        const BURST: i64 = 100_000;
        let mut mailbox = mailbox(0..BURST);
        while mailbox.pop().is_some() {}
        assert!(mailbox.queue.capacity() <= 2 * KEPT, "{}", mailbox.queue.capacity());

        // One message that nobody takes stays, and the others come through the other queue.
        let one = Message::from_term(Term::from(-1));
        mailbox.take_over(&mut VecDeque::from([one]), &mut VecDeque::new());
        let mut inbox = (0..BURST).map(|value| Message::from_term(Term::from(value))).collect();
        mailbox.take_over(&mut inbox, &mut VecDeque::new());
        let is_wanted = |message: &Message| message.to_term().unwrap() != Term::from(-1);
        while mailbox.take(&mut 0, is_wanted).is_some() {}
        assert_eq!(mailbox.len(), 1);
        assert!(mailbox.queue.capacity() <= 2 * KEPT, "{}", mailbox.queue.capacity());
        assert!(inbox.capacity() <= KEPT, "{}", inbox.capacity());
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
        let late = Message::from_term(Term::from(3));
        mailbox.take_over(&mut VecDeque::from([late]), &mut VecDeque::new());
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

//! Sequential tracing: a token that goes with what processes send to each other, from node to node.
//!
//! A process that has a token sends it along with every message, with every spawn request, and to its links when it ends,
//! and whoever receives such a message has the token from then on, and passes it on. As in OTP, `exit/2` takes none along. So all that one event causes can be told from the rest,
//! by its label. The token counts, too: what is sent has a number, `serial`, and says which number it answers.
//!
//! | a process                              | its token                          | `last_count` | its clock                  |
//! | -------------------------------------- | ---------------------------------- | ------------ | -------------------------- |
//! | sends something                        | `serial` is the clock, `from` it   | stays        | one more, before           |
//! | receives a message with a token        | that token                         | its `serial` | `serial`, if that is more  |
//! | receives one without                   | none                               | stays        | stays                      |
//! | receives `'DOWN'`, `nodedown` and such | stays                              | stays        | stays                      |
//! | is spawned                             | that of the one that spawns        | its `serial` | its `serial`               |
//!
//! Nothing is told to a tracer here: only the other nodes may have one.
//!
//! Reference: the documentation of OTP's module `seq_trace`.

use crate::term::{Integer, Pid, Term};

/// A token of sequential tracing: what `seq_trace:get_token/0` gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeqTraceToken {
    /// What tracers are to be told: bit 0 for `send`, 1 for `receive`, 2 for `print`, and others for time stamps.
    pub flags: u32,
    /// What tells this trace from others; any term.
    pub label: Term,
    /// The number of what was sent with it.
    pub serial: u64,
    /// Who sent that: a pid, or the name of a node that answers for one.
    pub from: Term,
    /// The number of what the sender had received last.
    pub last_count: u64,
}

impl SeqTraceToken {
    /// A token with this label and no flags, for [`Process::set_seq_trace_token`].
    ///
    /// [`Process::set_seq_trace_token`]: crate::node::Process::set_seq_trace_token
    #[must_use]
    pub fn new(label: impl Into<Term>) -> SeqTraceToken {
        SeqTraceToken { flags: 0, label: label.into(), serial: 0, from: Term::NIL, last_count: 0 }
    }

    /// Reads `{Flags, Label, Serial, From, Lastcnt}`; `None` if it is something else.
    pub(crate) fn from_term(term: &Term) -> Option<SeqTraceToken> {
        let Some([Term::Integer(flags), label, Term::Integer(serial), from, Term::Integer(last_count)]) =
            term.as_tuple()
        else {
            return None;
        };
        let number = |integer: &Integer| integer.as_i64().and_then(|number| u64::try_from(number).ok());
        Some(SeqTraceToken {
            flags: u32::try_from(number(flags)?).ok()?,
            label: label.clone(),
            serial: number(serial)?,
            from: from.clone(),
            last_count: number(last_count)?,
        })
    }

    /// As it goes over the wire: `{Flags, Label, Serial, From, Lastcnt}`.
    #[must_use]
    pub fn to_term(&self) -> Term {
        Term::tuple([
            Term::from(self.flags),
            self.label.clone(),
            Term::from(self.serial),
            self.from.clone(),
            Term::from(self.last_count),
        ])
    }
}

/// What a message does to the token of the process that receives it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) enum MessageTrace {
    /// It has none: that of the process goes.
    #[default]
    None,
    /// It has this one.
    Token(Box<SeqTraceToken>),
    /// Nothing: it is not of a process, but of the node.
    Unaffected,
}

impl MessageTrace {
    pub(crate) fn is_token(&self) -> bool {
        matches!(self, MessageTrace::Token(_))
    }
}

impl From<Option<SeqTraceToken>> for MessageTrace {
    fn from(token: Option<SeqTraceToken>) -> MessageTrace {
        token.map_or(MessageTrace::None, |token| MessageTrace::Token(Box::new(token)))
    }
}

/// The token of a process, and its counters.
#[derive(Debug, Default)]
pub(crate) struct SeqTrace {
    token: Option<Box<SeqTraceToken>>,
    clock: u64,
    last_count: u64,
}

impl SeqTrace {
    /// That of a process spawned with `token`, which counts as a message to it.
    pub(crate) fn spawned(token: SeqTraceToken) -> SeqTrace {
        let serial = token.serial;
        SeqTrace { token: Some(Box::new(token)), clock: serial, last_count: serial }
    }

    /// That of a process spawned by another node: the request and its arguments count as two messages, and the second
    /// is received only after the reply was sent.
    pub(crate) fn spawned_remotely(token: SeqTraceToken) -> SeqTrace {
        let serial = token.serial.saturating_sub(1);
        SeqTrace { token: Some(Box::new(token)), clock: serial, last_count: serial }
    }

    pub(crate) fn token(&self) -> Option<&SeqTraceToken> {
        self.token.as_deref()
    }

    /// Takes the label, the flags and the counters of `token`, or drops the one that is there.
    pub(crate) fn set(&mut self, own: &Pid, token: Option<SeqTraceToken>) {
        if let Some(token) = &token {
            (self.clock, self.last_count) = (token.serial, token.last_count);
        }
        self.token = token.map(|token| Box::new(SeqTraceToken { from: Term::Pid(own.clone()), ..token }));
    }

    /// Counts something that is sent; the token that goes with it, if there is one.
    pub(crate) fn sent(&mut self, own: &Pid) -> Option<SeqTraceToken> {
        let token = self.token.as_mut()?;
        self.clock += 1;
        (token.serial, token.last_count) = (self.clock, self.last_count);
        token.from = Term::Pid(own.clone());
        Some((**token).clone())
    }

    /// Takes what came with a message that is received.
    pub(crate) fn received(&mut self, trace: MessageTrace) {
        match trace {
            MessageTrace::None => self.token = None,
            MessageTrace::Token(token) => {
                self.last_count = token.serial;
                self.clock = self.clock.max(token.serial);
                self.token = Some(token);
            }
            MessageTrace::Unaffected => {}
        }
    }

    /// A process that this one has spawned says so, with this number.
    pub(crate) fn spawn_replied(&mut self, serial: u64) {
        (self.clock, self.last_count) = (serial, serial);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::atom;
    use crate::term::Creation;

    fn pid(id: u32) -> Pid {
        Pid { node: atom!("n@h"), id, serial: 0, creation: Creation(1) }
    }

    fn numbers(token: Option<SeqTraceToken>) -> Option<(u64, u64)> {
        token.map(|token| (token.last_count, token.serial))
    }

    #[test]
    fn what_is_sent_is_counted_and_says_what_it_answers() {
        let (mut one, mut other) = (SeqTrace::default(), SeqTrace::default());
        assert_eq!(one.sent(&pid(1)), None);
        one.set(&pid(1), Some(SeqTraceToken::new(17)));
        let first = one.sent(&pid(1));
        assert_eq!(numbers(first), Some((0, 1)));
        let second = one.sent(&pid(1));
        assert_eq!(numbers(second.clone()), Some((0, 2)));
        other.received(second.into());
        let answer = other.sent(&pid(2));
        assert_eq!(numbers(answer.clone()), Some((2, 3)));
        assert_eq!(answer.as_ref().map(|token| &token.from), Some(&Term::Pid(pid(2))));
        one.received(answer.into());
        assert_eq!(numbers(one.sent(&pid(1))), Some((3, 4)));
    }

    #[test]
    fn a_message_without_a_token_takes_it_away_and_one_of_the_node_does_not() {
        let mut trace = SeqTrace::default();
        trace.set(&pid(1), Some(SeqTraceToken::new(17)));
        trace.received(MessageTrace::Unaffected);
        assert!(trace.token().is_some());
        trace.received(MessageTrace::None);
        assert!(trace.token().is_none());
    }

    #[test]
    fn a_token_reads_as_it_is_written_and_nothing_else_is_one() {
        let token = SeqTraceToken {
            flags: 19,
            label: "{any, term}".parse().unwrap(),
            serial: 5,
            from: Term::Pid(pid(1)),
            last_count: 4,
        };
        assert_eq!(SeqTraceToken::from_term(&token.to_term()), Some(token));
        for other in ["[]", "{}", "{1, 2, 3, 4}", "{a, 1, 1, p, 1}", "{1, 1, -1, p, 1}", "{1, 1, 1, p, a}"] {
            assert_eq!(SeqTraceToken::from_term(&other.parse().unwrap()), None, "{other}");
        }
    }
}

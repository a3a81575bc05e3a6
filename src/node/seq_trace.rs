//! The tokens of sequential tracing on their way through this node: see [`SeqTraceToken`].

use std::sync::atomic::Ordering;

use super::Process;
use super::registry::ProcessCell;
use crate::process::{Marks, Message, Outgoing, SeqTrace, SeqTraceToken, Signal};
use crate::term::Pid;

/// Who sends a message, and how.
#[derive(Debug)]
pub(crate) struct Sent<'a> {
    pub(crate) from: &'a Pid,
    /// The token that goes with it.
    pub(crate) token: Option<SeqTraceToken>,
    /// Whether it may go before others, where the receiver wants that.
    pub(crate) priority: bool,
}

/// Without a token.
impl<'a> From<&'a Pid> for Sent<'a> {
    fn from(from: &'a Pid) -> Sent<'a> {
        Sent { from, token: None, priority: false }
    }
}

impl ProcessCell {
    /// The token for something that the process sends, which is counted.
    pub(crate) fn trace_sent(&self) -> Option<SeqTraceToken> {
        // Nobody but the process itself gives it a token.
        if !self.is_traced.load(Ordering::Relaxed) {
            return None;
        }
        self.seq_trace.lock().sent(&self.pid)
    }

    /// The process receives a message.
    pub(crate) fn trace_received(&self, message: &mut Message) {
        let trace = message.take_trace();
        if trace.is_token() || self.is_traced.load(Ordering::Relaxed) {
            self.change_trace(|seq_trace| seq_trace.received(trace));
        }
    }

    /// What the process sends as it ends, with a token if that is an exit signal.
    pub(super) fn with_token(&self, Outgoing { to, signal }: Outgoing) -> Outgoing {
        let token = matches!(signal, Signal::Exit(..)).then(|| self.trace_sent()).flatten();
        Outgoing { to, signal: signal.marked(Marks { token, priority: false }) }
    }

    pub(crate) fn change_trace(&self, change: impl FnOnce(&mut SeqTrace)) {
        let mut seq_trace = self.seq_trace.lock();
        change(&mut seq_trace);
        self.is_traced.store(seq_trace.token().is_some(), Ordering::Relaxed);
    }
}

impl Process {
    /// The process as the sender of a message, which is counted.
    pub(crate) fn sent(&self) -> Sent<'_> {
        Sent { from: self.pid(), token: self.cell().trace_sent(), priority: false }
    }

    /// The token that goes with all that this process sends: the one it was given, or that of the message it has
    /// received last.
    ///
    /// Does what `seq_trace:get_token()` does.
    #[must_use]
    pub fn seq_trace_token(&self) -> Option<SeqTraceToken> {
        self.cell().seq_trace.lock().token().cloned()
    }

    /// Gives this process a token, or takes away the one it has. Flags, label and numbers count; it is its own sender.
    ///
    /// Does what `seq_trace:set_token(Token)` does.
    pub fn set_seq_trace_token(&self, token: Option<SeqTraceToken>) {
        self.cell().change_trace(|seq_trace| seq_trace.set(self.pid(), token));
    }
}

//! `logger_proxy`: takes the events that other nodes send here, as their processes have a group leader of this node.
//!
//! | message | what it is |
//! | ------- | ---------- |
//! | `{log, Level, TextOrReport, Meta}` | an event |
//! | `{log, Level, Format, Args, Meta}` | an event |
//!
//! Anything else is logged once, at level debug.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::time::{Instant, sleep_until};

use super::flood::Flood;
use super::{Level, emit};
use crate::atom;
use crate::node::{InitialCall, Process};
use crate::otp::gen_server::{self, From, GenServer, Never, Reply};
use crate::process::{Exit, Message};
use crate::term::{Map, Term};

/// Larger events, in bytes of external format, are only mentioned.
pub const MAX_EVENT_SIZE: usize = 1 << 20;

/// So many events can wait to be looked at.
pub const MAX_WAITING: usize = 1000;

/// Logs what comes.
pub(super) async fn logger_proxy(mut process: Process) -> Result<(), Exit> {
    gen_server::enter_loop(Receiver::new("logger_proxy", log), atom!("logger_proxy"), &mut process).await
}

/// Has messages logged, and no flood of them.
pub(super) struct Receiver {
    name: &'static str,
    /// Logs a message, if it is one that can be; false for others.
    log: fn(&Term) -> bool,
    flood: Arc<Mutex<Flood>>,
    /// A message that nobody knows is told of once.
    told: bool,
}

impl Receiver {
    pub(super) fn new(name: &'static str, log: fn(&Term) -> bool) -> Receiver {
        Receiver { name, log, flood: Arc::default(), told: false }
    }

    fn unknown(&mut self) {
        if !std::mem::replace(&mut self.told, true) {
            tracing::debug!(service = self.name, "a service got an unknown message");
        }
    }

    /// What is dropped is told of when the window ends, also if nothing more comes.
    fn tell_at(&self, deadline: Instant) {
        let (flood, name) = (self.flood.clone(), self.name);
        tokio::spawn(async move {
            sleep_until(deadline).await;
            let dropped = flood.lock().take_dropped();
            tell_dropped(name, dropped);
        });
    }
}

impl GenServer for Receiver {
    type Call = Never;
    type Cast = Never;
    type Reply = Term;

    async fn handle_call(
        &mut self,
        call: Never,
        _: From<Term>,
        _: &mut Process,
    ) -> Result<Reply<Term>, Exit> {
        match call {}
    }

    async fn handle_unknown_call(
        &mut self,
        _: Message,
        _: From,
        _: &mut Process,
    ) -> Result<Reply<Term>, Exit> {
        self.unknown();
        Ok(Reply::Later)
    }

    async fn handle_unknown_cast(&mut self, _: Message, _: &mut Process) -> Result<(), Exit> {
        self.unknown();
        Ok(())
    }

    async fn handle_info(&mut self, message: Message, _: &mut Process) -> Result<(), Exit> {
        let (admitted, dropped, deadline) = {
            let mut flood = self.flood.lock();
            let none = flood.deadline().is_none();
            let (admitted, dropped) = flood.admit(Instant::now());
            (admitted, dropped, flood.deadline().filter(|_| none))
        };
        tell_dropped(self.name, dropped);
        deadline.into_iter().for_each(|deadline| self.tell_at(deadline));
        if !admitted {
            return Ok(());
        }
        match readable(&message) {
            Ok(Some(term)) if (self.log)(&term) => {}
            Ok(_) => self.unknown(),
            Err(size) => tracing::warn!(size, "an event of another node is too large to be logged"),
        }
        Ok(())
    }

    fn initial_call() -> InitialCall {
        let name = atom!("logger_olp");
        InitialCall { module: name, function: atom!("init"), arity: 1 }
    }
}

fn tell_dropped(name: &str, count: Option<u64>) {
    if let Some(count) = count {
        tracing::warn!(service = name, count, "too many log events came from other nodes: some were dropped");
    }
}

/// The message, if it is a term; an error is its size if it is too large to be looked at.
fn readable(message: &Message) -> Result<Option<Term>, usize> {
    match message.as_encoded().map(|encoded| encoded.bytes().len()) {
        Some(size) if size > MAX_EVENT_SIZE => Err(size),
        _ => Ok(message.to_term().ok()),
    }
}

fn log(message: &Term) -> bool {
    let (level, what, meta) = match message.as_tuple() {
        Some([log, level, what @ .., meta]) if log.is_atom("log") && matches!(what.len(), 1 | 2) => {
            (level, what, meta)
        }
        _ => return false,
    };
    let Some(level) = level.as_atom().and_then(|level| level.as_str().parse::<Level>().ok()) else {
        return false;
    };
    let none = Map::default();
    let meta = if let Term::Map(meta) = meta { meta } else { &none };
    emit::of_other_node(level, what, meta);
    true
}

//! What a program logs.

use super::{Level, emit, text};
use crate::atom;
use crate::node::{LeaderEvent, Node, Process};
use crate::term::{Atom, Term};

/// Something to be logged, by [`Process::log`] or [`Node::log`].
#[derive(Debug, Clone)]
#[must_use = "it is logged by Process::log or Node::log"]
pub struct Event {
    level: Level,
    what: Vec<Term>,
    meta: Vec<(Atom, Term)>,
}

impl Event {
    /// A text.
    ///
    /// Does what `logger:log(Level, String)` does.
    pub fn text(level: Level, text: impl Into<String>) -> Event {
        Event { level, what: vec![Term::from(text.into())], meta: Vec::new() }
    }

    /// A text with `arguments` in it, where `format` has `~p` and its kin.
    ///
    /// Does what `logger:log(Level, Format, Args)` does.
    pub fn format(level: Level, format: &str, arguments: impl IntoIterator<Item = Term>) -> Event {
        Event { level, what: vec![Term::charlist(format), Term::list(arguments)], meta: Vec::new() }
    }

    /// A report: a map, or a list of pairs. Anything else becomes a map with the key `report`.
    ///
    /// Does what `logger:log(Level, Report)` does.
    pub fn report(level: Level, report: impl Into<Term>) -> Event {
        let report = report.into();
        let report = if text::is_report(&report) {
            report
        } else {
            crate::node::atom_map([(atom!("report"), report)])
        };
        Event { level, what: vec![report], meta: Vec::new() }
    }

    /// Which part of the system it is about, the whole first: `[my_app, http]`. Handlers of a BEAM filter by that.
    ///
    /// # Panics
    /// When one is longer than an atom can be.
    pub fn domain<'a>(self, domain: impl IntoIterator<Item = &'a str>) -> Event {
        let domain = domain.into_iter().map(to_atom).map(Term::Atom);
        let domain = Term::list(domain);
        self.meta("domain", domain)
    }

    /// Adds to the metadata, in place of what is there under this name.
    ///
    /// # Panics
    /// When `name` is longer than an atom can be.
    pub fn meta(mut self, name: &str, value: impl Into<Term>) -> Event {
        let name = to_atom(name);
        self.meta.retain(|(other, _)| *other != name);
        self.meta.push((name, value.into()));
        self
    }
}

fn to_atom(name: &str) -> Atom {
    Atom::new(name).expect("a name of at most 255 characters")
}

impl Process {
    /// Logs: by tracing, and at the node of the group leader if that is another one, there with this process's pid.
    /// It does not wait, and an event that can't be sent at once is dropped.
    ///
    /// Does what `logger:log/3` does.
    pub fn log(&self, event: Event) {
        let Event { level, what, meta } = event;
        emit::here(level, &what, &meta, Some(self.pid()));
        self.node().log_to_leader(self.cell(), level, || LeaderEvent { level, what, meta });
    }
}

impl Node {
    /// Logs by tracing, outside of any process.
    pub fn log(&self, event: Event) {
        emit::here(event.level, &event.what, &event.meta, None);
    }
}

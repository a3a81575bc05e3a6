//! What can be switched on in a process, to watch it: `{debug, What}`.
//!
//! | `What` | answer |
//! | ------ | ------ |
//! | `{trace, true \| false}` | `ok`; each event is printed by the group leader |
//! | `{log, true}`, `{log, {true, N}}`, `{log, false}` | `ok`; the last events, 10 of them or `N`, are kept |
//! | `{log, get}` | `{ok, Events}`, the oldest first |
//! | `{log, print}` | `ok`; they are printed by the group leader |
//! | `{statistics, true \| false}` | `ok`; messages in and out, and reductions, are counted |
//! | `{statistics, get}` | `{ok, [{start_time, _}, ...]}` or `{ok, no_statistics}` |
//! | `{log_to_file, false}`, `{log_to_file, Name}` | `ok`, `{error, open_file}`: nobody has this node write files |
//! | `{install, _}`, `{remove, _}` | `{error, undef}`, `ok`: a fun of a BEAM can't be run, so there is none |
//! | `no_debug` | `ok`; all is switched off |
//! | anything else | `unknown_debug` |
//!
//! As long as nothing is on, a process does nothing for it. Times are in UTC.

use std::collections::VecDeque;
use std::fmt::Write;
use std::sync::atomic::Ordering;
use std::time::{SystemTime, UNIX_EPOCH};

use super::{Event, error};
use crate::atom;
use crate::node::{Dest, Process};
use crate::term::Term;
use crate::term::etf::Encoded;

/// How many events a log keeps if nobody says how many.
const DEFAULT_LOG: usize = 10;

/// The most that a log keeps, however many are asked for: each may be large.
const MAX_LOG: usize = 10_000;

/// What is on.
#[derive(Debug, Default)]
pub(super) struct Debug {
    trace: bool,
    log: Option<Log>,
    statistics: Option<Counts>,
}

#[derive(Debug)]
struct Log {
    limit: usize,
    events: VecDeque<(Event, String)>,
}

#[derive(Debug)]
struct Counts {
    start_time: Term,
    polls: u64,
    messages_in: u64,
    messages_out: u64,
}

impl Debug {
    pub(super) fn is_on(&self) -> bool {
        self.trace || self.log.is_some() || self.statistics.is_some()
    }

    pub(super) fn event(&mut self, event: Event, process: &Process, name: &str) {
        if let Some(counts) = &mut self.statistics {
            match event {
                Event::In(_) => counts.messages_in += 1,
                Event::Out { .. } => counts.messages_out += 1,
                Event::NoReply(_) => {}
            }
        }
        if self.trace {
            print(process, &text(&event, name));
        }
        if let Some(log) = &mut self.log {
            if log.events.len() >= log.limit {
                log.events.pop_front();
            }
            log.events.push_back((event, name.to_owned()));
        }
    }

    /// Carries out `{debug, command}`, and gives the answer.
    pub(super) fn command(&mut self, command: &Term, process: &Process, name: &str) -> Term {
        let ok = || Term::Atom(atom!("ok"));
        let unknown = || Term::Atom(atom!("unknown_debug"));
        if command.is_atom("no_debug") {
            *self = Debug::default();
            return ok();
        }
        let Some([what, value, ..]) = command.as_tuple() else { return unknown() };
        let Some(what) = what.as_atom() else { return unknown() };
        match (what.as_str(), value.as_atom().map_or("", |value| value.as_str())) {
            ("trace", "true") => self.trace = true,
            ("trace", "false") => self.trace = false,
            ("log", "true") => self.start_log(DEFAULT_LOG),
            ("log", "false") => self.log = None,
            ("log", "get") => return Term::tuple([ok(), self.logged()]),
            ("log", "print") => {
                for (event, name) in self.log.iter().flat_map(|log| &log.events) {
                    print(process, &text(event, name));
                }
            }
            ("log", _) => match value.as_tuple() {
                Some([Term::Atom(on), Term::Integer(limit)]) if on == "true" => {
                    match usize::try_from(limit) {
                        Ok(limit @ 1..) => self.start_log(limit.min(MAX_LOG)),
                        _ => return unknown(),
                    }
                }
                _ => return unknown(),
            },
            ("statistics", "true") => {
                self.statistics.get_or_insert_with(|| Counts {
                    start_time: now(),
                    polls: polls(process),
                    messages_in: 0,
                    messages_out: 0,
                });
            }
            ("statistics", "false") => self.statistics = None,
            ("statistics", "get") => return Term::tuple([ok(), self.statistics(process)]),
            ("log_to_file", "false") | ("remove", _) => {}
            ("log_to_file", _) => return error(Term::Atom(atom!("open_file"))),
            ("install", _) => {
                tracing::debug!(name, "a fun was to be installed, which can't be run here");
                return error(Term::Atom(atom!("undef")));
            }
            _ => return unknown(),
        }
        ok()
    }

    /// As in OTP, one that is on already goes on as it is.
    fn start_log(&mut self, limit: usize) {
        self.log.get_or_insert_with(|| Log { limit, events: VecDeque::new() });
    }

    /// The events in the log, the oldest first.
    pub(super) fn logged(&self) -> Term {
        Term::list(self.log.iter().flat_map(|log| &log.events).map(|(event, _)| event.to_term()))
    }

    fn statistics(&self, process: &Process) -> Term {
        let Some(counts) = &self.statistics else { return Term::Atom(atom!("no_statistics")) };
        let reductions = polls(process).saturating_sub(counts.polls);
        let entry = |name, value| Term::tuple([Term::Atom(name), value]);
        Term::list([
            entry(atom!("start_time"), counts.start_time.clone()),
            entry(atom!("current_time"), now()),
            entry(atom!("reductions"), Term::from(reductions)),
            entry(atom!("messages_in"), Term::from(counts.messages_in)),
            entry(atom!("messages_out"), Term::from(counts.messages_out)),
        ])
    }

    /// What is on, as `get_status` shows it.
    pub(super) fn to_term(&self) -> Term {
        let entry = |name, value| Term::tuple([Term::Atom(name), value]);
        let trace = self.trace.then(|| entry(atom!("trace"), Term::from(true)));
        let log = self
            .log
            .as_ref()
            .map(|log| entry(atom!("log"), Term::tuple([Term::from(log.limit), self.logged()])));
        let statistics = self.statistics.as_ref().map(|counts| {
            let polls = entry(atom!("reductions"), Term::from(counts.polls));
            let counted = [counts.messages_in, counts.messages_out].map(Term::from);
            let [messages_in, messages_out] = counted;
            entry(
                atom!("statistics"),
                Term::tuple([counts.start_time.clone(), polls, messages_in, messages_out]),
            )
        });
        Term::list(trace.into_iter().chain(log).chain(statistics))
    }
}

impl Event {
    /// As OTP's generic servers have it.
    fn to_term(&self) -> Term {
        match self {
            Event::In(message) => Term::tuple([Term::Atom(atom!("in")), message.clone()]),
            Event::Out { reply, to, state } => {
                Term::tuple([Term::Atom(atom!("out")), reply.clone(), to.clone(), state.clone()])
            }
            Event::NoReply(state) => Term::tuple([Term::Atom(atom!("noreply")), state.clone()]),
        }
    }
}

/// An event in the words that OTP's generic servers have for it.
fn text(event: &Event, name: &str) -> String {
    let mut text = format!("*DBG* {name} ");
    let pid = |from: &Term| match from.as_tuple() {
        Some([pid, _]) => pid.to_string(),
        _ => from.to_string(),
    };
    let written = match event {
        Event::In(message) => match message.as_tuple() {
            Some([kind, from, call]) if kind.is_atom("$gen_call") => {
                write!(text, "got call {call} from {}", pid(from))
            }
            Some([kind, cast]) if kind.is_atom("$gen_cast") => write!(text, "got cast {cast}"),
            _ => write!(text, "got {message}"),
        },
        Event::Out { reply, to, state } => write!(text, "sent {reply} to {}, new state {state}", pid(to)),
        Event::NoReply(state) => write!(text, "new state {state}"),
    };
    // Nothing goes wrong in writing to a string.
    let _ = written;
    text.push('\n');
    text
}

/// Has the group leader print it. Where that is nobody, as it is of most processes of this node, it is logged.
fn print(process: &Process, text: &str) {
    let (node, leader) = (process.node(), process.group_leader());
    if leader.node == *node.name().as_atom() && !node.is_process_alive(&leader) {
        tracing::info!("{}", text.trim_end());
        return;
    }
    // The answer goes to the node itself, which waits for none.
    let put = [Term::Atom(atom!("put_chars")), Term::Atom(atom!("unicode")), Term::from(text)];
    let request = Term::tuple([
        Term::Atom(atom!("io_request")),
        Term::Pid(node.pid().clone()),
        Term::Reference(node.make_ref()),
        Term::tuple(put),
    ]);
    match Encoded::from_term(&request) {
        Ok(request) => node.post(process.pid(), &Dest::Pid(leader), request),
        Err(error) => tracing::debug!(%error, "an event can't be printed"),
    }
}

fn polls(process: &Process) -> u64 {
    process.cell().polls.load(Ordering::Relaxed)
}

/// `{{Year, Month, Day}, {Hour, Minute, Second}}`.
fn now() -> Term {
    datetime(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs())
}

fn datetime(seconds: u64) -> Term {
    let (days, of_day) = (seconds / 86_400, seconds % 86_400);
    // Counted from the first of March of the year 0, the days before a month follow a simple rule.
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let triple = |numbers: [u64; 3]| Term::tuple(numbers.map(Term::from));
    Term::tuple([triple([year, month, day]), triple([of_day / 3600, of_day / 60 % 60, of_day % 60])])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        let shown = |seconds| datetime(seconds).to_string();
        assert_eq!(shown(0), "{{1970,1,1},{0,0,0}}");
        assert_eq!(shown(951_827_696), "{{2000,2,29},{12,34,56}}");
        assert_eq!(shown(1_709_251_199), "{{2024,2,29},{23,59,59}}");
        assert_eq!(shown(1_709_251_200), "{{2024,3,1},{0,0,0}}");
        assert_eq!(shown(4_102_444_799), "{{2099,12,31},{23,59,59}}");
    }

    #[test]
    fn events_read_as_those_of_otp() {
        let term = |text: &str| -> Term { text.parse().unwrap() };
        let shown = |event: Event| text(&event, "counter");
        let got = shown(Event::In(term("{'$gen_call', {me, tag}, {add, 1}}")));
        assert_eq!(got, "*DBG* counter got call {add,1} from me\n");
        assert_eq!(shown(Event::In(term("{'$gen_cast', reset}"))), "*DBG* counter got cast reset\n");
        assert_eq!(shown(Event::In(term("hello"))), "*DBG* counter got hello\n");
        let out = Event::Out { reply: term("3"), to: term("{me, tag}"), state: term("[]") };
        assert_eq!(shown(out), "*DBG* counter sent 3 to me, new state []\n");
        assert_eq!(shown(Event::NoReply(term("3"))), "*DBG* counter new state 3\n");
    }
}

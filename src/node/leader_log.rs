//! Log events of processes whose group leader is on another node: told to that node.
//!
//! A BEAM node does so, and whoever starts a process elsewhere sees in the log of the own node what became of it. The
//! event goes to the process registered as `logger_proxy` there:
//!
//! ```text
//! {log, Level, Text or Report, #{pid => Pid, gl => GroupLeader, time => MicroSeconds, ...}}
//! {log, Level, Format, Args,   #{pid => Pid, gl => GroupLeader, time => MicroSeconds, ...}}
//! ```
//!
//! As in OTP it is dropped where it could not be sent at once: a log holds nobody up, and fills no queue.
//!
//! Reference: kernel application, module `logger`.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use super::registry::ProcessCell;
use super::{Dest, Node};
use crate::atom;
use crate::term::etf::Encoded;
use crate::term::{Atom, Map, Pid, Term};

/// How severe a log event is: the levels of OTP's `logger`, the most severe first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// The system can't be used.
    Emergency,
    /// Somebody has to act at once.
    Alert,
    /// Something vital failed.
    Critical,
    /// Something failed.
    Error,
    /// Something may fail.
    Warning,
    /// It is normal, but worth to be known.
    Notice,
    /// For the record.
    Info,
    /// For those who look for a fault.
    Debug,
}

impl Level {
    const ALL: [Level; 8] = [
        Level::Emergency,
        Level::Alert,
        Level::Critical,
        Level::Error,
        Level::Warning,
        Level::Notice,
        Level::Info,
        Level::Debug,
    ];

    /// The name it has in OTP.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Level::Emergency => "emergency",
            Level::Alert => "alert",
            Level::Critical => "critical",
            Level::Error => "error",
            Level::Warning => "warning",
            Level::Notice => "notice",
            Level::Info => "info",
            Level::Debug => "debug",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// There is no level of this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no log level of this name")]
pub struct UnknownLevel;

impl FromStr for Level {
    type Err = UnknownLevel;

    fn from_str(name: &str) -> Result<Level, UnknownLevel> {
        Level::ALL.into_iter().find(|level| level.name() == name).ok_or(UnknownLevel)
    }
}

/// The least severe events that are told to other nodes.
#[derive(Debug)]
struct LeastSevere(Level);

/// An event on its way to another node.
pub(crate) struct LeaderEvent {
    pub(crate) level: Level,
    /// A text or report, or a format and its arguments.
    pub(crate) what: Vec<Term>,
    /// What is known of it besides the process, its leader and the time.
    pub(crate) meta: Vec<(Atom, Term)>,
}

impl Node {
    /// Which events of this node's processes go to the nodes of their group leaders: those at least as severe as
    /// `level`. It is [`Level::Notice`] if not set, as on a BEAM.
    ///
    /// What this program logs itself is a matter of its tracing subscriber.
    ///
    /// Does what `logger:set_primary_config(level, Level)` does for other nodes.
    pub fn set_log_level(&self, level: Level) {
        self.attach(Arc::new(LeastSevere(level)));
    }

    /// The least severe events that are told to other nodes.
    #[must_use]
    pub fn log_level(&self) -> Level {
        self.attached::<LeastSevere>().map_or(Level::Notice, |least| least.0)
    }

    /// Tells the node of the process's group leader, if that is another one.
    pub(crate) fn log_to_leader(
        &self,
        cell: &ProcessCell,
        level: Level,
        event: impl FnOnce() -> LeaderEvent,
    ) {
        let leader = cell.state.lock().group_leader.clone();
        if leader.node == *self.name().as_atom() || level > self.log_level() {
            return;
        }
        let to = Dest::NameNode(atom!("logger_proxy"), leader.node.clone());
        // On a BEAM the service of this name sends it.
        let proxy = self.names().whereis("logger_proxy").map(|cell| cell.pid.clone());
        let from = proxy.unwrap_or_else(|| self.pid().clone());
        if let Ok(event) = Encoded::from_term(&event().into_term(&cell.pid, leader)) {
            let sent = self.try_send_from((&from).into(), to.clone(), event);
            if let Err(error) = sent {
                tracing::debug!(?to, %error, "a log event could not be sent");
            }
        }
    }
}

impl LeaderEvent {
    fn into_term(self, pid: &Pid, leader: Pid) -> Term {
        let own = [
            (atom!("pid"), Term::Pid(pid.clone())),
            (atom!("gl"), Term::Pid(leader)),
            (atom!("time"), Term::from(now_in_microseconds())),
        ];
        // What the event says itself counts.
        let meta = atom_map(own.into_iter().chain(self.meta));
        let level = Atom::new(self.level.name()).map_or(Term::NIL, Term::Atom);
        Term::tuple([Term::Atom(atom!("log")), level].into_iter().chain(self.what).chain([meta]))
    }
}

/// A map with these atoms as its keys; of equal ones the last counts.
pub(crate) fn atom_map(pairs: impl IntoIterator<Item = (Atom, Term)>) -> Term {
    Term::Map(pairs.into_iter().map(|(key, value)| (Term::Atom(key), value)).collect::<Map>())
}

fn now_in_microseconds() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_ordered_and_read_as_they_are_named() {
        for level in Level::ALL {
            assert_eq!(level.to_string().parse(), Ok(level));
        }
        assert!(Level::Emergency < Level::Error && Level::Error < Level::Debug);
        assert_eq!("none".parse::<Level>(), Err(UnknownLevel));
    }

    #[test]
    fn what_the_event_says_of_itself_counts() {
        let pid = Pid { node: atom!("a@b"), id: 5, serial: 0, creation: crate::term::Creation(1) };
        let event = LeaderEvent {
            level: Level::Warning,
            what: vec![Term::from("text")],
            meta: vec![(atom!("time"), Term::from(17))],
        };
        let expected = "{log,warning,<<\"text\">>,\
            #{gl => <a@b.5.0/1>,pid => <a@b.5.0/1>,time => 17}}";
        assert_eq!(event.into_term(&pid, pid.clone()).to_string(), expected);
    }
}

//! Errors that nothing caught: told to the log of this node, and to the node where the process's group leader is.
//!
//! A BEAM node does the same: whoever starts a process on another node sees in its own log why it crashed. The
//! event goes to the process registered as `logger_proxy` there:
//!
//! ```text
//! {log, error, "Error in process ~p on node ~p with exit value:~n~p~n", [Pid, Node, {Reason, Stack}],
//!  #{error_logger => #{emulator => true, tag => error}, pid => Pid, gl => GroupLeader, time => MicroSeconds}}
//! ```
//!
//! Calls of `exit/1` are no errors and are not told.

use std::fmt::{self, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use super::exports::{Class, Raise};
use super::registry::ProcessCell;
use super::{Dest, Node};
use crate::atom;
use crate::process::Exit;
use crate::term::etf::Encoded;
use crate::term::{Atom, Map, Pid, Term};

/// How much of an error the log of this node gets, in bytes: its arguments may be large.
const MAX_LOGGED: usize = 4096;

impl Node {
    /// Tells of an exception that is about to end the process of `cell`.
    pub(crate) fn report_uncaught(&self, cell: &ProcessCell, raise: &Raise) {
        if raise.class == Class::Exit {
            return;
        }
        let value = Exit::from(raise.clone()).into_reason();
        tracing::error!(pid = %cell.pid, reason = %Shortened(&value), "a process ended with an error");
        let leader = cell.state.lock().group_leader.clone();
        if leader.node == *self.name().as_atom() {
            return;
        }
        let to = Dest::NameNode(atom!("logger_proxy"), leader.node.clone());
        // A term that came from a node, or was made here, can be sent.
        if let Ok(event) = Encoded::from_term(&log_event(&cell.pid, leader, value)) {
            self.post(self.pid(), &to, event);
        }
    }
}

fn log_event(pid: &Pid, leader: Pid, value: Term) -> Term {
    let format = "Error in process ~p on node ~p with exit value:~n~p~n";
    let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
    let map = |pairs: &[(Atom, Term)]| {
        Term::Map(pairs.iter().map(|(key, value)| (Term::Atom(key.clone()), value.clone())).collect::<Map>())
    };
    let error_logger =
        map(&[(atom!("emulator"), Term::from(true)), (atom!("tag"), Term::Atom(atom!("error")))]);
    let meta = map(&[
        (atom!("error_logger"), error_logger),
        (atom!("pid"), Term::Pid(pid.clone())),
        (atom!("gl"), Term::Pid(leader)),
        (atom!("time"), Term::from(time)),
    ]);
    Term::tuple([
        Term::Atom(atom!("log")),
        Term::Atom(atom!("error")),
        Term::charlist(format),
        Term::list([Term::Pid(pid.clone()), Term::Atom(pid.node.clone()), value]),
        meta,
    ])
}

/// Prints the beginning of a term.
struct Shortened<'a>(&'a Term);

impl fmt::Display for Shortened<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut beginning = Beginning(String::new());
        // An error says that there is more.
        let more = write!(beginning, "{}", self.0).is_err();
        f.write_str(&beginning.0)?;
        if more { f.write_str("...") } else { Ok(()) }
    }
}

/// Takes so much and no more.
struct Beginning(String);

impl Write for Beginning {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = MAX_LOGGED - self.0.len();
        if text.len() <= room {
            self.0.push_str(text);
            return Ok(());
        }
        self.0.push_str(&text[..text.floor_char_boundary(room)]);
        Err(fmt::Error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_error_is_cut() {
        let long = Term::tuple([Term::Atom(atom!("undef")), Term::from("ä".repeat(5000))]);
        let printed = Shortened(&long).to_string();
        assert!(printed.len() <= MAX_LOGGED + 3 && printed.ends_with("ä..."), "{printed}");
        assert_eq!(Shortened(&Term::from(1)).to_string(), "1");
    }
}

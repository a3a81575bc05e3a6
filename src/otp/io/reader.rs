//! What a group leader has read and nobody has had yet.

use super::request::Call;
use super::source::Input;
use super::tokens::{self, FullStop};
use crate::atom;
use crate::term::Term;

/// The input, and what of it is here.
#[derive(Debug)]
pub(super) struct Reader {
    input: Input,
    text: String,
    /// What is before this was read by somebody.
    start: usize,
}

/// What somebody wants to read.
#[derive(Debug)]
pub(super) enum Wanted {
    Line,
    Characters(usize),
    /// A term, as tokens of `erl_scan`, the first of which is at this location.
    Tokens(Term),
}

impl Wanted {
    /// What a function of `get_until` takes, if that is one of those known here.
    pub(super) fn of(call: Call<'_>) -> Option<Wanted> {
        match (call.module.as_str(), call.function.as_str(), call.arguments) {
            ("erl_scan", "tokens", [location, ..]) => Some(Wanted::Tokens(location.clone())),
            // As nodes of long ago ask for these.
            ("io_lib", "collect_line", []) => Some(Wanted::Line),
            ("io_lib", "collect_chars", [Term::Integer(count)]) => {
                usize::try_from(count).ok().map(Wanted::Characters)
            }
            _ => None,
        }
    }
}

/// What is wanted, and how far the text was looked through for it.
#[derive(Debug)]
pub(super) struct Reading {
    wanted: Wanted,
    /// In bytes, from the start.
    seen: usize,
    characters: usize,
    stop: FullStop,
}

impl Reading {
    pub(super) fn new(wanted: Wanted) -> Reading {
        Reading { wanted, seen: 0, characters: 0, stop: FullStop::default() }
    }
}

impl Reader {
    pub(super) fn new(input: Input) -> Reader {
        Reader { input, text: String::new(), start: 0 }
    }

    /// Waits for more; false if there is no more. Nothing is lost when it is dropped.
    pub(super) async fn more(&mut self) -> bool {
        let Some(more) = self.input.more().await else { return false };
        self.text.drain(..self.start);
        self.start = 0;
        self.text.push_str(&more);
        true
    }

    /// Takes what is wanted, and gives the reply, in which text is as `reply` makes it; `None` if it is not all here.
    pub(super) fn read(
        &mut self,
        reading: &mut Reading,
        at_end: bool,
        reply: impl FnOnce(&str) -> Term,
    ) -> Option<Term> {
        let rest = self.text.get(self.start..).unwrap_or_default();
        let unseen = rest.get(reading.seen..).unwrap_or_default();
        let end = match &reading.wanted {
            Wanted::Line => unseen.find('\n').map(|at| reading.seen + at + 1),
            Wanted::Characters(count) => {
                let missing = count - reading.characters;
                let end = unseen.char_indices().map(|(at, _)| at).chain([unseen.len()]).nth(missing);
                if end.is_none() {
                    reading.characters += unseen.chars().count();
                }
                end.map(|at| reading.seen + at)
            }
            Wanted::Tokens(location) => {
                let (result, used) = tokens::of_text(rest, &mut reading.stop, location, at_end)?;
                self.start += used;
                return Some(result);
            }
        };
        reading.seen = rest.len();
        let end = match end {
            Some(end) => end,
            None if !at_end => return None,
            None if rest.is_empty() => return Some(Term::Atom(atom!("eof"))),
            None => rest.len(),
        };
        let taken = rest.get(..end).unwrap_or(rest);
        self.start += taken.len();
        match (&reading.wanted, taken.strip_suffix("\r\n")) {
            (Wanted::Line, Some(line)) => Some(reply(&format!("{line}\n"))),
            _ => Some(reply(taken)),
        }
    }
}

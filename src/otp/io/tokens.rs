//! Terms that are read as the tokens of `erl_scan`: what `io:read/1` of a BEAM asks for.
//!
//! The caller parses the tokens. They are made from the term, so there are tokens for terms only, and all are at the place
//! where the term begins.

use crate::atom;
use crate::term::parse::parse;
use crate::term::{Atom, Fun, Integer, Term};

/// The search for the full stop that ends a term, which goes on where it was when there is more text.
#[derive(Debug, Default)]
pub(super) struct FullStop {
    /// How far the text was looked through, in bytes.
    seen: usize,
    state: State,
    /// Whether there was anything but blanks and comments.
    begun: bool,
}

#[derive(Debug, Default, Clone, Copy)]
enum State {
    #[default]
    Code,
    /// Behind a dot, which is a full stop if a blank follows.
    Dot,
    /// Behind `$`.
    Character,
    /// Behind `$\`.
    EscapedCharacter,
    Quoted(char),
    /// Behind a backslash in quotes.
    Escaped(char),
    Comment,
}

impl FullStop {
    /// The end of the term: behind the blank that follows its full stop.
    fn find(&mut self, text: &str) -> Option<usize> {
        for (at, c) in text.get(self.seen..).unwrap_or_default().char_indices() {
            if let State::Dot = self.state
                && (c.is_whitespace() || c == '%')
            {
                return Some(self.seen + at + if c == '%' { 0 } else { c.len_utf8() });
            }
            self.state = match (self.state, c) {
                (State::Code | State::Dot, '.') => State::Dot,
                (State::Code | State::Dot, '$') => State::Character,
                (State::Code | State::Dot, '"' | '\'') => State::Quoted(c),
                (State::Code | State::Dot, '%') => State::Comment,
                (State::Code | State::Dot, _) => State::Code,
                (State::Character, '\\') => State::EscapedCharacter,
                (State::Character | State::EscapedCharacter, _) => State::Code,
                (State::Quoted(quote), '\\') => State::Escaped(quote),
                (State::Quoted(quote), c) if c == quote => State::Code,
                (State::Quoted(quote) | State::Escaped(quote), _) => State::Quoted(quote),
                (State::Comment, '\n') => State::Code,
                (State::Comment, _) => State::Comment,
            };
            let outside = matches!(self.state, State::Code) && c.is_whitespace();
            self.begun |= !outside && !matches!(self.state, State::Comment);
        }
        self.seen = text.len();
        None
    }
}

/// The reply to `get_until` of `erl_scan:tokens`, and how much of the text it takes; `None` if the term is not all there.
pub(super) fn of_text(
    text: &str,
    stop: &mut FullStop,
    location: &Term,
    at_end: bool,
) -> Option<(Term, usize)> {
    let end = match stop.find(text) {
        Some(end) => end,
        None if !at_end => return None,
        None => text.len(),
    };
    let source = text.get(..end).unwrap_or(text);
    let behind = moved(location, source.matches('\n').count());
    let reply = |items: Vec<Term>| Some((Term::tuple(items), end));
    if at_end && end == text.len() && !stop.begun {
        return reply(vec![name("eof"), behind]);
    }
    let has_stop = matches!(stop.state, State::Dot);
    let tokens = match parse(source) {
        Ok(term) => of_term(&term, location, has_stop).ok_or_else(|| "a term that has no tokens".to_owned()),
        Err(error) => Err(error.to_string()),
    };
    match tokens {
        Ok(tokens) => reply(vec![name("ok"), Term::list(tokens), behind]),
        Err(text) => {
            let error = Term::tuple([location.clone(), name("erl_parse"), Term::charlist(&text)]);
            reply(vec![name("error"), error, behind])
        }
    }
}

/// The location so many lines below: a line, or `{Line, Column}`.
fn moved(location: &Term, lines: usize) -> Term {
    let add = |line: &Integer| Term::Integer(line + &Integer::from(lines));
    match location {
        Term::Integer(line) => add(line),
        Term::Tuple(tuple) => match &**tuple {
            [Term::Integer(line), _] if lines > 0 => Term::tuple([add(line), Term::from(1)]),
            _ => location.clone(),
        },
        _ => location.clone(),
    }
}

fn name(name: &str) -> Term {
    Term::Atom(Atom::new(name).unwrap_or(atom!("undefined")))
}

/// What is still to be made tokens of.
enum Part<'a> {
    Term(&'a Term),
    Symbol(&'static str),
    Value(&'static str, Term),
}

/// The tokens of a term; `None` if something in it has none, as pids.
fn of_term(term: &Term, location: &Term, with_stop: bool) -> Option<Vec<Term>> {
    let mut tokens = Vec::new();
    // The next one is the last.
    let mut parts = vec![Part::Term(term)];
    while let Some(part) = parts.pop() {
        match part {
            Part::Symbol(symbol) => tokens.push(Term::tuple([name(symbol), location.clone()])),
            Part::Value(kind, value) => tokens.push(Term::tuple([name(kind), location.clone(), value])),
            Part::Term(term) => {
                let mut of_this = parts_of(term)?;
                of_this.reverse();
                parts.append(&mut of_this);
            }
        }
    }
    if with_stop {
        tokens.push(Term::tuple([name("dot"), location.clone()]));
    }
    Some(tokens)
}

fn parts_of(term: &Term) -> Option<Vec<Part<'_>>> {
    let integer = |value: u8| Part::Value("integer", Term::from(value));
    Some(match term {
        Term::Integer(value) if value < &Integer::from(0) => {
            let positive = Term::Integer(Integer::from(-value.to_big()));
            vec![Part::Symbol("-"), Part::Value("integer", positive)]
        }
        Term::Integer(_) => vec![Part::Value("integer", term.clone())],
        Term::Float(value) if value.is_sign_negative() => {
            vec![Part::Symbol("-"), Part::Value("float", Term::Float(-value))]
        }
        Term::Float(_) => vec![Part::Value("float", term.clone())],
        Term::Atom(_) => vec![Part::Value("atom", term.clone())],
        Term::Fun(Fun::External(fun)) => vec![
            Part::Symbol("fun"),
            Part::Value("atom", Term::Atom(fun.module.clone())),
            Part::Symbol(":"),
            Part::Value("atom", Term::Atom(fun.function.clone())),
            Part::Symbol("/"),
            integer(fun.arity),
        ],
        Term::Tuple(tuple) => enclosed("{", tuple.iter().map(|part| vec![Part::Term(part)]), None, "}"),
        Term::List(list) => enclosed("[", list.iter().map(|part| vec![Part::Term(part)]), None, "]"),
        Term::ImproperList(list) => {
            let elements = list.elements().iter().map(|part| vec![Part::Term(part)]);
            enclosed("[", elements, Some(list.tail()), "]")
        }
        Term::Map(map) => {
            let pair = |(key, value)| vec![Part::Term(key), Part::Symbol("=>"), Part::Term(value)];
            let mut parts = enclosed("{", map.iter().map(pair), None, "}");
            parts.insert(0, Part::Symbol("#"));
            parts
        }
        Term::Binary(bytes) => enclosed("<<", bytes.iter().map(|byte| vec![integer(*byte)]), None, ">>"),
        Term::BitString(bits) => {
            let (last, whole) = bits.bytes().split_last()?;
            let count = bits.last_bits();
            let rest = vec![integer(last >> (8 - count)), Part::Symbol(":"), integer(count)];
            let segments = whole.iter().map(|byte| vec![integer(*byte)]).chain([rest]);
            enclosed("<<", segments, None, ">>")
        }
        Term::Pid(_) | Term::Port(_) | Term::Reference(_) | Term::Fun(Fun::Local(_)) | Term::Record(_) => {
            return None;
        }
    })
}

fn enclosed<'a>(
    open: &'static str,
    items: impl Iterator<Item = Vec<Part<'a>>>,
    tail: Option<&'a Term>,
    close: &'static str,
) -> Vec<Part<'a>> {
    let mut parts = vec![Part::Symbol(open)];
    for (at, item) in items.enumerate() {
        if at > 0 {
            parts.push(Part::Symbol(","));
        }
        parts.extend(item);
    }
    if let Some(tail) = tail {
        parts.extend([Part::Symbol("|"), Part::Term(tail)]);
    }
    parts.push(Part::Symbol(close));
    parts
}

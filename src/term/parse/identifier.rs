//! Pids, ports and references: `<rust@host.12.0/1732154>`.
//!
//! A name of a node may hold dots and numbers itself, `rust@10.0.0.1`. A pid ends in two numbers and a port in one,
//! so it is clear where the name ends. References end in one to five, and there such a name needs quotes:
//! `#Ref<'rust@10.0.0.1'.3.2.1/1732154>`.

use super::error::{Fault, ParseErrorKind};
use super::lexer::{Lexer, Token};
use super::text;
use crate::term::{Atom, Creation, Pid, Port, Reference, Term};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Pid,
    Port,
    Reference,
    Fun,
}

impl Kind {
    fn form(self) -> &'static str {
        match self {
            Kind::Pid => "a pid in the form <node@host.12.0/1732154>",
            Kind::Port => "a port in the form #Port<node@host.5/1732154>",
            Kind::Reference | Kind::Fun => "a reference in the form #Ref<node@host.3.2.1/1732154>",
        }
    }
}

/// How identifiers begin; those of Elixir too.
const PREFIXES: [(&str, Kind); 7] = [
    ("<", Kind::Pid),
    ("#PID<", Kind::Pid),
    ("#Port<", Kind::Port),
    ("#Ref<", Kind::Reference),
    ("#Reference<", Kind::Reference),
    ("#Fun<", Kind::Fun),
    ("#Function<", Kind::Fun),
];

/// What begins an identifier at the start of `rest`.
pub(super) fn prefix_of(rest: &str) -> Option<&'static str> {
    PREFIXES.iter().find(|(prefix, _)| rest.starts_with(prefix)).map(|(prefix, _)| *prefix)
}

/// Reads an identifier that begins with `prefix`.
pub(super) fn read(lexer: &mut Lexer<'_>, prefix: &'static str) -> Result<Token, Fault> {
    let kind = PREFIXES.iter().find(|(known, _)| *known == prefix).map_or(Kind::Pid, |(_, kind)| *kind);
    if kind == Kind::Fun {
        return Err(lexer.fault(ParseErrorKind::Closure));
    }
    lexer.advance(prefix.len());
    read_body(lexer, kind).map(Token::Identifier)
}

fn read_body(lexer: &mut Lexer<'_>, kind: Kind) -> Result<Term, Fault> {
    let malformed = ParseErrorKind::BadIdentifier { form: kind.form() };
    let quoted = if lexer.rest().starts_with('\'') { Some(text::read_quoted_atom(lexer)?) } else { None };
    let body = lexer.take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '@' | '.' | '-' | '_' | '/'));
    if !lexer.accept(">") {
        return Err(lexer.fault(malformed));
    }
    let (path, creation) = match body.split_once('/') {
        Some((path, creation)) => (path, Some(creation)),
        None => (body, None),
    };
    let parts = match quoted {
        Some(node) => path.strip_prefix('.').map(|numbers| (Ok(node), numbers)),
        None => split_node(path, kind).map(|(name, numbers)| (node_named(name, lexer), numbers)),
    };
    let Some((node, numbers)) = parts else { return Err(lexer.fault(malformed)) };
    let node = node?;
    let creation = match creation {
        Some(digits) => number(digits).map(Creation),
        None => match lexer.parser.creation(&node) {
            Some(creation) => Some(creation),
            None => return Err(lexer.fault(ParseErrorKind::NoCreation)),
        },
    };
    let term = creation.and_then(|creation| make(kind, node, numbers, creation));
    term.ok_or_else(|| lexer.fault(malformed))
}

/// Splits the name of the node from the numbers behind it.
fn split_node(path: &str, kind: Kind) -> Option<(&str, &str)> {
    let numbers = match kind {
        Kind::Pid => 2,
        Kind::Port => 1,
        Kind::Reference | Kind::Fun => {
            let trailing = path.rsplit('.').take_while(|part| is_number(part)).count();
            // A shell has a number for the node, too.
            if trailing == path.split('.').count() { trailing - 1 } else { trailing }
        }
    };
    let (at, _) = path.rmatch_indices('.').nth(numbers.checked_sub(1)?)?;
    Some((path.get(..at)?, path.get(at + 1..)?))
}

fn node_named(name: &str, lexer: &Lexer<'_>) -> Result<Atom, Fault> {
    match &lexer.parser.local {
        Some(local) if name == "0" => Ok(local.clone()),
        _ if is_number(name) => Err(lexer.fault(ParseErrorKind::NumberedNode)),
        _ if !name.contains('@') => Err(lexer.fault(ParseErrorKind::BadNodeName)),
        _ => Atom::new(name).map_err(|error| lexer.fault(error.into())),
    }
}

fn make(kind: Kind, node: Atom, numbers: &str, creation: Creation) -> Option<Term> {
    match kind {
        Kind::Pid => {
            let (id, serial) = numbers.split_once('.')?;
            Some(Term::Pid(Pid { node, id: number(id)?, serial: number(serial)?, creation }))
        }
        Kind::Port => Some(Term::Port(Port { node, id: number(numbers)?, creation })),
        Kind::Reference | Kind::Fun => {
            // As many as there can be, and one to see whether there are more.
            let words = numbers.rsplit('.').take(Reference::MAX_WORDS + 1).map(number);
            Reference::new(node, creation, &words.collect::<Option<Vec<u32>>>()?).map(Term::Reference)
        }
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn number<N: std::str::FromStr>(text: &str) -> Option<N> {
    // `parse` would take a sign.
    if is_number(text) { text.parse().ok() } else { None }
}

//! Tokens into terms, without recursion: what is nested waits on a stack.

use std::sync::Arc;

use super::bits;
use super::error::{Fault, ParseErrorKind};
use super::lexer::{Lexer, Punctuation, Token};
use crate::term::{Atom, ExternalFun, Fun, Integer, Record, Term};

/// Reads one term.
pub(super) struct Grammar<'a> {
    lexer: Lexer<'a>,
    // The compound terms that are not closed yet, and the parts of all of them.
    open: Vec<Open>,
    parts: Vec<Term>,
}

struct Open {
    kind: Kind,
    // Where its parts begin.
    start: usize,
}

enum Kind {
    Tuple,
    List,
    // A list behind its bar.
    Tail,
    Map,
    Record(Box<RecordHead>),
}

struct RecordHead {
    module: Atom,
    name: Atom,
    fields: Vec<Atom>,
}

/// What can come next.
enum State {
    Term,
    TermOrClose,
    AfterTerm,
}

impl<'a> Grammar<'a> {
    pub(super) fn new(lexer: Lexer<'a>) -> Grammar<'a> {
        Grammar { lexer, open: Vec::new(), parts: Vec::new() }
    }

    /// Reads the term and makes sure that nothing follows it.
    pub(super) fn read(mut self) -> Result<Term, Fault> {
        let mut state = State::Term;
        loop {
            if matches!(state, State::AfterTerm) && self.open.is_empty() {
                self.lexer.end()?;
                return self.parts.pop().ok_or_else(|| self.lexer.expected("a term"));
            }
            let token = self.lexer.next()?;
            state = match state {
                State::Term => self.begin(token)?,
                State::TermOrClose if self.closes(&token) => self.close(),
                State::TermOrClose => self.begin(token)?,
                State::AfterTerm => self.go_on(token)?,
            };
        }
    }

    /// A token that begins a term.
    fn begin(&mut self, token: Token) -> Result<State, Fault> {
        let term = match token {
            Token::Integer(integer) => Term::Integer(integer),
            Token::Float(float) => Term::Float(float),
            Token::Atom(atom) => Term::Atom(atom),
            Token::String(text) => Term::charlist(&joined(text, &mut self.lexer)?),
            Token::Binary(text) => Term::from(text),
            Token::Identifier(identifier) => identifier,
            Token::Fun => self.read_fun()?,
            Token::Punctuation(Punctuation::Plus) => signed(&mut self.lexer, false)?,
            Token::Punctuation(Punctuation::Minus) => signed(&mut self.lexer, true)?,
            Token::Punctuation(Punctuation::OpenBits) => bits::read(&mut self.lexer)?,
            Token::Punctuation(Punctuation::OpenTuple) => return Ok(self.open(Kind::Tuple)),
            Token::Punctuation(Punctuation::OpenList) => return Ok(self.open(Kind::List)),
            Token::Punctuation(Punctuation::OpenMap) => return Ok(self.open(Kind::Map)),
            Token::Punctuation(Punctuation::Hash) => return self.open_record(),
            Token::Punctuation(_) | Token::End | Token::Unknown => return Err(self.lexer.expected("a term")),
        };
        self.parts.push(term);
        Ok(State::AfterTerm)
    }

    fn open(&mut self, kind: Kind) -> State {
        self.open.push(Open { kind, start: self.parts.len() });
        State::TermOrClose
    }

    /// `#module:name{`, and the name of its first field.
    fn open_record(&mut self) -> Result<State, Fault> {
        let module = atom(&mut self.lexer, "`{`, or the module of a record")?;
        punctuation(&mut self.lexer, Punctuation::Colon, "`:` and the name of the record")?;
        let name = atom(&mut self.lexer, "the name of the record")?;
        punctuation(&mut self.lexer, Punctuation::OpenTuple, "`{`")?;
        let mut head = Box::new(RecordHead { module, name, fields: Vec::new() });
        match self.lexer.next()? {
            Token::Punctuation(Punctuation::CloseTuple) => {
                self.open(Kind::Record(head));
                Ok(self.close())
            }
            Token::Atom(field) => {
                punctuation(&mut self.lexer, Punctuation::Equals, "`=`")?;
                head.fields.push(field);
                self.open(Kind::Record(head));
                Ok(State::Term)
            }
            _ => Err(self.lexer.expected("the name of a field, or `}`")),
        }
    }

    /// A token behind a term inside of another one.
    fn go_on(&mut self, token: Token) -> Result<State, Fault> {
        if self.closes(&token) {
            return Ok(self.close());
        }
        let Some(top) = self.open.last_mut() else { return Err(self.lexer.expected("the end")) };
        let at_key = (self.parts.len() - top.start) % 2 == 1;
        match (&mut top.kind, token) {
            (Kind::Map, Token::Punctuation(Punctuation::Arrow)) if at_key => {}
            (Kind::Map, Token::Punctuation(Punctuation::Update)) if at_key => {
                return Err(self.lexer.fault(ParseErrorKind::MapUpdate));
            }
            (Kind::Map, _) if at_key => return Err(self.lexer.expected("`=>`")),
            (Kind::Tail, _) => return Err(self.lexer.expected("`]`")),
            (kind @ Kind::List, Token::Punctuation(Punctuation::Bar)) => *kind = Kind::Tail,
            (Kind::Record(head), Token::Punctuation(Punctuation::Comma)) => {
                let field = atom(&mut self.lexer, "the name of a field")?;
                if head.fields.contains(&field) {
                    return Err(self.lexer.fault(ParseErrorKind::DuplicateField));
                }
                punctuation(&mut self.lexer, Punctuation::Equals, "`=`")?;
                head.fields.push(field);
            }
            (_, Token::Punctuation(Punctuation::Comma)) => {}
            (Kind::List, _) => return Err(self.lexer.expected("`,`, `|` or `]`")),
            (_, _) => return Err(self.lexer.expected("`,` or `}`")),
        }
        Ok(State::Term)
    }

    /// Whether `token` is the bracket that closes the innermost open term, and is in place.
    fn closes(&self, token: &Token) -> bool {
        let (Some(top), Token::Punctuation(punctuation)) = (self.open.last(), token) else { return false };
        match top.kind {
            Kind::List | Kind::Tail => *punctuation == Punctuation::CloseList,
            Kind::Tuple | Kind::Record(_) => *punctuation == Punctuation::CloseTuple,
            Kind::Map => {
                *punctuation == Punctuation::CloseTuple && (self.parts.len() - top.start).is_multiple_of(2)
            }
        }
    }

    fn close(&mut self) -> State {
        if let Some(Open { kind, start }) = self.open.pop() {
            let term = compound(kind, self.parts.drain(start..));
            self.parts.push(term);
        }
        State::AfterTerm
    }

    /// `lists:map/2`, behind `fun`.
    fn read_fun(&mut self) -> Result<Term, Fault> {
        let lexer = &mut self.lexer;
        let module = atom(lexer, "the module of a function")?;
        punctuation(lexer, Punctuation::Colon, "`:` and the name of the function")?;
        let function = atom(lexer, "the name of the function")?;
        punctuation(lexer, Punctuation::Slash, "`/` and the number of its arguments")?;
        let Token::Integer(arity) = lexer.next()? else {
            return Err(lexer.expected("the number of its arguments"));
        };
        let arity = u8::try_from(&arity).map_err(|_| lexer.fault(ParseErrorKind::BadArity))?;
        Ok(Term::Fun(Fun::External(Arc::new(ExternalFun { module, function, arity }))))
    }
}

fn compound(kind: Kind, mut parts: std::vec::Drain<'_, Term>) -> Term {
    match kind {
        Kind::Tuple => Term::tuple(parts),
        Kind::List => Term::list(parts),
        Kind::Tail => {
            let tail = parts.next_back().unwrap_or_default();
            Term::list_with_tail(parts.collect(), tail)
        }
        Kind::Map => {
            let pairs = std::iter::from_fn(|| Some((parts.next()?, parts.next()?)));
            Term::Map(pairs.collect())
        }
        Kind::Record(head) => {
            let fields = head.fields.into_iter().zip(parts).collect();
            Term::Record(Arc::new(Record::new(head.module, head.name, true, fields)))
        }
    }
}

/// A string and those that follow it with nothing but blanks between.
pub(super) fn joined(mut text: String, lexer: &mut Lexer<'_>) -> Result<String, Fault> {
    while lexer.is_at_string() {
        if let Token::String(more) = lexer.next()? {
            text += &more;
        }
    }
    Ok(text)
}

/// A number, behind its sign.
pub(super) fn signed(lexer: &mut Lexer<'_>, minus: bool) -> Result<Term, Fault> {
    match lexer.next()? {
        Token::Integer(integer) if minus => Ok(Term::Integer(Integer::from(-integer.to_big()))),
        Token::Integer(integer) => Ok(Term::Integer(integer)),
        Token::Float(float) => Ok(Term::Float(if minus { -float } else { float })),
        _ => Err(lexer.expected("a number")),
    }
}

fn atom(lexer: &mut Lexer<'_>, expected: &'static str) -> Result<Atom, Fault> {
    match lexer.next()? {
        Token::Atom(atom) => Ok(atom),
        _ => Err(lexer.expected(expected)),
    }
}

fn punctuation(lexer: &mut Lexer<'_>, wanted: Punctuation, expected: &'static str) -> Result<(), Fault> {
    match lexer.next()? {
        Token::Punctuation(found) if found == wanted => Ok(()),
        _ => Err(lexer.expected(expected)),
    }
}

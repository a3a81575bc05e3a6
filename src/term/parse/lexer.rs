//! Characters into tokens.

use super::error::{Fault, Found, ParseErrorKind};
use super::{Parser, identifier, number, text};
use crate::term::format::{is_atom_start, is_name_character, is_reserved_word};
use crate::term::{Atom, Integer, Term};

/// The smallest parts of a term's text.
#[derive(Debug)]
pub(super) enum Token {
    Integer(Integer),
    Float(f64),
    /// Any word or quoted name, reserved words excepted.
    Atom(Atom),
    /// What is between double quotes.
    String(String),
    /// `~"text"`.
    Binary(String),
    /// A pid, port or reference.
    Identifier(Term),
    /// `fun`, the only reserved word that terms have.
    Fun,
    Punctuation(Punctuation),
    /// The end of the text, or a full stop.
    End,
    /// A character that no term has outside of quotes.
    Unknown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Punctuation {
    OpenTuple,
    CloseTuple,
    OpenList,
    CloseList,
    OpenBits,
    CloseBits,
    OpenMap,
    Hash,
    Comma,
    Bar,
    Arrow,
    Update,
    Equals,
    Colon,
    Slash,
    Plus,
    Minus,
}

const PUNCTUATION: [(&str, Punctuation); 17] = [
    // The longer ones first.
    ("<<", Punctuation::OpenBits),
    (">>", Punctuation::CloseBits),
    ("=>", Punctuation::Arrow),
    (":=", Punctuation::Update),
    ("#{", Punctuation::OpenMap),
    ("#", Punctuation::Hash),
    ("{", Punctuation::OpenTuple),
    ("}", Punctuation::CloseTuple),
    ("[", Punctuation::OpenList),
    ("]", Punctuation::CloseList),
    (",", Punctuation::Comma),
    ("|", Punctuation::Bar),
    ("=", Punctuation::Equals),
    (":", Punctuation::Colon),
    ("/", Punctuation::Slash),
    ("+", Punctuation::Plus),
    ("-", Punctuation::Minus),
];

/// A text of which a part has been read.
pub(super) struct Lexer<'a> {
    pub(super) parser: &'a Parser,
    source: &'a str,
    offset: usize,
    // Where the last token began.
    token: usize,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(parser: &'a Parser, source: &'a str) -> Lexer<'a> {
        Lexer { parser, source, offset: 0, token: 0 }
    }

    /// The next token.
    pub(super) fn next(&mut self) -> Result<Token, Fault> {
        self.skip_blanks();
        self.token = self.offset;
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return Ok(Token::End) };
        match first {
            '0'..='9' => number::read(self),
            '$' => text::read_character(self),
            '"' => text::read_string(self).map(Token::String),
            '~' => text::read_sigil(self).map(Token::Binary),
            '\'' => text::read_quoted_atom(self).map(Token::Atom),
            '<' if !rest.starts_with("<<") => identifier::read(self, "<"),
            '#' if let Some(prefix) = identifier::prefix_of(rest) => identifier::read(self, prefix),
            '.' => self.read_full_stop(),
            c if is_atom_start(c) => self.read_word(),
            '_' | 'A'..='Z' | 'À'..='Ö' | 'Ø'..='Þ' => Err(self.fault(ParseErrorKind::Variable)),
            _ => self.read_punctuation(),
        }
    }

    /// The next token, where the text is to end.
    pub(super) fn end(&mut self) -> Result<(), Fault> {
        match self.next() {
            Ok(Token::End) => Ok(()),
            _ => Err(self.expected("the end")),
        }
    }

    /// What is not read yet.
    pub(super) fn rest(&self) -> &'a str {
        self.source.get(self.offset..).unwrap_or_default()
    }

    /// Goes on behind the next `bytes` bytes.
    pub(super) fn advance(&mut self, bytes: usize) {
        self.offset += bytes;
    }

    /// Takes the next character.
    pub(super) fn next_char(&mut self) -> Option<char> {
        let next = self.rest().chars().next()?;
        self.offset += next.len_utf8();
        Some(next)
    }

    /// Takes `text` if it is next.
    pub(super) fn accept(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text);
        if found {
            self.offset += text.len();
        }
        found
    }

    /// Takes characters as long as `belongs` says so.
    pub(super) fn take_while(&mut self, belongs: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let taken = rest.find(|c| !belongs(c)).and_then(|end| rest.get(..end)).unwrap_or(rest);
        self.offset += taken.len();
        taken
    }

    /// Whether a string begins next, so that it goes on with the one before.
    pub(super) fn is_at_string(&mut self) -> bool {
        self.skip_blanks();
        self.rest().starts_with('"')
    }

    /// An error where the last token began.
    pub(super) fn fault(&self, kind: ParseErrorKind) -> Fault {
        Fault { offset: self.token, kind }
    }

    /// An error at what comes next.
    pub(super) fn fault_here(&self, kind: ParseErrorKind) -> Fault {
        Fault { offset: self.offset, kind }
    }

    /// The error that the last token, whatever it was, is not `expected`.
    pub(super) fn expected(&self, expected: &'static str) -> Fault {
        let rest = self.source.get(self.token..).unwrap_or_default();
        // A whole word, or what stands before the next blank, but never all there is.
        let word = rest.find(|c| !is_name_character(c)).unwrap_or(rest.len());
        let end = if word == 0 { rest.chars().next().map_or(0, char::len_utf8) } else { word };
        let found = match PUNCTUATION.iter().find(|(text, _)| rest.starts_with(text)) {
            Some((text, _)) => text,
            None => rest.get(..end).unwrap_or(rest),
        };
        self.fault(ParseErrorKind::Expected { expected, found: Found::new(found) })
    }

    /// Blanks and comments.
    fn skip_blanks(&mut self) {
        loop {
            // Erlang's blanks: all control characters, space, and their counterparts in Latin-1.
            self.take_while(|c| matches!(c, '\0'..=' ' | '\u{80}'..='\u{a0}'));
            if !self.rest().starts_with('%') {
                return;
            }
            self.take_while(|c| c != '\n');
        }
    }

    fn read_word(&mut self) -> Result<Token, Fault> {
        match self.take_while(is_name_character) {
            "fun" => Ok(Token::Fun),
            // Atoms until OTP 27 made them reserved.
            word @ ("maybe" | "else") => self.atom(word),
            word if is_reserved_word(word) => Err(self.fault(ParseErrorKind::ReservedWord)),
            word => self.atom(word),
        }
    }

    fn atom(&self, name: &str) -> Result<Token, Fault> {
        Atom::new(name).map(Token::Atom).map_err(|error| self.fault(error.into()))
    }

    /// A full stop ends the term, with nothing behind it but blanks.
    fn read_full_stop(&mut self) -> Result<Token, Fault> {
        self.advance(1);
        self.skip_blanks();
        if self.rest().is_empty() {
            return Ok(Token::End);
        }
        self.token = self.offset;
        Err(self.expected("the end"))
    }

    fn read_punctuation(&mut self) -> Result<Token, Fault> {
        match PUNCTUATION.iter().find(|(text, _)| self.rest().starts_with(text)) {
            Some((text, punctuation)) => {
                self.advance(text.len());
                Ok(Token::Punctuation(*punctuation))
            }
            None => Ok(Token::Unknown),
        }
    }
}

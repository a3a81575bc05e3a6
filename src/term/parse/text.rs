//! What stands in quotes: strings, atoms, and characters behind a `$`.

use super::error::{Fault, ParseErrorKind};
use super::lexer::{Lexer, Token};
use crate::term::{Atom, Integer};

/// `$a`, `$\n`.
pub(super) fn read_character(lexer: &mut Lexer<'_>) -> Result<Token, Fault> {
    lexer.advance(1);
    let character = match lexer.next_char() {
        Some('\\') => read_escape(lexer)?,
        Some(character) => character,
        None => return Err(lexer.expected("a character behind the dollar sign")),
    };
    Ok(Token::Integer(Integer::from(u32::from(character))))
}

pub(super) fn read_quoted_atom(lexer: &mut Lexer<'_>) -> Result<Atom, Fault> {
    lexer.advance(1);
    let name = read_quoted(lexer, '\'', "quoted atom")?;
    Atom::new(&name).map_err(|error| lexer.fault(error.into()))
}

/// `"text"`, or `"""` and lines of text.
pub(super) fn read_string(lexer: &mut Lexer<'_>) -> Result<String, Fault> {
    if lexer.rest().starts_with(TRIPLE_QUOTES) {
        return read_lines(lexer);
    }
    lexer.advance(1);
    read_quoted(lexer, '"', "string")
}

/// `~"text"`, `~b"text"` and, without escapes, `~B"text"`: binaries, new in OTP 27.
pub(super) fn read_sigil(lexer: &mut Lexer<'_>) -> Result<String, Fault> {
    lexer.advance(1);
    let escapes = lexer.accept("b");
    let verbatim = !escapes && lexer.accept("B");
    if !escapes && lexer.rest().starts_with(TRIPLE_QUOTES) {
        return read_lines(lexer);
    }
    if !lexer.accept("\"") {
        return Err(lexer.expected("a binary such as ~\"text\""));
    }
    if !verbatim {
        return read_quoted(lexer, '"', "binary");
    }
    let text = lexer.take_while(|c| c != '"');
    if !lexer.accept("\"") {
        return Err(lexer.fault(ParseErrorKind::Unterminated { what: "binary" }));
    }
    Ok(text.to_owned())
}

/// Reads on to the closing `quote`.
fn read_quoted(lexer: &mut Lexer<'_>, quote: char, what: &'static str) -> Result<String, Fault> {
    let mut text = String::new();
    loop {
        text += lexer.take_while(|c| c != quote && c != '\\');
        match lexer.next_char() {
            None => return Err(lexer.fault(ParseErrorKind::Unterminated { what })),
            Some('\\') => text.push(read_escape(lexer)?),
            Some(_) => return Ok(text),
        }
    }
}

/// Reads what follows a backslash.
fn read_escape(lexer: &mut Lexer<'_>) -> Result<char, Fault> {
    let bad = lexer.fault_here(ParseErrorKind::BadEscape);
    let Some(first) = lexer.next_char() else { return Err(bad) };
    let code = match first {
        'b' => 0x8,
        'd' => 0x7f,
        'e' => 0x1b,
        'f' => 0xc,
        'n' => 0xa,
        'r' => 0xd,
        's' => 0x20,
        't' => 0x9,
        'v' => 0xb,
        'x' => match read_hexadecimal(lexer) {
            Some(code) => code,
            None => return Err(bad),
        },
        '^' => match lexer.next_char() {
            Some(control @ ('@'..='_' | 'a'..='z')) => u32::from(control) & 0x1f,
            Some('?') => 0x7f,
            _ => return Err(bad),
        },
        '0'..='7' => {
            let mut code = u32::from(first) - u32::from('0');
            for _ in 0..2 {
                let Some(digit) = lexer.rest().chars().next().and_then(|c| c.to_digit(8)) else { break };
                code = code * 8 + digit;
                lexer.advance(1);
            }
            code
        }
        other => u32::from(other),
    };
    char::from_u32(code).ok_or(bad)
}

/// `41` or `{1F600}`, behind `\x`.
fn read_hexadecimal(lexer: &mut Lexer<'_>) -> Option<u32> {
    let digits = if lexer.accept("{") {
        let digits = lexer.take_while(|c| c.is_ascii_hexdigit());
        if !lexer.accept("}") {
            return None;
        }
        digits
    } else {
        let digits = lexer.rest().get(..2)?;
        lexer.advance(2);
        digits
    };
    // Else a sign would do.
    digits.chars().all(|c| c.is_ascii_hexdigit()).then(|| u32::from_str_radix(digits, 16).ok())?
}

const TRIPLE_QUOTES: &str = "\"\"\"";

/// Lines between two lines with three or more quotes, without the indentation of the last line; nothing in them
/// is escaped.
fn read_lines(lexer: &mut Lexer<'_>) -> Result<String, Fault> {
    let bad = || ParseErrorKind::BadTripleQuotes;
    let quotes = lexer.take_while(|c| c == '"');
    if !lexer.take_while(|c| c != '\n').trim().is_empty() {
        return Err(lexer.fault(bad()));
    }
    let mut lines: Vec<&str> = Vec::new();
    let indent = loop {
        if !lexer.accept("\n") {
            return Err(lexer.fault(ParseErrorKind::Unterminated { what: "text between triple quotes" }));
        }
        let line = lexer.rest().split('\n').next().unwrap_or_default();
        let text = line.trim_start_matches([' ', '\t']);
        if text.starts_with(quotes) {
            let indent = line.strip_suffix(text).unwrap_or_default();
            lexer.advance(indent.len() + quotes.len());
            break indent;
        }
        lexer.advance(line.len());
        lines.push(line);
    };
    for line in &mut lines {
        *line = match line.strip_prefix(indent) {
            Some(text) => text,
            // Empty lines need no indentation.
            None if line.trim().is_empty() => "",
            None => return Err(lexer.fault(bad())),
        };
    }
    Ok(lines.join("\n"))
}

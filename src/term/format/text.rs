//! Atoms and strings: when they need quotes, and what is escaped inside them.

use std::fmt::{self, Write};

use crate::term::{Atom, Term};

/// The words that are no atoms without quotes. `maybe` and `else` are reserved since OTP 27 only; in quotes every
/// release can read them.
const RESERVED_WORDS: [&str; 29] = [
    "after", "and", "andalso", "band", "begin", "bnot", "bor", "bsl", "bsr", "bxor", "case", "catch", "cond",
    "div", "else", "end", "fun", "if", "let", "maybe", "not", "of", "or", "orelse", "receive", "rem", "try",
    "when", "xor",
];

/// Whether Erlang reads `word` as a keyword.
pub(in crate::term) fn is_reserved_word(word: &str) -> bool {
    RESERVED_WORDS.binary_search(&word).is_ok()
}

/// Whether an atom without quotes can begin with `c`: a lower-case letter of Latin-1.
pub(in crate::term) fn is_atom_start(c: char) -> bool {
    matches!(c, 'a'..='z' | 'ß'..='ö' | 'ø'..='ÿ')
}

/// Whether `c` can stand in an atom without quotes, behind its first character.
pub(in crate::term) fn is_name_character(c: char) -> bool {
    is_atom_start(c) || matches!(c, 'A'..='Z' | 'À'..='Ö' | 'Ø'..='Þ' | '0'..='9' | '_' | '@')
}

/// Whether an atom of this name is written in quotes.
pub(in crate::term) fn needs_quotes(name: &str) -> bool {
    let mut characters = name.chars();
    !characters.next().is_some_and(is_atom_start)
        || !characters.all(is_name_character)
        || is_reserved_word(name)
}

pub(super) fn write_atom(atom: &Atom, out: &mut impl Write) -> fmt::Result {
    if needs_quotes(atom.as_str()) { write_quoted_atom(atom, out) } else { out.write_str(atom.as_str()) }
}

pub(super) fn write_quoted_atom(atom: &Atom, out: &mut impl Write) -> fmt::Result {
    write_quoted(atom.as_str().chars(), '\'', out)
}

/// Writes `text` between two `quote`s.
pub(super) fn write_quoted(
    text: impl IntoIterator<Item = char>,
    quote: char,
    out: &mut impl Write,
) -> fmt::Result {
    out.write_char(quote)?;
    for c in text {
        write_escaped(c, quote, out)?;
    }
    out.write_char(quote)
}

/// Writes a character of a text between two `quote`s.
pub(in crate::term) fn write_escaped(c: char, quote: char, out: &mut impl Write) -> fmt::Result {
    match c {
        '\\' => out.write_str("\\\\"),
        c if c == quote => {
            out.write_char('\\')?;
            out.write_char(c)
        }
        ' '..='~' | '\u{a0}'.. => out.write_char(c),
        '\n' => out.write_str("\\n"),
        '\r' => out.write_str("\\r"),
        '\t' => out.write_str("\\t"),
        '\u{b}' => out.write_str("\\v"),
        '\u{8}' => out.write_str("\\b"),
        '\u{c}' => out.write_str("\\f"),
        '\u{1b}' => out.write_str("\\e"),
        '\u{7f}' => out.write_str("\\d"),
        control => write!(out, "\\{:03o}", u32::from(control)),
    }
}

/// Whether the shell, with all of Unicode as its range, prints `c` as text.
fn is_printable(c: char) -> bool {
    matches!(c,
        '\u{8}'..='\r' | '\u{1b}' | ' '..='~' | '\u{a0}'..='\u{fffd}' | '\u{10000}'..)
}

/// The characters of a list that is printed as a string: those of Latin-1, as in a shell with its usual settings. A list
/// of larger numbers is one of numbers, most often.
pub(super) fn as_string(elements: &[Term]) -> Option<impl Iterator<Item = char> + '_> {
    let character = |element: &Term| match element {
        Term::Integer(integer) => u32::try_from(integer).ok().and_then(char::from_u32),
        _ => None,
    };
    let printable =
        elements.iter().all(|element| character(element).is_some_and(|c| c <= '\u{ff}' && is_printable(c)));
    (printable && !elements.is_empty()).then(|| elements.iter().filter_map(character))
}

/// How a binary is printed.
pub(super) enum BinaryText<'a> {
    /// `<<"abc">>`: characters of one byte each.
    Latin1(&'a [u8]),
    /// `<<"…"/utf8>>`.
    Utf8(&'a str),
    /// `<<1,2,3>>`.
    None,
}

/// A binary of valid UTF-8 is text or numbers as that, even if taken as Latin-1 all of it were printable.
pub(super) fn as_text(bytes: &[u8]) -> BinaryText<'_> {
    if bytes.is_empty() {
        return BinaryText::None;
    }
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.chars().all(is_printable) => BinaryText::None,
        Ok(text) if text.is_ascii() => BinaryText::Latin1(bytes),
        Ok(text) => BinaryText::Utf8(text),
        Err(_) if bytes.iter().all(|byte| is_printable(char::from(*byte))) => BinaryText::Latin1(bytes),
        Err(_) => BinaryText::None,
    }
}

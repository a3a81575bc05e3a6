//! Which lists and binaries are shown as text.

use std::str;

use super::write::Style;
use crate::term::{CharEncoding, Term};

/// Whether a character is shown as it is, or has an escape sequence of its own.
fn is_printable(c: char, range: CharEncoding) -> bool {
    match c {
        '\u{8}'..='\r' | '\u{1b}' | ' '..='~' | '\u{a0}'..='\u{ff}' => true,
        '\u{100}'..='\u{fffd}' | '\u{10000}'.. => range == CharEncoding::Unicode,
        _ => false,
    }
}

/// The range of the characters that are text: without the modifier `t` Latin-1 in any case.
fn range(style: Style<'_>) -> CharEncoding {
    match style.encoding {
        CharEncoding::Latin1 => CharEncoding::Latin1,
        CharEncoding::Unicode => style.renderer.range,
    }
}

/// The character that an element of a string is.
pub(super) fn character(element: &Term) -> Option<char> {
    match element {
        Term::Integer(integer) => u32::try_from(integer).ok().and_then(char::from_u32),
        _ => None,
    }
}

/// Whether a list is shown as a string.
pub(super) fn is_string(elements: &[Term], style: Style<'_>) -> bool {
    let range = range(style);
    elements.iter().all(|element| character(element).is_some_and(|c| is_printable(c, range)))
}

/// The text that a binary is shown as.
#[derive(Debug, Clone, Copy)]
pub(super) struct BinaryText<'a> {
    /// The part of the binary that is shown.
    pub(super) bytes: &'a [u8],
    /// Whether it is UTF-8, and said to be.
    pub(super) utf8: bool,
    /// Whether dots follow.
    pub(super) cut: bool,
}

/// So many characters of a binary are shown at each level of depth.
const CHARACTERS_A_LEVEL: usize = 4;

/// How a binary is shown as text, if it is; with a `depth` that is not negative only the beginning of it.
pub(super) fn text_of<'a>(bytes: &'a [u8], depth: i64, style: Style<'_>) -> Option<BinaryText<'a>> {
    let count = match usize::try_from(depth) {
        Ok(depth) => bytes.len().min(depth.saturating_mul(CHARACTERS_A_LEVEL)),
        Err(_) => bytes.len(),
    };
    if count == 0 {
        return None;
    }
    match style.encoding {
        CharEncoding::Latin1 => latin1_text(bytes, count, depth),
        CharEncoding::Unicode => match unicode_text(bytes, count, depth, style.renderer.range) {
            Ok(text) => text,
            Err(NotUtf8) => latin1_text(bytes, count, depth),
        },
    }
}

fn latin1_text(bytes: &[u8], count: usize, depth: i64) -> Option<BinaryText<'_>> {
    let looked_at = bytes.get(..count).unwrap_or(bytes);
    let is_text = |byte: &u8| is_printable(char::from(*byte), CharEncoding::Latin1);
    let printable = looked_at.iter().position(|byte| !is_text(byte)).unwrap_or(count);
    if printable == bytes.len() {
        return Some(BinaryText { bytes, utf8: false, cut: false });
    }
    is_worth_it(printable, depth).then(|| BinaryText {
        bytes: bytes.get(..printable).unwrap_or(bytes),
        utf8: false,
        cut: true,
    })
}

/// Whether the beginning of a binary that goes on otherwise is shown as text.
fn is_worth_it(printable: usize, depth: i64) -> bool {
    depth > 0 && usize::try_from(depth).is_ok_and(|depth| printable >= depth)
}

struct NotUtf8;

fn unicode_text(
    bytes: &[u8],
    count: usize,
    depth: i64,
    range: CharEncoding,
) -> Result<Option<BinaryText<'_>>, NotUtf8> {
    let (valid, broken) = match str::from_utf8(bytes) {
        Ok(text) => (text, false),
        Err(error) => {
            let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
            (str::from_utf8(valid).unwrap_or_default(), true)
        }
    };
    let (mut characters, mut end, mut stopped) = (0, 0, false);
    for c in valid.chars() {
        if characters == count || !is_printable(c, range) {
            stopped = true;
            break;
        }
        characters += 1;
        end += c.len_utf8();
    }
    if !stopped && broken {
        return Err(NotUtf8);
    }
    let text = bytes.get(..end).unwrap_or(bytes);
    let utf8 = characters != text.len();
    if end == bytes.len() {
        return Ok(Some(BinaryText { bytes: text, utf8, cut: false }));
    }
    Ok(is_worth_it(characters, depth).then_some(BinaryText { bytes: text, utf8, cut: true }))
}

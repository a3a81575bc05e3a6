//! Fields: text that is placed within a width.

use unicode_segmentation::UnicodeSegmentation;

use super::FormatError;
use super::output::Output;
use super::scan::Field;
use crate::term::CharEncoding;

/// The length of a text as `io_lib` counts it: in characters, or if any of them is beyond Latin-1 in what a reader takes
/// for one, a letter with its accents say.
pub(super) fn length(text: &str) -> i64 {
    if text.is_ascii() {
        return to_i64(text.len());
    }
    let latin1 = text.chars().all(|c| c <= '\u{ff}');
    if latin1 { to_i64(text.chars().count()) } else { graphemes(text) }
}

fn graphemes(text: &str) -> i64 {
    to_i64(text.graphemes(true).count())
}

pub(super) fn to_i64(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

/// The first `count` characters, or in Unicode of what a reader takes for them.
fn truncated(text: &str, count: i64, encoding: CharEncoding) -> &str {
    let count = usize::try_from(count).unwrap_or(0);
    let end = match encoding {
        CharEncoding::Latin1 => text.char_indices().nth(count).map(|(at, _)| at),
        CharEncoding::Unicode => text.grapheme_indices(true).nth(count).map(|(at, _)| at),
    };
    text.get(..end.unwrap_or(text.len())).unwrap_or(text)
}

impl Field {
    /// Places the text of a term or a number: where it does not fit there are stars.
    pub(super) fn put_term(
        &self,
        text: &str,
        encoding: CharEncoding,
        out: &mut Output,
    ) -> Result<(), FormatError> {
        let Some(width) = self.width.or(self.precision) else { return out.push(text) };
        let length = match encoding {
            CharEncoding::Latin1 => length(text),
            CharEncoding::Unicode => graphemes(text),
        };
        let room = length.min(width).min(self.precision.unwrap_or(width));
        if length > room {
            self.adjust(width - room, out, |out| out.repeat("*", room))
        } else {
            self.adjust(width - length, out, |out| out.push(text))
        }
    }

    /// Places text: what does not fit is cut off.
    pub(super) fn put_text(
        &self,
        text: &str,
        encoding: CharEncoding,
        out: &mut Output,
    ) -> Result<(), FormatError> {
        match (self.width, self.precision) {
            (None, None) => out.push(text),
            (Some(width), None) => self.cut(text, width, self.left, encoding, out),
            (None, Some(precision)) => self.cut(text, precision, true, encoding, out),
            (Some(width), Some(precision)) if width == precision => {
                self.cut(text, width, self.left, encoding, out)
            }
            (Some(width), Some(precision)) if width > precision => {
                let short = precision - length(text);
                self.adjust(width - precision, out, |out| {
                    out.push(if short < 0 { truncated(text, precision, encoding) } else { text })?;
                    self.put_pad(short, out)
                })
            }
            _ => Err(FormatError::BadArg),
        }
    }

    fn cut(
        &self,
        text: &str,
        width: i64,
        left: bool,
        encoding: CharEncoding,
        out: &mut Output,
    ) -> Result<(), FormatError> {
        let short = width - length(text);
        if short < 0 {
            return out.push(truncated(text, width, encoding));
        }
        Field { left, ..self.clone() }.adjust(short, out, |out| out.push(text))
    }

    /// Places a character, as many times as the precision says, or else the width. It is `None` if it is none, which does
    /// not matter where it is placed no times.
    pub(super) fn put_char(&self, c: Option<&str>, out: &mut Output) -> Result<(), FormatError> {
        let put = |count, out: &mut Output| match c {
            Some(c) => out.repeat(c, count),
            None if count == 0 => Ok(()),
            None => Err(FormatError::BadArg),
        };
        match (self.width, self.precision) {
            (None, None) => put(1, out),
            (Some(count), None) | (None, Some(count)) => put(count, out),
            (Some(width), Some(count)) if width >= count => {
                self.adjust(width - count, out, |out| put(count, out))
            }
            _ => Err(FormatError::BadArg),
        }
    }

    /// Writes what `write` does with so much padding on one side of it.
    fn adjust(
        &self,
        padding: i64,
        out: &mut Output,
        write: impl FnOnce(&mut Output) -> Result<(), FormatError>,
    ) -> Result<(), FormatError> {
        if self.left {
            write(out)?;
            self.put_pad(padding, out)
        } else {
            self.put_pad(padding, out)?;
            write(out)
        }
    }

    fn put_pad(&self, count: i64, out: &mut Output) -> Result<(), FormatError> {
        match &self.pad {
            _ if count <= 0 => Ok(()),
            Some(pad) => out.repeat(pad, count),
            None => Err(FormatError::BadArg),
        }
    }
}

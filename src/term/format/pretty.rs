//! A term over several lines, where one is not enough.
//!
//! A compound term that fits in what is left of the line is written there as it is. If not, its parts go under each
//! other, behind the bracket:
//!
//! ```text
//! {ok,#{name => <<"rust@host">>,
//!       ports => [4369,
//!                 {listen,9100},
//!                 {listen,9101}]}}
//! ```
//!
//! Numbers, atoms and other small parts of lists and tuples fill the lines; nested terms, pairs and fields have a line
//! each. The indentation has a limit, so that deeply nested terms stay readable and the text stays in proportion to
//! the term.

use std::fmt::{self, Write};

use super::compound::Compound;
use super::flat::{self, Output};
use crate::term::Term;

/// The columns of a line.
const WIDTH: usize = 80;

/// The deepest indentation, in columns: half a line.
const MAX_INDENT: usize = 40;

/// The longest tag of a tuple behind which the other elements stand, in columns.
const MAX_TAG: usize = 20;

/// A compound term that goes over several lines.
struct Broken<'a> {
    parts: Compound<'a>,
    // Where its lines begin.
    indent: usize,
    // How many characters follow its last part before the line can end: its bracket, and what follows that.
    trailing: usize,
    // Whether the part before was one that shares its line with others.
    filling: bool,
}

impl Broken<'_> {
    /// How many characters follow the part that was just taken before the line can end.
    fn trailing_part(&self) -> usize {
        match self.parts.remaining() {
            0 => self.trailing,
            _ if self.parts.is_at_value() => " =>".len(),
            _ => ",".len(),
        }
    }
}

/// Writes `term` in lines of at most [`WIDTH`] columns, as far as its parts allow.
pub(super) fn write(term: &Term, out: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut lines = Lines { out, column: 0 };
    let mut open: Vec<Broken<'_>> = Vec::new();
    let mut line = Line::default();
    // The first term is as the last part of one that has no bracket.
    let mut next = Some((term, 0));
    loop {
        if let Some((term, trailing)) = next.take() {
            if line.fits(term, lines.room().saturating_sub(trailing)) {
                lines.write_str(&line.text)?;
            } else if let Some(parts) = Compound::of(term) {
                next = Some(lines.open(parts, trailing, &mut open)?);
                continue;
            } else {
                flat::write_leaf(term, &mut lines)?;
            }
        }
        let Some(top) = open.last_mut() else { return Ok(()) };
        let at_value = top.parts.is_at_value();
        if top.parts.remaining() == 0 {
            top.parts.write_close(&mut lines)?;
            open.pop();
            continue;
        }
        top.parts.write_separator(&mut lines)?;
        let is_named = top.parts.is_named();
        let label = Line::label(&top.parts);
        let Some(part) = top.parts.next() else { continue };
        let trailing = top.trailing_part();
        if at_value {
            // The value of a long key goes to the next line if there is more room.
            let indent = top.indent + 4;
            let room = lines.room().saturating_sub(label.len() + trailing);
            let room_below = (WIDTH - indent).saturating_sub(trailing);
            if lines.column > indent
                && !line.fits(part, room)
                && (lines.column > MAX_INDENT || line.fits(part, room_below))
            {
                lines.new_line(indent)?;
            } else {
                lines.write_str(&label)?;
            }
        } else {
            let small = !is_named && Compound::of(part).is_none();
            let fits = line.fits(part, lines.room().saturating_sub(trailing));
            if !(small && top.filling && fits) {
                lines.new_line(top.indent)?;
            }
            top.filling = small;
            lines.write_str(&label)?;
        }
        next = Some((part, trailing));
    }
}

/// The text so far, of which the column of the next character is known.
struct Lines<'a, 'f> {
    out: &'a mut fmt::Formatter<'f>,
    column: usize,
}

impl Write for Lines<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // Line ends inside of terms are escaped.
        self.column += text.chars().count();
        self.out.write_str(text)
    }
}

impl Lines<'_, '_> {
    fn room(&self) -> usize {
        WIDTH.saturating_sub(self.column)
    }

    fn new_line(&mut self, indent: usize) -> fmt::Result {
        self.column = indent;
        write!(self.out, "\n{:indent$}", "")
    }

    /// Writes the bracket of a term that does not fit on the line. Gives its first part and what follows that.
    fn open<'a>(
        &mut self,
        mut parts: Compound<'a>,
        trailing: usize,
        open: &mut Vec<Broken<'a>>,
    ) -> Result<(&'a Term, usize), fmt::Error> {
        parts.write_open(self)?;
        let mut indent = self.column;
        let tagged = parts.is_tagged();
        self.write_str(&Line::label(&parts))?;
        let mut first = parts.next().ok_or(fmt::Error)?;
        if tagged && let Some(value) = parts.next() {
            let start = self.column;
            flat::write_leaf(first, self)?;
            self.write_char(',')?;
            if self.column - start <= MAX_TAG {
                indent = self.column;
            } else {
                self.new_line(indent.min(MAX_INDENT))?;
            }
            first = value;
        }
        let filling = Compound::of(first).is_none();
        let broken = Broken { parts, indent: indent.min(MAX_INDENT), trailing: trailing + 1, filling };
        let trailing = broken.trailing_part();
        open.push(broken);
        Ok((first, trailing))
    }
}

/// A term tried on one line.
#[derive(Default)]
struct Line {
    text: String,
    room: usize,
}

impl Line {
    /// Whether `term` takes at most `room` columns; if so, `text` is the term.
    fn fits(&mut self, term: &Term, room: usize) -> bool {
        self.text.clear();
        self.room = room;
        flat::write(term, self).is_ok()
    }

    fn label(parts: &Compound<'_>) -> String {
        let mut label = String::new();
        // Writing to a `String` does not fail.
        let _ = parts.write_label(&mut label);
        label
    }
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.room = self.room.checked_sub(text.chars().count()).ok_or(fmt::Error)?;
        self.text.push_str(text);
        Ok(())
    }
}

impl Output for Line {
    fn room(&self) -> usize {
        self.room
    }
}

//! Terms over several lines, as `~p` shows them.
//!
//! A compound term that fits in what is left of the line stands there as it is. If not, its parts stand under each other,
//! behind the bracket; plain ones share a line as long as there is room. The elements of a tuple behind its tag are
//! indented by the length of the tag where the lines have room for that, else by four columns, else by one: which of them
//! is tried once for the whole term, see [`indent`](super::indent).

use std::fmt::{self, Write};

use super::indent;
use super::measure::{Measure, Measured, Pair, Parts, Shape, Tail, write_shape};
use super::output::Output;
use super::write::{self, Segment, Style, segments};
use crate::term::Term;

/// Where the text goes, and how much of a term is shown.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    /// Where the first line begins, counted from 1.
    pub(super) column: i64,
    pub(super) line_length: i64,
    /// No limit if it is negative.
    pub(super) depth: i64,
    /// Whether lists and binaries of characters are shown as text.
    pub(super) strings: bool,
}

/// Columns and lengths beyond this are as good as this; sums of them stay far from overflow.
const FAR: i64 = 1 << 40;

/// Writes `term`; fails where the limit of the output is.
pub(super) fn print(term: &Term, layout: Layout, style: Style<'_>, out: &mut Output) -> fmt::Result {
    let Layout { column, line_length, depth, strings } = layout;
    let column = column.clamp(1, FAR);
    let line_length = line_length.clamp(-FAR, FAR);
    match term {
        _ if depth == 0 => return out.write_str("..."),
        Term::Tuple(_) | Term::List(_) | Term::ImproperList(_) | Term::Map(_) => {}
        Term::Binary(_) | Term::BitString(_) => {}
        _ => return write::write(term, depth, style, out),
    }
    let term = Measure { style, strings, room: out.room() }.term(term, depth)?;
    let line = Line { line_length, text_length: term.length };
    if line_length == 0 || term.length < line_length - column {
        return write_line(&term, style, out);
    }
    let tag_indent = indent::of_tags(&term, column, line);
    let mut pretty = Pretty { line, tag_indent, style, out };
    pretty.term(&term, Place { column, indent: column - 1, behind: 0, written: 0 })
}

/// What limits a line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line {
    pub(super) line_length: i64,
    /// The length of the whole term, which what is written on a line is never to exceed.
    pub(super) text_length: i64,
}

/// Where a part is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// Its column, counted from 1.
    pub(super) column: i64,
    /// The blanks at the beginning of the lines that follow.
    pub(super) indent: i64,
    /// How many brackets are closed behind it on its last line.
    pub(super) behind: i64,
    /// How much of the term is on its line already.
    pub(super) written: i64,
}

impl Line {
    /// Whether something of that length fits there.
    pub(super) fn fits(self, length: i64, column: i64, behind: i64, written: i64) -> bool {
        length < self.line_length - column - behind && length + written + behind <= self.text_length
    }

    /// Whether a further part of that length, and the separator before it, fit there.
    pub(super) fn fits_further(self, length: i64, column: i64, behind: i64, written: i64) -> bool {
        // If more is to follow, there has to be room for its separator.
        self.fits(1 + length, column, if behind == 0 { 1 } else { behind }, written)
    }
}

/// How many brackets are closed behind a part: none if others of its kind follow.
pub(super) fn behind<T>(following: &[T], behind: i64) -> i64 {
    if following.is_empty() { behind + 1 } else { 0 }
}

/// By how much the value of a pair is indented that goes below its key.
pub(super) fn value_indent(tag_indent: i64) -> i64 {
    if tag_indent > 0 { tag_indent } else { 4 }
}

struct Pretty<'r, 'o> {
    line: Line,
    /// The most that elements behind a tag are indented; no limit if it is negative.
    tag_indent: i64,
    style: Style<'r>,
    out: &'o mut Output,
}

impl Pretty<'_, '_> {
    fn term(&mut self, term: &Measured<'_>, at: Place) -> fmt::Result {
        if self.line.fits(term.length, at.column, at.behind, at.written) {
            return write_line(term, self.style, self.out);
        }
        match &term.shape {
            Shape::List(parts) => self.parts(parts, at, ["[", "|", "]"]),
            Shape::Tuple { parts, tagged: false } => self.parts(parts, at, ["{", ",", "}"]),
            Shape::Tuple { parts, tagged: true } => self.tagged(parts, at),
            Shape::Map(pairs, tail) => self.map(pairs, tail, at),
            Shape::Segments(bytes, bits, depth) => self.binary(segments(bytes, *bits, *depth), at),
            plain => write_shape(plain, self.style, self.out),
        }
    }

    fn parts(&mut self, parts: &Parts<'_>, at: Place, [open, bar, close]: [&str; 3]) -> fmt::Result {
        self.out.write_str(open)?;
        let inside = Place { column: at.column + 1, indent: at.indent + 1, written: at.written + 1, ..at };
        self.elements(&parts.elements, &parts.tail, inside, bar)?;
        self.out.write_str(close)
    }

    fn tagged(&mut self, parts: &Parts<'_>, at: Place) -> fmt::Result {
        let Some((tag, others)) = parts.elements.split_first() else { return Ok(()) };
        self.out.write_char('{')?;
        write_line(tag, self.style, self.out)?;
        // Behind the bracket, the tag and its comma.
        let behind_tag = tag.length + 2;
        let written = at.written + 1 + tag.length;
        if self.tag_indent > 0 && behind_tag > self.tag_indent {
            let (column, indent) = (at.column + self.tag_indent, at.indent + self.tag_indent);
            let start = (at.column + behind_tag, written);
            self.further(others, &parts.tail, Place { column, indent, ..at }, start, ",")?;
        } else {
            self.out.write_char(',')?;
            let (column, indent) = (at.column + behind_tag, at.indent + behind_tag);
            let inside = Place { column, indent, written: written + 1, ..at };
            self.elements(others, &parts.tail, inside, ",")?;
        }
        self.out.write_char('}')
    }

    /// Writes elements that begin where `at` says.
    fn elements(&mut self, elements: &[Measured<'_>], tail: &Tail<'_>, at: Place, bar: &str) -> fmt::Result {
        let Some((first, others)) = elements.split_first() else { return self.out.write_str("...") };
        let width = self.element(first, Place { behind: behind(others, at.behind), ..at })?;
        self.further(others, tail, at, (at.column + width, at.written + width), bar)
    }

    /// Writes elements behind others, each on the line of the one before it if it is plain and there is room. `start` is
    /// the column that has been come to, and how much is written on the line.
    fn further(
        &mut self,
        elements: &[Measured<'_>],
        tail: &Tail<'_>,
        at: Place,
        start: (i64, i64),
        bar: &str,
    ) -> fmt::Result {
        let (mut column, mut written) = start;
        let mut rest = elements;
        while let Some((element, others)) = rest.split_first() {
            rest = others;
            let behind = behind(others, at.behind);
            self.out.write_char(',')?;
            if element.is_plain() && self.line.fits_further(element.length, column, behind, written) {
                write_line(element, self.style, self.out)?;
                column += 1 + element.length;
                written += 1 + element.length;
            } else {
                self.break_line(at.indent)?;
                let width = self.element(element, Place { behind, written: 0, ..at })?;
                column = at.column + width;
                written = width;
            }
        }
        match tail {
            Tail::None => Ok(()),
            Tail::Dots => write!(self.out, "{bar}..."),
            Tail::Improper(tail) => {
                self.out.write_str(bar)?;
                let behind = at.behind + 1;
                if tail.is_plain() && self.line.fits(1 + tail.length, column, behind, written) {
                    return write_line(tail, self.style, self.out);
                }
                self.break_line(at.indent)?;
                self.term(tail, Place { behind, written: 0, ..at })
            }
        }
    }

    /// Writes an element; gives its width, or that of a line if nothing is to stand behind it.
    fn element(&mut self, element: &Measured<'_>, at: Place) -> Result<i64, fmt::Error> {
        self.term(element, at)?;
        let fits = self.line.fits(element.length, at.column, at.behind, at.written);
        Ok(if element.is_plain() && fits { element.length } else { self.line.line_length })
    }

    fn map(&mut self, pairs: &[Pair<'_>], tail: &Tail<'_>, at: Place) -> fmt::Result {
        self.out.write_str("#{")?;
        let at = Place { column: at.column + 2, indent: at.indent + 2, written: at.written + 1, ..at };
        let (mut column, mut written) = (at.column, 0);
        let mut rest = pairs;
        let mut first = true;
        while let Some((pair, others)) = rest.split_first() {
            rest = others;
            let place = Place { behind: behind(others, at.behind), ..at };
            if std::mem::replace(&mut first, false) {
                written = self.pair(pair, place)?;
                column = at.column + written;
                continue;
            }
            self.out.write_char(',')?;
            if pair.is_plain() && self.line.fits_further(pair.length, column, place.behind, written) {
                write_pair(pair, self.style, self.out)?;
                column += 1 + pair.length;
                written += 1 + pair.length;
            } else {
                self.break_line(at.indent)?;
                written = self.pair(pair, Place { written: 0, ..place })?;
                column = at.column + written;
            }
        }
        self.out.write_str(if let Tail::Dots = tail { ",...}" } else { "}" })
    }

    /// As [`element`](Self::element).
    fn pair(&mut self, pair: &Pair<'_>, at: Place) -> Result<i64, fmt::Error> {
        if self.line.fits(pair.length, at.column, at.behind, at.written) {
            write_pair(pair, self.style, self.out)?;
            return Ok(if pair.is_plain() { pair.length } else { self.line.line_length });
        }
        self.term(&pair.key, at)?;
        self.out.write_str(" =>")?;
        let deeper = value_indent(self.tag_indent);
        let (column, indent) = (at.column + deeper, at.indent + deeper);
        self.break_line(indent)?;
        self.term(&pair.value, Place { column, indent, written: 0, ..at })?;
        Ok(self.line.line_length)
    }

    /// Fills lines with the segments of a binary.
    fn binary(&mut self, segments: impl Iterator<Item = Segment>, at: Place) -> fmt::Result {
        let indent = at.indent + 2;
        let room = (self.line.line_length - at.column - 2).min(self.line.text_length - 4 - at.written);
        let room = (room - at.behind).max(8);
        let mut left = room;
        self.out.write_str("<<")?;
        let mut segments = segments.peekable();
        while let Some(segment) = segments.next() {
            let follows = segments.peek().is_some();
            let length = segment.length() + i64::from(follows);
            if length > left {
                self.break_line(indent)?;
                left = room;
            }
            left -= length;
            write!(self.out, "{segment}{}", if follows { "," } else { "" })?;
        }
        self.out.write_str(">>")
    }

    fn break_line(&mut self, indent: i64) -> fmt::Result {
        self.out.write_char('\n')?;
        self.out.repeat(" ", indent).map_err(|_| fmt::Error)
    }
}

/// Writes a term on one line.
fn write_line(term: &Measured<'_>, style: Style<'_>, out: &mut Output) -> fmt::Result {
    let (parts, [open, bar, close]) = match &term.shape {
        Shape::List(parts) => (parts, ["[", "|", "]"]),
        Shape::Tuple { parts, .. } => (parts, ["{", ",", "}"]),
        Shape::Map(pairs, tail) => {
            out.write_str("#{")?;
            for (at, pair) in pairs.iter().enumerate() {
                out.write_str(if at > 0 { "," } else { "" })?;
                write_pair(pair, style, out)?;
            }
            return out.write_str(if let Tail::Dots = tail { ",...}" } else { "}" });
        }
        plain => return write_shape(plain, style, out),
    };
    out.write_str(open)?;
    for (at, element) in parts.elements.iter().enumerate() {
        out.write_str(if at > 0 { "," } else { "" })?;
        write_line(element, style, out)?;
    }
    let bar = if parts.elements.is_empty() { "" } else { bar };
    match &parts.tail {
        Tail::None => {}
        Tail::Dots => write!(out, "{bar}...")?,
        Tail::Improper(tail) => {
            out.write_str(bar)?;
            write_line(tail, style, out)?;
        }
    }
    out.write_str(close)
}

fn write_pair(pair: &Pair<'_>, style: Style<'_>, out: &mut Output) -> fmt::Result {
    write_line(&pair.key, style, out)?;
    out.write_str(" => ")?;
    write_line(&pair.value, style, out)
}

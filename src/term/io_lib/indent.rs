//! How far the elements of tuples are indented behind their tags.
//!
//! By the tags, if no line then begins beyond the middle; else by four columns, if that is so with them; else by one. To
//! find out, the term is gone through as it would be written. It is done once for the whole term.

use super::measure::{Measured, Pair, Parts, Shape, Tail};
use super::pretty::{Line, behind, value_indent};

/// The indentation behind tags: negative for that of the tag itself, else the most there may be.
pub(super) fn of_tags(term: &Measured<'_>, column: i64, line: Line) -> i64 {
    let works = |tag_indent: &i64| Trial { tag_indent: *tag_indent, line }.term(term, column, 0, 0).is_ok();
    [-1, 4].into_iter().find(works).unwrap_or(1)
}

/// A line would begin too far to the right.
struct TooFar;

struct Trial {
    tag_indent: i64,
    line: Line,
}

type Result<T> = std::result::Result<T, TooFar>;

impl Trial {
    fn term(&self, term: &Measured<'_>, column: i64, behind: i64, written: i64) -> Result<()> {
        if self.line.fits(term.length, column, behind, written) {
            return Ok(());
        }
        match &term.shape {
            Shape::List(parts) | Shape::Tuple { parts, tagged: false } => {
                self.elements(&parts.elements, &parts.tail, column + 1, behind, written + 1)
            }
            Shape::Tuple { parts, tagged: true } => self.tagged(parts, column, behind, written + 1),
            Shape::Map(pairs, _) => self.map(pairs, column + 2, behind, written + 2),
            _ => Ok(()),
        }
    }

    fn tagged(&self, parts: &Parts<'_>, column: i64, behind: i64, written: i64) -> Result<()> {
        let Some((tag, others)) = parts.elements.split_first() else { return Ok(()) };
        let Line { line_length, text_length } = self.line;
        let behind_tag = tag.length + 2;
        let tag_column = column + behind_tag;
        if self.tag_indent > 0 && behind_tag > self.tag_indent {
            let begin = column + self.tag_indent;
            if text_length + begin > line_length && begin > line_length / 2 {
                return Err(TooFar);
            }
            self.further(others, &parts.tail, begin, tag_column, behind, written + tag.length)
        } else {
            if text_length + tag_column >= line_length && tag_column >= line_length / 2 {
                return Err(TooFar);
            }
            self.elements(others, &parts.tail, tag_column, behind, written + tag.length + 1)
        }
    }

    fn elements(
        &self,
        elements: &[Measured<'_>],
        tail: &Tail<'_>,
        begin: i64,
        outer: i64,
        written: i64,
    ) -> Result<()> {
        let Some((first, others)) = elements.split_first() else { return Ok(()) };
        let width = self.element(first, begin, behind(others, outer), written)?;
        self.further(others, tail, begin, begin + width, outer, written + width)
    }

    fn further(
        &self,
        elements: &[Measured<'_>],
        tail: &Tail<'_>,
        begin: i64,
        mut column: i64,
        outer: i64,
        mut written: i64,
    ) -> Result<()> {
        let mut rest = elements;
        while let Some((element, others)) = rest.split_first() {
            rest = others;
            let behind = behind(others, outer);
            if element.is_plain() && self.line.fits_further(element.length, column, behind, written) {
                column += 1 + element.length;
                written += 1 + element.length;
            } else {
                written = self.element(element, begin, behind, 0)?;
                column = begin + written;
            }
        }
        match tail {
            Tail::None | Tail::Dots => Ok(()),
            Tail::Improper(tail) => {
                let behind = outer + 1;
                if tail.is_plain() && self.line.fits(1 + tail.length, column, behind, written) {
                    return Ok(());
                }
                // OTP tries it at the end of the line, and writes it on the next.
                self.term(tail, column, behind, 0)
            }
        }
    }

    fn element(&self, element: &Measured<'_>, column: i64, behind: i64, written: i64) -> Result<i64> {
        if element.is_plain() && self.line.fits(element.length, column, behind, written) {
            return Ok(element.length);
        }
        self.term(element, column, behind, written)?;
        Ok(self.line.line_length)
    }

    fn map(&self, pairs: &[Pair<'_>], begin: i64, outer: i64, written: i64) -> Result<()> {
        let Some((first, mut rest)) = pairs.split_first() else { return Ok(()) };
        let width = self.pair(first, begin, behind(rest, outer), written)?;
        let (mut column, mut written) = (begin + width, written + width);
        while let Some((pair, others)) = rest.split_first() {
            rest = others;
            let behind = behind(others, outer);
            if pair.is_plain() && self.line.fits_further(pair.length, column, behind, written) {
                column += 1 + pair.length;
                written += 1 + pair.length;
            } else {
                written = self.pair(pair, begin, behind, 0)?;
                column = begin + written;
            }
        }
        Ok(())
    }

    fn pair(&self, pair: &Pair<'_>, column: i64, behind: i64, written: i64) -> Result<i64> {
        if self.line.fits(pair.length, column, behind, written) {
            return Ok(if pair.is_plain() { pair.length } else { self.line.line_length });
        }
        self.term(&pair.key, column, behind, written)?;
        self.term(&pair.value, column + value_indent(self.tag_indent), behind, 0)?;
        Ok(self.line.line_length)
    }
}

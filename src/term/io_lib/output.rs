//! The text that is being made, within its limit.

use std::fmt::{self, Write};

use super::FormatError;

/// A text of limited length, which knows the column it has come to.
#[derive(Debug)]
pub(super) struct Output {
    text: String,
    limit: usize,
    /// Up to where the column is known, in bytes, and that column, counted from 0.
    counted: usize,
    column: i64,
}

/// What is behind a tabulator begins in a column that this divides.
const TAB: i64 = 8;

impl Output {
    pub(super) fn new(limit: usize) -> Output {
        Output { text: String::new(), limit, counted: 0, column: 0 }
    }

    /// The column where the next character goes, counted from 0.
    pub(super) fn column(&mut self) -> i64 {
        for c in self.text.get(self.counted..).unwrap_or_default().chars() {
            self.column = match c {
                '\n' => 0,
                '\t' => (self.column + TAB) / TAB * TAB,
                _ => self.column + 1,
            };
        }
        self.counted = self.text.len();
        self.column
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }

    /// How much longer the text may become, in bytes.
    pub(super) fn room(&self) -> usize {
        self.limit.saturating_sub(self.text.len())
    }

    pub(super) fn push(&mut self, text: &str) -> Result<(), FormatError> {
        self.write_str(text).map_err(|_| FormatError::TooLong)
    }

    /// Writes `text` so many times.
    pub(super) fn repeat(&mut self, text: &str, times: i64) -> Result<(), FormatError> {
        let times = usize::try_from(times).unwrap_or(0);
        if text.len().checked_mul(times).is_none_or(|bytes| bytes > self.room()) {
            return Err(FormatError::TooLong);
        }
        (0..times).for_each(|_| self.text.push_str(text));
        Ok(())
    }
}

/// Fails where the limit is.
impl Write for Output {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if text.len() > self.room() {
            return Err(fmt::Error);
        }
        self.text.push_str(text);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_column_is_that_behind_the_last_line_break() {
        let mut out = Output::new(100);
        for (text, column) in [("ab", 2), ("\tc", 9), ("\n", 0), ("ä\t", 8), ("\t", 16)] {
            out.push(text).unwrap();
            assert_eq!(out.column(), column, "{text:?}");
        }
    }

    #[test]
    fn no_text_is_longer_than_its_limit() {
        let mut out = Output::new(3);
        assert_eq!(out.repeat("ab", i64::MAX), Err(FormatError::TooLong));
        assert_eq!(out.repeat("ab", 1), Ok(()));
        assert_eq!(out.push("ab"), Err(FormatError::TooLong));
        assert_eq!(out.push("c"), Ok(()));
        assert_eq!(out.into_text(), "abc");
    }
}

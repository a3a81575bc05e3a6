//! The text of each control sequence.

use super::number::{Prefix, put_float, put_integer};
use super::output::Output;
use super::pretty::{self, Layout};
use super::scan::{Control, Order, Piece};
use super::write::{self, Style};
use super::{FormatError, Renderer};
use crate::term::{CharEncoding, Integer, Term};

/// The columns of a line, if the field width does not say.
const LINE_LENGTH: i64 = 80;

/// Writes all pieces of a format.
pub(super) fn build(renderer: &Renderer, pieces: &[Piece<'_>], out: &mut Output) -> Result<(), FormatError> {
    pieces.iter().try_for_each(|piece| match piece {
        Piece::Text(text) => out.push(text),
        Piece::Control(control) => control.put(renderer, out),
    })
}

impl Control<'_> {
    fn put(&self, renderer: &Renderer, out: &mut Output) -> Result<(), FormatError> {
        // Those without argument never look at it.
        let argument = self.argument.unwrap_or(const { &Term::NIL });
        match self.kind {
            'w' => self.put_written(renderer, argument, -1, out),
            'W' => self.put_written(renderer, argument, self.depth()?, out),
            'p' => self.put_pretty(renderer, argument, -1, out),
            'P' => self.put_pretty(renderer, argument, self.depth()?, out),
            's' => self.field.put_text(&self.text(argument)?, self.encoding, out),
            'c' => self.field.put_char(self.character(integer(argument)?).as_deref(), out),
            'e' | 'f' | 'g' => match argument {
                Term::Float(float) => put_float(*float, self.kind, &self.field, out),
                _ => Err(FormatError::BadArg),
            },
            'b' | 'B' => put_integer(integer(argument)?, &Prefix::None, self.kind == 'b', &self.field, out),
            'x' | 'X' => {
                let prefix = Prefix::Text(self.prefix()?);
                put_integer(integer(argument)?, &prefix, self.kind == 'x', &self.field, out)
            }
            '+' | '#' => put_integer(integer(argument)?, &Prefix::Base, self.kind == '+', &self.field, out),
            '~' => self.field.put_char(Some("~"), out),
            'n' => match self.field.width {
                None => out.push("\n"),
                Some(_) if self.field.left => Err(FormatError::BadArg),
                Some(count) => out.repeat("\n", count),
            },
            'i' => Ok(()),
            _ => Err(FormatError::BadArg),
        }
    }

    fn style<'r>(&self, renderer: &'r Renderer) -> Result<Style<'r>, FormatError> {
        match self.order {
            Order::Unknown => Err(FormatError::BadArg),
            order => Ok(Style { renderer, encoding: self.encoding, reversed: order == Order::Falling }),
        }
    }

    fn put_written(
        &self,
        renderer: &Renderer,
        term: &Term,
        depth: i64,
        out: &mut Output,
    ) -> Result<(), FormatError> {
        let style = self.style(renderer)?;
        if self.field.width.is_none() && self.field.precision.is_none() {
            return write::write(term, depth, style, out).map_err(|_| FormatError::TooLong);
        }
        let mut text = Output::new(out.room());
        write::write(term, depth, style, &mut text).map_err(|_| FormatError::TooLong)?;
        self.field.put_term(&text.into_text(), self.encoding, out)
    }

    fn put_pretty(
        &self,
        renderer: &Renderer,
        term: &Term,
        depth: i64,
        out: &mut Output,
    ) -> Result<(), FormatError> {
        let style = self.style(renderer)?;
        if self.field.left {
            return Err(FormatError::BadArg);
        }
        let line_length = self.field.width.unwrap_or(LINE_LENGTH);
        let column = match self.field.precision {
            Some(column) => column,
            None => out.column() + 1,
        };
        let layout = Layout { column, line_length, depth, strings: self.strings };
        pretty::print(term, layout, style, out).map_err(|_| FormatError::TooLong)
    }

    fn depth(&self) -> Result<i64, FormatError> {
        match self.extra {
            Some(Term::Integer(depth)) => Ok(depth.as_i64().unwrap_or(-1)),
            _ => Err(FormatError::BadArg),
        }
    }

    /// An atom, or a list of characters and such lists.
    fn prefix(&self) -> Result<String, FormatError> {
        match self.extra {
            Some(Term::Atom(prefix)) => Ok(prefix.as_str().to_owned()),
            Some(prefix @ Term::List(_)) if has_only_lists(prefix) => {
                prefix.chardata(CharEncoding::Unicode).ok_or(FormatError::BadArg)
            }
            _ => Err(FormatError::BadArg),
        }
    }

    /// The character of a code; without the modifier `t` only its lowest byte counts.
    fn character(&self, code: &Integer) -> Option<String> {
        let character = match (self.encoding, code.as_i64()) {
            (CharEncoding::Unicode, code) => {
                code.and_then(|code| u32::try_from(code).ok()).and_then(char::from_u32)
            }
            (CharEncoding::Latin1, Some(code)) => Some(char::from(code.to_le_bytes()[0])),
            (CharEncoding::Latin1, None) => {
                code.to_big().to_signed_bytes_le().first().copied().map(char::from)
            }
        };
        character.map(String::from)
    }

    /// The text of `~s`: an atom, a binary, or a list of characters, binaries and such lists. A binary that is not UTF-8
    /// has a character in each byte.
    fn text(&self, term: &Term) -> Result<String, FormatError> {
        let latin1 = self.encoding == CharEncoding::Latin1;
        if let Term::Atom(atom) = term {
            let name = atom.as_str();
            let fits = !latin1 || name.chars().all(|c| c <= '\u{ff}');
            return if fits { Ok(name.to_owned()) } else { Err(FormatError::BadArg) };
        }
        if let Term::Integer(_) = term {
            return Err(FormatError::BadArg);
        }
        let mut text = String::new();
        let mut rest = vec![term];
        while let Some(term) = rest.pop() {
            match term {
                Term::Integer(code) => {
                    let code = u32::try_from(code).ok().filter(|code| !latin1 || *code < 256);
                    text.push(code.and_then(char::from_u32).ok_or(FormatError::BadArg)?);
                }
                Term::Binary(bytes) => match std::str::from_utf8(bytes) {
                    Ok(utf8) if !latin1 => text.push_str(utf8),
                    _ => text.extend(bytes.iter().copied().map(char::from)),
                },
                Term::List(list) => rest.extend(list.iter().rev()),
                // A tail that is a character is none.
                Term::ImproperList(list) if !matches!(list.tail(), Term::Integer(_)) => {
                    rest.push(list.tail());
                    rest.extend(list.elements().iter().rev());
                }
                _ => return Err(FormatError::BadArg),
            }
        }
        Ok(text)
    }
}

fn integer(term: &Term) -> Result<&Integer, FormatError> {
    if let Term::Integer(integer) = term { Ok(integer) } else { Err(FormatError::BadArg) }
}

/// Whether there is nothing but lists in it, and what they hold.
fn has_only_lists(term: &Term) -> bool {
    let mut rest = vec![term];
    while let Some(term) = rest.pop() {
        match term {
            Term::List(list) => rest.extend(list.iter()),
            Term::Integer(_) => {}
            _ => return false,
        }
    }
    true
}

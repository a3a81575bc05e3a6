//! The format, taken apart: text, and control sequences with their arguments.
//!
//! ```text
//! ~ [-] [Width | *] [. [Precision | *]] [. Pad | .*] {t | l | k | K} Control
//! ```

use super::FormatError;
use crate::term::{CharEncoding, Term};

/// A piece of a format.
#[derive(Debug)]
pub(super) enum Piece<'a> {
    Text(String),
    Control(Control<'a>),
}

/// A control sequence and what it is for.
#[derive(Debug, Clone)]
pub(super) struct Control<'a> {
    pub(super) kind: char,
    pub(super) argument: Option<&'a Term>,
    /// The second one of those that take two: a depth, or a prefix.
    pub(super) extra: Option<&'a Term>,
    pub(super) field: Field,
    pub(super) encoding: CharEncoding,
    /// Whether lists and binaries of characters are shown as text.
    pub(super) strings: bool,
    pub(super) order: Order,
}

/// How what is printed is placed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) width: Option<i64>,
    pub(super) left: bool,
    pub(super) precision: Option<i64>,
    /// What fills up; `None` if it is no text.
    pub(super) pad: Option<String>,
}

/// The order of the pairs of maps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Rising,
    Falling,
    /// By a fun, which can't be run here.
    Unknown,
}

/// Takes `format` apart and deals out `arguments`, all of which have to be used.
pub(super) fn scan<'a>(format: &Term, arguments: &'a [Term]) -> Result<Vec<Piece<'a>>, FormatError> {
    let format = characters(format).ok_or(FormatError::BadArg)?;
    let mut scanner = Scanner { format: format.chars().peekable(), arguments: arguments.iter() };
    let mut pieces = Vec::new();
    let mut text = String::new();
    while let Some(c) = scanner.format.next() {
        if c != '~' {
            text.push(c);
            continue;
        }
        if !text.is_empty() {
            pieces.push(Piece::Text(std::mem::take(&mut text)));
        }
        pieces.push(Piece::Control(scanner.control()?));
    }
    if !text.is_empty() {
        pieces.push(Piece::Text(text));
    }
    if scanner.arguments.next().is_some() { Err(FormatError::BadArg) } else { Ok(pieces) }
}

/// The characters of a format: a flat list of them, a binary with one a byte, or the name of an atom.
fn characters(format: &Term) -> Option<String> {
    match format {
        Term::Atom(name) => Some(name.as_str().to_owned()),
        Term::Binary(bytes) => Some(bytes.iter().copied().map(char::from).collect()),
        Term::List(list) => list
            .iter()
            .map(|c| match c {
                Term::Integer(code) => u32::try_from(code).ok().and_then(char::from_u32),
                _ => None,
            })
            .collect(),
        _ => None,
    }
}

struct Scanner<'f, 'a> {
    format: std::iter::Peekable<std::str::Chars<'f>>,
    arguments: std::slice::Iter<'a, Term>,
}

impl<'a> Scanner<'_, 'a> {
    /// What stands behind a tilde.
    fn control(&mut self) -> Result<Control<'a>, FormatError> {
        let left = self.accept('-');
        let mut width = self.value();
        if left {
            width = Some(width.ok_or(FormatError::BadArg)?.saturating_neg());
        }
        let mut field = Field {
            width: width.map(i64::saturating_abs),
            left: width.is_some_and(|width| width < 0),
            precision: None,
            pad: Some(" ".to_owned()),
        };
        if self.accept('.') {
            field.precision = self.value();
            if field.precision.is_some_and(|precision| precision < 0) {
                return Err(FormatError::BadArg);
            }
            if self.accept('.') {
                field.pad = match self.next()? {
                    '*' => pad_of(self.argument()?),
                    pad => Some(pad.to_string()),
                };
            }
        }
        let mut control = Control {
            kind: ' ',
            argument: None,
            extra: None,
            field,
            encoding: CharEncoding::Latin1,
            strings: true,
            order: Order::Rising,
        };
        loop {
            match self.next()? {
                't' => control.encoding = CharEncoding::Unicode,
                'l' => control.strings = false,
                'k' => control.order = Order::Rising,
                'K' => control.order = order_of(self.argument()?),
                kind => {
                    control.kind = kind;
                    break;
                }
            }
        }
        match control.kind {
            'w' | 'p' | 's' | 'e' | 'f' | 'g' | 'b' | 'B' | '+' | '#' | 'c' | 'i' => {
                control.argument = Some(self.argument()?);
            }
            'W' | 'P' | 'x' | 'X' => {
                control.argument = Some(self.argument()?);
                control.extra = Some(self.argument()?);
            }
            '~' | 'n' => {}
            _ => return Err(FormatError::BadArg),
        }
        Ok(control)
    }

    /// A number, or the integer that a `*` stands for; `None` if there is neither.
    fn value(&mut self) -> Option<i64> {
        if self.format.peek() == Some(&'*') {
            let Some(Term::Integer(value)) = self.arguments.as_slice().first() else { return None };
            self.format.next();
            self.arguments.next();
            // What is larger asks for more text than there can be.
            return Some(value.as_i64().unwrap_or(if value.to_big().sign() == num_bigint::Sign::Minus {
                i64::MIN
            } else {
                i64::MAX
            }));
        }
        let mut value = None;
        while let Some(digit) = self.format.peek().and_then(|c| c.to_digit(10)) {
            self.format.next();
            value = Some(value.unwrap_or(0i64).saturating_mul(10).saturating_add(i64::from(digit)));
        }
        value
    }

    fn accept(&mut self, c: char) -> bool {
        self.format.next_if_eq(&c).is_some()
    }

    fn next(&mut self) -> Result<char, FormatError> {
        self.format.next().ok_or(FormatError::BadArg)
    }

    fn argument(&mut self) -> Result<&'a Term, FormatError> {
        self.arguments.next().ok_or(FormatError::BadArg)
    }
}

/// The text that a field is filled up with: a character, or several.
fn pad_of(pad: &Term) -> Option<String> {
    match pad {
        Term::Integer(_) => Term::list([pad.clone()]).chardata(CharEncoding::Unicode),
        pad => pad.chardata(CharEncoding::Unicode),
    }
}

fn order_of(order: &Term) -> Order {
    match order.as_atom().map(crate::term::Atom::as_str) {
        Some("ordered" | "undefined") => Order::Rising,
        Some("reversed") => Order::Falling,
        _ => Order::Unknown,
    }
}

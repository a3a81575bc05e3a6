//! How long the parts of a term are, which says where lines can be broken.
//!
//! The parts stay parts of the term; what is kept of each is its kind and its length on one line.

use std::fmt::{self, Write};

use super::field::{length, to_i64};
use super::printable::{self, BinaryText};
use super::write::{self, Segment, Style, less, segments};
use crate::term::Term;

/// Terms inside of so many others are written on one line, strings as lists: a level takes room on the stack.
const MAX_LEVELS: u32 = 200;

/// A term, or a part of one, and how long it is on one line.
#[derive(Debug)]
pub(super) struct Measured<'a> {
    pub(super) shape: Shape<'a>,
    pub(super) length: i64,
}

#[derive(Debug)]
pub(super) enum Shape<'a> {
    Text(&'static str),
    /// Down to a depth.
    Plain(&'a Term, i64),
    String(&'a [Term]),
    Binary(BinaryText<'a>),
    /// A binary that can be broken between any two of its segments.
    Segments(&'a [u8], Option<(u8, u8)>, i64),
    List(Parts<'a>),
    Tuple {
        parts: Parts<'a>,
        /// Whether it begins with an atom that is not all of it.
        tagged: bool,
    },
    Map(Vec<Pair<'a>>, Tail<'a>),
}

/// The elements of a list or tuple.
#[derive(Debug)]
pub(super) struct Parts<'a> {
    pub(super) elements: Vec<Measured<'a>>,
    pub(super) tail: Tail<'a>,
}

/// What follows the last element.
#[derive(Debug)]
pub(super) enum Tail<'a> {
    None,
    Dots,
    Improper(Box<Measured<'a>>),
}

#[derive(Debug)]
pub(super) struct Pair<'a> {
    pub(super) key: Measured<'a>,
    pub(super) value: Measured<'a>,
    pub(super) length: i64,
}

impl Measured<'_> {
    /// Whether it is never broken.
    pub(super) fn is_plain(&self) -> bool {
        matches!(self.shape, Shape::Text(_) | Shape::Plain(..) | Shape::String(_) | Shape::Binary(_))
    }
}

impl Pair<'_> {
    pub(super) fn is_plain(&self) -> bool {
        self.key.is_plain() && self.value.is_plain()
    }
}

/// Measures terms, until they are longer than there is room.
pub(super) struct Measure<'r> {
    pub(super) style: Style<'r>,
    pub(super) strings: bool,
    /// How long the text may still get.
    pub(super) room: usize,
}

/// The text would be too long.
type Result<T> = std::result::Result<T, fmt::Error>;

impl Measure<'_> {
    /// Measures `term` down to a depth, which is not 0.
    pub(super) fn term<'a>(&mut self, term: &'a Term, depth: i64) -> Result<Measured<'a>> {
        self.nested(term, depth, 0)
    }

    fn nested<'a>(&mut self, term: &'a Term, depth: i64, level: u32) -> Result<Measured<'a>> {
        match term {
            Term::List(list) if list.is_empty() => self.text("[]"),
            Term::Tuple(tuple) if tuple.is_empty() => self.text("{}"),
            Term::Map(map) if map.is_empty() => self.text("#{}"),
            Term::Binary(bytes) if bytes.is_empty() => self.text("<<>>"),
            Term::Binary(_) | Term::BitString(_) if depth == 1 => self.text("<<...>>"),
            Term::Tuple(_) if depth == 1 => self.text("{...}"),
            Term::Map(_) if depth == 1 => self.text("#{...}"),
            Term::List(list) if self.strings && depth != 1 && printable::is_string(list, self.style) => {
                let shape = Shape::String(list);
                self.counted(shape)
            }
            Term::Tuple(_) | Term::Map(_) | Term::List(_) | Term::ImproperList(_) if level >= MAX_LEVELS => {
                self.counted(Shape::Plain(term, depth))
            }
            Term::List(list) => {
                let parts = self.parts(list, None, depth, level)?;
                self.enclosed(2, parts, Shape::List)
            }
            Term::ImproperList(list) => {
                let parts = self.parts(list.elements(), Some(list.tail()), depth, level)?;
                self.enclosed(2, parts, Shape::List)
            }
            Term::Tuple(tuple) => {
                let tagged = matches!(&**tuple, [Term::Atom(_), _, ..]);
                let parts = self.parts(tuple, None, depth, level)?;
                self.enclosed(2, parts, |parts| Shape::Tuple { parts, tagged })
            }
            Term::Map(map) => self.map(map.0.as_slice(), depth, level),
            Term::Binary(bytes) => self.binary(bytes, depth),
            Term::BitString(bits) => {
                let Some((last, bytes)) = bits.bytes().split_last() else { return self.text("<<>>") };
                let count = bits.last_bits();
                self.counted(Shape::Segments(bytes, Some((last >> (8 - count), count)), depth))
            }
            _ => self.counted(Shape::Plain(term, depth)),
        }
    }

    fn text<'a>(&mut self, text: &'static str) -> Result<Measured<'a>> {
        self.take(text.len())?;
        Ok(Measured { shape: Shape::Text(text), length: to_i64(text.len()) })
    }

    /// Measures what is never broken, or a binary.
    fn counted<'a>(&mut self, shape: Shape<'a>) -> Result<Measured<'a>> {
        let mut count = Count { bytes: 0, characters: 0, latin1: true, limit: self.room };
        write_shape(&shape, self.style, &mut count)?;
        self.take(count.bytes)?;
        let length = if count.latin1 {
            count.characters
        } else {
            let mut text = String::new();
            write_shape(&shape, self.style, &mut text)?;
            length(&text)
        };
        Ok(Measured { shape, length })
    }

    fn binary<'a>(&mut self, bytes: &'a [u8], depth: i64) -> Result<Measured<'a>> {
        // One level is for the brackets.
        let inner = less(depth);
        let text = if self.strings { printable::text_of(bytes, inner, self.style) } else { None };
        self.counted(match text {
            Some(text) => Shape::Binary(text),
            None => Shape::Segments(bytes, None, depth),
        })
    }

    /// Each element is a level deeper than the one before it.
    fn parts<'a>(
        &mut self,
        elements: &'a [Term],
        tail: Option<&'a Term>,
        depth: i64,
        level: u32,
    ) -> Result<Parts<'a>> {
        let mut left = depth;
        let mut parts = Parts { elements: Vec::new(), tail: Tail::None };
        for element in elements {
            if left == 1 {
                parts.tail = Tail::Dots;
                self.take(3)?;
                return Ok(parts);
            }
            left = less(left);
            parts.elements.push(self.nested(element, left, level + 1)?);
        }
        if let Some(tail) = tail {
            parts.tail = if left == 1 {
                self.take(3)?;
                Tail::Dots
            } else {
                Tail::Improper(Box::new(self.nested(tail, less(left), level + 1)?))
            };
        }
        Ok(parts)
    }

    /// All pairs are as deep as the first one, but each takes a level from those that follow.
    fn map<'a>(&mut self, pairs: &'a [Term], depth: i64, level: u32) -> Result<Measured<'a>> {
        let inner = less(depth);
        let (pairs, _) = pairs.as_chunks::<2>();
        let (mut measured, mut tail, mut left) = (Vec::new(), Tail::None, depth);
        // `#{` and `}`, and a comma or the dots behind each pair.
        let mut length = 3;
        for at in 0..pairs.len() {
            let at = if self.style.reversed { pairs.len() - 1 - at } else { at };
            let Some([key, value]) = pairs.get(at) else { break };
            if !measured.is_empty() {
                length += 1;
            }
            if left == 1 {
                tail = Tail::Dots;
                self.take(3)?;
                length += 3;
                break;
            }
            left = less(left);
            let key = self.nested(key, inner, level + 1)?;
            let value = self.nested(value, inner, level + 1)?;
            let pair = key.length + " => ".len() as i64 + value.length;
            self.take(" => ".len() + 1)?;
            length += pair;
            measured.push(Pair { key, value, length: pair });
        }
        Ok(Measured { shape: Shape::Map(measured, tail), length })
    }

    /// With brackets, commas and what stands for a tail.
    fn enclosed<'a>(
        &mut self,
        brackets: i64,
        parts: Parts<'a>,
        shape: impl FnOnce(Parts<'a>) -> Shape<'a>,
    ) -> Result<Measured<'a>> {
        let tail = match &parts.tail {
            Tail::None => None,
            Tail::Dots => Some(3),
            Tail::Improper(tail) => Some(tail.length),
        };
        let count = parts.elements.len() + usize::from(tail.is_some());
        let separators = count.saturating_sub(1);
        self.take(separators + 2)?;
        let inside: i64 = parts.elements.iter().map(|part| part.length).sum();
        let length = brackets + inside + tail.unwrap_or(0) + to_i64(separators);
        Ok(Measured { shape: shape(parts), length })
    }

    fn take(&mut self, bytes: usize) -> Result<()> {
        self.room = self.room.checked_sub(bytes).ok_or(fmt::Error)?;
        Ok(())
    }
}

/// Writes what is never broken, or a binary on one line.
pub(super) fn write_shape(shape: &Shape<'_>, style: Style<'_>, out: &mut impl Write) -> fmt::Result {
    match shape {
        Shape::Text(text) => out.write_str(text),
        Shape::Plain(term, depth) => write::write(term, *depth, style, out),
        Shape::String(elements) => write::write_string(elements, out),
        Shape::Binary(text) => write::write_text(*text, out),
        Shape::Segments(bytes, bits, depth) => {
            out.write_str("<<")?;
            for (at, segment) in segments(bytes, *bits, *depth).enumerate() {
                if at > 0 {
                    out.write_char(',')?;
                }
                write!(out, "{segment}")?;
            }
            out.write_str(">>")
        }
        Shape::List(_) | Shape::Tuple { .. } | Shape::Map(..) => Ok(()),
    }
}

impl Segment {
    /// How many characters it has.
    pub(super) fn length(self) -> i64 {
        let digits = |value: u8| i64::from(value.checked_ilog10().unwrap_or(0)) + 1;
        match self {
            Segment::Byte(byte) => digits(byte),
            Segment::Bits(value, count) => digits(value) + 1 + digits(count),
            Segment::Dots => 3,
        }
    }
}

/// Counts what is written, and fails where it gets too long.
struct Count {
    bytes: usize,
    characters: i64,
    latin1: bool,
    limit: usize,
}

impl Write for Count {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.bytes += text.len();
        for c in text.chars() {
            self.characters += 1;
            self.latin1 &= c <= '\u{ff}';
        }
        if self.bytes > self.limit { Err(fmt::Error) } else { Ok(()) }
    }
}

//! Terms on one line, as `~w` shows them: strings as lists of numbers, binaries as their bytes.

use std::fmt::{self, Write};
use std::slice;

use super::Renderer;
use super::printable::{BinaryText, character};
use crate::term::format::{needs_quotes, write_escaped, write_float, write_fun, write_integer};
use crate::term::{Atom, CharEncoding, Term};

/// How terms are shown.
#[derive(Debug, Clone, Copy)]
pub(super) struct Style<'r> {
    pub(super) renderer: &'r Renderer,
    /// Atoms with characters beyond Latin-1 are escaped without the modifier `t`.
    pub(super) encoding: CharEncoding,
    /// Whether the pairs of maps go from the last to the first.
    pub(super) reversed: bool,
}

/// A depth that is one less. Negative ones stand for no limit.
pub(super) fn less(depth: i64) -> i64 {
    if depth < 0 { depth } else { depth.saturating_sub(1) }
}

/// A compound term of which a part has been written.
struct Open<'a> {
    parts: Parts<'a>,
    /// That of the next part; there are dots in its place when this is 1 and it is not the first.
    depth: i64,
    first: bool,
    closing: &'static str,
}

enum Parts<'a> {
    Tuple(slice::Iter<'a, Term>),
    /// With the tail, if it is improper.
    List(slice::Iter<'a, Term>, Option<&'a Term>),
    Map(Pairs<'a>),
}

struct Pairs<'a> {
    rest: slice::Iter<'a, [Term; 2]>,
    reversed: bool,
    /// That of the key which was just written.
    value: Option<&'a Term>,
    /// Of all keys and values.
    depth: i64,
}

/// Writes `term`, with its own stack for what is nested in it.
pub(super) fn write(term: &Term, depth: i64, style: Style<'_>, out: &mut impl Write) -> fmt::Result {
    let mut open: Vec<Open<'_>> = Vec::new();
    let mut next = Some((term, depth));
    loop {
        if let Some((term, depth)) = next.take() {
            match Open::of(term, depth, style) {
                _ if depth == 0 => out.write_str("...")?,
                Some((opening, compound)) if depth == 1 => {
                    let dots = if matches!(compound.parts, Parts::Map(_)) { "" } else { "..." };
                    write!(out, "{opening}{dots}{}", compound.closing)?;
                }
                Some((opening, compound)) => {
                    out.write_str(opening)?;
                    open.push(compound);
                }
                None => write_leaf(term, depth, style, out)?,
            }
        }
        let Some(top) = open.last_mut() else { return Ok(()) };
        next = top.next_part(out)?;
        if next.is_none() {
            out.write_str(top.closing)?;
            open.pop();
        }
    }
}

impl<'a> Open<'a> {
    /// The opening bracket and the parts of a compound term that is not empty.
    fn of(term: &'a Term, depth: i64, style: Style<'_>) -> Option<(&'static str, Open<'a>)> {
        let depth = less(depth);
        let (opening, closing, parts) = match term {
            Term::Tuple(tuple) if !tuple.is_empty() => ("{", "}", Parts::Tuple(tuple.iter())),
            Term::List(list) if !list.is_empty() => ("[", "]", Parts::List(list.iter(), None)),
            Term::ImproperList(list) => ("[", "]", Parts::List(list.elements().iter(), Some(list.tail()))),
            Term::Map(map) if !map.is_empty() => {
                let rest = map.0.as_slice().as_chunks::<2>().0.iter();
                ("#{", "}", Parts::Map(Pairs { rest, reversed: style.reversed, value: None, depth }))
            }
            _ => return None,
        };
        Some((opening, Open { parts, depth, first: true, closing }))
    }

    /// Writes what stands before the next part, and gives that part and its depth; `None` if there is no more to come.
    fn next_part(&mut self, out: &mut impl Write) -> Result<Option<(&'a Term, i64)>, fmt::Error> {
        if let Parts::Map(pairs) = &mut self.parts
            && let Some(value) = pairs.value.take()
        {
            out.write_str(" => ")?;
            return Ok(Some((value, pairs.depth)));
        }
        let (part, separator, dots) = match &mut self.parts {
            Parts::Tuple(rest) => (rest.next(), ",", ",..."),
            Parts::List(rest, tail) => match rest.next() {
                Some(part) => (Some(part), ",", "|..."),
                None => (tail.take(), "|", "|..."),
            },
            Parts::Map(pairs) => {
                let pair = if pairs.reversed { pairs.rest.next_back() } else { pairs.rest.next() };
                pairs.value = pair.map(|[_, value]| value);
                (pair.map(|[key, _]| key), ",", ",...")
            }
        };
        // Those of a map are there even if nothing is left out.
        let is_map = matches!(self.parts, Parts::Map(_));
        let Some(part) = part.or_else(|| (is_map && self.depth == 1).then_some(const { &Term::NIL })) else {
            return Ok(None);
        };
        if std::mem::replace(&mut self.first, false) {
            return Ok(Some((part, self.depth)));
        }
        if self.depth == 1 {
            self.parts = Parts::Tuple([].iter());
            out.write_str(dots)?;
            return Ok(None);
        }
        self.depth = less(self.depth);
        out.write_str(separator)?;
        let depth = if let Parts::Map(pairs) = &self.parts { pairs.depth } else { self.depth };
        Ok(Some((part, depth)))
    }
}

/// Writes a term without parts.
pub(super) fn write_leaf(term: &Term, depth: i64, style: Style<'_>, out: &mut impl Write) -> fmt::Result {
    match term {
        Term::Integer(integer) => write_integer(integer, out),
        Term::Float(float) => write_float(*float, out),
        Term::Atom(atom) => write_atom(atom, style.encoding, out),
        Term::Fun(fun) => write_fun(fun, out),
        Term::Pid(pid) => match is_local(&pid.node, style) {
            true => write!(out, "<0.{}.{}>", pid.id, pid.serial),
            false => write!(out, "{term}"),
        },
        Term::Port(port) => match is_local(&port.node, style) {
            true => write!(out, "#Port<0.{}>", port.id),
            false => write!(out, "{term}"),
        },
        Term::Reference(reference) => match is_local(reference.node(), style) {
            true => {
                out.write_str("#Ref<0")?;
                reference.words().iter().rev().try_for_each(|word| write!(out, ".{word}"))?;
                out.write_char('>')
            }
            false => write!(out, "{term}"),
        },
        Term::Binary(bytes) => write_bytes(bytes, None, depth, out),
        Term::BitString(bits) => match bits.bytes().split_last() {
            Some((last, bytes)) => {
                let count = bits.last_bits();
                write_bytes(bytes, Some((last >> (8 - count), count)), depth, out)
            }
            None => out.write_str("<<>>"),
        },
        Term::Tuple(_) => out.write_str("{}"),
        Term::List(_) | Term::ImproperList(_) => out.write_str("[]"),
        Term::Map(_) => out.write_str("#{}"),
        Term::Record(_) => write!(out, "{term}"),
    }
}

fn is_local(node: &Atom, style: Style<'_>) -> bool {
    style.renderer.local.as_ref() == Some(node)
}

/// Writes an atom, in quotes if it needs them.
pub(super) fn write_atom(atom: &Atom, encoding: CharEncoding, out: &mut impl Write) -> fmt::Result {
    let name = atom.as_str();
    if !needs_quotes(name) {
        return out.write_str(name);
    }
    out.write_char('\'')?;
    for c in name.chars() {
        match c {
            '\u{100}'.. if encoding == CharEncoding::Latin1 => write!(out, "\\x{{{:X}}}", u32::from(c))?,
            c => write_escaped(c, '\'', out)?,
        }
    }
    out.write_char('\'')
}

/// Writes a list as the string that it is.
pub(super) fn write_string(elements: &[Term], out: &mut impl Write) -> fmt::Result {
    out.write_char('"')?;
    elements.iter().filter_map(character).try_for_each(|c| write_escaped(c, '"', out))?;
    out.write_char('"')
}

/// Writes a binary as the text that it is.
pub(super) fn write_text(text: BinaryText<'_>, out: &mut impl Write) -> fmt::Result {
    out.write_str("<<\"")?;
    match std::str::from_utf8(text.bytes) {
        Ok(utf8) if text.utf8 => utf8.chars().try_for_each(|c| write_escaped(c, '"', out))?,
        _ => text.bytes.iter().try_for_each(|byte| write_escaped(char::from(*byte), '"', out))?,
    }
    out.write_char('"')?;
    out.write_str(if text.utf8 { "/utf8" } else { "" })?;
    out.write_str(if text.cut { "...>>" } else { ">>" })
}

/// The parts of a binary's text between its brackets, without commas: whole bytes, and the bits behind them.
pub(super) fn segments(
    bytes: &[u8],
    bits: Option<(u8, u8)>,
    depth: i64,
) -> impl Iterator<Item = Segment> + '_ {
    let whole = bytes.iter().map(|byte| Segment::Byte(*byte));
    let all = whole.chain(bits.map(|(value, count)| Segment::Bits(value, count)));
    let mut depth = depth;
    let mut ended = false;
    all.map_while(move |segment| {
        if ended {
            return None;
        }
        ended = depth == 1;
        depth = less(depth);
        Some(if ended { Segment::Dots } else { segment })
    })
}

/// A part of a binary's text.
#[derive(Debug, Clone, Copy)]
pub(super) enum Segment {
    Byte(u8),
    /// A value and its number of bits.
    Bits(u8, u8),
    Dots,
}

impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Segment::Byte(byte) => write!(f, "{byte}"),
            Segment::Bits(value, count) => write!(f, "{value}:{count}"),
            Segment::Dots => f.write_str("..."),
        }
    }
}

fn write_bytes(bytes: &[u8], bits: Option<(u8, u8)>, depth: i64, out: &mut impl Write) -> fmt::Result {
    out.write_str("<<")?;
    for (at, segment) in segments(bytes, bits, depth).enumerate() {
        if at > 0 {
            out.write_char(',')?;
        }
        write!(out, "{segment}")?;
    }
    out.write_str(">>")
}

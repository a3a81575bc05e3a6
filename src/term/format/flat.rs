//! A term on one line.

use std::fmt::{self, Write};

use smallvec::SmallVec;

use super::compound::{Compound, write_record_name};
use super::{scalar, text};
use crate::term::Term;

/// Where a term is written to.
pub(super) trait Output: Write {
    /// How many characters can still be written, at most; a write beyond that fails.
    fn room(&self) -> usize;
}

impl Output for fmt::Formatter<'_> {
    fn room(&self) -> usize {
        usize::MAX
    }
}

/// Writes `term`, with its own stack for what is nested in it.
pub(super) fn write(term: &Term, out: &mut impl Output) -> fmt::Result {
    let mut open: SmallVec<[Compound<'_>; 4]> = SmallVec::new();
    let mut next = Some(term);
    loop {
        if let Some(term) = next {
            if !can_fit(term, out.room()) {
                return Err(fmt::Error);
            }
            match Compound::of(term) {
                None => write_leaf(term, out)?,
                Some(mut compound) => {
                    compound.write_open(out)?;
                    compound.write_label(out)?;
                    next = compound.next();
                    open.push(compound);
                    continue;
                }
            }
        }
        let Some(top) = open.last_mut() else { return Ok(()) };
        if top.remaining() == 0 {
            top.write_close(out)?;
            open.pop();
            next = None;
        } else {
            top.write_separator(out)?;
            top.write_label(out)?;
            next = top.next();
        }
    }
}

/// Whether so large a term could fit in `room`, found without a look at its parts: where there is little room,
/// large terms must not cost anything.
fn can_fit(term: &Term, room: usize) -> bool {
    match term {
        // A character each, at least; text has up to four bytes a character.
        Term::Tuple(tuple) => tuple.len() <= room,
        Term::List(list) => list.len() <= room,
        Term::ImproperList(list) => list.elements().len() <= room,
        Term::Map(map) => map.len() <= room,
        Term::Binary(bytes) => bytes.len() / 4 <= room,
        Term::BitString(bits) => bits.bytes().len() <= room,
        // Ten bits take more than three digits.
        Term::Integer(integer) => integer.as_big().is_none_or(|big| big.bits() / 4 <= room as u64),
        _ => true,
    }
}

/// Writes a term without parts, or a list that is printed as a string.
pub(super) fn write_leaf(term: &Term, out: &mut impl Write) -> fmt::Result {
    match term {
        Term::Integer(integer) => scalar::write_integer(integer, out),
        Term::Float(float) => scalar::write_float(*float, out),
        Term::Atom(atom) => text::write_atom(atom, out),
        Term::Reference(reference) => scalar::write_reference(reference, out),
        Term::Fun(fun) => scalar::write_fun(fun, out),
        Term::Port(port) => scalar::write_port(port, out),
        Term::Pid(pid) => scalar::write_pid(pid, out),
        Term::Tuple(_) => out.write_str("{}"),
        Term::Record(record) => {
            write_record_name(record, out)?;
            out.write_char('}')
        }
        Term::Map(_) => out.write_str("#{}"),
        Term::List(list) => match text::as_string(list) {
            Some(characters) => text::write_quoted(characters, '"', out),
            None => out.write_str("[]"),
        },
        // Never without parts.
        Term::ImproperList(_) => Ok(()),
        Term::Binary(bytes) => scalar::write_binary(bytes, out),
        Term::BitString(bits) => scalar::write_bit_string(bits, out),
    }
}

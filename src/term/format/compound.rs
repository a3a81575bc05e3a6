//! What stands around and between the parts of a compound term.

use std::fmt::{self, Write};
use std::slice;

use super::text;
use crate::term::{Record, Term};

/// A compound term whose parts are being written.
pub(super) struct Compound<'a> {
    kind: Kind<'a>,
    rest: slice::Iter<'a, Term>,
}

#[derive(Clone, Copy)]
enum Kind<'a> {
    Tuple,
    List,
    // Its last part is the tail.
    ImproperList,
    // Its parts are keys and values by turns.
    Map,
    Record(&'a Record),
}

impl<'a> Compound<'a> {
    /// The parts of `term`; `None` if it has none, or is a list printed as a string.
    pub(super) fn of(term: &'a Term) -> Option<Compound<'a>> {
        let (kind, parts) = match term {
            Term::Tuple(tuple) => (Kind::Tuple, &**tuple),
            Term::List(list) if text::as_string(list).is_some() => return None,
            Term::List(list) => (Kind::List, &**list),
            Term::ImproperList(list) => (Kind::ImproperList, list.0.as_slice()),
            Term::Map(map) => (Kind::Map, map.0.as_slice()),
            Term::Record(record) => (Kind::Record(record), record.values.as_slice()),
            _ => return None,
        };
        (!parts.is_empty()).then(|| Compound { kind, rest: parts.iter() })
    }

    /// How many parts are still to be written.
    pub(super) fn remaining(&self) -> usize {
        self.rest.len()
    }

    pub(super) fn write_open(&self, out: &mut impl Write) -> fmt::Result {
        match self.kind {
            Kind::Tuple => out.write_char('{'),
            Kind::List | Kind::ImproperList => out.write_char('['),
            Kind::Map => out.write_str("#{"),
            Kind::Record(record) => write_record_name(record, out),
        }
    }

    pub(super) fn write_close(&self, out: &mut impl Write) -> fmt::Result {
        out.write_char(match self.kind {
            Kind::Tuple | Kind::Map | Kind::Record(_) => '}',
            Kind::List | Kind::ImproperList => ']',
        })
    }

    /// Writes what separates the next part from the one before it, to the end of a line if one ends there.
    pub(super) fn write_separator(&self, out: &mut impl Write) -> fmt::Result {
        match self.kind {
            Kind::ImproperList if self.rest.len() == 1 => out.write_char('|'),
            Kind::Map if self.is_at_value() => out.write_str(" =>"),
            _ => out.write_char(','),
        }
    }

    /// Writes what stands before the next part on its line: the name of the field whose value it is, or the blank
    /// behind the arrow.
    pub(super) fn write_label(&self, out: &mut impl Write) -> fmt::Result {
        let Kind::Record(record) = self.kind else {
            return if self.is_at_value() { out.write_char(' ') } else { Ok(()) };
        };
        let at = record.fields.len().saturating_sub(self.rest.len());
        let Some(field) = record.fields.get(at) else { return Ok(()) };
        text::write_atom(field, out)?;
        out.write_str(" = ")
    }

    /// Whether the next part is the value of a pair whose key was just written.
    pub(super) fn is_at_value(&self) -> bool {
        matches!(self.kind, Kind::Map) && self.rest.len() % 2 == 1
    }

    /// Whether each of the parts, or pairs of parts, is to have its own line if they don't fit on one.
    pub(super) fn is_named(&self) -> bool {
        matches!(self.kind, Kind::Map | Kind::Record(_))
    }

    /// Whether it is a tuple that begins with an atom, its tag.
    pub(super) fn is_tagged(&self) -> bool {
        matches!((self.kind, self.rest.as_slice()), (Kind::Tuple, [Term::Atom(_), _, ..]))
    }
}

impl<'a> Iterator for Compound<'a> {
    type Item = &'a Term;

    fn next(&mut self) -> Option<&'a Term> {
        self.rest.next()
    }
}

/// `#module:name{`.
pub(super) fn write_record_name(record: &Record, out: &mut impl Write) -> fmt::Result {
    out.write_char('#')?;
    text::write_atom(&record.module, out)?;
    out.write_char(':')?;
    text::write_atom(&record.name, out)?;
    out.write_char('{')
}

//! Writing a whole term, however deep.
//!
//! As in decoding there is no recursion: what is left to write of the terms around the one being written waits on a
//! stack.

use smallvec::SmallVec;

use super::parse::{MAX_FREE_VARIABLES, has_duplicates};
use super::writer::Writer;
use super::{EncodeError, tag};
use crate::term::{Fun, Term};

/// The longest list of bytes that is written as a string.
const MAX_STRING: usize = u16::MAX as usize;

/// What is left to write of a term.
struct Pending<'t> {
    parts: std::slice::Iter<'t, Term>,
    end: End,
}

/// What is to be done after the last part.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Nothing,
    Nil,
    FunSize,
}

/// A fun being written.
struct FunSize {
    // Where the size stands in the buffer, and how much was written before it.
    at: usize,
    before: usize,
}

impl Writer {
    /// Writes a term.
    ///
    /// # Errors
    /// For what no BEAM would take: [`NotFinite`](EncodeError::NotFinite) floats, integers
    /// [too large](EncodeError::IntegerTooLarge) for it, funs with
    /// [too many variables](EncodeError::TooManyFreeVariables), records with a
    /// [field twice](EncodeError::DuplicateField); for a [native record](EncodeError::NativeRecord) if the receiver
    /// [knows none](Writer::set_native_records); and for [more](EncodeError::TooLarge) than the format can count.
    pub fn term(&mut self, term: &Term) -> Result<(), EncodeError> {
        let mut pending: SmallVec<[Pending<'_>; 8]> = SmallVec::new();
        let mut funs: SmallVec<[FunSize; 1]> = SmallVec::new();
        let mut next = Some(term);
        while let Some(term) = next {
            if let Some(parts) = self.head(term, &mut funs)? {
                pending.push(parts);
            }
            next = self.next_part(&mut pending, &mut funs)?;
        }
        Ok(())
    }

    /// The next part to write, after the ends of the terms that have none left.
    fn next_part<'t>(
        &mut self,
        pending: &mut SmallVec<[Pending<'t>; 8]>,
        funs: &mut SmallVec<[FunSize; 1]>,
    ) -> Result<Option<&'t Term>, EncodeError> {
        while let Some(top) = pending.last_mut() {
            if let Some(part) = top.parts.next() {
                // Without this a term nested in last places would keep a stack of nothing left to do.
                if top.parts.len() == 0 && top.end == End::Nothing {
                    pending.pop();
                }
                return Ok(Some(part));
            }
            match top.end {
                End::Nothing => {}
                End::Nil => self.nil(),
                End::FunSize => {
                    if let Some(FunSize { at, before }) = funs.pop() {
                        self.patch(at, self.len() - before)?;
                    }
                }
            }
            pending.pop();
        }
        Ok(None)
    }

    /// Writes a term up to its parts, and gives those.
    fn head<'t>(
        &mut self,
        term: &'t Term,
        funs: &mut SmallVec<[FunSize; 1]>,
    ) -> Result<Option<Pending<'t>>, EncodeError> {
        let (parts, end) = match term {
            Term::Tuple(tuple) => {
                self.tuple_header(tuple.len())?;
                (&**tuple, End::Nothing)
            }
            Term::List(list) => {
                if self.string(list) {
                    return Ok(None);
                }
                self.list_header(list.len())?;
                (&**list, End::Nil)
            }
            Term::ImproperList(list) => {
                self.list_header(list.elements().len())?;
                // The tail is the last of them.
                (list.0.as_slice(), End::Nothing)
            }
            Term::Map(map) => {
                self.map_header(map.len())?;
                (map.0.as_slice(), End::Nothing)
            }
            Term::Record(record) => {
                if !self.native_records() {
                    return Err(EncodeError::NativeRecord);
                }
                if has_duplicates(&record.fields) {
                    return Err(EncodeError::DuplicateField);
                }
                self.tag_and_count(tag::RECORD, record.fields.len())?;
                self.raw(&[u8::from(record.exported)]);
                self.atom(&record.module);
                self.atom(&record.name);
                for field in &record.fields {
                    self.atom(field);
                }
                (record.values.as_slice(), End::Nothing)
            }
            Term::Fun(Fun::Local(fun)) => {
                let free = fun.free_variables();
                if free.len() > MAX_FREE_VARIABLES {
                    return Err(EncodeError::TooManyFreeVariables { count: free.len() });
                }
                self.raw(&[tag::NEW_FUN]);
                let before = self.len();
                funs.push(FunSize { at: self.placeholder(), before });
                self.raw(&[fun.arity]);
                self.raw(&fun.uniq);
                self.word(fun.index);
                let [.., count] = free.len().to_be_bytes();
                self.raw(&[0, 0, 0, count]);
                self.atom(&fun.module);
                self.i64(fun.old_index);
                self.i64(fun.old_uniq);
                self.pid(&fun.pid);
                (free, End::FunSize)
            }
            leaf => {
                self.leaf(leaf)?;
                return Ok(None);
            }
        };
        Ok(Some(Pending { parts: parts.iter(), end }))
    }

    /// Writes a term that has no parts.
    fn leaf(&mut self, term: &Term) -> Result<(), EncodeError> {
        match term {
            Term::Integer(value) => self.integer(value)?,
            Term::Float(value) => self.float(*value)?,
            Term::Atom(atom) => self.atom(atom),
            Term::Reference(reference) => self.reference(reference),
            Term::Port(port) => self.port(port),
            Term::Pid(pid) => self.pid(pid),
            Term::Binary(bytes) => self.shared_binary(bytes)?,
            Term::BitString(bits) => self.bit_string(bits)?,
            Term::Fun(Fun::External(fun)) => {
                self.raw(&[tag::EXPORT]);
                self.atom(&fun.module);
                self.atom(&fun.function);
                self.i64(i64::from(fun.arity));
            }
            // Those are for `head`.
            Term::Fun(Fun::Local(_))
            | Term::Tuple(_)
            | Term::Record(_)
            | Term::Map(_)
            | Term::List(_)
            | Term::ImproperList(_) => {}
        }
        Ok(())
    }

    /// Writes a list as a string, if it has only bytes and not too many.
    fn string(&mut self, list: &[Term]) -> bool {
        if list.is_empty() || list.len() > MAX_STRING {
            return false;
        }
        let mark = self.mark();
        let [.., high, low] = list.len().to_be_bytes();
        self.raw(&[tag::STRING, high, low]);
        for element in list {
            match byte(element) {
                Some(byte) => self.raw(&[byte]),
                None => {
                    self.rollback(mark);
                    return false;
                }
            }
        }
        true
    }
}

/// The term as a byte, if it is an integer from 0 to 255.
fn byte(term: &Term) -> Option<u8> {
    let Term::Integer(value) = term else { return None };
    value.as_i64().and_then(|value| u8::try_from(value).ok())
}

//! The parts of the format that hold no other terms, and the heads of those that do.
//!
//! These only say what is wrong; [`Reader::read`] adds where. Functions that take a tag read what stands after it.

use std::borrow::Cow;

use nom::IResult;
use nom::bytes::complete::take;
use num_bigint::{BigInt, Sign};
use smallvec::SmallVec;

use super::reader::Reader;
use super::{DecodeErrorKind, tag};
use crate::term::{Atom, Creation, ExternalFun, Integer, MAX_ATOM_CHARACTERS, Pid, Port, Reference};

/// The length of the text of an old float.
const FLOAT_TEXT: usize = 31;
/// The largest creation that the old identifiers carry, in two bits.
const MAX_OLD_CREATION: u8 = 3;
/// What the first word of an old reference is below: 18 bits.
const OLD_REFERENCE_ID: u32 = 1 << 18;
/// How many free variables a fun has at most, being arguments of a function too.
pub(super) const MAX_FREE_VARIABLES: usize = 255;

type Kind = DecodeErrorKind;

/// The name of an atom, as the wire has it.
pub(super) enum AtomName<'a> {
    Known(&'a Atom),
    Utf8(&'a str),
    Latin1(&'a [u8]),
}

impl AtomName<'_> {
    pub(super) fn into_atom(self) -> Result<Atom, Kind> {
        match self {
            AtomName::Known(atom) => Ok(atom.clone()),
            name => Atom::new(&Cow::from(name)).map_err(|_| Kind::AtomTooLong),
        }
    }
}

impl<'a> From<AtomName<'a>> for Cow<'a, str> {
    fn from(name: AtomName<'a>) -> Cow<'a, str> {
        match name {
            AtomName::Known(atom) => Cow::Borrowed(atom.as_str()),
            AtomName::Utf8(name) => Cow::Borrowed(name),
            // The code points of Latin-1 are those of Unicode.
            AtomName::Latin1(name) => Cow::Owned(name.iter().map(|byte| char::from(*byte)).collect()),
        }
    }
}

/// The beginning of a fun, up to its free variables.
pub(super) struct FunHead {
    pub(super) arity: u8,
    pub(super) uniq: [u8; 16],
    pub(super) index: u32,
    pub(super) free: usize,
    pub(super) module: Atom,
    pub(super) old_index: i64,
    pub(super) old_uniq: i64,
    pub(super) pid: Pid,
    /// How many bytes must be left after the fun.
    pub(super) left: usize,
}

/// The beginning of a native record, up to its values.
pub(super) struct RecordHead {
    pub(super) exported: bool,
    pub(super) module: Atom,
    pub(super) name: Atom,
    pub(super) fields: Vec<Atom>,
}

/// So many bytes, for a number. nom's own parsers of numbers go byte by byte.
#[inline]
fn array<const N: usize>(input: &[u8]) -> IResult<&[u8], [u8; N], ()> {
    let (array, rest) = input.split_first_chunk().ok_or(nom::Err::Error(()))?;
    Ok((rest, *array))
}

impl<'a> Reader<'a> {
    #[inline]
    fn parse<T>(&mut self, parser: impl FnOnce(&'a [u8]) -> IResult<&'a [u8], T, ()>) -> Result<T, Kind> {
        let (rest, value) = parser(self.rest).map_err(|_| Kind::Truncated)?;
        self.rest = rest;
        Ok(value)
    }

    #[inline]
    pub(super) fn parse_u8(&mut self) -> Result<u8, Kind> {
        self.parse(array).map(u8::from_be_bytes)
    }

    #[inline]
    fn parse_u16(&mut self) -> Result<u16, Kind> {
        self.parse(array).map(u16::from_be_bytes)
    }

    #[inline]
    pub(super) fn parse_u32(&mut self) -> Result<u32, Kind> {
        self.parse(array).map(u32::from_be_bytes)
    }

    #[inline]
    pub(super) fn parse_i32(&mut self) -> Result<i32, Kind> {
        self.parse(array).map(i32::from_be_bytes)
    }

    #[inline]
    pub(super) fn parse_bytes(&mut self, length: usize) -> Result<&'a [u8], Kind> {
        self.parse(|input| take(length)(input))
    }

    /// A 32-bit length or number of things.
    pub(super) fn parse_length(&mut self) -> Result<usize, Kind> {
        usize::try_from(self.parse_u32()?).map_err(|_| Kind::Truncated)
    }

    /// A number of things of `least` bytes or more: that many must be there.
    fn parse_count(&mut self, least: usize) -> Result<usize, Kind> {
        let count = self.parse_length()?;
        self.check_room(count, least)
    }

    fn check_room(&self, count: usize, least: usize) -> Result<usize, Kind> {
        if count > self.rest.len() / least { Err(Kind::Truncated) } else { Ok(count) }
    }

    pub(super) fn parse_arity(&mut self, tag: u8) -> Result<usize, Kind> {
        match tag {
            tag::SMALL_TUPLE => {
                let arity = usize::from(self.parse_u8()?);
                self.check_room(arity, 1)
            }
            tag::LARGE_TUPLE => self.parse_count(1),
            found => Err(Kind::UnexpectedTag { found }),
        }
    }

    pub(super) fn parse_list_length(&mut self) -> Result<usize, Kind> {
        self.parse_count(1)
    }

    pub(super) fn parse_map_size(&mut self) -> Result<usize, Kind> {
        self.parse_count(2)
    }

    pub(super) fn parse_string(&mut self) -> Result<&'a [u8], Kind> {
        let length = self.parse_u16()?;
        self.parse_bytes(usize::from(length))
    }

    pub(super) fn parse_atom(&mut self) -> Result<Atom, Kind> {
        self.parse_atom_name()?.into_atom()
    }

    pub(super) fn parse_atom_name(&mut self) -> Result<AtomName<'a>, Kind> {
        let tag = self.parse_u8()?;
        self.parse_atom_name_after(tag)
    }

    pub(super) fn parse_atom_name_after(&mut self, tag: u8) -> Result<AtomName<'a>, Kind> {
        let length = match tag {
            tag::ATOM_CACHE_REF => {
                let index = self.parse_u8()?;
                let atom = self.atoms.get(usize::from(index)).ok_or(Kind::UnknownAtomRef { index })?;
                return Ok(AtomName::Known(atom));
            }
            tag::SMALL_ATOM_UTF8 | tag::SMALL_ATOM => usize::from(self.parse_u8()?),
            tag::ATOM_UTF8 | tag::ATOM => usize::from(self.parse_u16()?),
            found => return Err(Kind::UnexpectedTag { found }),
        };
        let name = self.parse_bytes(length)?;
        if matches!(tag, tag::ATOM | tag::SMALL_ATOM) && !name.is_ascii() {
            if name.len() > MAX_ATOM_CHARACTERS {
                return Err(Kind::AtomTooLong);
            }
            return Ok(AtomName::Latin1(name));
        }
        let name = str::from_utf8(name).map_err(|_| Kind::AtomNotUtf8)?;
        // Only more bytes than characters are allowed can be too many characters.
        if name.len() > MAX_ATOM_CHARACTERS && name.chars().count() > MAX_ATOM_CHARACTERS {
            return Err(Kind::AtomTooLong);
        }
        Ok(AtomName::Utf8(name))
    }

    pub(super) fn parse_integer(&mut self, tag: u8) -> Result<Integer, Kind> {
        match tag {
            tag::SMALL_INTEGER => self.parse_u8().map(Integer::from),
            tag::INTEGER => self.parse_i32().map(Integer::from),
            _ => {
                let (negative, digits) = self.parse_big(tag)?;
                if let Some(small) = small_of_big(negative, digits) {
                    return Ok(Integer::from(small));
                }
                let sign = if negative { Sign::Minus } else { Sign::Plus };
                Ok(Integer::from(BigInt::from_bytes_le(sign, digits)))
            }
        }
    }

    pub(super) fn parse_i64(&mut self) -> Result<i64, Kind> {
        match self.parse_u8()? {
            tag::SMALL_INTEGER => self.parse_u8().map(i64::from),
            tag::INTEGER => self.parse_i32().map(i64::from),
            tag => {
                let (negative, digits) = self.parse_big(tag)?;
                small_of_big(negative, digits).ok_or(Kind::IntegerOutOfRange)
            }
        }
    }

    /// Whether it is negative, and the digits, least significant first. There may be none, or zeros at the end.
    pub(super) fn parse_big(&mut self, tag: u8) -> Result<(bool, &'a [u8]), Kind> {
        let length = match tag {
            tag::SMALL_BIG => usize::from(self.parse_u8()?),
            tag::LARGE_BIG => self.parse_length()?,
            found => return Err(Kind::UnexpectedTag { found }),
        };
        let negative = self.parse_u8()? != 0;
        Ok((negative, self.parse_bytes(length)?))
    }

    pub(super) fn parse_float(&mut self, tag: u8) -> Result<f64, Kind> {
        let value = match tag {
            tag::NEW_FLOAT => self.parse(array).map(f64::from_be_bytes)?,
            tag::FLOAT => float_of_text(self.parse_bytes(FLOAT_TEXT)?).ok_or(Kind::FloatText)?,
            found => return Err(Kind::UnexpectedTag { found }),
        };
        if value.is_finite() { Ok(value) } else { Err(Kind::NotFinite) }
    }

    /// A binary or a bit string, and how many bits of its last byte count: 1 to 8, and 8 for no bytes.
    pub(super) fn parse_bits(&mut self, tag: u8) -> Result<(&'a [u8], u8), Kind> {
        match tag {
            tag::BINARY => {
                let length = self.parse_length()?;
                Ok((self.parse_bytes(length)?, 8))
            }
            tag::BIT_BINARY => {
                let length = self.parse_length()?;
                let bits = self.parse_u8()?;
                // As OTP 27 and 29; OTP 25 also takes no bits of no bytes, which nobody sends.
                if length == 0 || !(1..=8).contains(&bits) {
                    return Err(Kind::BitCount { bits });
                }
                Ok((self.parse_bytes(length)?, bits))
            }
            found => Err(Kind::UnexpectedTag { found }),
        }
    }

    pub(super) fn parse_pid(&mut self) -> Result<Pid, Kind> {
        let tag = self.parse_u8()?;
        self.parse_pid_after(tag)
    }

    pub(super) fn parse_pid_after(&mut self, tag: u8) -> Result<Pid, Kind> {
        let (node, id, serial, creation) = self.parse_pid_parts(tag)?;
        Ok(Pid { node: node.into_atom()?, id, serial, creation })
    }

    pub(super) fn parse_pid_parts(&mut self, tag: u8) -> Result<(AtomName<'a>, u32, u32, Creation), Kind> {
        if !matches!(tag, tag::NEW_PID | tag::PID) {
            return Err(Kind::UnexpectedTag { found: tag });
        }
        let node = self.parse_atom_name()?;
        let id = self.parse_u32()?;
        let serial = self.parse_u32()?;
        Ok((node, id, serial, self.parse_creation(tag == tag::NEW_PID)?))
    }

    pub(super) fn parse_port(&mut self, tag: u8) -> Result<Port, Kind> {
        let (node, id, creation) = self.parse_port_parts(tag)?;
        Ok(Port { node: node.into_atom()?, id, creation })
    }

    pub(super) fn parse_port_parts(&mut self, tag: u8) -> Result<(AtomName<'a>, u64, Creation), Kind> {
        if !matches!(tag, tag::V4_PORT | tag::NEW_PORT | tag::PORT) {
            return Err(Kind::UnexpectedTag { found: tag });
        }
        let node = self.parse_atom_name()?;
        let id = match tag {
            tag::V4_PORT => self.parse(array).map(u64::from_be_bytes)?,
            _ => u64::from(self.parse_u32()?),
        };
        Ok((node, id, self.parse_creation(tag != tag::PORT)?))
    }

    pub(super) fn parse_reference(&mut self, tag: u8) -> Result<Reference, Kind> {
        let mut words = [0; Reference::MAX_WORDS];
        let (node, creation, words) = self.parse_reference_parts(tag, &mut words)?;
        Reference::new(node.into_atom()?, creation, words).ok_or(Kind::ReferenceWords { words: 0 })
    }

    pub(super) fn parse_reference_parts<'w>(
        &mut self,
        tag: u8,
        words: &'w mut [u32; Reference::MAX_WORDS],
    ) -> Result<(AtomName<'a>, Creation, &'w [u32]), Kind> {
        let count = match tag {
            tag::NEWER_REFERENCE | tag::NEW_REFERENCE => self.parse_u16()?,
            tag::REFERENCE => 1,
            found => return Err(Kind::UnexpectedTag { found }),
        };
        let words = match count {
            0 => None,
            count => words.get_mut(..usize::from(count)),
        };
        let words = words.ok_or(Kind::ReferenceWords { words: count })?;
        let node = self.parse_atom_name()?;
        // The oldest form has the creation after the one word, the others before the words.
        let creation = match tag {
            tag::REFERENCE => None,
            tag => Some(self.parse_creation(tag == tag::NEWER_REFERENCE)?),
        };
        for word in &mut *words {
            *word = self.parse_u32()?;
        }
        let creation = match creation {
            Some(creation) => creation,
            None => self.parse_creation(false)?,
        };
        if tag != tag::NEWER_REFERENCE && words.first().is_some_and(|word| *word >= OLD_REFERENCE_ID) {
            return Err(Kind::OldIdentifier);
        }
        Ok((node, creation, words))
    }

    fn parse_creation(&mut self, wide: bool) -> Result<Creation, Kind> {
        if wide {
            return self.parse_u32().map(Creation);
        }
        match self.parse_u8()? {
            small @ ..=MAX_OLD_CREATION => Ok(Creation(u32::from(small))),
            _ => Err(Kind::OldIdentifier),
        }
    }

    pub(super) fn parse_external_fun(&mut self) -> Result<ExternalFun, Kind> {
        let (module, function, arity) = self.parse_external_fun_parts()?;
        Ok(ExternalFun { module: module.into_atom()?, function: function.into_atom()?, arity })
    }

    pub(super) fn parse_external_fun_parts(&mut self) -> Result<(AtomName<'a>, AtomName<'a>, u8), Kind> {
        let module = self.parse_atom_name()?;
        let function = self.parse_atom_name()?;
        let arity = u8::try_from(self.parse_i64()?).map_err(|_| Kind::IntegerOutOfRange)?;
        Ok((module, function, arity))
    }

    pub(super) fn parse_fun_head(&mut self) -> Result<FunHead, Kind> {
        let start = self.rest.len();
        // The size counts itself.
        let size = self.parse_length()?;
        let left = start.checked_sub(size).ok_or(Kind::FunSize)?;
        let arity = self.parse_u8()?;
        let (uniq, _) = self.parse_bytes(16)?.split_first_chunk().ok_or(Kind::Truncated)?;
        let index = self.parse_u32()?;
        let free = self.parse_length()?;
        if free > MAX_FREE_VARIABLES {
            return Err(Kind::FunSize);
        }
        Ok(FunHead {
            arity,
            uniq: *uniq,
            index,
            free,
            module: self.parse_atom()?,
            old_index: self.parse_i64()?,
            old_uniq: self.parse_i64()?,
            pid: self.parse_pid()?,
            left,
        })
    }

    pub(super) fn parse_record_head(&mut self) -> Result<RecordHead, Kind> {
        // A field is at least two bytes of name and one of value.
        let count = self.parse_count(3)?;
        let exported = match self.parse_u8()? {
            0 => false,
            1 => true,
            flags => return Err(Kind::RecordFlags { flags }),
        };
        let module = self.parse_atom()?;
        let name = self.parse_atom()?;
        let mut fields = Vec::new();
        for _ in 0..count {
            fields.push(self.parse_atom()?);
        }
        if has_duplicates(&fields) {
            return Err(Kind::DuplicateField);
        }
        Ok(RecordHead { exported, module, name, fields })
    }
}

/// Whether an atom is there twice.
pub(super) fn has_duplicates(fields: &[Atom]) -> bool {
    let mut sorted: SmallVec<[&Atom; 16]> = fields.iter().collect();
    sorted.sort_unstable();
    !sorted.is_sorted_by(|a, b| a < b)
}

/// The value of the digits of a big integer, least significant first, if it fits.
fn small_of_big(negative: bool, digits: &[u8]) -> Option<i64> {
    let (low, high) = digits.split_at_checked(8).unwrap_or((digits, &[]));
    if high.iter().any(|digit| *digit != 0) {
        return None;
    }
    let magnitude = low.iter().rfold(0u64, |sum, digit| sum << 8 | u64::from(*digit));
    if negative { 0i64.checked_sub_unsigned(magnitude) } else { i64::try_from(magnitude).ok() }
}

/// The value of an old float: decimal text as C's `%.20e` writes it, with zeros after it.
fn float_of_text(text: &[u8]) -> Option<f64> {
    let text = text.split(|byte| *byte == 0).next()?;
    let text = str::from_utf8(text).ok()?;
    // Erlang wants digits on both sides of the point, and the point.
    let (whole, fraction) = text.split_once('.')?;
    let digits = whole.strip_prefix(['+', '-']).unwrap_or(whole);
    if !digits.starts_with(|c: char| c.is_ascii_digit())
        || !fraction.starts_with(|c: char| c.is_ascii_digit())
    {
        return None;
    }
    text.parse().ok()
}

//! Binaries and bit strings: `<<"text"/utf8,1,X:16/little>>`.
//!
//! A segment is `Value`, `Value:Size`, `Value/Types` or `Value:Size/Types`. Types are joined with `-`:
//!
//! | type | value | size |
//! | --- | --- | --- |
//! | `integer` (if none is given) | integer, or text: then every character | 8 bits if none is given |
//! | `float` | float or integer | 64 bits if none is given, or 32 |
//! | `utf8`, `utf16`, `utf32` | text, or a code point | none |
//! | `big` (if none is given), `little`, `native` | | order of the bytes |
//! | `unit:N` | | bits that the size counts, 1 if not given |
//! | `signed`, `unsigned` | | no difference here |

use bytes::Bytes;

use super::error::{Fault, ParseErrorKind};
use super::grammar::{joined, signed};
use super::lexer::{Lexer, Punctuation, Token};
use crate::term::{BitString, Integer, Term};

/// The most bits a segment can have if more than 64 are asked for a value: a few characters must not be able to
/// claim any amount of memory.
const MAX_STRETCHED_BITS: u32 = 1 << 16;

/// Reads on to the closing `>>`; the opening one is read.
pub(super) fn read(lexer: &mut Lexer<'_>) -> Result<Term, Fault> {
    let mut bits = Bits::default();
    let mut token = lexer.next()?;
    if matches!(token, Token::Punctuation(Punctuation::CloseBits)) {
        return Ok(bits.finish());
    }
    loop {
        let value = read_value(token, lexer)?;
        token = read_segment(&value, lexer, &mut bits)?;
        match token {
            Token::Punctuation(Punctuation::Comma) => token = lexer.next()?,
            Token::Punctuation(Punctuation::CloseBits) => return Ok(bits.finish()),
            _ => return Err(lexer.expected("`,` or `>>`")),
        }
    }
}

enum Value {
    Number(Term),
    Text(String),
}

fn read_value(token: Token, lexer: &mut Lexer<'_>) -> Result<Value, Fault> {
    match token {
        Token::Integer(integer) => Ok(Value::Number(Term::Integer(integer))),
        Token::Float(float) => Ok(Value::Number(Term::Float(float))),
        Token::Punctuation(Punctuation::Minus) => signed(lexer, true).map(Value::Number),
        Token::Punctuation(Punctuation::Plus) => signed(lexer, false).map(Value::Number),
        Token::String(text) => joined(text, lexer).map(Value::Text),
        _ => Err(lexer.expected("a number or a string")),
    }
}

/// How a value becomes bits.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Integer,
    Float,
    Utf8,
    Utf16,
    Utf32,
}

/// Reads what may follow a value, and writes the segment. Gives the token behind it.
fn read_segment(value: &Value, lexer: &mut Lexer<'_>, bits: &mut Bits) -> Result<Token, Fault> {
    let mut token = lexer.next()?;
    let mut size = None;
    if matches!(token, Token::Punctuation(Punctuation::Colon)) {
        size = Some(read_size(lexer)?);
        token = lexer.next()?;
    }
    let (mut encoding, mut little, mut unit) = (Encoding::Integer, false, 1);
    let mut more_types = matches!(token, Token::Punctuation(Punctuation::Slash));
    while more_types {
        let Token::Atom(name) = lexer.next()? else { return Err(lexer.expected("a type")) };
        token = lexer.next()?;
        match name.as_str() {
            "integer" => encoding = Encoding::Integer,
            "float" => encoding = Encoding::Float,
            "utf8" => encoding = Encoding::Utf8,
            "utf16" => encoding = Encoding::Utf16,
            "utf32" => encoding = Encoding::Utf32,
            "little" => little = true,
            "native" => little = cfg!(target_endian = "little"),
            "big" | "signed" | "unsigned" => {}
            "unit" if matches!(token, Token::Punctuation(Punctuation::Colon)) => {
                unit = read_size(lexer)?;
                token = lexer.next()?;
            }
            _ => return Err(lexer.fault(ParseErrorKind::BadSegmentType)),
        }
        more_types = matches!(token, Token::Punctuation(Punctuation::Minus));
    }
    let size = size.map(|size| size.saturating_mul(unit));
    write_segment(value, encoding, size, little, bits).map_err(|kind| lexer.fault(kind))?;
    Ok(token)
}

fn read_size(lexer: &mut Lexer<'_>) -> Result<u32, Fault> {
    let Token::Integer(size) = lexer.next()? else { return Err(lexer.expected("a size in bits")) };
    u32::try_from(&size).map_err(|_| lexer.fault(too_large()))
}

fn too_large() -> ParseErrorKind {
    ParseErrorKind::SegmentTooLarge { max: MAX_STRETCHED_BITS }
}

fn write_segment(
    value: &Value,
    encoding: Encoding,
    size: Option<u32>,
    little: bool,
    bits: &mut Bits,
) -> Result<(), ParseErrorKind> {
    match (encoding, value) {
        (Encoding::Integer, value) => {
            let size = size.unwrap_or(8);
            let values = if let Value::Text(text) = value { text.len() } else { 1 };
            let stretched = usize::try_from(size).map_or(usize::MAX, |size| size.saturating_mul(values));
            if size > 64 && stretched > MAX_STRETCHED_BITS as usize {
                return Err(too_large());
            }
            match value {
                Value::Number(Term::Integer(integer)) => bits.push_integer(integer, size, little),
                Value::Number(_) => return Err(ParseErrorKind::BadSegmentType),
                Value::Text(text) => {
                    for character in text.chars() {
                        bits.push_integer(&Integer::from(u32::from(character)), size, little);
                    }
                }
            }
        }
        (Encoding::Float, Value::Number(number)) => push_float(number, size.unwrap_or(64), little, bits)?,
        (Encoding::Float, Value::Text(_)) => return Err(ParseErrorKind::BadSegmentType),
        (_, _) if size.is_some() => return Err(ParseErrorKind::BadSegmentSize),
        (encoding, Value::Text(text)) => {
            text.chars().for_each(|character| push_character(character, encoding, little, bits));
        }
        (encoding, Value::Number(Term::Integer(integer))) => {
            let character = u32::try_from(integer).ok().and_then(char::from_u32);
            push_character(character.ok_or(ParseErrorKind::BadSegmentType)?, encoding, little, bits);
        }
        (_, Value::Number(_)) => return Err(ParseErrorKind::BadSegmentType),
    }
    Ok(())
}

fn push_float(number: &Term, size: u32, little: bool, bits: &mut Bits) -> Result<(), ParseErrorKind> {
    let float = match number {
        Term::Float(float) => *float,
        // By way of the digits, which rounds correctly.
        number => number.to_string().parse().map_err(|_| ParseErrorKind::BadNumber)?,
    };
    let (finite, mut bytes) = match size {
        64 => (float.is_finite(), float.to_be_bytes().to_vec()),
        #[expect(clippy::cast_possible_truncation, reason = "the precision asked for; infinity is refused")]
        32 => ((float as f32).is_finite(), (float as f32).to_be_bytes().to_vec()),
        _ => return Err(ParseErrorKind::BadSegmentSize),
    };
    if !finite {
        return Err(ParseErrorKind::FloatTooLarge);
    }
    if little {
        bytes.reverse();
    }
    bytes.into_iter().for_each(|byte| bits.push(byte, 8));
    Ok(())
}

fn push_character(character: char, encoding: Encoding, little: bool, bits: &mut Bits) {
    match encoding {
        Encoding::Utf16 => {
            for unit in character.encode_utf16(&mut [0; 2]) {
                bits.push_integer(&Integer::from(*unit), 16, little);
            }
        }
        Encoding::Utf32 => bits.push_integer(&Integer::from(u32::from(character)), 32, little),
        _ => character.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| bits.push(byte, 8)),
    }
}

/// Bits, the first one highest in its byte.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    // How many bits of the last byte are used, 0 for all.
    used: u8,
}

impl Bits {
    /// Adds the `count` (1 to 8) low bits of `value`.
    fn push(&mut self, value: u8, count: u8) {
        let value = value << (8 - count);
        match self.bytes.last_mut() {
            Some(last) if self.used > 0 => {
                *last |= value >> self.used;
                if self.used + count > 8 {
                    self.bytes.push(value << (8 - self.used));
                }
            }
            _ => self.bytes.push(value),
        }
        self.used = (self.used + count) % 8;
    }

    /// Adds the `size` low bits of `integer`, in two's complement.
    fn push_integer(&mut self, integer: &Integer, size: u32, little: bool) {
        let mut bytes = match integer.as_i64() {
            Some(small) => small.to_le_bytes().to_vec(),
            None => integer.to_big().to_signed_bytes_le(),
        };
        let is_negative = bytes.last().is_some_and(|last| *last >= 0x80);
        bytes.resize(size.div_ceil(8) as usize, if is_negative { 0xff } else { 0 });
        // The most significant byte has what is left over.
        let highest = match size.to_le_bytes() {
            [low, ..] if low % 8 != 0 => low % 8,
            _ => 8,
        };
        let count = bytes.len();
        let sized = bytes
            .into_iter()
            .enumerate()
            .map(|(at, byte)| if at + 1 == count { (byte, highest) } else { (byte, 8) });
        if little {
            sized.for_each(|(byte, bits)| self.push(byte, bits));
        } else {
            sized.rev().for_each(|(byte, bits)| self.push(byte, bits));
        }
    }

    fn finish(self) -> Term {
        let bytes = Bytes::from(self.bytes);
        match BitString::new(bytes.clone(), self.used) {
            Some(bits) => Term::BitString(bits),
            None => Term::Binary(bytes),
        }
    }
}

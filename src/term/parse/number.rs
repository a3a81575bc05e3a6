//! Numbers: `1_000`, `16#ff`, `1.0e-10`.

use num_bigint::BigInt;

use super::error::{Fault, ParseErrorKind};
use super::lexer::{Lexer, Token};
use crate::term::Integer;

/// Reads a number; the next character is a digit.
pub(super) fn read(lexer: &mut Lexer<'_>) -> Result<Token, Fault> {
    let whole = read_digits(lexer, 10)?;
    if lexer.accept("#") {
        return read_based(lexer, &whole);
    }
    let mut after_point = lexer.rest().chars();
    let is_float = after_point.next() == Some('.') && after_point.next().is_some_and(|c| c.is_ascii_digit());
    if !is_float {
        return to_integer(lexer, &whole, 10);
    }
    lexer.advance(1);
    let mut text = format!("{whole}.{}", read_digits(lexer, 10)?);
    if lexer.accept("e") || lexer.accept("E") {
        text.push('e');
        if lexer.accept("-") {
            text.push('-');
        } else {
            lexer.accept("+");
        }
        text += &read_digits(lexer, 10)?;
    }
    match text.parse::<f64>() {
        Ok(float) if float.is_finite() => Ok(Token::Float(float)),
        Ok(_) => Err(lexer.fault(ParseErrorKind::FloatTooLarge)),
        Err(_) => Err(lexer.fault(ParseErrorKind::BadNumber)),
    }
}

fn read_based(lexer: &mut Lexer<'_>, base: &str) -> Result<Token, Fault> {
    let base = match base.parse::<u32>() {
        Ok(base @ 2..=36) => base,
        _ => return Err(lexer.fault(ParseErrorKind::BadBase)),
    };
    let digits = read_digits(lexer, base)?;
    to_integer(lexer, &digits, base)
}

fn to_integer(lexer: &Lexer<'_>, digits: &str, base: u32) -> Result<Token, Fault> {
    if let Ok(small) = i64::from_str_radix(digits, base) {
        return Ok(Token::Integer(Integer::from(small)));
    }
    match BigInt::parse_bytes(digits.as_bytes(), base) {
        Some(big) => Ok(Token::Integer(Integer::from(big))),
        None => Err(lexer.fault(ParseErrorKind::BadNumber)),
    }
}

/// One digit at least; between two digits may be an underscore.
fn read_digits(lexer: &mut Lexer<'_>, base: u32) -> Result<String, Fault> {
    let text = lexer.take_while(|c| c.is_digit(base) || c == '_');
    if text.is_empty() || text.starts_with('_') || text.ends_with('_') || text.contains("__") {
        return Err(lexer.fault(ParseErrorKind::BadNumber));
    }
    Ok(text.replace('_', ""))
}

//! The text of integers in any base, and of floats with so many digits.

use std::fmt::Write;

use super::FormatError;
use super::output::Output;
use super::scan::Field;
use crate::term::{CharEncoding, Integer};

/// The bases that an integer can be shown in.
fn base(precision: Option<i64>) -> Result<u32, FormatError> {
    match precision {
        None => Ok(10),
        Some(base @ 2..=36) => u32::try_from(base).map_err(|_| FormatError::BadArg),
        Some(_) => Err(FormatError::BadArg),
    }
}

/// What stands before the digits.
pub(super) enum Prefix {
    None,
    Text(String),
    /// `16#`.
    Base,
}

/// Places an integer in the base that the precision says.
pub(super) fn put_integer(
    integer: &Integer,
    prefix: &Prefix,
    lower_case: bool,
    field: &Field,
    out: &mut Output,
) -> Result<(), FormatError> {
    let base = base(field.precision)?;
    let digits = match integer.as_i64() {
        Some(small) if base == 10 => small.to_string(),
        _ => integer.to_big().to_str_radix(base),
    };
    let (sign, digits) = match digits.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", digits.as_str()),
    };
    let digits = if lower_case { digits.to_ascii_lowercase() } else { digits.to_ascii_uppercase() };
    let text = match prefix {
        Prefix::None => format!("{sign}{digits}"),
        Prefix::Text(prefix) => format!("{sign}{prefix}{digits}"),
        Prefix::Base => format!("{sign}{base}#{digits}"),
    };
    // The precision was the base.
    let field = Field { precision: None, ..field.clone() };
    field.put_term(&text, CharEncoding::Latin1, out)
}

/// How many digits behind the point, or in all, if the precision does not say.
const DIGITS: i64 = 6;

/// Places a float as `~e`, `~f` or `~g` do.
pub(super) fn put_float(float: f64, kind: char, field: &Field, out: &mut Output) -> Result<(), FormatError> {
    if !float.is_finite() {
        return Err(FormatError::BadArg);
    }
    let precision = field.precision.unwrap_or(DIGITS);
    let text = match kind {
        'e' if precision >= 2 => exponent_form(float, precision, out)?,
        'f' if precision >= 1 => point_form(float, precision, out)?,
        'g' if precision >= 1 => general_form(float, precision, out)?,
        _ => return Err(FormatError::BadArg),
    };
    let field = Field { precision: None, ..field.clone() };
    field.put_term(&text, CharEncoding::Latin1, out)
}

/// With `precision` digits in all: as `~f` if the point is near them, else as `~e`.
fn general_form(float: f64, precision: i64, out: &Output) -> Result<String, FormatError> {
    let magnitude = match float.abs() {
        small if small < 0.1 => -2,
        one if one < 1.0 => -1,
        ten if ten < 10.0 => 0,
        hundred if hundred < 100.0 => 1,
        thousand if thousand < 1000.0 => 2,
        ten_thousand if ten_thousand < 10_000.0 => 3,
        _ => i64::MAX,
    };
    if precision <= 1 && magnitude == -1 {
        point_form(float, precision, out)
    } else if magnitude >= -1 && magnitude < precision - 1 {
        point_form(float, precision - 1 - magnitude, out)
    } else {
        exponent_form(float, precision.max(2), out)
    }
}

/// The decimal digits of a float, 21 of them, and where the point is: `0.DIGITS * 10^point`.
fn digits(float: f64) -> (Vec<u8>, i64) {
    let text = format!("{:.20e}", float.abs());
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let digits = mantissa.bytes().filter(u8::is_ascii_digit).collect();
    (digits, exponent.parse::<i64>().unwrap_or(0) + 1)
}

fn sign(float: f64) -> &'static str {
    if float.is_sign_negative() { "-" } else { "" }
}

fn exponent_form(float: f64, precision: i64, out: &Output) -> Result<String, FormatError> {
    let (digits, point) = digits(float);
    let (mantissa, carry) = rounded(&digits, 1, precision - 1, out)?;
    // With a carry it is `0.ddd`, which stands for ten.
    let (mantissa, exponent) = match mantissa.strip_prefix('0') {
        Some(rest) if carry => (format!("1{rest}"), point),
        _ => (mantissa, point - 1),
    };
    let mut text = format!("{}{mantissa}e", sign(float));
    let _ = if exponent < 0 { write!(text, "{exponent}") } else { write!(text, "+{exponent}") };
    Ok(text)
}

fn point_form(float: f64, precision: i64, out: &Output) -> Result<String, FormatError> {
    let (mut digits, mut point) = digits(float);
    if point <= 0 {
        let zeros = usize::try_from(1 - point).unwrap_or(0);
        digits.splice(0..0, std::iter::repeat_n(b'0', zeros));
        point = 1;
    }
    let (text, carry) = rounded(&digits, point, precision, out)?;
    Ok(format!("{}{}{text}", sign(float), if carry { "1" } else { "" }))
}

/// The first digits with a point behind `before` of them and `behind` more after it, rounded by the digit that follows;
/// and whether they have become zeros by that, for a one before them. Digits that are not there are zeros.
fn rounded(digits: &[u8], before: i64, behind: i64, out: &Output) -> Result<(String, bool), FormatError> {
    let count = usize::try_from(before.saturating_add(behind)).unwrap_or(usize::MAX);
    if count > out.room() {
        return Err(FormatError::TooLong);
    }
    let mut kept: Vec<u8> = digits.iter().copied().chain(std::iter::repeat(b'0')).take(count).collect();
    let mut carry = digits.get(count).is_some_and(|next| *next >= b'5');
    for digit in kept.iter_mut().rev() {
        if !carry {
            break;
        }
        carry = *digit == b'9';
        *digit = if carry { b'0' } else { *digit + 1 };
    }
    let mut text: String = kept.into_iter().map(char::from).collect();
    text.insert(usize::try_from(before).unwrap_or(0).min(text.len()), '.');
    Ok((text, carry))
}

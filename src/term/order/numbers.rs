//! The order of numbers.
//!
//! An integer and a float compare by their exact values. Converting one to the type of the other would round:
//! `9007199254740993` and `9007199254740992.0` differ, though the first becomes the second as a float.

use std::cmp::Ordering;

use num_bigint::{BigInt, Sign};

use crate::term::Integer;

impl PartialOrd for Integer {
    fn partial_cmp(&self, other: &Integer) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Integer {
    fn cmp(&self, other: &Integer) -> Ordering {
        match (self.as_i64(), other.as_i64()) {
            (Some(a), Some(b)) => a.cmp(&b),
            (None, Some(_)) => beyond_all_small(self),
            (Some(_), None) => beyond_all_small(other).reverse(),
            (None, None) => self.as_big().cmp(&other.as_big()),
        }
    }
}

/// How an integer that does not fit in an `i64` compares to those that do.
fn beyond_all_small(integer: &Integer) -> Ordering {
    match integer.as_big().map(BigInt::sign) {
        Some(Sign::Minus) => Ordering::Less,
        _ => Ordering::Greater,
    }
}

/// Floats as Erlang's `<` orders them, `0.0` equal to `-0.0`.
///
/// NaNs come first or last, by their sign, so that the order is total.
pub(super) fn compare_floats(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| a.total_cmp(&b))
}

/// An integer and a float by their exact values.
pub(super) fn compare_integer_to_float(integer: &Integer, float: f64) -> Ordering {
    if float.is_nan() {
        return if float.is_sign_negative() { Ordering::Greater } else { Ordering::Less };
    }
    match (integer.as_i64(), integer.as_big()) {
        (Some(small), _) => compare_small_to_float(small, float),
        (None, Some(big)) => compare_big_to_float(big, float),
        (None, None) => Ordering::Equal,
    }
}

// 2^63, the first value above all of `i64`; its negation is `i64::MIN`. Both are exact.
const ABOVE_I64: f64 = 9_223_372_036_854_775_808.0;

#[expect(
    clippy::cast_possible_truncation,
    reason = "the integral part of a float that was seen to be in range"
)]
fn compare_small_to_float(small: i64, float: f64) -> Ordering {
    if float >= ABOVE_I64 {
        Ordering::Less
    } else if float < -ABOVE_I64 {
        Ordering::Greater
    } else {
        let whole = float.trunc();
        // With equal whole parts, what the float has behind its point decides.
        small.cmp(&(whole as i64)).then_with(|| compare_floats(whole, float))
    }
}

fn compare_big_to_float(big: &BigInt, float: f64) -> Ordering {
    let by_sign = if big.sign() == Sign::Minus { Ordering::Less } else { Ordering::Greater };
    if (-ABOVE_I64..ABOVE_I64).contains(&float) {
        return by_sign;
    }
    if (big.sign() == Sign::Minus) != (float < 0.0) || float.is_infinite() {
        return if float < 0.0 { Ordering::Greater } else { Ordering::Less };
    }
    // So large a float is a whole number, `mantissa * 2^shift`. Compare magnitudes, by length if that decides.
    let bits = float.to_bits();
    let mantissa = (bits & ((1 << 52) - 1)) | (1 << 52);
    let shift = ((bits >> 52) & 0x7ff).saturating_sub(1075);
    let magnitude = big.magnitude();
    let by_magnitude = magnitude
        .bits()
        .cmp(&(53 + shift))
        .then_with(|| magnitude.cmp(&(num_bigint::BigUint::from(mantissa) << shift)));
    if by_sign == Ordering::Less { by_magnitude.reverse() } else { by_magnitude }
}

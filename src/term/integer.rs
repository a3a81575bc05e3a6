//! Integers of any size.

use std::sync::Arc;

use num_bigint::BigInt;

/// An integer of any size; those that fit in an `i64` take no memory of their own.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Integer(Repr);

// Canonical: `Big` only holds what does not fit in an `i64`, so that equality may look at the variant.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Repr {
    Small(i64),
    Big(Arc<BigInt>),
}

impl Integer {
    /// The integer as an `i64`, if it fits.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        match self.0 {
            Repr::Small(value) => Some(value),
            Repr::Big(_) => None,
        }
    }

    /// The integer as a big one, only if it does not fit in an `i64`.
    #[must_use]
    pub fn as_big(&self) -> Option<&BigInt> {
        match &self.0 {
            Repr::Small(_) => None,
            Repr::Big(value) => Some(value),
        }
    }

    /// The nearest float, as Erlang's `float/1`; `None` if the integer is larger than any float.
    #[must_use]
    pub fn to_f64(&self) -> Option<f64> {
        match &self.0 {
            #[expect(clippy::cast_precision_loss, reason = "the nearest float is asked for")]
            Repr::Small(value) => Some(*value as f64),
            // Floats end at 2¹⁰²⁴. Of what may be one, the decimal digits are read as the nearest float.
            Repr::Big(value) if value.bits() <= 1024 => {
                value.to_string().parse().ok().filter(|float: &f64| float.is_finite())
            }
            Repr::Big(_) => None,
        }
    }

    /// The integer as a big one, of whatever size.
    #[must_use]
    pub fn to_big(&self) -> BigInt {
        match &self.0 {
            Repr::Small(value) => BigInt::from(*value),
            Repr::Big(value) => BigInt::clone(value),
        }
    }
}

impl From<BigInt> for Integer {
    fn from(value: BigInt) -> Integer {
        match i64::try_from(&value) {
            Ok(small) => Integer(Repr::Small(small)),
            Err(_) => Integer(Repr::Big(Arc::new(value))),
        }
    }
}

macro_rules! from_small {
    ($($kind:ty)*) => { $(
        impl From<$kind> for Integer {
            fn from(value: $kind) -> Integer {
                Integer(Repr::Small(i64::from(value)))
            }
        }
    )* };
}
from_small!(i8 i16 i32 i64 u8 u16 u32);

macro_rules! from_large {
    ($($kind:ty)*) => { $(
        impl From<$kind> for Integer {
            fn from(value: $kind) -> Integer {
                match i64::try_from(value) {
                    Ok(small) => Integer(Repr::Small(small)),
                    Err(_) => Integer(Repr::Big(Arc::new(BigInt::from(value)))),
                }
            }
        }
    )* };
}
from_large!(u64 usize isize i128 u128);

/// The error when an [`Integer`] does not fit in the type asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the integer does not fit")]
pub struct IntegerOutOfRange;

macro_rules! try_into {
    ($($kind:ty)*) => { $(
        impl TryFrom<&Integer> for $kind {
            type Error = IntegerOutOfRange;

            fn try_from(value: &Integer) -> Result<$kind, IntegerOutOfRange> {
                match &value.0 {
                    Repr::Small(small) => <$kind>::try_from(*small).map_err(|_| IntegerOutOfRange),
                    Repr::Big(big) => <$kind>::try_from(&**big).map_err(|_| IntegerOutOfRange),
                }
            }
        }
    )* };
}
try_into!(i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize);

impl std::ops::Add for &Integer {
    type Output = Integer;

    fn add(self, other: &Integer) -> Integer {
        if let (Repr::Small(a), Repr::Small(b)) = (&self.0, &other.0)
            && let Some(sum) = a.checked_add(*b)
        {
            return Integer(Repr::Small(sum));
        }
        Integer::from(self.to_big() + other.to_big())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_grow_and_shrink_to_the_canonical_form() {
        let max = Integer::from(i64::MAX);
        let more = &max + &Integer::from(1);
        assert!(more.as_big().is_some());
        assert_eq!(&more + &Integer::from(-1), max);
    }

    #[test]
    fn conversion_says_when_it_does_not_fit() {
        assert_eq!(u8::try_from(&Integer::from(256)), Err(IntegerOutOfRange));
        assert_eq!(u128::try_from(&Integer::from(u128::MAX)), Ok(u128::MAX));
    }
}

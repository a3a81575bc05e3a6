//! Bit strings whose length is not a whole number of bytes.

use std::sync::Arc;

use bytes::Bytes;

/// A bit string that is no binary: its last byte is used in part.
///
/// Whole bytes are a [`Term::Binary`](super::Term::Binary).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct BitString(Arc<(Bytes, u8)>);

impl BitString {
    /// A bit string of `bytes`, of whose last byte only the `last_bits` (1 to 7) most significant bits count;
    /// the others are taken as zero. `None` when `bytes` is empty or `last_bits` is not 1 to 7.
    #[must_use]
    pub fn new(bytes: Bytes, last_bits: u8) -> Option<BitString> {
        if !(1..=7).contains(&last_bits) {
            return None;
        }
        let last = *bytes.last()?;
        let masked = last & (0xffu8 << (8 - last_bits));
        let bytes = if masked == last {
            bytes
        } else {
            let mut copy = bytes.to_vec();
            copy.pop();
            copy.push(masked);
            Bytes::from(copy)
        };
        Some(BitString(Arc::new((bytes, last_bits))))
    }

    /// The bytes; the unused bits of the last one are zero.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.0.0
    }

    /// How many bits of the last byte count: 1 to 7.
    #[must_use]
    pub fn last_bits(&self) -> u8 {
        self.0.1
    }

    /// The length in bits.
    #[must_use]
    pub fn bit_len(&self) -> usize {
        (self.bytes().len() - 1) * 8 + usize::from(self.last_bits())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unused_bits_do_not_count() {
        let a = BitString::new(Bytes::from_static(&[1, 0b1010_1111]), 3).unwrap();
        let b = BitString::new(Bytes::from_static(&[1, 0b1010_0000]), 3).unwrap();
        assert!(a == b);
        assert_eq!(a.bit_len(), 11);
        assert!(BitString::new(Bytes::new(), 3).is_none());
        assert!(BitString::new(Bytes::from_static(&[1]), 8).is_none());
    }
}

//! How much a stranger's bytes may make us do.

/// Inflated bytes that are always accepted, whatever they were compressed from: 64 MiB.
///
/// Bounds what a small message can make of itself; [`DecodeLimits::max_inflate_ratio`] holds beyond.
pub const INFLATE_ALLOWANCE: usize = 64 << 20;

/// The default of [`DecodeLimits::max_inflate_ratio`]: 100. Text compresses about 10 times; the most that zlib
/// can do is 1032 times.
pub const DEFAULT_MAX_INFLATE_RATIO: usize = 100;

/// The largest integer that is written: 524280 bytes, 4194240 bits.
///
/// OTP 27 and 29 have no larger ones and refuse a term in which one stands, even with zeros before it. OTP 25 has,
/// so they are read.
pub const MAX_INTEGER_BYTES: usize = 524_280;

/// Limits of decoding.
///
/// A term needs no limits to be safe to decode: memory is taken only for what is there, and nesting costs no
/// stack. The exception is a compressed term, of which a thousandth is there.
///
/// ```
/// use erlnode::term::etf::DecodeLimits;
/// let limits = DecodeLimits { max_depth: Some(1000), ..DecodeLimits::default() };
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecodeLimits {
    /// How deep terms may be nested; a list's tail is as deep as its elements. No limit by default, as Erlang has
    /// none.
    pub max_depth: Option<usize>,
    /// How many bytes a compressed term may inflate to. By default what the format can announce, 4 GiB - 1.
    pub max_inflated: usize,
    /// How many times its length a compressed term may inflate to, if that is more than [`INFLATE_ALLOWANCE`].
    pub max_inflate_ratio: usize,
}

impl DecodeLimits {
    /// How many bytes may come of `compressed` bytes.
    pub(super) fn inflated(&self, compressed: usize) -> usize {
        let by_ratio = compressed.saturating_mul(self.max_inflate_ratio).max(INFLATE_ALLOWANCE);
        by_ratio.min(self.max_inflated)
    }
}

impl Default for DecodeLimits {
    fn default() -> DecodeLimits {
        DecodeLimits {
            max_depth: None,
            max_inflated: u32::MAX as usize,
            max_inflate_ratio: DEFAULT_MAX_INFLATE_RATIO,
        }
    }
}

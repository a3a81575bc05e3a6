//! The external term format: terms as bytes, as nodes send them and as `term_to_binary/1` makes them.
//!
//! A term is a [tag] and what that tag calls for: sizes, numbers, or further terms. Standing alone it has a
//! version byte, 131, before it:
//!
//! | 131 | 104 | 2 | 119 | 2 | `o` `k` | 97 | 7 |
//! | --- | --- | --- | --- | --- | --- | --- | --- |
//! | version | tuple | of 2 | atom | of 2 bytes | | integer | |
//!
//! [`decode`] and [`encode`] are for terms that stand alone. [`Reader`] and [`Writer`] are for messages: many terms
//! in one buffer, in pieces, with atoms that a distribution header names. [`Encoded`] is a term left as it came,
//! to be decoded later or sent on.
//!
//! ```
//! use erlnode::term::{Term, etf};
//!
//! let term = Term::tuple([Term::from(true), Term::from("seven"), Term::from(7)]);
//! let bytes = etf::encode(&term)?;
//! assert_eq!(etf::decode(&bytes)?, term);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What is written is what OTP 26 and later write; what is read is all that any OTP since R13 wrote, for a node
//! may store terms for long. Nothing that is read can make the reader panic, recurse, or reserve memory that the
//! bytes read do not call for.
//!
//! Reference: ERTS User's Guide, [External Term Format][1].
//!
//! [1]: https://www.erlang.org/doc/apps/erts/erl_ext_dist.html

mod atoms;
mod check;
mod decode;
mod encode;
mod encoded;
mod error;
mod limits;
mod parse;
mod passage;
mod reader;
mod standalone;
pub mod tag;
mod writer;

pub use self::encoded::Encoded;
pub use self::error::{DecodeError, DecodeErrorKind, EncodeError};
pub use self::limits::{DEFAULT_MAX_INFLATE_RATIO, DecodeLimits, INFLATE_ALLOWANCE, MAX_INTEGER_BYTES};
pub use self::reader::{ListHeader, Reader};
pub use self::standalone::{decode, decode_exact, decode_with, encode, encode_compressed};
pub use self::writer::{MAX_ATOM_REFS, Mark, Open, SHARE_THRESHOLD, Writer};

#[cfg(test)]
mod tests;

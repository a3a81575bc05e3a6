//! Terms that stand alone, as `term_to_binary/1,2` makes them and `binary_to_term/1` takes them.
//!
//! | 1   | N    |       | 1   | 1  | 4              | N           |
//! | --- | ---- | ----- | --- | -- | -------------- | ----------- |
//! | 131 | term | or    | 131 | 80 | inflated size  | zlib stream |
//!
//! The stream inflates to a term without version byte.

use std::io::{self, Read, Write};

use bytes::{Bytes, BytesMut};
use flate2::Compression;
use flate2::bufread::ZlibDecoder;
use flate2::write::ZlibEncoder;

use super::{DecodeError, DecodeErrorKind, DecodeLimits, EncodeError, Reader, Writer, tag};
use crate::term::Term;

/// How much is inflated at a time: 16 KiB.
const INFLATE_STEP: usize = 16 << 10;

/// Decodes a term that stands alone, compressed or not, within the default [`DecodeLimits`].
///
/// Bytes after the term are ignored. Binaries in the term are slices of `bytes`.
///
/// # Errors
/// If there is no term, or a malformed one.
///
/// Does what `binary_to_term/1` does.
pub fn decode(bytes: &Bytes) -> Result<Term, DecodeError> {
    decode_with(bytes, &DecodeLimits::default()).map(|(term, _)| term)
}

/// Decodes a term that stands alone, compressed or not, and nothing else, within the default [`DecodeLimits`].
///
/// # Errors
/// As [`decode`], and [`DecodeErrorKind::TrailingBytes`] if there is anything after the term.
pub fn decode_exact(bytes: &Bytes) -> Result<Term, DecodeError> {
    let (term, used) = decode_with(bytes, &DecodeLimits::default())?;
    match bytes.get(used..) {
        None | Some([]) => Ok(term),
        Some(left @ [tag, ..]) => Err(DecodeError {
            offset: used,
            tag: Some(*tag),
            reading: "end",
            kind: DecodeErrorKind::TrailingBytes { count: left.len() },
        }),
    }
}

/// Decodes a term that stands alone, compressed or not, and says how many of the bytes it took.
///
/// # Errors
/// If there is no term, or a malformed one, or one that is beyond `limits`.
///
/// Does what `binary_to_term/2` does with the option `used`.
pub fn decode_with(bytes: &Bytes, limits: &DecodeLimits) -> Result<(Term, usize), DecodeError> {
    let mut reader = Reader::with_limits(bytes, &[], limits);
    reader.version()?;
    if reader.peek_tag() != Some(tag::COMPRESSED) {
        let term = reader.term()?;
        return Ok((term, reader.offset()));
    }
    let inflated = reader.read("compressed term", |reader| {
        reader.parse_u8()?;
        let announced = reader.parse_length()?;
        let (inflated, used) = inflate(reader.rest(), announced, limits)?;
        reader.parse_bytes(used)?;
        Ok(inflated)
    })?;
    // As OTP does, bytes after the term are ignored here too.
    let term = Reader::with_limits(&inflated, &[], limits).term()?;
    Ok((term, reader.offset()))
}

/// Inflates a zlib stream to exactly the size announced, and says how long the stream was.
///
/// Memory is taken as bytes come out, not as they are announced.
fn inflate(
    compressed: &[u8],
    announced: usize,
    limits: &DecodeLimits,
) -> Result<(Bytes, usize), DecodeErrorKind> {
    let limit = limits.inflated(compressed.len());
    if announced > limit {
        return Err(DecodeErrorKind::InflatedTooLarge { announced, limit });
    }
    let mut decoder = ZlibDecoder::new(compressed);
    let mut inflated = BytesMut::new();
    let mut step = [0; INFLATE_STEP];
    loop {
        let part = match decoder.read(&mut step) {
            Ok(0) => break,
            Ok(length) => step.get(..length).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(DecodeErrorKind::Truncated);
            }
            Err(_) => return Err(DecodeErrorKind::Inflate),
        };
        if inflated.len() + part.len() > announced {
            return Err(DecodeErrorKind::InflatedSize { announced });
        }
        inflated.extend_from_slice(part);
    }
    if inflated.len() < announced {
        return Err(DecodeErrorKind::InflatedSize { announced });
    }
    let used = usize::try_from(decoder.total_in()).unwrap_or(usize::MAX);
    Ok((inflated.freeze(), used))
}

/// Encodes a term that stands alone.
///
/// # Errors
/// For a term that the format does not have: see [`Writer::term`].
///
/// Does what `term_to_binary/1` does.
pub fn encode(term: &Term) -> Result<Bytes, EncodeError> {
    let mut writer = Writer::new();
    writer.version();
    writer.term(term)?;
    Ok(writer.into_bytes())
}

/// Encodes a term that stands alone, compressed if that makes it shorter.
///
/// `level` is from 0, not at all, to 9, as short as can be; more is taken as 9.
///
/// # Errors
/// For a term that the format does not have: see [`Writer::term`].
///
/// Does what `term_to_binary/2` does with the option `{compressed, Level}`.
pub fn encode_compressed(term: &Term, level: u32) -> Result<Bytes, EncodeError> {
    let plain = encode(term)?;
    let body = plain.get(1..).unwrap_or_default();
    // A longer term cannot be announced, and stays as it is.
    let Some(size) = u32::try_from(body.len()).ok().filter(|_| level > 0) else { return Ok(plain) };
    let mut head = vec![tag::VERSION, tag::COMPRESSED];
    head.extend_from_slice(&size.to_be_bytes());
    let mut encoder = ZlibEncoder::new(head, Compression::new(level.min(9)));
    // Writing to memory does not fail; if it did, the plain bytes are as good.
    let compressed = encoder.write_all(body).and_then(|()| encoder.finish());
    Ok(compressed.ok().filter(|bytes| bytes.len() < plain.len()).map_or(plain, Bytes::from))
}

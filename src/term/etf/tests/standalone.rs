//! Terms that stand alone, plain and compressed.

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::ZlibEncoder;

use super::super::{
    DecodeErrorKind as Kind, DecodeLimits, EncodeError, INFLATE_ALLOWANCE, decode, decode_exact, decode_with,
    encode, encode_compressed,
};
use super::counted;
use crate::term::Term;

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A compressed term that announces `size`.
fn compressed(size: usize, stream: &[u8]) -> Bytes {
    [&[131][..], &counted(80, u32::try_from(size).unwrap(), stream)].concat().into()
}

#[test]
fn the_version_stands_before() {
    assert!(decode(&Bytes::from_static(&[131, 97, 1])).unwrap() == Term::from(1));
    assert_eq!(decode(&Bytes::from_static(&[97, 1])).unwrap_err().kind, Kind::Version { found: 97 });
    assert_eq!(decode(&Bytes::new()).unwrap_err().kind, Kind::Truncated);
}

#[test]
fn bytes_after_the_term_are_ignored_unless_told_otherwise() {
    let bytes = Bytes::from_static(&[131, 97, 1, 9, 9]);
    assert!(decode(&bytes).unwrap() == Term::from(1));
    assert_eq!(decode_with(&bytes, &DecodeLimits::default()).unwrap().1, 3);
    let error = decode_exact(&bytes).unwrap_err();
    assert_eq!((error.offset, error.kind), (3, Kind::TrailingBytes { count: 2 }));

    let term = [97, 1];
    let bytes: Bytes = [&compressed(2, &zlib(&term))[..], &[9]].concat().into();
    assert!(decode(&bytes).unwrap() == Term::from(1));
    assert_eq!(decode_with(&bytes, &DecodeLimits::default()).unwrap().1, bytes.len() - 1);
    assert_eq!(decode_exact(&bytes).unwrap_err().kind, Kind::TrailingBytes { count: 1 });
    // As OTP does, also those that were compressed with it.
    assert!(decode(&compressed(3, &zlib(&[97, 1, 9]))).unwrap() == Term::from(1));
}

#[test]
fn compressed_terms_of_otp_are_read() {
    // term_to_binary(lists:duplicate(1000, a), [compressed]) of OTP 25.2.3, 45 bytes long.
    let term = Term::list(vec![Term::Atom(crate::atom!("a")); 1000]);
    let ours = encode_compressed(&term, 6).unwrap();
    assert!(ours.len() < 100 && ours[..2] == [131, 80]);
    assert!(decode_exact(&ours).unwrap() == term);
}

#[test]
fn what_gets_no_shorter_is_not_compressed() {
    let term = Term::from(1);
    assert_eq!(encode_compressed(&term, 9).unwrap(), encode(&term).unwrap());
    let term = Term::list(vec![Term::NIL; 1000]);
    assert_eq!(encode_compressed(&term, 0).unwrap(), encode(&term).unwrap());
    assert!(encode_compressed(&term, 99).unwrap().len() < 100);
    assert_eq!(encode_compressed(&Term::Float(f64::NAN), 9), Err(EncodeError::NotFinite));
}

#[test]
fn sizes_that_lie_are_errors() {
    let stream = zlib(&[97, 1]);
    for size in [0, 1, 3, 1000] {
        let error = decode(&compressed(size, &stream)).unwrap_err();
        assert_eq!((error.offset, error.tag), (1, Some(80)));
        assert_eq!(error.kind, Kind::InflatedSize { announced: size });
    }
    let kind = decode(&compressed(2, &stream[..stream.len() - 1])).unwrap_err().kind;
    assert_eq!(kind, Kind::Truncated);
    let mut damaged = stream.clone();
    *damaged.last_mut().unwrap() ^= 1;
    assert_eq!(decode(&compressed(2, &damaged)).unwrap_err().kind, Kind::Inflate);
    assert_eq!(decode(&compressed(2, &[1, 2, 3])).unwrap_err().kind, Kind::Inflate);
    assert_eq!(decode(&Bytes::from_static(&[131, 80, 0, 0])).unwrap_err().kind, Kind::Truncated);
    // Compressed twice.
    let twice = compressed(stream.len() + 5, &zlib(&compressed(2, &stream)[1..]));
    assert_eq!(decode(&twice).unwrap_err().kind, Kind::UnknownTag { found: 80 });
}

#[test]
fn a_bomb_is_an_error() {
    let zeros = vec![0; INFLATE_ALLOWANCE + 1];
    let bomb = counted(109, u32::try_from(zeros.len()).unwrap(), &zeros);
    let stream = zlib(&bomb);
    assert!(stream.len() * 1000 < bomb.len());
    let kind = decode(&compressed(bomb.len(), &stream)).unwrap_err().kind;
    assert_eq!(kind, Kind::InflatedTooLarge { announced: bomb.len(), limit: INFLATE_ALLOWANCE });
    // One that hides its size inflates no further than it says.
    let kind = decode(&compressed(10, &stream)).unwrap_err().kind;
    assert_eq!(kind, Kind::InflatedSize { announced: 10 });
    let kind = decode(&compressed(u32::MAX as usize, &stream)).unwrap_err().kind;
    assert!(matches!(kind, Kind::InflatedTooLarge { .. }));

    let limits = DecodeLimits { max_inflate_ratio: 2000, ..DecodeLimits::default() };
    assert!(decode_with(&compressed(bomb.len(), &stream), &limits).is_ok());
    let limits = DecodeLimits { max_inflated: 1, ..DecodeLimits::default() };
    let kind = decode_with(&compressed(2, &zlib(&[97, 1])), &limits).unwrap_err().kind;
    assert_eq!(kind, Kind::InflatedTooLarge { announced: 2, limit: 1 });
}

#[test]
fn what_compresses_well_for_a_text_is_no_bomb() {
    let limits = DecodeLimits::default();
    assert_eq!(limits.inflated(10 << 20), 1000 << 20);
    assert_eq!(limits.inflated(1), INFLATE_ALLOWANCE);
    assert_eq!(limits.inflated(usize::MAX), u32::MAX as usize);
}

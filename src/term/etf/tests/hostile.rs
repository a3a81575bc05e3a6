//! Bytes of people who mean ill.

use bytes::Bytes;
use proptest::prelude::*;

use super::super::{
    DecodeErrorKind, Encoded, ListHeader, Reader, Writer, decode, decode_exact, encode, encode_compressed,
};
use super::{counted, kind_of};
use crate::atom;
use crate::term::{Atom, arbitrary};

/// Does everything that can be done with bytes.
fn exercise(bytes: &[u8]) {
    let bytes = Bytes::copy_from_slice(bytes);
    let atoms = [atom!("a"), atom!("b@c")];
    let _ = decode(&bytes);
    let _ = decode_exact(&bytes);
    let mut reader = Reader::new(&bytes, &atoms);
    let decoded = reader.term();
    assert!(reader.offset() <= bytes.len());
    let mut skipper = Reader::new(&bytes, &atoms);
    let skipped = skipper.skip();
    let mut checker = Reader::new(&bytes, &atoms);
    let checked = checker.check();
    assert_eq!(checked.is_ok(), decoded.is_ok(), "{checked:?}");
    assert_eq!(checker.offset(), reader.offset());
    if let Ok(term) = &decoded {
        assert!(skipped.is_ok() && skipper.offset() == reader.offset());
        if let Ok(again) = encode(term) {
            assert!(decode_exact(&again).unwrap() == *term);
        }
    } else {
        assert_eq!(reader.offset(), 0);
    }
    for mut writer in [Writer::new(), Writer::with_atom_refs()] {
        let passed = Encoded::new(bytes.clone(), Some(atoms.clone().into())).write_to(&mut writer);
        match (&decoded, passed) {
            (Ok(term), Ok(())) => {
                let atoms: Vec<Atom> = writer.atoms().to_vec();
                let sent = writer.into_bytes();
                let mut reader = Reader::new(&sent, &atoms);
                assert!(reader.term().unwrap() == *term && reader.is_empty());
            }
            (Err(_), Err(_)) => assert!(writer.is_empty() && writer.atoms().is_empty()),
            (decoded, passed) => panic!("decoded {}, passed {passed:?}", decoded.is_ok()),
        }
    }
    let mut reader = Reader::new(&bytes, &atoms);
    // Every kind is tried where the last that was there ended.
    for _ in 0..4 {
        let start = reader.offset();
        let _ = (reader.atom(), reader.atom_name(), reader.pid(), reader.port(), reader.reference());
        let _ = (reader.integer(), reader.i64(), reader.float(), reader.binary(), reader.binary_slice());
        let _ = (reader.tuple_header(), reader.list_header(), reader.map_header(), reader.version());
        if reader.offset() == start && reader.skip().is_err() {
            break;
        }
    }
}

#[test]
fn counts_that_lie_are_errors_at_once() {
    let huge = u32::MAX;
    for tag in [105, 108, 109, 111, 116] {
        for count in [2, 1 << 20, huge] {
            assert_eq!(kind_of(&counted(tag, count, &[])), DecodeErrorKind::Truncated, "{tag}");
        }
    }
    assert_eq!(kind_of(&counted(77, huge, &[8, 1])), DecodeErrorKind::Truncated);
    assert_eq!(kind_of(&counted(67, huge, &[1, 119, 0, 119, 0])), DecodeErrorKind::Truncated);
    assert_eq!(kind_of(&counted(112, huge, &[0; 60])), DecodeErrorKind::FunSize);
    // As many as there are bytes, again and again: each count could be true, not all of them.
    let mut bytes = Vec::new();
    for left in (0..100_000u32).rev().step_by(5).take(15_000) {
        bytes.extend(counted(105, left, &[]));
    }
    bytes.resize(100_000, 106);
    assert_eq!(kind_of(&bytes), DecodeErrorKind::Truncated);
}

#[test]
fn headers_that_lie_are_errors_at_once() {
    let bytes = Bytes::from(counted(108, 5, &[106; 4]));
    assert!(Reader::new(&bytes, &[]).list_header().is_err());
    let bytes = Bytes::from(counted(108, 4, &[106; 4]));
    assert_eq!(Reader::new(&bytes, &[]).list_header().unwrap(), ListHeader::List(4));
    let bytes = Bytes::from(counted(116, 3, &[106; 5]));
    assert!(Reader::new(&bytes, &[]).map_header().is_err());
    let bytes = Bytes::from_static(&[104, 2, 106]);
    assert!(Reader::new(&bytes, &[]).tuple_header().is_err());
}

proptest! {
    #![proptest_config(arbitrary::cases(500))]

    #[test]
    fn any_bytes(mut bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        exercise(&bytes);
        bytes.splice(0..0, [131]);
        exercise(&bytes);
    }

    #[test]
    fn tags_and_small_numbers(
        bytes in prop::collection::vec(
            prop_oneof![4 => 0u8..4, 3 => prop::sample::select(vec![67, 70, 77, 82, 88, 89, 90, 97, 98, 99, 100, 101,
                102, 103, 104, 105, 106, 107, 108, 109, 110, 111, 112, 113, 114, 115, 116, 118, 119, 120])],
            0..80,
        ),
    ) {
        exercise(&bytes);
    }

    #[test]
    fn truncated_and_changed_terms(
        term in arbitrary::term(),
        at in any::<prop::sample::Index>(),
        byte in prop_oneof![any::<u8>(), 0u8..4, 97u8..121],
        compressed in any::<bool>(),
    ) {
        let bytes = if compressed { encode_compressed(&term, 9) } else { encode(&term) };
        let mut bytes = bytes.unwrap().to_vec();
        let at = at.index(bytes.len());
        prop_assert!(compressed || decode(&Bytes::copy_from_slice(&bytes[..at])).is_err());
        exercise(&bytes[..at]);
        exercise(&bytes[at..]);
        bytes[at] = byte;
        exercise(&bytes);
        exercise(&bytes[1..]);
    }
}

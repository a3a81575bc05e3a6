//! Terms nested without end are decoded, encoded, passed over and sent on without recursion.

use std::time::Instant;

use bytes::Bytes;

use super::super::{DecodeErrorKind, DecodeLimits, Encoded, Reader, Writer};
use super::counted;
use crate::atom;
use crate::term::Term;

/// A term in a term, `times` deep, each with `before` in front and `after` behind.
fn nested(before: &[u8], times: usize, innermost: &[u8], after: &[u8]) -> Bytes {
    [before.repeat(times), innermost.to_vec(), after.repeat(times)].concat().into()
}

fn there_and_back(bytes: Bytes) {
    let encoded = Encoded::new(bytes, Some([atom!("a")].into()));
    encoded.reader().skip().unwrap();
    encoded.reader().check().unwrap();
    let term = encoded.to_term().unwrap();
    let mut writer = Writer::new();
    writer.term(&term).unwrap();
    assert_eq!(writer.len(), encoded.bytes().len());
    drop(term);
    writer.clear();
    encoded.write_to(&mut writer).unwrap();
    assert_eq!(writer.len(), encoded.bytes().len());
    for end in [0, 1, encoded.bytes().len() / 2, encoded.bytes().len() - 1] {
        let cut = Encoded::new(encoded.bytes().slice(..end), None);
        assert!(cut.to_term().is_err() && cut.write_to(&mut writer).is_err());
        assert!(cut.reader().skip().is_err() && cut.reader().check().is_err());
    }
}

#[test]
fn ten_million_lists_as_elements() {
    let bytes = nested(&[108, 0, 0, 0, 1], 10_000_000, &[106], &[106]);
    let term = Reader::new(&bytes, &[]).term().unwrap();
    assert_eq!(term.as_list().unwrap().len(), 1);
    there_and_back(nested(&[108, 0, 0, 0, 1], 50_000, &[106], &[106]));
}

#[test]
fn ten_million_lists_as_tails() {
    let started = Instant::now();
    let bytes = nested(&[108, 0, 0, 0, 1, 106], 10_000_000, &[97, 1], &[]);
    let mut reader = Reader::new(&bytes, &[]);
    let Term::ImproperList(list) = reader.term().unwrap() else { panic!() };
    assert_eq!(list.elements().len(), 10_000_000);
    // Joining them one by one would take hours.
    assert!(started.elapsed().as_secs() < 1000);
    let bytes = nested(&[108, 0, 0, 0, 1, 106], 50_000, &[106], &[]);
    let term = Reader::new(&bytes, &[]).term().unwrap();
    assert_eq!(term.as_list().unwrap().len(), 50_000);
}

#[test]
fn a_million_tuples() {
    let bytes = nested(&[104, 1], 1_000_000, &[106], &[]);
    let term = Reader::new(&bytes, &[]).term().unwrap();
    assert_eq!(term.as_tuple().unwrap().len(), 1);
    there_and_back(nested(&[104, 1], 50_000, &[106], &[]));
    there_and_back(nested(&[104, 2], 50_000, &[106], &[106]));
}

#[test]
fn a_million_maps() {
    let bytes = nested(&[116, 0, 0, 0, 1, 97, 1], 1_000_000, &[106], &[]);
    assert!(matches!(Reader::new(&bytes, &[]).term(), Ok(Term::Map(_))));
    there_and_back(nested(&[116, 0, 0, 0, 1, 97, 1], 20_000, &[106], &[]));
    there_and_back(nested(&[116, 0, 0, 0, 1], 20_000, &[106], &[106]));
    there_and_back(nested(&[116, 0, 0, 0, 2, 97, 1, 106, 97, 2], 20_000, &[106], &[]));
}

#[test]
fn many_maps_as_keys() {
    there_and_back(nested(&[116, 0, 0, 0, 2, 97, 1, 106], 20_000, &[106], &[106]));
}

#[test]
fn many_funs() {
    let mut bytes = vec![106];
    let mut layers = Vec::new();
    let mut length = bytes.len();
    for _ in 0..20_000 {
        let mut head = [&[1; 17][..], &[0, 0, 0, 0, 0, 0, 0, 1, 119, 1, b'm', 97, 0, 97, 0]].concat();
        head.extend([88, 119, 1, b'n', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        let layer = counted(112, u32::try_from(head.len() + length + 4).unwrap(), &head);
        length += layer.len();
        layers.push(layer);
    }
    layers.reverse();
    bytes.splice(0..0, layers.concat());
    there_and_back(bytes.into());
}

#[test]
fn many_records() {
    let layer = counted(67, 1, &[1, 119, 1, b'm', 119, 1, b'r', 119, 1, b'f']);
    there_and_back(nested(&layer, 20_000, &[106], &[]));
}

#[test]
fn a_depth_limit_is_an_error() {
    let limits = DecodeLimits { max_depth: Some(10), ..DecodeLimits::default() };
    let ten = nested(&[104, 1], 10, &[106], &[]);
    assert!(Reader::with_limits(&ten, &[], &limits).term().is_ok());
    let eleven = nested(&[104, 1], 11, &[106], &[]);
    let error = Reader::with_limits(&eleven, &[], &limits).term().unwrap_err();
    assert_eq!((error.offset, error.kind), (20, DecodeErrorKind::TooDeep { limit: 10 }));
    // A long list is not a deep one, however it is written.
    let long = nested(&[108, 0, 0, 0, 1, 106], 100, &[106], &[]);
    assert!(Reader::with_limits(&long, &[], &limits).term().is_ok());
}

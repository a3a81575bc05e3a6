//! Every lawful form of a kind is read, and nothing else; the lists were tried on OTP 25.2.3, 27.3.4.1 and 29.1.2.

use bytes::Bytes;

use super::super::{DecodeErrorKind as Kind, ListHeader, Reader};
use super::{counted, kind_of, read, written};
use crate::atom;
use crate::term::Term;

#[test]
fn other_lawful_forms_become_the_canonical_one() {
    let old_pid = [&[103, 100, 0, 3][..], b"a@b", &[0, 0, 0, 1, 0, 0, 0, 2, 3]].concat();
    let pid = [&[88, 119, 3][..], b"a@b", &[0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3]].concat();
    let old_port = [&[102, 115, 3][..], b"a@b", &[255, 255, 255, 255, 1]].concat();
    let newer_port = [&[89, 119, 3][..], b"a@b", &[255, 255, 255, 255, 0, 0, 0, 1]].concat();
    let port = [&[120, 119, 3][..], b"a@b", &[0, 0, 0, 0, 255, 255, 255, 255, 0, 0, 0, 1]].concat();
    let oldest_reference = [&[101, 119, 3][..], b"a@b", &[0, 3, 255, 255, 2]].concat();
    let old_reference = [&[114, 0, 1, 119, 3][..], b"a@b", &[2, 0, 3, 255, 255]].concat();
    let reference = [&[90, 0, 1, 119, 3][..], b"a@b", &[0, 0, 0, 2, 0, 3, 255, 255]].concat();
    let float_text = [&[99][..], b"1.50000000000000000000e+00", &[0; 5]].concat();
    let short_float_text = [&[99][..], b"+1.5", &[0; 27]].concat();
    let float: &[u8] = &[70, 63, 248, 0, 0, 0, 0, 0, 0];
    let cases: &[(&[u8], &[u8])] = &[
        (&[98, 0, 0, 0, 7], &[97, 7]),
        (&[110, 0, 0], &[97, 0]),
        (&[110, 0, 1], &[97, 0]),
        (&[110, 1, 7, 5], &[98, 255, 255, 255, 251]),
        (&[110, 4, 1, 0, 0, 0, 128], &[98, 128, 0, 0, 0]),
        (&[110, 9, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0], &[98, 255, 255, 255, 255]),
        (&[111, 0, 0, 0, 1, 0, 9], &[97, 9]),
        (&[111, 0, 0, 0, 0, 1], &[97, 0]),
        (&[110, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0], &[110, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
        (&[100, 0, 1, 233], &[119, 2, 195, 169]),
        (&[115, 1, 233], &[119, 2, 195, 169]),
        (&[100, 0, 1, b'a'], &[119, 1, b'a']),
        (&[118, 0, 1, b'a'], &[119, 1, b'a']),
        (&[105, 0, 0, 0, 0], &[104, 0]),
        (&[105, 0, 0, 0, 1, 106], &[104, 1, 106]),
        (&[107, 0, 0], &[106]),
        (&[108, 0, 0, 0, 0, 97, 1], &[97, 1]),
        (&[108, 0, 0, 0, 0, 108, 0, 0, 0, 0, 106], &[106]),
        (&[104, 1, 108, 0, 0, 0, 0, 97, 1], &[104, 1, 97, 1]),
        (&[108, 0, 0, 0, 1, 97, 1, 106], &[107, 0, 1, 1]),
        (&[108, 0, 0, 0, 1, 97, 1, 108, 0, 0, 0, 1, 97, 2, 106], &[107, 0, 2, 1, 2]),
        (&[108, 0, 0, 0, 1, 97, 1, 107, 0, 1, 2], &[107, 0, 2, 1, 2]),
        (&[108, 0, 0, 0, 1, 106, 107, 0, 1, 2], &[108, 0, 0, 0, 2, 106, 97, 2, 106]),
        (&[108, 0, 0, 0, 1, 97, 1, 107, 0, 0], &[107, 0, 1, 1]),
        (&[108, 0, 0, 0, 1, 97, 1, 108, 0, 0, 0, 0, 97, 2], &[108, 0, 0, 0, 1, 97, 1, 97, 2]),
        (&[108, 0, 0, 0, 1, 97, 1, 104, 1, 106], &[108, 0, 0, 0, 1, 97, 1, 104, 1, 106]),
        (&[77, 0, 0, 0, 1, 8, 1], &[109, 0, 0, 0, 1, 1]),
        (&[77, 0, 0, 0, 2, 3, 255, 255], &[77, 0, 0, 0, 2, 3, 255, 224]),
        (&[113, 119, 1, b'm', 119, 1, b'f', 110, 1, 0, 255], &[113, 119, 1, b'm', 119, 1, b'f', 97, 255]),
        (&[116, 0, 0, 0, 2, 97, 2, 106, 97, 1, 106], &[116, 0, 0, 0, 2, 97, 1, 106, 97, 2, 106]),
        (&float_text, float),
        (&short_float_text, float),
        (&old_pid, &pid),
        (&old_port, &port),
        (&newer_port, &port),
        (&oldest_reference, &reference),
        (&old_reference, &reference),
    ];
    for (bytes, canonical) in cases {
        assert_eq!(written(&read(bytes).unwrap()), *canonical, "{bytes:?}");
        assert_eq!(written(&read(canonical).unwrap()), *canonical, "{canonical:?}");
    }
}

#[test]
fn the_longest_atoms_are_read_and_no_longer_ones() {
    let atom = |tag: u8, name: &[u8]| {
        let length = u16::try_from(name.len()).unwrap().to_be_bytes();
        let length = if matches!(tag, 115 | 119) { &length[1..] } else { &length[..] };
        [&[tag], length, name].concat()
    };
    for tag in [100, 118, 115, 119] {
        assert_eq!(written(&read(&atom(tag, &[b'a'; 255])).unwrap()), atom(119, &[b'a'; 255]));
    }
    for tag in [100, 118] {
        assert_eq!(kind_of(&atom(tag, &[b'a'; 256])), Kind::AtomTooLong);
    }
    assert_eq!(kind_of(&atom(100, &[233; 256])), Kind::AtomTooLong);
    assert_eq!(written(&read(&atom(100, &[233; 255])).unwrap()), atom(118, "é".repeat(255).as_bytes()));
    let widest = atom(118, "😀".repeat(255).as_bytes());
    assert_eq!(written(&read(&widest).unwrap()), widest);
    assert_eq!(kind_of(&atom(118, "é".repeat(256).as_bytes())), Kind::AtomTooLong);
}

#[test]
fn malformed_terms_are_refused() {
    let node: &[u8] = &[119, 3, b'a', b'@', b'b'];
    let reference = |tag: u8, words: u8, numbers: usize| [&[tag, 0, words], node, &vec![0; numbers]].concat();
    let text = |text: &[u8]| [&[99], text, &vec![0; 31 - text.len()]].concat();
    let fun = |free: u8, pid: &[u8], wrong: i8, rest: &[u8]| {
        let head = [&[1; 17][..], &[0, 0, 0, 1, 0, 0, 0, free], node, &[97, 0, 97, 0], pid].concat();
        let size = (head.len() + rest.len() + 4).checked_add_signed(wrong.into()).unwrap();
        counted(112, u32::try_from(size).unwrap(), &[head, rest.to_vec()].concat())
    };
    let pid = [&[88], node, &[0; 12]].concat();
    assert!(read(&fun(1, &pid, 0, &[106])).is_ok());
    let record = |flags: u8, second: u8| {
        let names = [119, 1, b'm', 119, 1, b'r', 119, 1, b'f', 119, 1, second];
        counted(67, 2, &[&[flags][..], &names, &[106, 106]].concat())
    };
    assert!(read(&record(1, b'g')).is_ok() && read(&record(0, b'g')).is_ok());
    let cases: &[(&[u8], Kind)] = &[
        (&[], Kind::Truncated),
        (&[0], Kind::UnknownTag { found: 0 }),
        (&[131, 97, 1], Kind::UnknownTag { found: 131 }),
        (&[104, 1, 131, 97, 1], Kind::UnknownTag { found: 131 }),
        (&[80, 0, 0, 0, 2, 120, 156], Kind::UnknownTag { found: 80 }),
        (&[117, 0, 0, 0, 0], Kind::UnknownTag { found: 117 }),
        (&[121, 0, 0, 0, 0, 0, 0, 0, 0, 97, 1], Kind::UnknownTag { found: 121 }),
        (&[82, 0], Kind::UnknownAtomRef { index: 0 }),
        (&[118, 0, 1, 233], Kind::AtomNotUtf8),
        (&[119, 3, 0xed, 0xa0, 0x80], Kind::AtomNotUtf8),
        (&[70, 0x7f, 0xf0, 0, 0, 0, 0, 0, 0], Kind::NotFinite),
        (&[70, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0], Kind::NotFinite),
        (&text(b"inf"), Kind::FloatText),
        (&text(b"15"), Kind::FloatText),
        (&text(b"1e5"), Kind::FloatText),
        (&text(b"1."), Kind::FloatText),
        (&text(b".5"), Kind::FloatText),
        (&text(b" 1.5"), Kind::FloatText),
        (&text(b"1.5e"), Kind::FloatText),
        (&text(b"1.5 junk"), Kind::FloatText),
        (&text(b"1.5e999"), Kind::NotFinite),
        (&[77, 0, 0, 0, 0, 0], Kind::BitCount { bits: 0 }),
        (&[77, 0, 0, 0, 0, 8], Kind::BitCount { bits: 8 }),
        (&[77, 0, 0, 0, 1, 0, 1], Kind::BitCount { bits: 0 }),
        (&[77, 0, 0, 0, 1, 9, 1], Kind::BitCount { bits: 9 }),
        (&reference(90, 0, 4), Kind::ReferenceWords { words: 0 }),
        (&reference(90, 6, 28), Kind::ReferenceWords { words: 6 }),
        (&[&[114, 0, 1], node, &[4, 0, 0, 0, 1]].concat(), Kind::OldIdentifier),
        (&[&[114, 0, 1], node, &[1, 0, 4, 0, 0]].concat(), Kind::OldIdentifier),
        (&[&[101], node, &[0, 4, 0, 0, 1]].concat(), Kind::OldIdentifier),
        (&[&[103], node, &[0; 8], &[4]].concat(), Kind::OldIdentifier),
        (&[&[102], node, &[0; 4], &[4]].concat(), Kind::OldIdentifier),
        (&[88, 106, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], Kind::UnexpectedTag { found: 106 }),
        (&[113, 119, 1, b'm', 119, 1, b'f', 98, 0, 0, 1, 0], Kind::IntegerOutOfRange),
        (&[113, 119, 1, b'm', 119, 1, b'f', 98, 255, 255, 255, 255], Kind::IntegerOutOfRange),
        (&[116, 0, 0, 0, 2, 97, 1, 97, 1, 98, 0, 0, 0, 1, 97, 1], Kind::DuplicateKey),
        (&fun(1, &pid, 1, &[106]), Kind::FunSize),
        (&fun(1, &pid, -1, &[106]), Kind::FunSize),
        (&fun(0, &pid, -1, &[]), Kind::FunSize),
        (&fun(1, node, 0, &[106]), Kind::UnexpectedTag { found: 119 }),
        (&counted(112, 4, &[&[0; 21], &[0, 0, 1, 0][..]].concat()), Kind::FunSize),
        (&record(2, b'g'), Kind::RecordFlags { flags: 2 }),
        (&record(1, b'f'), Kind::DuplicateField),
    ];
    for (bytes, kind) in cases {
        assert_eq!(kind_of(bytes), *kind, "{bytes:?}");
    }
}

#[test]
fn integers_of_any_size_but_for_their_type() {
    for (bytes, value) in [
        (&[110, 8, 0, 255, 255, 255, 255, 255, 255, 255, 127][..], Some(i64::MAX)),
        (&[110, 8, 1, 0, 0, 0, 0, 0, 0, 0, 128], Some(i64::MIN)),
        (&[110, 8, 0, 0, 0, 0, 0, 0, 0, 0, 128], None),
        (&[110, 8, 1, 1, 0, 0, 0, 0, 0, 0, 128], None),
        (&[110, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], None),
        (&[110, 9, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0], Some(1)),
    ] {
        let shared = Bytes::copy_from_slice(bytes);
        let mut reader = Reader::new(&shared, &[]);
        match value {
            Some(value) => assert_eq!(reader.i64().unwrap(), value),
            None => assert_eq!(reader.i64().unwrap_err().kind, Kind::IntegerOutOfRange),
        }
        assert_eq!(Reader::new(&shared, &[]).integer().unwrap().as_i64(), value);
    }
}

#[test]
fn list_headers_join_empty_ones() {
    let bytes = Bytes::from_static(&[108, 0, 0, 0, 0, 107, 0, 0, 108, 0, 0, 0, 0, 97, 1]);
    let mut reader = Reader::new(&bytes, &[]);
    assert_eq!(reader.list_header().unwrap(), ListHeader::Nil);
    assert_eq!(reader.list_header().unwrap_err().kind, Kind::UnexpectedTag { found: 97 });
    assert_eq!(reader.rest(), [108, 0, 0, 0, 0, 97, 1]);
    assert!(reader.term().unwrap() == Term::from(1));
}

#[test]
fn references_to_atoms_are_looked_up() {
    let atoms = [atom!("a@b"), atom!("ok")];
    let bytes = Bytes::from_static(&[104, 2, 82, 1, 88, 82, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3]);
    let mut reader = Reader::new(&bytes, &atoms);
    assert_eq!(reader.tuple_header().unwrap(), 2);
    assert_eq!(reader.clone().atom_name().unwrap(), "ok");
    assert_eq!(reader.atom().unwrap(), "ok");
    assert_eq!(reader.pid().unwrap().node, "a@b");
    let error = Reader::new(&bytes, &atoms[..1]).term().unwrap_err();
    assert_eq!((error.offset, error.tag, error.reading), (2, Some(82), "atom"));
    assert_eq!(error.kind, Kind::UnknownAtomRef { index: 1 });
}

#[test]
fn an_error_says_where_and_what() {
    let error = read(&[104, 2, 97, 1, 70, 0x7f, 0xf0, 0, 0, 0, 0, 0, 0]).unwrap_err();
    assert_eq!((error.offset, error.tag, error.reading), (4, Some(70), "float"));
    assert_eq!(error.to_string(), "float at byte 4 (tag 70): a float must be finite");
    // The map, not its last part.
    let error = read(&[104, 1, 116, 0, 0, 0, 2, 97, 1, 106, 97, 1, 104, 1, 106]).unwrap_err();
    assert_eq!((error.offset, error.tag, error.reading), (2, Some(116), "map"));
    let error = read(&[104, 1]).unwrap_err();
    assert_eq!((error.offset, error.tag, error.kind), (0, Some(104), Kind::Truncated));
    let bytes = Bytes::from_static(&[97, 1, 106]);
    let mut reader = Reader::new(&bytes, &[]);
    reader.skip().unwrap();
    let error = reader.pid().unwrap_err();
    assert_eq!(error.to_string(), "pid at byte 2 (tag 106): a term with tag 106 stands there");
    reader.skip().unwrap();
    assert_eq!(reader.atom().unwrap_err().to_string(), "atom at byte 3: the bytes end before the term does");
}

//! How a writer keeps what is written.

use bytes::Bytes;
use num_bigint::BigInt;

use super::super::{
    EncodeError, ListHeader, MAX_ATOM_REFS, MAX_INTEGER_BYTES, Reader, SHARE_THRESHOLD, Writer,
};
use super::{read, written};
use crate::atom;
use crate::term::{Atom, BitString, Integer, LocalFun, Record, Term};

#[test]
fn large_binaries_are_shared_in_their_place() {
    let large = Bytes::from(vec![7; SHARE_THRESHOLD]);
    let small = Bytes::from(vec![8; SHARE_THRESHOLD - 1]);
    let bits = BitString::new(Bytes::from(vec![0x80; SHARE_THRESHOLD]), 1).unwrap();
    let term = Term::tuple([large.clone().into(), large.clone().into(), small.into(), bits.clone().into()]);
    let mut writer = Writer::new();
    writer.version();
    writer.term(&term).unwrap();
    let pieces: Vec<&[u8]> = writer.pieces().collect();
    assert_eq!(
        pieces.iter().map(|piece| piece.len()).collect::<Vec<_>>(),
        [8, 4096, 5, 4096, 5 + 4095 + 6, 4096]
    );
    assert_eq!(pieces[1].as_ptr(), large.as_ptr());
    assert_eq!(pieces[5].as_ptr(), bits.bytes().as_ptr());
    assert_eq!(pieces.concat(), writer.to_bytes());
    assert_eq!(writer.len(), pieces.concat().len());
    assert!(super::super::decode(&writer.to_bytes()).unwrap() == term);

    let all = writer.to_bytes();
    let mut taken: Vec<Bytes> = Vec::new();
    writer.take_pieces(&mut taken);
    assert!(writer.is_empty());
    assert_eq!((taken.len(), taken.concat()), (6, all.to_vec()));
    assert_eq!(taken[3].as_ptr(), large.as_ptr());
    // The next one does not disturb what was taken.
    writer.term(&Term::from("next")).unwrap();
    assert_eq!(writer.len(), 9);
    assert_eq!(taken.concat(), all);
}

#[test]
fn a_cleared_writer_keeps_its_memory() {
    let mut writer = Writer::with_atom_refs();
    for _ in 0..3 {
        writer.binary(&[1; 1000]).unwrap();
        writer.shared_binary(&Bytes::from(vec![1; SHARE_THRESHOLD])).unwrap();
        writer.atom(&atom!("a"));
        assert_eq!(writer.atoms().len(), 1);
        writer.clear();
        assert!(writer.is_empty() && writer.atoms().is_empty() && writer.pieces().next().is_none());
    }
    assert_eq!(Writer::new().into_bytes(), Bytes::new());
}

#[test]
fn atoms_are_numbered_as_they_come_and_the_last_ones_written_in_full() {
    let mut writer = Writer::with_atom_refs();
    let atoms: Vec<Atom> = (0..MAX_ATOM_REFS + 2).map(|n| Atom::new(&format!("atom{n}")).unwrap()).collect();
    let term = Term::list(atoms.iter().cloned().map(Term::from));
    writer.term(&term).unwrap();
    let once = writer.len();
    writer.term(&term).unwrap();
    assert_eq!(writer.len(), 2 * once);
    assert_eq!(writer.atoms(), &atoms[..MAX_ATOM_REFS]);
    let bytes = writer.to_bytes();
    assert_eq!(bytes[5..9], [82, 0, 82, 1]);
    assert_eq!(bytes[once - 10..once], [&[119, 7][..], b"atom256", &[106]].concat());
    let mut reader = Reader::new(&bytes, writer.atoms());
    assert!(reader.term().unwrap() == term && reader.term().unwrap() == term && reader.is_empty());
}

#[test]
fn what_failed_can_be_taken_back() {
    let mut writer = Writer::with_atom_refs();
    writer.atom(&atom!("kept"));
    let mark = writer.mark();
    let large = Bytes::from(vec![7; SHARE_THRESHOLD]);
    let bad = Term::tuple([Term::Atom(atom!("gone")), large.into(), Term::Float(f64::INFINITY)]);
    assert_eq!(writer.term(&bad), Err(EncodeError::NotFinite));
    assert!(writer.len() > SHARE_THRESHOLD);
    writer.rollback(mark);
    writer.atom(&atom!("kept"));
    writer.atom(&atom!("new"));
    assert_eq!(writer.atoms(), [atom!("kept"), atom!("new")]);
    assert_eq!(writer.to_bytes(), [82, 0, 82, 0, 82, 1][..]);
    assert_eq!(writer.pieces().count(), 1);
}

#[test]
fn what_was_opened_is_closed_with_its_count() {
    let mut writer = Writer::new();
    let list = writer.open_list();
    let tuple = writer.open_tuple();
    writer.shared_binary(&Bytes::from(vec![7; SHARE_THRESHOLD])).unwrap();
    writer.nil();
    writer.close(tuple, 2).unwrap();
    let map = writer.open_map();
    writer.i64(1);
    let empty = writer.open_list();
    writer.close(empty, 0).unwrap();
    writer.close(map, 1).unwrap();
    let empty = writer.open_tuple();
    writer.close(empty, 0).unwrap();
    writer.close(list, 3).unwrap();
    let map = Term::Map([(Term::from(1), Term::NIL)].into_iter().collect());
    let tuple = Term::tuple([Bytes::from(vec![7; SHARE_THRESHOLD]).into(), Term::NIL]);
    assert!(read(&writer.to_bytes()).unwrap() == Term::list([tuple, map, Term::tuple([])]));
    assert_eq!(writer.pieces().count(), 3);
}

#[test]
fn headers_say_how_many_follow() {
    let mut writer = Writer::new();
    writer.tuple_header(255).unwrap();
    writer.tuple_header(256).unwrap();
    writer.list_header(0).unwrap();
    writer.list_header(1).unwrap();
    writer.map_header(2).unwrap();
    assert_eq!(writer.to_bytes(), [104, 255, 105, 0, 0, 1, 0, 108, 0, 0, 0, 1, 116, 0, 0, 0, 2][..]);
    let count = 1 << 32;
    for result in [writer.tuple_header(count), writer.list_header(count), writer.map_header(count)] {
        assert_eq!(result, Err(EncodeError::TooLarge { count }));
    }
    let open = writer.open_map();
    assert_eq!(writer.close(open, count), Err(EncodeError::TooLarge { count }));
}

#[test]
fn lists_of_bytes_are_strings_up_to_their_limit() {
    for length in [0, 1, 65535, 65536] {
        let bytes = vec![200; length];
        let mut writer = Writer::new();
        writer.byte_list(&bytes).unwrap();
        let term = Term::list(bytes.iter().map(|byte| Term::from(*byte)));
        assert_eq!(writer.to_bytes(), written(&term), "{length}");
        let encoded = writer.to_bytes();
        let header = Reader::new(&encoded, &[]).list_header().unwrap();
        match length {
            0 => assert_eq!(header, ListHeader::Nil),
            65536 => assert_eq!(header, ListHeader::List(65536)),
            _ => assert_eq!(header, ListHeader::String(&bytes)),
        }
        assert!(read(&encoded).unwrap() == term);
    }
    // One that is not a byte, at the end.
    let term = Term::list([1, 2, 256].map(Term::from));
    assert_eq!(written(&term), [108, 0, 0, 0, 3, 97, 1, 97, 2, 98, 0, 0, 1, 0, 106]);
}

#[test]
fn what_no_node_would_take_is_not_written() {
    let mut writer = Writer::new();
    for float in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert_eq!(writer.float(float), Err(EncodeError::NotFinite));
    }
    let largest = Integer::from((BigInt::from(1) << (MAX_INTEGER_BYTES * 8)) - 1);
    writer.integer(&largest).unwrap();
    let larger = &largest + &Integer::from(1);
    assert_eq!(writer.integer(&larger), Err(EncodeError::IntegerTooLarge { bytes: MAX_INTEGER_BYTES + 1 }));

    let record = |fields| Term::Record(Record::new(atom!("m"), atom!("r"), false, fields).into());
    writer.term(&record(vec![(atom!("a"), Term::NIL), (atom!("b"), Term::NIL)])).unwrap();
    let twice = record(vec![(atom!("a"), Term::NIL), (atom!("a"), Term::NIL)]);
    assert_eq!(writer.term(&twice), Err(EncodeError::DuplicateField));
    writer.set_native_records(false);
    assert_eq!(writer.term(&Term::list([record(vec![])])), Err(EncodeError::NativeRecord));

    let fun = |free| {
        let pid =
            crate::term::Pid { node: atom!("n@h"), id: 1, serial: 0, creation: crate::term::Creation(1) };
        Term::from(crate::term::Fun::Local(
            LocalFun {
                module: atom!("m"),
                arity: 0,
                uniq: [0; 16],
                index: 0,
                old_index: 0,
                old_uniq: 0,
                pid,
                free: vec![Term::NIL; free].into(),
            }
            .into(),
        ))
    };
    writer.clear();
    writer.term(&fun(255)).unwrap();
    assert!(read(&writer.to_bytes()).unwrap() == fun(255));
    assert_eq!(writer.term(&fun(256)), Err(EncodeError::TooManyFreeVariables { count: 256 }));
}

#[test]
fn integers_too_large_for_others_are_read_but_not_sent_on() {
    let digits = vec![255; MAX_INTEGER_BYTES + 1];
    let count = u32::try_from(digits.len()).unwrap();
    let integer = super::counted(111, count, &[&[0], &digits[..]].concat());
    assert!(read(&integer).is_ok());
    let key = [&[116, 0, 0, 0, 2, 106, 106][..], &integer, &[106]].concat();
    for bytes in [integer, key] {
        let mut writer = Writer::new();
        let passed = super::super::Encoded::new(bytes.into(), None).write_to(&mut writer);
        assert_eq!(passed, Err(EncodeError::IntegerTooLarge { bytes: MAX_INTEGER_BYTES + 1 }));
        assert!(writer.is_empty());
    }
}

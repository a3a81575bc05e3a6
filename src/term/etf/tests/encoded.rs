//! Terms sent on without being decoded arrive as they were.

use bytes::Bytes;

use super::super::*;
use crate::atom;

/// `{Pid, #{1 => [Ref | ok], ok => fun}, <<...>>}` as it comes after a header with the atoms `n@h`, `ok`, `m`.
fn received(binary: usize) -> Encoded {
    let mut fun = vec![3];
    fun.extend([7; 16]);
    fun.extend([0, 0, 0, 1, 0, 0, 0, 2, 82, 2, 97, 4, 98, 0, 1, 0, 0]);
    fun.extend([88, 82, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3]);
    fun.extend([82, 1, 104, 1, 82, 0]);
    let mut bytes = vec![104, 3, 88, 82, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];
    bytes.extend([116, 0, 0, 0, 2, 97, 1, 108, 0, 0, 0, 1, 90, 0, 3, 82, 0, 0, 0, 0, 9]);
    bytes.extend([0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 82, 1, 82, 1, 112]);
    bytes.extend(u32::try_from(fun.len() + 4).unwrap().to_be_bytes());
    bytes.extend(fun);
    bytes.push(109);
    bytes.extend(u32::try_from(binary).unwrap().to_be_bytes());
    bytes.resize(bytes.len() + binary, b'x');
    // What stands after the term is not part of it.
    bytes.push(0);
    Encoded::new(bytes.into(), Some([atom!("n@h"), atom!("ok"), atom!("m")].into()))
}

fn again(encoded: &Encoded, mut writer: Writer) -> (Encoded, usize) {
    encoded.write_to(&mut writer).unwrap();
    let atoms = writer.atoms().into();
    let pieces = writer.pieces().count();
    (Encoded::new(writer.into_bytes(), Some(atoms)), pieces)
}

#[test]
fn references_become_those_of_the_writer() {
    let received = received(10);
    let term = received.to_term().unwrap();
    let mut writer = Writer::with_atom_refs();
    writer.atom(&atom!("other"));
    writer.clear();
    let (sent, _) = again(&received, writer);
    assert_eq!(sent.atoms(), [atom!("n@h"), atom!("ok"), atom!("m")]);
    assert!(sent.to_term().unwrap() == term);

    // In full the atoms are longer, and so is the fun.
    let (sent, _) = again(&received, Writer::new());
    assert!(sent.atoms().is_empty());
    assert!(sent.to_term().unwrap() == term);
    assert_eq!(sent.bytes(), Encoded::from_term(&sent.to_term().unwrap()).unwrap().bytes());
}

#[test]
fn large_parts_are_shared() {
    let received = received(SHARE_THRESHOLD);
    let (sent, pieces) = again(&received, Writer::with_atom_refs());
    assert_eq!(pieces, 2);
    assert!(sent.to_term().unwrap() == received.to_term().unwrap());

    let plain = Encoded::from_term(&received.to_term().unwrap()).unwrap();
    let mut writer = Writer::new();
    plain.write_to(&mut writer).unwrap();
    let mut pieces = Vec::new();
    writer.take_pieces(&mut pieces);
    assert!(matches!(&pieces[..], [piece] if piece.as_ptr() == plain.bytes().as_ptr()));
}

#[test]
fn what_is_malformed_is_not_passed_on() {
    let good = received(3);
    let length = good.bytes().len() - 1;
    for mut writer in [Writer::new(), Writer::with_atom_refs()] {
        writer.version();
        for end in 0..length {
            let cut = Encoded::new(good.bytes().slice(..end), Some(good.atoms().into()));
            assert!(matches!(cut.write_to(&mut writer), Err(EncodeError::Malformed(_))), "{end}");
            assert_eq!((writer.len(), writer.atoms().len()), (1, 0));
        }
        for atoms in 0..3 {
            let fewer = Encoded::new(good.bytes().clone(), Some(good.atoms()[..atoms].into()));
            assert!(fewer.write_to(&mut writer).is_err());
        }
        let twice: &[u8] = &[116, 0, 0, 0, 2, 97, 1, 106, 98, 0, 0, 0, 1, 106];
        let twice = Encoded::new(Bytes::from_static(twice), None);
        assert_eq!(twice.reader().check().unwrap_err().kind, DecodeErrorKind::DuplicateKey);
        let kind = twice.write_to(&mut writer).unwrap_err();
        assert!(matches!(
            kind,
            EncodeError::Malformed(DecodeError { kind: DecodeErrorKind::DuplicateKey, .. })
        ));
    }
}

#[test]
fn a_fun_of_the_wrong_size_is_not_passed_on() {
    for wrong in [-1i8, 1] {
        let mut bytes = received(0).bytes().to_vec();
        let at = bytes.iter().position(|byte| *byte == tag::NEW_FUN).unwrap() + 4;
        bytes[at] = bytes[at].wrapping_add_signed(wrong);
        let encoded = Encoded::new(bytes.into(), Some(received(0).atoms().into()));
        assert_eq!(encoded.to_term().unwrap_err().kind, DecodeErrorKind::FunSize);
        assert_eq!(encoded.reader().check().unwrap_err().kind, DecodeErrorKind::FunSize);
        assert!(encoded.write_to(&mut Writer::new()).is_err());
    }
}

#[test]
fn native_records_only_go_to_those_who_know_them() {
    let record: &[u8] = &[67, 0, 0, 0, 1, 1, 119, 1, b'm', 119, 1, b'r', 82, 0, 97, 7];
    let mut in_a_key = vec![116, 0, 0, 0, 2];
    in_a_key.extend([record, &[106], record].concat());
    let last = in_a_key.len() - 1;
    in_a_key[last] = 8;
    in_a_key.push(106);
    for bytes in [record, &in_a_key] {
        for atoms in [Some([atom!("f")].into()), None] {
            let refs = atoms.is_some();
            let bytes = if refs { bytes.to_vec() } else { full(bytes) };
            let encoded = Encoded::new(bytes.into(), atoms);
            let mut writer = Writer::new();
            encoded.write_to(&mut writer).unwrap();
            assert!(Encoded::new(writer.to_bytes(), None).to_term().unwrap() == encoded.to_term().unwrap());
            writer.clear();
            writer.set_native_records(false);
            assert_eq!(encoded.write_to(&mut writer), Err(EncodeError::NativeRecord));
            assert!(writer.is_empty());
        }
    }
}

/// The same bytes with the atom `f` in full.
fn full(bytes: &[u8]) -> Vec<u8> {
    let mut full = Vec::new();
    let mut rest = bytes;
    while let Some((first, after)) = rest.split_first() {
        if rest.starts_with(&[82, 0]) {
            full.extend([119, 1, b'f']);
            rest = &rest[2..];
        } else {
            full.push(*first);
            rest = after;
        }
    }
    full
}

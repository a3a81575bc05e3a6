//! Pieces in all orders, and what is refused.

use proptest::prelude::*;

use super::*;
use crate::atom;
use crate::term::Atom;

fn reassembly(sequences: usize, bytes: usize) -> Reassembly {
    Reassembly::new(FragmentLimits { sequences, bytes })
}

#[test]
fn pieces_are_joined_in_order() {
    let mut reassembly = reassembly(1, 100);
    let atoms: HeaderAtoms = Some([atom!("a")].into());
    assert!(reassembly.first(7, 3, atoms, Bytes::from_static(b"con")).unwrap().is_none());
    assert!(reassembly.next(7, 2, b"trol pay").unwrap().is_none());
    assert_eq!((reassembly.in_flight(), reassembly.bytes()), (1, 11 + size_of::<Atom>()));
    let whole = reassembly.next(7, 1, b"load").unwrap().unwrap();
    assert_eq!(whole.bytes, "control payload");
    assert_eq!(whole.atoms.as_deref(), Some(&[atom!("a")] as &[Atom]));
    assert_eq!((reassembly.in_flight(), reassembly.bytes()), (0, 0));
}

#[test]
fn a_sequence_id_can_be_used_again_after_its_end() {
    let mut reassembly = reassembly(1, 100);
    for _ in 0..3 {
        assert!(reassembly.first(7, 2, None, Bytes::from_static(b"a")).unwrap().is_none());
        assert!(reassembly.next(7, 1, b"b").unwrap().is_some());
        assert!(reassembly.first(7, 1, None, Bytes::from_static(b"a")).unwrap().is_some());
    }
}

#[test]
fn bad_order_is_refused() {
    let piece = Bytes::from_static(b"piece");
    let mut reassembly = reassembly(9, 100);
    assert_eq!(reassembly.next(7, 1, &piece).unwrap_err(), FragmentError::UnknownSequence { sequence: 7 });
    assert!(matches!(reassembly.first(7, 0, None, piece.clone()), Err(FragmentError::Order { .. })));
    reassembly.first(7, 3, None, piece.clone()).unwrap();
    let error = reassembly.first(7, 3, None, piece.clone()).unwrap_err();
    assert_eq!(error, FragmentError::SequenceInUse { sequence: 7 });
    for got in [0, 1, 3, 4, u64::MAX] {
        let error = reassembly.next(7, got, &piece).unwrap_err();
        assert_eq!(error, FragmentError::Order { sequence: 7, expected: 2, got });
    }
}

#[test]
fn what_is_in_flight_is_bounded() {
    let mut reassembly = reassembly(2, 10);
    let piece = Bytes::from_static(b"1234");
    reassembly.first(1, u64::MAX, None, piece.clone()).unwrap();
    reassembly.first(2, 9, None, piece.clone()).unwrap();
    let error = reassembly.first(3, 9, None, piece.clone()).unwrap_err();
    assert_eq!(error, FragmentError::TooManySequences { limit: 2 });
    let error = reassembly.next(2, 8, &piece).unwrap_err();
    assert_eq!(error, FragmentError::TooManyBytes { limit: 10 });
    assert!(reassembly.next(2, 8, b"12").unwrap().is_none());
}

#[test]
fn atoms_of_headers_are_bytes_in_flight() {
    let atoms: HeaderAtoms = Some(vec![atom!("a"); 255].into());
    let size = 255 * size_of::<Atom>();
    let mut reassembly = reassembly(9, 2 * size);
    reassembly.first(1, 2, atoms.clone(), Bytes::new()).unwrap();
    reassembly.first(2, 2, atoms.clone(), Bytes::new()).unwrap();
    let error = reassembly.first(3, 2, atoms.clone(), Bytes::new()).unwrap_err();
    assert_eq!(error, FragmentError::TooManyBytes { limit: 2 * size });
    assert!(reassembly.next(1, 1, b"").unwrap().is_some());
    assert_eq!(reassembly.bytes(), size);
    assert!(reassembly.first(3, 2, atoms, Bytes::new()).is_ok());
}

proptest! {
    #[test]
    fn any_lawful_interleaving_reassembles(
        messages in prop::collection::vec(prop::collection::vec(prop::collection::vec(any::<u8>(), 0..5), 1..6), 1..6),
        picks in prop::collection::vec(any::<prop::sample::Index>(), 36),
    ) {
        let mut reassembly = Reassembly::default();
        let mut waiting: Vec<(usize, usize)> = (0..messages.len()).map(|i| (i, 0)).collect();
        let mut picks = picks.iter();
        while !waiting.is_empty() {
            let at = picks.next().unwrap().index(waiting.len());
            let (message, piece) = waiting[at];
            let pieces = &messages[message];
            let left = u64::try_from(pieces.len() - piece).unwrap();
            let sequence = u64::try_from(message).unwrap();
            let bytes = &pieces[piece];
            let whole = if piece == 0 {
                reassembly.first(sequence, left, None, Bytes::copy_from_slice(bytes))
            } else {
                reassembly.next(sequence, left, bytes)
            };
            match whole.unwrap() {
                Some(whole) => {
                    prop_assert_eq!(left, 1);
                    prop_assert_eq!(&whole.bytes[..], &pieces.concat()[..]);
                    waiting.remove(at);
                }
                None => waiting[at].1 += 1,
            }
        }
        prop_assert_eq!(reassembly.in_flight(), 0);
        prop_assert_eq!(reassembly.bytes(), 0);
    }
}

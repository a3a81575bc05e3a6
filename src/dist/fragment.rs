//! Fragments: large messages come in pieces, with other messages between them.
//!
//! The first piece has a distribution header of its own kind, the others only say which message they continue. Both
//! stand in a packet of their own:
//!
//! | 1     | 1    | 8            | 8            | …      | rest                                   |
//! | ----- | ---- | ------------ | ------------ | ------ | -------------------------------------- |
//! | `131` | `69` | `SequenceId` | `FragmentId` | header | control message, beginning of payload  |
//!
//! | 1     | 1    | 8            | 8            | rest                   |
//! | ----- | ---- | ------------ | ------------ | ---------------------- |
//! | `131` | `70` | `SequenceId` | `FragmentId` | continues the payload  |
//!
//! `FragmentId` counts down: the first piece has the number of pieces, the last has 1. Pieces of one sequence come in
//! order; those of several sequences, whole messages and ticks may come in between. A sequence id can be used again
//! once its sequence is complete (OTP uses the number of the sending process). OTP cuts pieces of 64 KiB.
//!
//! Reference: ERTS User's Guide, "External Term Format", [Distribution Header for fragmented messages][1].
//!
//! [1]: https://www.erlang.org/doc/apps/erts/erl_ext_dist.html#distribution-header-for-fragmented-messages

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use bytes::Bytes;

use super::atom_cache::HeaderAtoms;

/// How much may be in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FragmentLimits {
    /// How many sequences may be incomplete at one time.
    pub sequences: usize,
    /// How many bytes all incomplete sequences may have together, the places of the atoms in their headers included.
    pub bytes: usize,
}

impl FragmentLimits {
    /// One sequence for each process that a BEAM node has room for by default.
    pub const DEFAULT_SEQUENCES: usize = 1 << 18;

    /// 4 GiB, the largest binary that the external term format can express. OTP has no limit.
    pub const DEFAULT_BYTES: usize = if usize::BITS > 32 { 1 << (usize::BITS / 2) } else { usize::MAX };
}

impl Default for FragmentLimits {
    fn default() -> FragmentLimits {
        FragmentLimits { sequences: FragmentLimits::DEFAULT_SEQUENCES, bytes: FragmentLimits::DEFAULT_BYTES }
    }
}

/// A message whose pieces have all come.
#[derive(Debug, Clone)]
pub struct Assembled {
    /// Control message and payload.
    pub bytes: Bytes,
    /// The atoms of the header.
    pub atoms: HeaderAtoms,
}

/// Joins the pieces of messages.
///
/// Each piece is appended to those before it as it comes. So the buffer it came in is free at once and the work is
/// spread over the pieces, where joining them at the end would hold up the connection for the time it takes to copy
/// the whole message.
#[derive(Debug, Default)]
pub struct Reassembly {
    limits: FragmentLimits,
    incomplete: HashMap<u64, Incomplete, foldhash::fast::RandomState>,
    /// Of all incomplete sequences.
    bytes: usize,
}

#[derive(Debug)]
struct Incomplete {
    /// The number that the next piece must have.
    next: u64,
    bytes: Vec<u8>,
    atoms: HeaderAtoms,
}

impl Reassembly {
    /// With nothing in flight.
    #[must_use]
    pub fn new(limits: FragmentLimits) -> Reassembly {
        Reassembly { limits, ..Reassembly::default() }
    }

    /// Takes the first piece of a message, what stands after its header; gives the message if it is the only piece.
    ///
    /// The header, whose atoms are `atoms`, must have been read when the piece came, not later.
    ///
    /// # Errors
    /// [`FragmentError`]; the connection cannot go on.
    pub fn first(
        &mut self,
        sequence: u64,
        fragment: u64,
        atoms: HeaderAtoms,
        piece: Bytes,
    ) -> Result<Option<Assembled>, FragmentError> {
        let in_flight = self.incomplete.len();
        let Entry::Vacant(entry) = self.incomplete.entry(sequence) else {
            return Err(FragmentError::SequenceInUse { sequence });
        };
        match fragment {
            0 => Err(FragmentError::Order { sequence, expected: 1, got: 0 }),
            1 => Ok(Some(Assembled { bytes: piece, atoms })),
            _ if in_flight >= self.limits.sequences => {
                Err(FragmentError::TooManySequences { limit: self.limits.sequences })
            }
            _ if piece.len() + size_of_atoms(&atoms) > self.limits.bytes - self.bytes => {
                Err(FragmentError::TooManyBytes { limit: self.limits.bytes })
            }
            _ => {
                self.bytes += piece.len() + size_of_atoms(&atoms);
                entry.insert(Incomplete { next: fragment - 1, bytes: piece.into(), atoms });
                Ok(None)
            }
        }
    }

    /// Takes another piece of a message; gives the message if it is the last.
    ///
    /// # Errors
    /// [`FragmentError`]; the connection cannot go on.
    pub fn next(
        &mut self,
        sequence: u64,
        fragment: u64,
        piece: &[u8],
    ) -> Result<Option<Assembled>, FragmentError> {
        let Entry::Occupied(mut entry) = self.incomplete.entry(sequence) else {
            return Err(FragmentError::UnknownSequence { sequence });
        };
        let incomplete = entry.get_mut();
        if fragment != incomplete.next {
            return Err(FragmentError::Order { sequence, expected: incomplete.next, got: fragment });
        }
        if piece.len() > self.limits.bytes - self.bytes {
            return Err(FragmentError::TooManyBytes { limit: self.limits.bytes });
        }
        self.bytes += piece.len();
        incomplete.bytes.extend_from_slice(piece);
        incomplete.next -= 1;
        if fragment > 1 {
            return Ok(None);
        }
        let Incomplete { mut bytes, atoms, .. } = entry.remove();
        self.bytes -= bytes.len() + size_of_atoms(&atoms);
        // The message, or a binary in it, may be kept for long.
        if bytes.capacity() - bytes.len() > bytes.len() / 8 {
            bytes.shrink_to_fit();
        }
        Ok(Some(Assembled { bytes: Bytes::from(bytes), atoms }))
    }

    /// How many messages are incomplete.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.incomplete.len()
    }

    /// How many bytes of incomplete messages there are, the places of the atoms in their headers included.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

/// A header of known atoms has a byte for each of them, and they have this many here.
fn size_of_atoms(atoms: &HeaderAtoms) -> usize {
    atoms.as_deref().map_or(0, size_of_val)
}

/// What is wrong with a fragment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FragmentError {
    /// A second first piece before the last one of the sequence.
    #[error("sequence {sequence} starts again before its end")]
    SequenceInUse {
        /// The sequence.
        sequence: u64,
    },
    /// A piece without a first one.
    #[error("a fragment continues sequence {sequence}, which has not been started")]
    UnknownSequence {
        /// The sequence.
        sequence: u64,
    },
    /// A piece is missing or comes twice.
    #[error("fragment {got} of sequence {sequence} came where {expected} was expected")]
    Order {
        /// The sequence.
        sequence: u64,
        /// The fragment that has to come now.
        expected: u64,
        /// The one that came.
        got: u64,
    },
    /// More sequences are in flight than allowed here.
    #[error("more than {limit} fragmented messages are incomplete at one time")]
    TooManySequences {
        /// The limit.
        limit: usize,
    },
    /// More bytes are in flight than allowed here.
    #[error("incomplete fragmented messages have more than {limit} bytes together")]
    TooManyBytes {
        /// The limit.
        limit: usize,
    },
}

#[cfg(test)]
mod tests {
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
        assert_eq!(
            reassembly.next(7, 1, &piece).unwrap_err(),
            FragmentError::UnknownSequence { sequence: 7 }
        );
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
}

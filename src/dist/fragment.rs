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

use bytes::buf::Limit;
use bytes::{BufMut, Bytes};

use super::atom_cache::HeaderAtoms;
use super::buffers::Buffers;

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
/// Each piece is put behind those before it as it comes, or is even read to its place from the socket: so the work is
/// spread over the pieces, where joining them at the end would hold up the connection for the time it takes to copy
/// the whole message. That place is memory of a message that nobody needs any more, if there is
/// some.
#[derive(Debug, Default)]
pub struct Reassembly {
    limits: FragmentLimits,
    incomplete: HashMap<u64, Incomplete, foldhash::fast::RandomState>,
    /// Of all incomplete sequences.
    bytes: usize,
    buffers: Buffers,
    /// The piece that is read to its place.
    under_way: Option<UnderWay>,
}

#[derive(Debug)]
struct Incomplete {
    /// The number that the next piece must have.
    next: u64,
    /// The first piece, until the second one comes.
    head: Bytes,
    /// All pieces, from the second one on.
    bytes: Vec<u8>,
    atoms: HeaderAtoms,
}

/// A piece of which a part has come.
#[derive(Debug, Clone, Copy)]
struct UnderWay {
    sequence: u64,
    /// How many bytes of the message there are with it.
    until: usize,
}

/// A first piece that is smaller is copied: it would keep all the memory that it was read into.
const KEPT_FROM: usize = 32 << 10;

/// At most so many times the bytes that have come of a message are reserved for it. The number of its pieces is only a
/// claim; but one that is true saves moving them again and again.
const FORESIGHT: usize = 8;

impl Incomplete {
    /// Makes room for the next piece, of `length` bytes.
    fn make_room(&mut self, buffers: &Buffers, length: usize) {
        let come = self.head.len().max(self.bytes.len()) + length;
        // Those that are to come are as long as this one, or shorter.
        let pieces = usize::try_from(self.next).unwrap_or(usize::MAX).saturating_sub(1);
        let whole = come.saturating_add(length.saturating_mul(pieces));
        if !self.head.is_empty() {
            let head = std::mem::take(&mut self.head);
            self.bytes = buffers.take(whole).unwrap_or_default();
            self.bytes.reserve_exact(whole.min(come.saturating_mul(FORESIGHT)));
            self.bytes.extend_from_slice(&head);
        } else if self.bytes.capacity() < come {
            let room = whole.min(come.saturating_mul(FORESIGHT));
            self.bytes.reserve_exact(room - self.bytes.len());
        }
    }
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
                let head = if piece.len() < KEPT_FROM { Bytes::copy_from_slice(&piece) } else { piece };
                entry.insert(Incomplete { next: fragment - 1, head, bytes: Vec::new(), atoms });
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
        self.begin(sequence, fragment, piece.len(), piece)?;
        Ok(self.finish())
    }

    /// Takes the beginning of another piece of a message, which has `length` bytes; the rest is to be read to its
    /// [place](Reassembly::place), before anything else is done here. Room is made for all of the piece.
    ///
    /// # Errors
    /// [`FragmentError`]; the connection cannot go on.
    pub fn begin(
        &mut self,
        sequence: u64,
        fragment: u64,
        length: usize,
        come: &[u8],
    ) -> Result<(), FragmentError> {
        let Some(incomplete) = self.incomplete.get_mut(&sequence) else {
            return Err(FragmentError::UnknownSequence { sequence });
        };
        if fragment != incomplete.next || fragment == 0 {
            return Err(FragmentError::Order { sequence, expected: incomplete.next, got: fragment });
        }
        if length > self.limits.bytes - self.bytes {
            return Err(FragmentError::TooManyBytes { limit: self.limits.bytes });
        }
        self.bytes += length;
        incomplete.make_room(&self.buffers, length);
        incomplete.next -= 1;
        let until = incomplete.bytes.len() + length;
        incomplete.bytes.extend_from_slice(come);
        self.under_way = Some(UnderWay { sequence, until });
        Ok(())
    }

    /// Where the rest of a piece belongs that has [begun](Reassembly::begin) to come; `None` if there is none.
    pub fn place(&mut self) -> Option<Limit<&mut Vec<u8>>> {
        let UnderWay { sequence, until } = self.under_way?;
        let bytes = &mut self.incomplete.get_mut(&sequence)?.bytes;
        let missing = until.saturating_sub(bytes.len());
        (missing > 0).then(|| bytes.limit(missing))
    }

    /// Gives the message whose last piece has [begun](Reassembly::begin) to come, and is complete now.
    pub fn finish(&mut self) -> Option<Assembled> {
        let UnderWay { sequence, until } = self.under_way?;
        let Entry::Occupied(entry) = self.incomplete.entry(sequence) else { return None };
        if entry.get().bytes.len() < until {
            return None;
        }
        self.under_way = None;
        if entry.get().next > 0 {
            return None;
        }
        let Incomplete { bytes, atoms, .. } = entry.remove();
        self.bytes -= bytes.len() + size_of_atoms(&atoms);
        Some(Assembled { bytes: self.buffers.lend(bytes), atoms })
    }

    /// Lets go of memory that was not needed since this was called last.
    pub fn release_unused(&mut self) {
        self.buffers.release_unused();
    }

    /// How many messages are incomplete.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.incomplete.len()
    }

    /// How many bytes of incomplete messages there are, the places of the atoms in their headers included. A piece
    /// counts from its [beginning](Reassembly::begin) on.
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
mod tests;

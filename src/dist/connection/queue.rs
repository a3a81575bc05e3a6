//! Bytes that wait to be written, in few pieces.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::{Buf, BufMut, Bytes, BytesMut};

/// What is smaller is copied behind the bytes before it: 4 KiB, as one more piece in a write costs about as much.
const SHARE_FROM: usize = 4096;

/// How much is copied into one piece before another is begun: 32 KiB.
///
/// So much memory a connection keeps that is written to; what it is not written to keeps nothing.
const PIECE: usize = 32 << 10;

/// Bytes that wait to be written.
///
/// Small messages are copied one behind the other, large binaries keep their own memory. All of it can be written with
/// one vectored write: fill slices with [`io_slices`](OutputQueue::io_slices), write them, and tell
/// [`advance`](OutputQueue::advance) how much was written.
#[derive(Debug, Default)]
pub struct OutputQueue {
    pieces: VecDeque<Bytes>,
    /// Comes after all of `pieces`.
    tail: BytesMut,
    /// Of `pieces` and `tail`.
    length: usize,
}

impl OutputQueue {
    /// An empty queue.
    #[must_use]
    pub fn new() -> OutputQueue {
        OutputQueue::default()
    }

    /// How many bytes wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether no bytes wait.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Fills `slices` with bytes to write, first to last, and says how many of them were filled.
    pub fn io_slices<'q>(&'q self, slices: &mut [IoSlice<'q>]) -> usize {
        let tail = Some(&self.tail[..]).filter(|tail| !tail.is_empty());
        let pieces = self.pieces.iter().map(|piece| &piece[..]).chain(tail);
        slices.iter_mut().zip(pieces).map(|(slice, piece)| *slice = IoSlice::new(piece)).count()
    }

    /// Removes the first `count` bytes, which have been written; all, if there are not that many.
    pub fn advance(&mut self, count: usize) {
        let mut count = count.min(self.length);
        self.length -= count;
        while let Some(piece) = self.pieces.front_mut() {
            if count < piece.len() {
                piece.advance(count);
                return;
            }
            count -= piece.len();
            self.pieces.pop_front();
        }
        self.tail.advance(count);
    }

    /// Moves all bytes to the end of `other`.
    ///
    /// The memory that small messages are copied into stays here and is used again once the bytes in it are gone.
    pub fn move_to(&mut self, other: &mut OutputQueue) {
        self.seal();
        other.seal();
        other.length += self.length;
        self.length = 0;
        other.pieces.append(&mut self.pieces);
    }

    /// Appends a copy of `bytes`.
    pub(super) fn copy(&mut self, bytes: &[u8]) {
        self.room(bytes.len()).put_slice(bytes);
        self.length += bytes.len();
    }

    /// Appends `bytes`: shared if they are many, else copied.
    pub(super) fn share(&mut self, bytes: Bytes) {
        if bytes.len() < SHARE_FROM {
            self.copy(&bytes);
        } else {
            self.seal();
            self.length += bytes.len();
            self.pieces.push_back(bytes);
        }
    }

    /// The tail, with room for `count` more bytes.
    fn room(&mut self, count: usize) -> &mut BytesMut {
        if self.tail.capacity() - self.tail.len() < count {
            // Growing would copy what is in it; that stays where it is instead.
            self.seal();
            self.tail.reserve(count.max(PIECE));
        }
        &mut self.tail
    }

    /// Makes a piece of the tail.
    fn seal(&mut self) {
        if !self.tail.is_empty() {
            self.pieces.push_back(self.tail.split().freeze());
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Writes at most `count` bytes, in slices of up to three pieces.
    fn write(queue: &mut OutputQueue, count: usize, to: &mut Vec<u8>) {
        let mut slices = [IoSlice::new(&[]); 3];
        let filled = queue.io_slices(&mut slices);
        let mut written = 0;
        for slice in &slices[..filled] {
            let part = &slice[..slice.len().min(count - written)];
            to.extend_from_slice(part);
            written += part.len();
        }
        queue.advance(written);
    }

    #[test]
    fn large_binaries_are_not_copied() {
        let mut queue = OutputQueue::new();
        let large = Bytes::from(vec![7; SHARE_FROM]);
        queue.copy(b"small");
        queue.share(large.clone());
        queue.copy(b"more");
        let mut slices = [IoSlice::new(&[]); 9];
        assert_eq!(queue.io_slices(&mut slices), 3);
        assert_eq!(slices[1].as_ptr(), large.as_ptr());
        assert_eq!(queue.len(), 5 + SHARE_FROM + 4);
    }

    #[test]
    fn small_messages_become_one_piece() {
        let mut queue = OutputQueue::new();
        for _ in 0..100 {
            queue.copy(b"small");
        }
        assert_eq!(queue.io_slices(&mut [IoSlice::new(&[]); 9]), 1);
    }

    #[test]
    fn memory_is_used_again() {
        let mut queue = OutputQueue::new();
        let mut writer = OutputQueue::new();
        let mut places = std::collections::HashSet::new();
        for _ in 0..1000 {
            queue.copy(&[1; 1000]);
            places.insert(queue.tail.as_ptr() as usize / PIECE);
            queue.move_to(&mut writer);
            writer.advance(1000);
        }
        assert!(places.len() <= 4, "{}", places.len());
    }

    proptest! {
        #[test]
        fn what_goes_in_comes_out(
            steps in prop::collection::vec((0..3u8, 0..2 * SHARE_FROM), 0..60),
        ) {
            let (mut queue, mut writer) = (OutputQueue::new(), OutputQueue::new());
            let (mut put, mut got) = (Vec::new(), Vec::new());
            for (number, (step, size)) in (0u8..).zip(steps) {
                let bytes = vec![number; size];
                match step {
                    0 => {
                        queue.copy(&bytes);
                        put.extend(bytes);
                    }
                    1 => {
                        put.extend(&bytes);
                        queue.share(bytes.into());
                    }
                    _ => {
                        queue.move_to(&mut writer);
                        prop_assert!(queue.is_empty());
                        write(&mut writer, size, &mut got);
                    }
                }
                prop_assert_eq!(put.len() - got.len(), queue.len() + writer.len());
            }
            queue.move_to(&mut writer);
            while !writer.is_empty() {
                write(&mut writer, 999, &mut got);
            }
            prop_assert_eq!(put, got);
        }
    }
}

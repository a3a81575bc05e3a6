//! Memory of large messages, used again.
//!
//! Memory that is new from the operating system has to be cleared by it, page by page, as it is first written to: for
//! a message of 8 MiB that costs more than to receive it. So what a large message was in is kept for the next one,
//! from when the last part of the message is dropped.
//!
//! ```text
//!          take                lend                     dropped by whoever got the message
//!   kept ────────▶ a message ────────▶ its Bytes, shared ─────────────────────────────────▶ kept
//!                  is joined
//! ```
//!
//! Each connection has its own. What was not needed for a while is given back to the system.

use std::sync::{Arc, Weak};

use bytes::Bytes;
use parking_lot::Mutex;

/// What is smaller is not worth it, as the allocator keeps it at hand.
const LEAST: usize = 128 << 10;

/// How much is kept at most, in bytes: room for what a BEAM node sends of a few large binaries before it waits.
const MOST: usize = 128 << 20;

/// A buffer of which less than one part in so many would be unused is good for a message.
const SLACK: usize = 8;

/// The large buffers of a connection.
#[derive(Debug, Default)]
pub(super) struct Buffers(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    unused: Vec<Unused>,
    /// Of all of these.
    bytes: usize,
}

#[derive(Debug)]
struct Unused {
    buffer: Vec<u8>,
    /// It was there when [`Buffers::release_unused`] was called last.
    is_old: bool,
}

impl Buffers {
    /// An empty buffer for a message that is going to have so many bytes, if there is one that fits.
    pub(super) fn take(&self, bytes: usize) -> Option<Vec<u8>> {
        if bytes < LEAST {
            return None;
        }
        let mut kept = self.0.lock();
        let fits = |capacity: usize| capacity >= bytes && capacity - bytes <= bytes / SLACK;
        // The one that was used last is the one of which most is in the caches of the processor.
        let index = kept.unused.iter().rposition(|unused| fits(unused.buffer.capacity()))?;
        let mut buffer = kept.unused.remove(index).buffer;
        kept.bytes -= buffer.capacity();
        buffer.clear();
        Some(buffer)
    }

    /// Makes the bytes of a message of a buffer, which comes back when all parts of it are dropped.
    pub(super) fn lend(&self, mut buffer: Vec<u8>) -> Bytes {
        // The message, or a binary in it, may be kept for long.
        if buffer.capacity() - buffer.len() > buffer.len() / SLACK {
            buffer.shrink_to_fit();
        }
        if buffer.capacity() < LEAST {
            return Bytes::from(buffer);
        }
        Bytes::from_owner(Lent { buffer, owner: Arc::downgrade(&self.0) })
    }

    /// Gives back what was not needed since this was called last.
    pub(super) fn release_unused(&self) {
        let mut kept = self.0.lock();
        let (old, mut young): (Vec<Unused>, Vec<Unused>) =
            std::mem::take(&mut kept.unused).into_iter().partition(|unused| unused.is_old);
        young.iter_mut().for_each(|unused| unused.is_old = true);
        kept.bytes = young.iter().map(|unused| unused.buffer.capacity()).sum();
        kept.unused = young;
        drop(kept);
        // Only now: others are not to wait while the system takes it.
        drop(old);
    }
}

/// A buffer that is in use.
struct Lent {
    buffer: Vec<u8>,
    owner: Weak<Mutex<Kept>>,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.buffer
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let Some(owner) = self.owner.upgrade() else { return };
        let buffer = std::mem::take(&mut self.buffer);
        let mut kept = owner.lock();
        if kept.bytes.saturating_add(buffer.capacity()) <= MOST {
            kept.bytes += buffer.capacity();
            kept.unused.push(Unused { buffer, is_old: false });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The message of a buffer with so many bytes.
    fn message(buffers: &Buffers, bytes: usize) -> Bytes {
        let mut buffer = buffers.take(bytes).unwrap_or_else(|| Vec::with_capacity(bytes));
        buffer.resize(bytes, 1);
        buffers.lend(buffer)
    }

    #[test]
    fn memory_is_used_again_when_all_of_a_message_is_dropped() {
        let buffers = Buffers::default();
        let first = message(&buffers, 1 << 20);
        let place = first.as_ptr();
        let part = first.slice(500..600);
        drop(first);
        let second = message(&buffers, 1 << 20);
        assert_ne!(second.as_ptr(), place, "a part of it is in use");
        drop(part);
        assert_eq!(message(&buffers, (1 << 20) - 100).as_ptr(), place);
    }

    #[test]
    fn much_smaller_messages_get_memory_of_their_own() {
        let buffers = Buffers::default();
        drop(message(&buffers, 4 << 20));
        assert!(buffers.take(3 << 20).is_none());
        assert!(buffers.take(5 << 20).is_none());
        assert!(buffers.take(4 << 20).is_some());
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let buffers = Buffers::default();
        // The system has not cleared any of it yet, so that this takes no memory.
        let messages: Vec<Bytes> = (0..20).map(|_| buffers.lend(vec![0; 16 << 20])).collect();
        drop(messages);
        assert_eq!(buffers.0.lock().bytes, MOST);
    }

    #[test]
    fn what_is_not_needed_is_given_back() {
        let buffers = Buffers::default();
        let kept = |buffers: &Buffers| buffers.0.lock().bytes;
        drop(message(&buffers, 1 << 20));
        buffers.release_unused();
        drop(message(&buffers, 1 << 20));
        buffers.release_unused();
        assert_eq!(kept(&buffers), 1 << 20);
        buffers.release_unused();
        assert_eq!(kept(&buffers), 0);
    }

    #[test]
    fn messages_outlive_their_connection() {
        let buffers = Buffers::default();
        let message = message(&buffers, 1 << 20);
        drop(buffers);
        assert_eq!(message.len(), 1 << 20);
    }
}
